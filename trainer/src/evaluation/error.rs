//! What can be wrong with an evaluation.

use std::path::PathBuf;

use thiserror::Error;

use crate::data::DataError;

/// What can be wrong with an evaluation, one variant for each way.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvaluationError {
    #[error("{0}")]
    Data(#[from] DataError),
    /// Neither `--data` nor a run says what to compare with.
    #[error(
        "there is nothing to compare with: name the real images with --data, such as --data mnist or --data folder:DIR"
    )]
    NoData,
    #[error(
        "the data set {data} has no labels to train a classifier on: name a feature extractor with --extractor FILE.onnx, \
         or put each class in a sub-folder"
    )]
    NoLabels { data: String },
    #[error(
        "the generated images have {} channels and {}x{} pixels, the data set's {} channels and {}x{}: name the data set \
         the generator was trained on",
        generated[0], generated[1], generated[2], real[0], real[1], real[2]
    )]
    Shape {
        generated: [usize; 3],
        real: [usize; 3],
    },
    #[error("there are {found} {what}, these metrics need at least {needed}: {advice}")]
    TooFew {
        what: &'static str,
        needed: usize,
        found: usize,
        advice: &'static str,
    },
    /// A metric was named that these images cannot have.
    #[error("the metric {metric} needs {needs}")]
    NotPossible {
        metric: &'static str,
        needs: &'static str,
    },
    #[error("the extractor {} cannot be used: expected {expected}, found {found}", path.display())]
    Extractor {
        path: PathBuf,
        expected: String,
        found: String,
    },
    /// A net failed, such as "the classifier".
    #[error("{net} failed: {reason}")]
    Net { net: &'static str, reason: String },
    #[error("the generator failed: {reason}")]
    Generate { reason: String },
    #[error(
        "{what} of image {image} hold a value that is NaN or infinite, so that no metric can be made of them"
    )]
    NotFinite { what: &'static str, image: usize },
    #[error("cannot write {}: {reason}", path.display())]
    Write { path: PathBuf, reason: String },
}
