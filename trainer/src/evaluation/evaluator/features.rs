//! Features of images, from the classifier or from a file, and the cache of those of real images.

use std::path::Path;

use super::Evaluator;
use crate::data::{Split, Unit};
use crate::evaluation::cache::Slot;
use crate::evaluation::classifier::{TrainedClassifier, VERSION};
use crate::evaluation::error::EvaluationError;
use crate::evaluation::matrix::{Chosen, Matrix};
use crate::evaluation::onnx::OnnxExtractor;

/// What makes features of images.
pub(super) enum Extractor {
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
}

impl Evaluator<'_> {
    /// Features of planar images; progress advances by each of them.
    pub(super) fn describe(&mut self, pixels: &[u8]) -> Result<Described, EvaluationError> {
        let progress = self.options.progress;
        let (features, probabilities) = match &mut self.extractor {
            Extractor::None => {
                progress.advance((pixels.len() / self.data.image_len().max(1)) as u64);
                return Ok(Described::default());
            }
            Extractor::Classifier(net) => net
                .run(pixels, progress)
                .map(|(features, probabilities)| (features, Some(probabilities)))?,
            Extractor::Onnx(file) => (file.run(pixels, self.shape, progress)?, None),
        };
        if let Some(image) = features.first_not_finite() {
            return Err(EvaluationError::NotFinite {
                what: "the features",
                image,
            });
        }
        Ok(Described {
            features,
            probabilities,
        })
    }

    /// A place in the cache for something of these images.
    pub(super) fn slot(&self, kind: &str, indices: &[usize]) -> Option<Slot> {
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

    /// Features of real images, from the cache if they are there.
    pub(super) fn kept(
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
            });
        }
        let progress = self.options.progress;
        progress.start(
            "features of real images",
            Some(indices.len() as u64),
            Unit::Images,
        );
        let mut all = Described::default();
        let mut found = Ok(());
        for indices in indices.chunks(self.part()) {
            match self.describe(&Chosen { split, indices }.bytes()) {
                Ok(part) => {
                    all.features.append(part.features);
                    if let Some(more) = part.probabilities {
                        all.probabilities.get_or_insert_default().append(more);
                    }
                }
                Err(error) => {
                    found = Err(error);
                    break;
                }
            }
        }
        progress.finish();
        found?;
        if let Some(slot) = slot {
            let matrices: Vec<&Matrix> = [&all.features]
                .into_iter()
                .chain(&all.probabilities)
                .collect();
            slot.write_matrices(&matrices);
        }
        Ok(all)
    }
}
