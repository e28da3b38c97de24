//! What can be wrong with an export.

use std::path::PathBuf;

use dreamlet_onnx::graph_builder::Misfit;

/// Why a generator could not be exported.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The latent vector or the number of classes is zero.
    #[error("the input `{input}` has length 0, expected at least 1")]
    EmptyInput {
        /// `latent` or `class`.
        input: &'static str,
    },
    /// burn's graph capture failed.
    #[error("recording the forward pass failed: {reason}")]
    Capture {
        /// Its own words.
        reason: String,
    },
    /// The forward pass uses an operation that this exporter does not write.
    #[error("the generator uses the operation {operation}{}", in_detail(.detail))]
    NotLowered {
        /// The operation as burn calls it.
        operation: String,
        /// What of it is not written, empty where nothing is.
        detail: String,
    },
    /// The forward pass does different things at different batch sizes.
    #[error(
        "the forward pass differs between batch sizes in {what}: build tensors from the input's shape instead of constants"
    )]
    BatchDependent {
        /// The operation, or the constant, that differs.
        what: String,
    },
    /// A tensor has an element type other than `f32`, `f64`, `i32` or `i64`.
    #[error(
        "a tensor has elements of type {found}, expected f32 or i64: convert the module before export"
    )]
    ElementType {
        /// The type as burn calls it.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error("the weight `{name}` is not finite at position {index}: export an earlier checkpoint")]
    NonFinite {
        /// The initializer that would have held it.
        name: String,
        /// Position of the first such number.
        index: usize,
    },
    /// The image is not `[N, C, H, W]` of `f32` with `C` 1, 3 or 4.
    #[error("the generator makes {found}, expected f32 [N, C, H, W] with C = 1, 3 or 4")]
    Image {
        /// What was found.
        found: String,
    },
    /// Two constants do not fit together.
    #[error(transparent)]
    Shapes(#[from] Misfit),
    /// The card does not describe the graph.
    #[error("the card's `{field}` is wrong: {reason}")]
    Card {
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be written.
    #[error("cannot write {}: {reason}; choose another place with --out", .path.display())]
    Write {
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

fn in_detail(detail: &str) -> String {
    match detail {
        "" => ", which cannot be exported to ONNX yet".into(),
        _ => format!(" in a way that cannot be exported to ONNX yet: {detail}"),
    }
}
