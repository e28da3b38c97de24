//! The real images that generated ones are compared with, and what is to be measured.

use crate::evaluation::frechet::Gaussian;
use crate::evaluation::matrix::{ImageRows, Matrix};
use crate::evaluation::metric::Metric;
use crate::evaluation::modes::ModeCounts;
use crate::evaluation::prdc::Radii;
use crate::evaluation::sliced::Projections;

/// Numbers of the real images that were chosen, and of them what the metrics need.
#[derive(Default)]
pub(super) struct Real {
    pub(super) indices: Vec<usize>,
    /// Numbers in a feature vector, 0 without an extractor.
    pub(super) width: usize,
    /// Empty where no metric compares features one by one.
    pub(super) features: Matrix,
    pub(super) gaussian: Option<Gaussian>,
    pub(super) radii: Option<Radii>,
    pub(super) projections: Option<Projections>,
}

/// The real side of every metric.
pub(super) struct Reference {
    pub(super) metrics: Vec<Metric>,
    pub(super) seed: u64,
    /// Whether all images and features are kept.
    pub(super) keep: bool,
    /// Channels, rows and columns of an image.
    pub(super) shape: [usize; 3],
    /// Whether features come from the data set's own classifier.
    pub(super) by_classifier: bool,
    pub(super) directions: Matrix,
    /// No images yet, where modes are counted.
    pub(super) modes: Option<ModeCounts>,
    pub(super) real: Real,
}

impl Reference {
    pub(super) fn wants(&self, metric: Metric) -> bool {
        self.metrics.contains(&metric)
    }

    /// Whether balls around images are compared, for which all features are needed.
    pub(super) fn wants_overlap(&self) -> bool {
        self.wants(Metric::PrecisionRecall) || self.wants(Metric::DensityCoverage)
    }

    /// Numbers of an image.
    pub(super) fn image_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Planar images as rows.
    pub(super) fn rows<'b>(&self, pixels: &'b [u8]) -> ImageRows<'b> {
        ImageRows::of(pixels, self.image_len())
    }
}
