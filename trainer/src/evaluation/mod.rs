//! How good generated images are: distances to real images, fidelity and variety, memorization, likelihood.
//!
//! Every figure carries what it was measured with: the feature extractor and its hash, the numbers of images, the split, the seed,
//! and the same figure for other real images in place of the generated ones. Images are 8-bit on both sides.
//!
//! ```no_run
//! use dreamlet_trainer::data::{self, DataSpec, LoadOptions, Silent};
//! use dreamlet_trainer::evaluation::{Evaluator, Metric, FileSource, Options};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let data = data::load(&DataSpec::Mnist, &LoadOptions::default())?;
//! let mut evaluator = Evaluator::new(&data, Options {
//!     samples: 10_000,
//!     seed: 0,
//!     metrics: vec![Metric::Frechet, Metric::PrecisionRecall],
//!     extractor: None,
//!     cache: None,
//!     keep: false,
//!     progress: &Silent,
//! })?;
//! let mut model = FileSource::new(&std::fs::read("digits.onnx")?, &Default::default())?;
//! println!("{}", evaluator.evaluate("digits.onnx", &mut model)?.report);
//! # Ok(())
//! # }
//! ```

mod cache;
mod classifier;
mod error;
mod evaluator;
mod frechet;
mod inception;
mod kid;
pub mod likelihood;
mod linalg;
mod matrix;
mod memorization;
mod ms_ssim;
mod npy;
mod onnx;
mod prdc;
mod report;
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
pub use ms_ssim::mean_similarity;
pub use onnx::OnnxExtractor;
pub use prdc::{Overlap, Radii, overlap};
pub use report::{Better, ExtractorStamp, Figure, Metric, Provenance, Report};
pub use sliced::{directions, sliced_wasserstein};
pub use source::{FileSource, FolderSource, FunctionSource, Source};
