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
mod matrix;
mod memorization;
pub(crate) mod metric;
mod modes;
mod ms_ssim;
mod npy;
mod onnx;
mod prdc;
mod sliced;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use classifier::classifiable;
pub(crate) use error::EvaluationError;
pub(crate) use evaluator::{Evaluation, EvaluationOptions, Evaluator, LEAST};
pub(crate) use matrix::Matrix;
pub(crate) use metric::{Better, Metric, MetricReport, MetricValue};
pub(crate) use modes::SAMPLES as MODE_SAMPLES;
pub(crate) use onnx::OnnxExtractor;
pub(crate) use sliced::{sliced_wasserstein, unit_directions};
pub use source::{FileSource, ImageSource};
