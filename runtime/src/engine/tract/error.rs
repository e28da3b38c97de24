//! What can go wrong with an ONNX generator.

use alloc::format;
use alloc::string::String;
use core::fmt;

use dreamlet_onnx::ModelError;

use crate::generator::GenerateError;
use crate::onnx::OnnxFileError;

/// What can go wrong with an [`OnnxGenerator`](super::OnnxGenerator).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OnnxError {
    /// The check refused the file.
    Model(OnnxFileError),
    /// tract could not load what the check let pass.
    Load(String),
    /// tract failed at making an image.
    Run(String),
    /// tract panicked; what it said went to standard error.
    Panicked(String),
    /// A call of `generate` that is wrong in itself.
    Call(GenerateError),
    /// A call of `generate_batch` whose slices do not go together.
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

/// tract's chain of causes, in one line of bounded length.
fn text(error: &impl fmt::Debug) -> String {
    let full = format!("{error:?}");
    let line = full.split_whitespace().flat_map(|word| [word, " "]);
    let mut short: String = line.flat_map(str::chars).take(400).collect();
    short.truncate(short.trim_end().len());
    short
}

impl fmt::Display for OnnxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => write!(f, "{error}"),
            Self::Load(message) => write!(f, "tract cannot load the file: {message}"),
            Self::Run(message) => write!(f, "tract failed: {message}"),
            Self::Panicked(message) => write!(f, "tract panicked: {message}"),
            Self::Call(error) => write!(f, "{error}"),
            Self::Batch {
                what,
                expected,
                found,
            } => write!(f, "the batch has {found} {what}, expected {expected}"),
        }
    }
}

impl core::error::Error for OnnxError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Model(error) => Some(error),
            Self::Call(error) => Some(error),
            _ => None,
        }
    }
}

impl From<OnnxFileError> for OnnxError {
    fn from(error: OnnxFileError) -> Self {
        Self::Model(error)
    }
}

impl From<ModelError> for OnnxError {
    fn from(error: ModelError) -> Self {
        Self::Model(error.into())
    }
}
