//! What can be wrong with an export.

use core::fmt;
use std::path::PathBuf;

use dreamlet_onnx::fold::Misfit;

/// Why a generator could not be exported.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExportError {
    /// The latent vector or the number of classes is zero.
    EmptyInput {
        /// `latent` or `class`.
        input: &'static str,
    },
    /// burn's graph capture failed.
    Capture {
        /// Its own words.
        reason: String,
    },
    /// The forward pass uses an operation that this exporter does not write.
    NotLowered {
        /// The operation as burn calls it.
        operation: String,
        /// What of it is not written, empty where nothing is.
        detail: String,
    },
    /// The forward pass does different things at different batch sizes.
    BatchDependent {
        /// The operation, or the constant, that differs.
        what: String,
    },
    /// A tensor has an element type other than `f32`, `f64`, `i32` or `i64`.
    ElementType {
        /// The type as burn calls it.
        found: String,
    },
    /// A weight is NaN or infinite.
    NonFinite {
        /// The initializer that would have held it.
        name: String,
        /// Position of the first such number.
        index: usize,
    },
    /// The image is not `[N, C, H, W]` of `f32` with `C` 1 or 3.
    Image {
        /// What was found.
        found: String,
    },
    /// Two constants do not fit together.
    Shapes(Misfit),
    /// The card does not describe the graph.
    Card {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be written.
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
}

impl ExportError {
    pub(crate) fn not_lowered(operation: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::NotLowered {
            operation: operation.into(),
            detail: detail.into(),
        }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyInput { input } => {
                write!(f, "the input `{input}` has length 0, expected at least 1")
            }
            Self::Capture { reason } => write!(f, "recording the forward pass failed: {reason}"),
            Self::NotLowered { operation, detail } if detail.is_empty() => {
                write!(
                    f,
                    "the generator uses the operation {operation}, which cannot be exported to ONNX yet"
                )
            }
            Self::NotLowered { operation, detail } => {
                write!(
                    f,
                    "the generator uses the operation {operation} in a way that cannot be exported to ONNX yet: {detail}"
                )
            }
            Self::BatchDependent { what } => write!(
                f,
                "the forward pass differs between batch sizes in {what}: build tensors from the input's shape instead of constants"
            ),
            Self::ElementType { found } => {
                write!(
                    f,
                    "a tensor has elements of type {found}, expected f32 or i64: convert the module before export"
                )
            }
            Self::NonFinite { name, index } => {
                write!(
                    f,
                    "the weight `{name}` is not finite at position {index}: export an earlier checkpoint"
                )
            }
            Self::Image { found } => {
                write!(
                    f,
                    "the generator makes {found}, expected f32 [N, C, H, W] with C = 1 or 3"
                )
            }
            Self::Shapes(misfit) => write!(f, "{misfit}"),
            Self::Card { field, reason } => write!(f, "the card's `{field}` is wrong: {reason}"),
            Self::Write { path, reason } => write!(
                f,
                "cannot write {}: {reason}; choose another place with --out",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<Misfit> for ExportError {
    fn from(misfit: Misfit) -> Self {
        Self::Shapes(misfit)
    }
}
