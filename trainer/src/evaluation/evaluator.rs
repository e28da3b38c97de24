//! Real pictures and their features once, figures of as many generators as are wanted.

mod measure;

use std::path::{Path, PathBuf};

use dreamlet_runtime::latent::Stream;

use super::cache::Slot;
use super::classifier::{TrainedClassifier, VERSION, classifiable, hold_out, likeliest};
use super::error::EvaluationError;
use super::matrix::{Matrix, count};
use super::memorization::{Nearest, memorization};
use super::neighbours::Radii;
use super::onnx::OnnxExtractor;
use super::report::{Better, ExtractorStamp, Figure, Metric, Report, Stamp};
use super::sliced;
use super::source::Source;
use crate::data::{Dataset, Progress, Split, Unit};

/// The fewest pictures on each side.
const LEAST: usize = 50;

/// How to evaluate.
pub struct Options<'a> {
    /// Generated pictures; as many test pictures go against them, if there are so many.
    pub samples: usize,
    /// Number of the first generated picture; also chooses the real pictures and the pairs.
    pub seed: u64,
    /// What to measure; a metric that the pictures cannot have is left out.
    pub metrics: Vec<Metric>,
    /// A feature extractor instead of the own classifier. Without one, and with metrics of pixels alone, no classifier is trained.
    pub extractor: Option<OnnxExtractor>,
    /// Folder for the classifier and for features of real pictures; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    /// Hears how far it has come.
    pub progress: &'a dyn Progress,
}

enum Extractor {
    Classifier(Box<TrainedClassifier>),
    Onnx(Box<OnnxExtractor>),
    /// Only pixels are compared.
    None,
}

/// Pictures with their features and, from a classifier, class probabilities.
#[derive(Default)]
struct Set {
    pixels: Vec<u8>,
    features: Matrix,
    probabilities: Option<Matrix>,
}

/// Training pictures, for memorization: their features, and how near the real pictures come to them in pixels and in features.
struct Training {
    features: Matrix,
    in_pixels: Nearest,
    in_features: Nearest,
}

/// One number that was measured.
struct Value {
    key: &'static str,
    name: &'static str,
    value: f64,
    error: Option<f64>,
    better: Better,
    method: String,
    /// Whether it is of features, and of real pictures.
    of: [bool; 2],
}

/// What one evaluation gives.
pub struct Evaluation {
    /// The figures.
    pub report: Report,
    /// For each generated picture the nearest training picture in pixels, if memorization was measured.
    pub nearest: Option<Nearest>,
    /// The same in features, where there are any.
    pub nearest_in_features: Option<Nearest>,
    set: Set,
}

impl Evaluation {
    /// The generated pictures, planar, one after the other.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.set.pixels
    }

    /// How many of them the classifier takes for each class; `None` without it.
    #[must_use]
    pub fn class_counts(&self) -> Option<Vec<usize>> {
        let probabilities = self.set.probabilities.as_ref()?;
        let mut counts = vec![0; probabilities.width()];
        for class in probabilities.iter().filter_map(likeliest) {
            if let Some(count) = counts.get_mut(class) {
                *count += 1;
            }
        }
        Some(counts)
    }
}

/// Measures generators against one data set.
pub struct Evaluator<'a> {
    data: &'a Dataset,
    options: Options<'a>,
    fingerprint: String,
    extractor: Extractor,
    shape: [usize; 3],
    real: Set,
    real_labels: Vec<u16>,
    radii: Option<Radii>,
    floor: Vec<Value>,
    floor_rows: usize,
    directions: Matrix,
    training: Option<Training>,
}

impl<'a> Evaluator<'a> {
    /// Trains or loads the classifier and computes all that does not depend on a generator.
    ///
    /// # Errors
    /// [`EvaluationError`]: too few pictures, no labels and no extractor, or an extractor that fails.
    pub fn new(data: &'a Dataset, mut options: Options<'a>) -> Result<Self, EvaluationError> {
        let fingerprint = data.fingerprint();
        let shape = [data.channels, data.height, data.width];
        let rows = options.samples.min(data.test.len());
        if rows < LEAST {
            let advice = if data.test.len() < LEAST {
                "of a folder they are a tenth, or half where two folders are compared: add pictures, or put so many into a sub-folder test"
            } else {
                "ask for more with --samples"
            };
            return Err(EvaluationError::TooFew {
                what: "real pictures to compare with",
                needed: LEAST,
                found: rows,
                advice,
            });
        }
        let extractor = match options.extractor.take() {
            Some(extractor) => Extractor::Onnx(Box::new(extractor)),
            None if !wants_features(&options.metrics, data) => Extractor::None,
            None => Extractor::Classifier(Box::new(TrainedClassifier::of(
                data,
                &fingerprint,
                options.cache.as_deref(),
                options.progress,
            )?)),
        };
        let real_indices = choose(options.seed, "eval.real", data.test.len(), rows);
        let (held, _) = hold_out(data);
        let floor_indices: Vec<usize> = choose(options.seed, "eval.floor", held.len(), rows)
            .into_iter()
            .filter_map(|index| held.get(index).map(|at| *at as usize))
            .collect();
        let real_labels = real_indices
            .iter()
            .filter_map(|i| data.test.label(*i))
            .collect();
        let mut evaluator = Self {
            data,
            fingerprint,
            extractor,
            shape,
            real: Set::default(),
            real_labels,
            radii: None,
            floor: Vec::new(),
            floor_rows: 0,
            directions: sliced::directions(data.image_len()),
            training: None,
            options,
        };
        evaluator.real = evaluator.kept(&data.test, "test", &real_indices)?;
        if evaluator.wants(Metric::PrecisionRecall) || evaluator.wants(Metric::DensityCoverage) {
            evaluator.radii = Some(Radii::of(&evaluator.real.features));
        }
        let floor = evaluator.kept(&data.train, "held", &floor_indices)?;
        if floor_indices.len() >= LEAST {
            evaluator.floor = evaluator.measure(&floor);
            evaluator.floor_rows = floor_indices.len();
        }
        // What a real picture is taken for by the classifier.
        if let Some(probabilities) = &evaluator.real.probabilities {
            let hits = probabilities.iter().zip(&evaluator.real_labels);
            let hits = hits.filter(|(row, label)| likeliest(row) == Some(usize::from(**label)));
            let value = count(hits.count()) / count(rows);
            evaluator.floor.push(accuracy(value));
        }
        if evaluator.wants(Metric::Memorization) {
            evaluator.training = Some(evaluator.training(&real_indices)?);
        }
        Ok(evaluator)
    }

    fn wants(&self, metric: Metric) -> bool {
        self.options.metrics.contains(&metric)
    }

    /// What the figures of features stand on; `None` if there are none.
    #[must_use]
    pub fn stamp(&self) -> Option<ExtractorStamp> {
        let features = self.real.features.width();
        Some(match &self.extractor {
            Extractor::None => return None,
            Extractor::Classifier(net) => ExtractorStamp {
                name: format!("dreamlet classifier v{} of {}", VERSION, self.data.name),
                sha256: net.sha256.clone(),
                accuracy: Some(net.accuracy),
                engine: "burn-flex".into(),
                features,
            },
            Extractor::Onnx(file) => ExtractorStamp {
                name: file.name.clone(),
                sha256: file.sha256.clone(),
                accuracy: None,
                engine: file.engine_name.into(),
                features,
            },
        })
    }

    /// Pictures in a set.
    fn rows(&self, set: &Set) -> usize {
        set.pixels
            .len()
            .checked_div(self.data.image_len())
            .unwrap_or(0)
    }

    fn describe(&mut self, pixels: Vec<u8>, what: &str) -> Result<Set, EvaluationError> {
        if matches!(self.extractor, Extractor::None) {
            return Ok(Set {
                pixels,
                ..Set::default()
            });
        }
        let rows = pixels.len() / self.data.image_len().max(1);
        let progress = self.options.progress;
        progress.start(
            &format!("features of {what}"),
            Some(rows as u64),
            Unit::Images,
        );
        let found = match &mut self.extractor {
            Extractor::None => Ok(Default::default()),
            Extractor::Classifier(net) => net
                .run(&pixels, progress)
                .map(|(features, probabilities)| (features, Some(probabilities))),
            Extractor::Onnx(file) => file
                .run(&pixels, self.shape, progress)
                .map(|features| (features, None)),
        };
        progress.finish();
        let (features, probabilities) = found?;
        if let Some(picture) = features.first_not_finite() {
            return Err(EvaluationError::NotFinite {
                what: "the features",
                picture,
            });
        }
        Ok(Set {
            pixels,
            features,
            probabilities,
        })
    }

    fn slot(&self, kind: &str, indices: &[usize]) -> Option<Slot> {
        let root: &Path = self.options.cache.as_deref()?;
        let extractor = match &self.extractor {
            Extractor::Classifier(net) => format!("{} {VERSION}", net.sha256),
            Extractor::Onnx(file) => {
                format!("{} {} {:?}", file.sha256, file.engine_name, file.range())
            }
            Extractor::None => "pixels".to_owned(),
        };
        let indices: Vec<u8> = indices
            .iter()
            .flat_map(|i| (*i as u64).to_le_bytes())
            .collect();
        let parts = [self.fingerprint.as_bytes(), extractor.as_bytes(), &indices];
        Some(Slot::new(root, kind, &parts))
    }

    /// Features of real pictures, from the cache if they are there.
    fn kept(
        &mut self,
        split: &Split,
        kind: &str,
        indices: &[usize],
    ) -> Result<Set, EvaluationError> {
        let pixels: Vec<u8> = indices
            .iter()
            .filter_map(|i| split.image(*i))
            .flatten()
            .copied()
            .collect();
        let slot = self.slot(kind, indices);
        let matrices = match self.extractor {
            Extractor::None => return self.describe(pixels, "real pictures"),
            Extractor::Classifier(_) => 2,
            Extractor::Onnx(_) => 1,
        };
        if let Some(found) = slot.as_ref().and_then(|slot| slot.read_matrices(matrices)) {
            let mut found = found.into_iter();
            return Ok(Set {
                pixels,
                features: found.next().unwrap_or_default(),
                probabilities: found.next(),
            });
        }
        let set = self.describe(pixels, "real pictures")?;
        if let Some(slot) = slot {
            let matrices: Vec<&Matrix> = [&set.features]
                .into_iter()
                .chain(&set.probabilities)
                .collect();
            slot.write_matrices(&matrices);
        }
        Ok(set)
    }

    fn training(&mut self, real: &[usize]) -> Result<Training, EvaluationError> {
        let data = self.data;
        let all: Vec<usize> = (0..data.train.len()).collect();
        let features = self.kept(&data.train, "train", &all)?.features;
        let slot = self.slot("nearest", real);
        let kept = slot.as_ref().and_then(|slot| slot.read_matrices(2));
        if let Some([in_pixels, in_features]) = kept.as_deref()
            && let Some(in_pixels) = Nearest::from_matrix(in_pixels)
            && let Some(in_features) = Nearest::from_matrix(in_features)
        {
            return Ok(Training {
                features,
                in_pixels,
                in_features,
            });
        }
        let found = Training {
            in_pixels: Nearest::in_pixels(&self.real.pixels, data.train.pixels(), data.image_len()),
            in_features: Nearest::in_features(&self.real.features, &features),
            features,
        };
        if let (Some(slot), Some(a), Some(b)) = (
            slot,
            found.in_pixels.to_matrix(),
            found.in_features.to_matrix(),
        ) {
            slot.write_matrices(&[&a, &b]);
        }
        Ok(found)
    }

    /// Generates pictures and measures them.
    ///
    /// # Errors
    /// [`EvaluationError`]: pictures of another shape, a generator that fails, too few pictures.
    pub fn evaluate(
        &mut self,
        model: &str,
        source: &mut dyn Source,
    ) -> Result<Evaluation, EvaluationError> {
        if source.shape() != self.shape {
            return Err(EvaluationError::Shape {
                generated: source.shape(),
                real: self.shape,
            });
        }
        let (pixels, classes) = self.generate(source)?;
        let set = self.describe(pixels, "generated pictures")?;
        let fakes = self.rows(&set);
        if fakes < LEAST {
            return Err(EvaluationError::TooFew {
                what: "generated pictures",
                needed: LEAST,
                found: fakes,
                advice: "give more",
            });
        }
        let mut values = self.measure(&set);
        if self.wants(Metric::ClassAccuracy)
            && !classes.is_empty()
            && let Some(probabilities) = &set.probabilities
        {
            let hits = probabilities.iter().zip(&classes);
            let hits = hits
                .filter(|(row, class)| likeliest(row) == Some(**class))
                .count();
            values.push(accuracy(count(hits) / count(fakes)));
        }
        let extractor = self.stamp();
        let frechet = extractor.as_ref().map(frechet_name);
        let mut figures: Vec<Figure> = values
            .into_iter()
            .map(|value| {
                let floor = self.floor.iter().find(|floor| floor.key == value.key);
                let mut figure =
                    self.figure(value, floor.map(|f| f.value), extractor.as_ref(), fakes);
                if figure.key == "frechet_distance"
                    && let Some(name) = &frechet
                {
                    figure.name.clone_from(name);
                }
                figure
            })
            .collect();
        let (mut nearest, mut nearest_in_features) = (None, None);
        if let Some(training) = &self.training {
            let width = self.data.image_len();
            let in_pixels = Nearest::in_pixels(&set.pixels, self.data.train.pixels(), width);
            let in_features = Nearest::in_features(&set.features, &training.features);
            for (own, baseline, names, of) in [
                (&in_pixels, &training.in_pixels, PIXEL_NAMES, false),
                (&in_features, &training.in_features, FEATURE_NAMES, true),
            ] {
                if own.distances.is_empty() {
                    continue;
                }
                let found = memorization(&own.distances, &baseline.distances);
                let threshold = found.threshold;
                let methods = [
                    format!(
                        "nearer to a training picture than {threshold:.4}, as 1 % of the test pictures are"
                    ),
                    "median distance to the nearest training picture, over that of test pictures"
                        .to_owned(),
                ];
                let numbers = [(found.share, 0.01), (found.median_ratio, 1.0)];
                for ((key, name), (method, (value, floor))) in
                    names.into_iter().zip(methods.into_iter().zip(numbers))
                {
                    let value = Value {
                        key,
                        name,
                        value,
                        error: None,
                        better: Better::Floor,
                        method,
                        of: [of, true],
                    };
                    figures.push(self.figure(value, Some(floor), extractor.as_ref(), fakes));
                }
            }
            nearest = Some(in_pixels);
            nearest_in_features = Some(in_features).filter(|found| !found.distances.is_empty());
        }
        let report = Report {
            model: model.to_owned(),
            dreamlet: env!("CARGO_PKG_VERSION"),
            figures,
            notes: Vec::new(),
        };
        Ok(Evaluation {
            report,
            nearest,
            nearest_in_features,
            set,
        })
    }

    /// The pictures and their classes, class i mod n for picture i.
    fn generate(&self, source: &mut dyn Source) -> Result<(Vec<u8>, Vec<usize>), EvaluationError> {
        let total = self
            .options
            .samples
            .min(source.available().unwrap_or(usize::MAX));
        let first = if source.available().is_some() {
            0
        } else {
            self.options.seed
        };
        let progress = self.options.progress;
        progress.start("generating", Some(total as u64), Unit::Images);
        let (mut pixels, mut classes) = (Vec::new(), Vec::new());
        let mut made = Ok(());
        for from in (0..total).step_by(512) {
            let rows = (total - from).min(512);
            let batch: Vec<usize> = match source.classes() {
                0 => Vec::new(),
                n => (from..from + rows).map(|index| index % n).collect(),
            };
            match source.pictures(first.wrapping_add(from as u64), rows, &batch) {
                Ok(more) => pixels.extend(more),
                Err(error) => {
                    made = Err(error);
                    break;
                }
            }
            classes.extend(batch);
            progress.advance(rows as u64);
        }
        progress.finish();
        made.map(|()| (pixels, classes))
    }

    fn figure(
        &self,
        value: Value,
        floor: Option<f64>,
        extractor: Option<&ExtractorStamp>,
        fakes: usize,
    ) -> Figure {
        let [of_features, of_reals] = value.of;
        Figure {
            key: value.key,
            name: value.name.to_owned(),
            value: value.value,
            error: value.error,
            floor,
            better: value.better,
            method: value.method,
            stamp: Stamp {
                extractor: extractor.filter(|_| of_features).cloned(),
                data: self.data.name.clone(),
                fingerprint: self.fingerprint.chars().take(16).collect(),
                shape: self.shape,
                split: "test",
                real: if of_reals { self.rows(&self.real) } else { 0 },
                fake: fakes,
                floor: self.floor_rows,
                seed: self.options.seed,
            },
        }
    }

    /// The stamp of a figure of the run's own nets on test pictures.
    #[must_use]
    pub fn likelihood_stamp(&self, real: usize) -> Stamp {
        Stamp {
            extractor: None,
            data: self.data.name.clone(),
            fingerprint: self.fingerprint.chars().take(16).collect(),
            shape: self.shape,
            split: "test",
            real,
            fake: 0,
            floor: self.floor_rows,
            seed: self.options.seed,
        }
    }
}

/// FID is the distance in the 2048 features of Inception, which its file's name must tell; in others it is a Fréchet distance.
fn frechet_name(extractor: &ExtractorStamp) -> String {
    if extractor.features == 2048 && extractor.name.to_lowercase().contains("inception") {
        return "Fréchet inception distance (FID)".into();
    }
    let name = match extractor.accuracy {
        Some(_) => "dreamlet",
        None => &extractor.name,
    };
    format!("Fréchet distance (extractor {name})")
}

/// Whether an extractor is needed, or at hand for memorization, which also compares features where it can.
fn wants_features(metrics: &[Metric], data: &Dataset) -> bool {
    metrics.iter().any(|metric| {
        metric.needs_features() || (*metric == Metric::Memorization && classifiable(data))
    })
}

const PIXEL_NAMES: [(&str, &str); 2] = [
    ("memorized_share_pixels", "nearer than new, pixels"),
    ("memorized_ratio_pixels", "nearest distance ratio, pixels"),
];
const FEATURE_NAMES: [(&str, &str); 2] = [
    ("memorized_share_features", "nearer than new, features"),
    (
        "memorized_ratio_features",
        "nearest distance ratio, features",
    ),
];

fn accuracy(value: f64) -> Value {
    Value {
        key: "class_accuracy",
        name: "class accuracy",
        value,
        error: None,
        better: Better::Higher,
        method: "the classifier finds the class that was asked for".into(),
        of: [true, false],
    }
}

/// `count` of `from` indices, chosen by the seed, in random order.
fn choose(seed: u64, domain: &str, from: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..from).collect();
    Stream::new(seed, domain, 0).shuffle(&mut order);
    order.truncate(count);
    order
}
