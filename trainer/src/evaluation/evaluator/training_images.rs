//! The training images, for memorization.

use super::features::Features;
use super::reference::Real;
use crate::data::Dataset;
use crate::evaluation::error::EvaluationError;
use crate::evaluation::matrix::{ChosenRows, Matrix, PixelRows, ReadRows};
use crate::evaluation::memorization::{Nearest, mean_image};

/// Features and mean of the training images, and how near the real images come to them.
pub(super) struct TrainingImages<'a> {
    data: &'a Dataset,
    pub(super) features: Matrix,
    mean_pixels: Vec<f64>,
    mean_features: Vec<f64>,
    pub(super) in_pixels: Nearest,
    pub(super) in_features: Nearest,
}

impl<'a> TrainingImages<'a> {
    /// Of `data`, compared with the `real` images of its test split.
    pub(super) fn of(
        data: &'a Dataset,
        real: &Real,
        features: &mut Features<'_>,
    ) -> Result<Self, EvaluationError> {
        let all: Vec<usize> = (0..data.train.len()).collect();
        let own = features.of_real(&data.train, "train", &all)?.features;
        let mut found = Self {
            data,
            mean_pixels: mean_image(data.train.pixels(), data.image_len()),
            mean_features: own.mean(),
            features: own,
            in_pixels: Nearest::default(),
            in_features: Nearest::default(),
        };
        let slot = features.slot("nearest", &real.indices);
        let kept = slot.as_ref().and_then(|slot| slot.read_matrices(2));
        let kept = kept.and_then(|kept| {
            let [in_pixels, in_features] = kept.as_slice() else {
                return None;
            };
            Nearest::from_matrix(in_pixels).zip(Nearest::from_matrix(in_features))
        });
        (found.in_pixels, found.in_features) = kept.unwrap_or_else(|| {
            let images = ChosenRows {
                split: &data.test,
                indices: &real.indices,
            };
            let (a, b) = (
                found.nearest(&images),
                found.nearest_in_features(&real.features),
            );
            if let (Some(slot), Some(a), Some(b)) = (slot, a.to_matrix(), b.to_matrix()) {
                slot.write_matrices(&[&a, &b]);
            }
            (a, b)
        });
        Ok(found)
    }

    /// The nearest of them to each image, in pixels.
    pub(super) fn nearest(&self, images: &dyn ReadRows) -> Nearest {
        let training = PixelRows {
            bytes: self.data.train.pixels(),
            width: self.data.image_len(),
        };
        Nearest::of(images, &training, &self.mean_pixels)
    }

    /// The nearest of them to each image, in features.
    pub(super) fn nearest_in_features(&self, images: &Matrix) -> Nearest {
        Nearest::of(images, &self.features, &self.mean_features)
    }
}
