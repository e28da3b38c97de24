//! The figures of one set of pictures against the real ones, and what they were computed from as files.

use std::path::Path;

use super::{Evaluation, Evaluator, Set, Value};
use crate::evaluation::error::EvaluationError;
use crate::evaluation::gaussian::Gaussian;
use crate::evaluation::memorization::Nearest;
use crate::evaluation::neighbours::{Radii, overlap};
use crate::evaluation::report::{Better, Metric};
use crate::evaluation::{inception, kernel, npy, similarity, sliced};

impl Evaluator<'_> {
    /// All that compares a set with the real pictures, whether it is generated or real itself.
    pub(super) fn measure(&self, set: &Set) -> Vec<Value> {
        let mut values = Vec::new();
        let mut push = |key, name, value, error, better, method: String, of| {
            values.push(Value {
                key,
                name,
                value,
                error,
                better,
                method,
                of,
            });
        };
        let (features, both) = (&set.features, [true, true]);
        if self.wants(Metric::Frechet) {
            let value = Gaussian::of(&self.real.features).frechet_distance(&Gaussian::of(features));
            let method = "Gaussians fitted to features, f64".to_owned();
            push(
                "frechet_distance",
                "Fréchet distance",
                value,
                None,
                Better::Lower,
                method,
                both,
            );
        }
        if self.wants(Metric::Kernel) {
            let found = kernel::kernel_distance(&self.real.features, features);
            let method = format!(
                "unbiased MMD², degree 3, {} subsets of {}",
                found.subsets, found.size
            );
            push(
                "kernel_distance",
                "kernel distance",
                found.mean,
                Some(found.error),
                Better::Lower,
                method,
                both,
            );
        }
        if self.wants(Metric::InceptionScore)
            && let Some(probabilities) = &set.probabilities
        {
            let (mean, deviation) = inception::inception_score(probabilities);
            let method = format!(
                "{} parts of the set, ± is their deviation",
                inception::SPLITS
            );
            push(
                "inception_score",
                "inception score",
                mean,
                Some(deviation),
                Better::Higher,
                method,
                [true, false],
            );
        }
        if let Some(radii) = &self.radii {
            let found = overlap(&self.real.features, radii, features, &Radii::of(features));
            if self.wants(Metric::PrecisionRecall) {
                let method = "balls to the 3rd neighbour".to_owned();
                push(
                    "precision",
                    "precision",
                    found.precision,
                    None,
                    Better::Higher,
                    method.clone(),
                    both,
                );
                push(
                    "recall",
                    "recall",
                    found.recall,
                    None,
                    Better::Higher,
                    method,
                    both,
                );
            }
            if self.wants(Metric::DensityCoverage) {
                let method = "balls to the 5th neighbour".to_owned();
                push(
                    "density",
                    "density",
                    found.density,
                    None,
                    Better::Higher,
                    method.clone(),
                    both,
                );
                push(
                    "coverage",
                    "coverage",
                    found.coverage,
                    None,
                    Better::Higher,
                    method,
                    both,
                );
            }
        }
        if self.wants(Metric::SlicedWasserstein) {
            let width = self.data.image_len();
            let value =
                sliced::sliced_wasserstein(&self.real.pixels, &set.pixels, width, &self.directions);
            let method = format!("pixels 0 to 1, {} directions", sliced::DIRECTIONS);
            push(
                "sliced_wasserstein",
                "sliced Wasserstein distance",
                value,
                None,
                Better::Lower,
                method,
                [false, true],
            );
        }
        let scales = similarity::scales(self.shape[1], self.shape[2]);
        if self.wants(Metric::MsSsim) && scales > 0 {
            let pairs = similarity::pairs(self.rows(set), self.options.seed);
            let (mean, error) = similarity::mean_similarity(&set.pixels, self.shape, &pairs);
            let method = format!("{} random pairs, {scales} of 5 scales fit", pairs.len());
            push(
                "ms_ssim",
                "MS-SSIM between pictures",
                mean,
                Some(error),
                Better::Floor,
                method,
                [false, false],
            );
        }
        values
    }

    /// Writes what the figures were computed from as `.npy` files, for `scripts/bench/metrics.py`.
    ///
    /// # Errors
    /// [`EvaluationError::Write`].
    pub fn dump(&self, evaluation: &Evaluation, folder: &Path) -> Result<(), EvaluationError> {
        std::fs::create_dir_all(folder).map_err(|error| EvaluationError::Write {
            path: folder.to_owned(),
            reason: error.to_string(),
        })?;
        let set = &evaluation.set;
        if self.stamp().is_some() {
            npy::matrix(folder, "real.npy", &self.real.features)?;
            npy::matrix(folder, "fake.npy", &set.features)?;
        }
        if let Some(probabilities) = &set.probabilities {
            npy::matrix(folder, "fake_probabilities.npy", probabilities)?;
        }
        npy::pictures(folder, "real_pixels.npy", &self.real.pixels, self.shape)?;
        npy::pictures(folder, "fake_pixels.npy", &set.pixels, self.shape)?;
        npy::matrix(folder, "directions.npy", &self.directions)?;
        let pairs = similarity::pairs(self.rows(set), self.options.seed);
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
