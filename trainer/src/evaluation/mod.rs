//! How good generated images are: distances to real images, fidelity and variety, memorization.
//!
//! Every metric carries what it was measured with: the feature extractor and its hash, the numbers
//! of images, the split, the seed, and the same metric for other real images in place of the
//! generated ones. Images are 8-bit on both sides.

mod cache;
mod classifier;
mod error;
mod evaluator;
mod frechet;
mod inception;
mod kid;
mod linalg;
mod matrix;
mod memorization;
mod metric;
mod ms_ssim;
mod npy;
mod onnx;
mod prdc;
mod sliced;
mod source;
#[cfg(test)]
mod tests;

pub use classifier::classifiable;
pub use error::EvaluationError;
pub use evaluator::{Evaluation, EvaluationOptions, Evaluator, LEAST};
pub use matrix::Matrix;
pub use memorization::Match;
pub use metric::{
    Better, ExtractorProvenance, Metric, MetricReport, MetricValue, Provenance, UnknownMetric,
};
pub use onnx::OnnxExtractor;
pub use sliced::{sliced_wasserstein, unit_directions};
pub use source::{FileSource, FolderSource, ImageSource};
