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

pub use classifier::{TrainedClassifier, classifiable, hold_out};
pub use error::EvaluationError;
pub use evaluator::{Evaluation, Evaluator, LEAST, Options};
pub use frechet::{Gaussian, GaussianFit};
pub use inception::inception_score;
pub use kid::{KernelDistance, kernel_distance};
pub use matrix::Matrix;
pub use memorization::{Match, Memorization, Nearest, memorization};
pub use metric::{
    Better, ExtractorProvenance, Metric, MetricReport, MetricValue, Provenance, UnknownMetric,
};
pub use ms_ssim::mean_similarity;
pub use onnx::OnnxExtractor;
pub use prdc::{Overlap, Radii, overlap};
pub use sliced::{sliced_wasserstein, unit_directions};
pub use source::{FileSource, FolderSource, FunctionSource, Source};
