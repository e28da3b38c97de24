//! What the metrics were computed from, as files.

use std::path::Path;

use super::generated::Kept;
use super::reference::Reference;
use super::training_images::TrainingImages;
use crate::evaluation::error::EvaluationError;
use crate::evaluation::matrix::Matrix;
use crate::evaluation::memorization::Nearest;
use crate::evaluation::{ms_ssim, npy};

/// What is written beside the real images.
pub(super) struct Dump<'a> {
    pub(super) kept: &'a Kept,
    pub(super) with_features: bool,
    pub(super) real_pixels: &'a [u8],
    pub(super) training: Option<&'a TrainingImages<'a>>,
    pub(super) nearest: [Option<&'a Nearest>; 2],
}

/// Writes what the metrics were computed from as `.npy` files.
pub(super) fn write(
    dump: &Dump<'_>,
    reference: &Reference,
    folder: &Path,
) -> Result<(), EvaluationError> {
    std::fs::create_dir_all(folder).map_err(|error| EvaluationError::Write {
        path: folder.to_owned(),
        reason: error.to_string(),
    })?;
    let kept = dump.kept;
    let matrix = |name, matrix: &Matrix| npy::matrix(folder, name, matrix);
    if dump.with_features {
        matrix("real.npy", &reference.real.features)?;
        matrix("fake.npy", &kept.features)?;
    }
    if let Some(probabilities) = &kept.probabilities {
        matrix("fake_probabilities.npy", probabilities)?;
    }
    let shape = reference.shape;
    npy::images(folder, "real_pixels.npy", dump.real_pixels, shape)?;
    npy::images(folder, "fake_pixels.npy", &kept.pixels, shape)?;
    matrix("directions.npy", &reference.directions)?;
    let images = kept.pixels.len() / reference.image_len().max(1);
    let pairs = ms_ssim::pairs(images, reference.seed);
    npy::indices(folder, "pairs.npy", &pairs)?;
    if let Some(training) = dump.training {
        matrix("train.npy", &training.features)?;
    }
    let names = ["nearest_pixels.npy", "nearest_features.npy"];
    for (name, nearest) in names.into_iter().zip(dump.nearest) {
        if let Some(found) = nearest.and_then(Nearest::to_matrix) {
            matrix(name, &found)?;
        }
    }
    Ok(())
}
