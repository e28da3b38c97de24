//! The training images, for memorization.

use super::features::Features;
use super::reference::Real;
use crate::data::Dataset;
use crate::evaluation::error::EvaluationError;
use crate::evaluation::matrix::{ImageRows, Matrix};
use crate::evaluation::memorization::{Nearest, mean_image};

/// Features and mean of the training images, and how near the real images come to them. Of two
/// things, the first is in pixels, the second in features.
pub(super) struct TrainingImages<'a> {
    pixels: ImageRows<'a>,
    pub(super) features: Matrix,
    means: [Vec<f64>; 2],
    pub(super) baselines: [Nearest; 2],
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
            pixels: ImageRows::of(data.train.pixels(), data.image_len()),
            means: [
                mean_image(data.train.pixels(), data.image_len()),
                own.mean(),
            ],
            features: own,
            baselines: Default::default(),
        };
        let slot = features.slot("nearest", &real.indices);
        let kept = slot.as_ref().and_then(|slot| slot.read_matrices(2));
        let kept = kept.and_then(|kept| {
            let [in_pixels, in_features] = kept.as_slice() else {
                return None;
            };
            Some([
                Nearest::from_matrix(in_pixels)?,
                Nearest::from_matrix(in_features)?,
            ])
        });
        found.baselines = kept.unwrap_or_else(|| {
            let images = ImageRows::chosen(&data.test, &real.indices);
            let nearest = found.nearest(&images, &real.features);
            let [a, b] = nearest.each_ref().map(Nearest::to_matrix);
            if let (Some(slot), Some(a), Some(b)) = (slot, a, b) {
                slot.write_matrices(&[&a, &b]);
            }
            nearest
        });
        Ok(found)
    }

    /// The nearest of them to each image.
    pub(super) fn nearest(&self, images: &ImageRows<'_>, features: &Matrix) -> [Nearest; 2] {
        let [in_pixels, in_features] = &self.means;
        [
            Nearest::of(images, &self.pixels, in_pixels),
            Nearest::of(features, &self.features, in_features),
        ]
    }
}
