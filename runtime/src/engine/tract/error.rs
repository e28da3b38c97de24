//! What can go wrong with an ONNX generator.

use alloc::format;
use alloc::string::String;
use core::fmt;

use dreamlet_onnx::ModelError;

use crate::generator::GenerateError;
use crate::onnx::OnnxFileError;

/// What can go wrong with an [`OnnxGenerator`](super::OnnxGenerator).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The check refused the file.
    #[error(transparent)]
    Model(#[from] OnnxFileError),
    /// tract could not load what the check let pass.
    #[error("tract cannot load the file: {0}")]
    Load(String),
    /// tract failed at making an image.
    #[error("tract failed: {0}")]
    Run(String),
    /// tract makes another image than the definitions of the operators do.
    #[error(
        "tract's image is wrong: at most {expected} from the reference were expected, {found} found. Compile the file: dreamlet compile checks its result"
    )]
    Differs {
        /// The largest difference that is allowed, in elements of the output.
        expected: f32,
        /// The largest difference found.
        found: f32,
    },
    /// tract panicked; what it said went to standard error.
    #[error("tract panicked: {0}")]
    Panicked(String),
    /// A call of `generate` that is wrong in itself.
    #[error(transparent)]
    Call(#[from] GenerateError),
    /// A call of `generate_batch` whose slices do not go together.
    #[error("the batch has {found} {what}, expected {expected}")]
    Batch {
        /// What there is too much or too little of.
        what: &'static str,
        /// As many as the other slices ask for.
        expected: usize,
        /// As many as were given.
        found: usize,
    },
}

impl OnnxError {
    pub(super) fn load(error: &impl fmt::Debug) -> Self {
        Self::Load(text(error))
    }

    pub(super) fn run(error: &impl fmt::Debug) -> Self {
        Self::Run(text(error))
    }
}

/// tract's chain of causes, in one line of bounded length, without what called what.
fn text(error: &impl fmt::Debug) -> String {
    let full = format!("{error:?}");
    let causes = full.split("Stack backtrace:").next().unwrap_or_default();
    let line = causes.split_whitespace().flat_map(|word| [word, " "]);
    let mut short: String = line.flat_map(str::chars).take(400).collect();
    short.truncate(short.trim_end().len());
    short
}

impl From<ModelError> for OnnxError {
    fn from(error: ModelError) -> Self {
        Self::Model(error.into())
    }
}
