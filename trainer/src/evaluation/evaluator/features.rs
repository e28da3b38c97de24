//! Features of images, from the classifier or from a file, and the cache of those of real images.

use std::path::PathBuf;

use crate::data::{Dataset, Progress, Silent, Split, Unit};
use crate::evaluation::cache::Slot;
use crate::evaluation::classifier::{TrainedClassifier, VERSION, classifiable};
use crate::evaluation::error::EvaluationError;
use crate::evaluation::matrix::{ImageRows, Matrix};
use crate::evaluation::metric::{ExtractorProvenance, Metric};
use crate::evaluation::modes::Digits;
use crate::evaluation::onnx::OnnxExtractor;
use crate::nets::Classifier;

/// What makes features of images.
enum Extractor {
    Classifier(Box<TrainedClassifier>),
    Onnx(Box<OnnxExtractor>),
    /// Only pixels are compared.
    None,
}

/// Features and, from a classifier, class probabilities of images.
#[derive(Default)]
pub(super) struct Described {
    pub(super) features: Matrix,
    pub(super) probabilities: Option<Matrix>,
    /// Of images of a stacked set.
    pub(super) modes: Vec<usize>,
}

impl Described {
    pub(super) fn append(&mut self, part: Self) {
        self.features.append(part.features);
        self.modes.extend(part.modes);
        if let Some(more) = part.probabilities {
            self.probabilities.get_or_insert_default().append(more);
        }
    }
}

/// Images that are described together, and most bytes of them.
const PART: usize = 2048;
const PART_BYTES: usize = 1 << 26;

/// Describes images of one shape, and remembers the features of real ones in the cache.
pub(super) struct Features<'a> {
    extractor: Extractor,
    /// Where modes are counted.
    pub(super) digits: Option<Digits>,
    shape: [usize; 3],
    data: String,
    pub(super) fingerprint: String,
    cache: Option<PathBuf>,
    progress: &'a dyn Progress,
}

impl<'a> Features<'a> {
    /// By `extractor`, or by the classifier of `data`, which is trained or loaded; by nothing where
    /// `metrics` need no features.
    pub(super) fn new(
        data: &Dataset,
        extractor: Option<OnnxExtractor>,
        metrics: &[Metric],
        cache: Option<PathBuf>,
        progress: &'a dyn Progress,
    ) -> Result<Self, EvaluationError> {
        let fingerprint = data.fingerprint();
        let extractor = match extractor {
            Some(extractor) => Extractor::Onnx(Box::new(extractor)),
            None if !wanted(metrics, data) => Extractor::None,
            None => Extractor::Classifier(Box::new(TrainedClassifier::of(
                data,
                &fingerprint,
                cache.as_deref(),
                progress,
            )?)),
        };
        let digits = if metrics.contains(&Metric::Modes) {
            Digits::of(data, cache.as_deref(), progress)?
        } else {
            None
        };
        Ok(Self {
            extractor,
            digits,
            shape: data.shape(),
            data: data.name.clone(),
            fingerprint,
            cache,
            progress,
        })
    }

    pub(super) fn by_classifier(&self) -> bool {
        matches!(self.extractor, Extractor::Classifier(_))
    }

    fn image_len(&self) -> usize {
        self.shape.iter().product::<usize>().max(1)
    }

    /// Images that are described together.
    pub(super) fn part(&self) -> usize {
        PART.min(PART_BYTES / self.image_len()).max(1)
    }

    /// What modes stand on.
    pub(super) fn digits_provenance(&self, data: &Dataset) -> Option<ExtractorProvenance> {
        let (digits, set) = (self.digits.as_ref()?, data.digits.as_ref()?);
        Some(of_classifier(
            &digits.classifier,
            &set.name,
            Classifier::FEATURES,
        ))
    }

    /// What features of `width` numbers stand on; `None` if there are none.
    pub(super) fn provenance(&self, width: usize) -> Option<ExtractorProvenance> {
        Some(match &self.extractor {
            Extractor::None => return None,
            Extractor::Classifier(net) => of_classifier(net, &self.data, width),
            Extractor::Onnx(file) => ExtractorProvenance {
                name: file.name.clone(),
                sha256: file.sha256.clone(),
                accuracy: None,
                engine: file.engine_name.into(),
                features: width,
            },
        })
    }

    /// Features of planar images; progress advances by each of them.
    pub(super) fn describe(&mut self, pixels: &[u8]) -> Result<Described, EvaluationError> {
        let progress = self.progress;
        let digits = self.digits.as_ref();
        let modes = digits.map(|digits| digits.modes(pixels, &Silent));
        let modes = modes.transpose()?.unwrap_or_default();
        let (features, probabilities) = match &mut self.extractor {
            Extractor::None => {
                progress.advance((pixels.len() / self.image_len()) as u64);
                return Ok(Described {
                    modes,
                    ..Described::default()
                });
            }
            Extractor::Classifier(net) => {
                let (features, probabilities) = net.run(pixels, progress)?;
                (features, Some(probabilities))
            }
            Extractor::Onnx(file) => (file.run(pixels, self.shape, progress)?, None),
        };
        if let Some(image) = features.first_not_finite() {
            let what = "the features";
            return Err(EvaluationError::NotFinite { what, image });
        }
        Ok(Described {
            features,
            probabilities,
            modes,
        })
    }

    /// A place in the cache for something of these images.
    pub(super) fn slot(&self, kind: &str, indices: &[usize]) -> Option<Slot> {
        let root = self.cache.as_deref()?;
        let extractor = match &self.extractor {
            Extractor::Classifier(net) => format!("{} {VERSION}", net.sha256),
            Extractor::Onnx(file) => {
                format!("{} {} {:?}", file.sha256, file.engine_name, file.range)
            }
            Extractor::None => "pixels".to_owned(),
        };
        let indices = indices.iter().flat_map(|i| (*i as u64).to_le_bytes());
        let indices: Vec<u8> = indices.collect();
        let parts = [self.fingerprint.as_bytes(), extractor.as_bytes(), &indices];
        Some(Slot::new(root, kind, &parts))
    }

    /// Features of real images, from the cache if they are there.
    pub(super) fn of_real(
        &mut self,
        split: &Split,
        kind: &str,
        indices: &[usize],
    ) -> Result<Described, EvaluationError> {
        let matrices = match self.extractor {
            Extractor::None => return Ok(Described::default()),
            Extractor::Classifier(_) => 2,
            Extractor::Onnx(_) => 1,
        };
        let slot = self.slot(kind, indices);
        if let Some(found) = slot.as_ref().and_then(|slot| slot.read_matrices(matrices)) {
            let mut found = found.into_iter();
            return Ok(Described {
                features: found.next().unwrap_or_default(),
                probabilities: found.next(),
                modes: Vec::new(),
            });
        }
        let (what, count) = ("features of real images", Some(indices.len() as u64));
        let all = self.progress.during(what, count, Unit::Images, || {
            let mut all = Described::default();
            for indices in indices.chunks(self.part()) {
                let part = self.describe(&ImageRows::chosen(split, indices).pixels())?;
                all.append(part);
            }
            Ok::<_, EvaluationError>(all)
        })?;
        if let Some(slot) = slot {
            let matrices = [&all.features].into_iter().chain(&all.probabilities);
            slot.write_matrices(&matrices.collect::<Vec<_>>());
        }
        Ok(all)
    }
}

fn of_classifier(net: &TrainedClassifier, data: &str, features: usize) -> ExtractorProvenance {
    ExtractorProvenance {
        name: format!("dreamlet classifier v{VERSION} of {data}"),
        sha256: net.sha256.clone(),
        accuracy: Some(net.accuracy),
        engine: "burn-flex".into(),
        features,
    }
}

/// Whether an extractor is needed, or at hand for memorization, which also compares features where
/// it can.
fn wanted(metrics: &[Metric], data: &Dataset) -> bool {
    metrics.iter().any(|metric| {
        metric.needs_features() || (*metric == Metric::Memorization && classifiable(data))
    })
}
