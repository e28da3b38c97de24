//! What the figures were computed from, as files.

use std::path::Path;

use super::{Evaluation, Evaluator};
use crate::evaluation::error::EvaluationError;
use crate::evaluation::matrix::Chosen;
use crate::evaluation::memorization::Nearest;
use crate::evaluation::{ms_ssim, npy};

impl Evaluator<'_> {
    /// Writes what the figures were computed from as `.npy` files, for `scripts/bench/metrics.py`. Needs [`Options::keep`](super::Options):
    /// without it there are no generated images to write.
    ///
    /// # Errors
    /// [`EvaluationError::Write`].
    pub fn dump(&self, evaluation: &Evaluation, folder: &Path) -> Result<(), EvaluationError> {
        std::fs::create_dir_all(folder).map_err(|error| EvaluationError::Write {
            path: folder.to_owned(),
            reason: error.to_string(),
        })?;
        let kept = &evaluation.kept;
        if self.stamp().is_some() {
            npy::matrix(folder, "real.npy", &self.real.features)?;
            npy::matrix(folder, "fake.npy", &kept.features)?;
        }
        if let Some(probabilities) = &kept.probabilities {
            npy::matrix(folder, "fake_probabilities.npy", probabilities)?;
        }
        let real = Chosen {
            split: &self.data.test,
            indices: &self.real.indices,
        };
        npy::images(folder, "real_pixels.npy", &real.bytes(), self.shape)?;
        npy::images(folder, "fake_pixels.npy", &kept.pixels, self.shape)?;
        npy::matrix(folder, "directions.npy", &self.directions)?;
        let pairs = ms_ssim::pairs(
            kept.pixels.len() / self.data.image_len().max(1),
            self.options.seed,
        );
        npy::indices(folder, "pairs.npy", &pairs)?;
        if let Some(training) = &self.training {
            npy::matrix(folder, "train.npy", &training.features)?;
        }
        for (name, nearest) in [
            ("nearest_pixels.npy", &evaluation.nearest),
            ("nearest_features.npy", &evaluation.nearest_in_features),
        ] {
            if let Some(matrix) = nearest.as_ref().and_then(Nearest::to_matrix) {
                npy::matrix(folder, name, &matrix)?;
            }
        }
        Ok(())
    }
}
