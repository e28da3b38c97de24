//! What can be wrong with a compilation.

use core::fmt;

use dreamlet_onnx::ModelError;
use dreamlet_runtime::card::CardError;
use dreamlet_runtime::engine::compiled::format::FormatError;
use dreamlet_runtime::onnx::OnnxFileError;

/// Why an ONNX file could not be compiled.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CompileError {
    /// The file is no generator that can be run.
    Model(OnnxFileError),
    /// A node does something that the device's engine has no layer for.
    Node {
        /// Number, name and operator of the node.
        node: String,
        /// What of it cannot be compiled, and what can be.
        reason: String,
    },
    /// A weight is too large for 16-bit floats.
    Overflow {
        /// The layer, by the node it comes from.
        layer: String,
        /// The weight.
        found: f32,
        /// The largest that can be written.
        limit: f32,
    },
    /// A weight is NaN or infinite after constants were folded into it.
    NonFinite {
        /// The layer, by the node it comes from.
        layer: String,
    },
    /// More bytes than the format has offsets for.
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Most bytes.
        limit: u64,
        /// Bytes there would be.
        found: u64,
    },
    /// The card is wrong.
    Card(CardError),
    /// The golden images of a file without a card could not be made.
    Golden {
        /// The engine's words.
        reason: String,
    },
    /// Rewriting changed the image, which is a defect of the compiler or a network whose values overflow.
    Changed {
        /// The largest difference of a value, relative to values above 1.
        difference: f64,
    },
    /// The compiled model does not pass the device's check, which is a defect of the compiler.
    Format(FormatError),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => error.fmt(f),
            Self::Node { node, reason } => write!(
                f,
                "{node} cannot be compiled: {reason}. Change the network, or run the ONNX file itself with dreamlet-runtime's feature `tract`"
            ),
            Self::Overflow {
                layer,
                found,
                limit,
            } => write!(
                f,
                "{layer} has the weight {found}, 16-bit floats end at {limit}: compile with --precision f32"
            ),
            Self::NonFinite { layer } => write!(
                f,
                "{layer} has a weight that is not finite once constants are folded into it: look for a variance or divisor near 0 beside it"
            ),
            Self::TooLarge { what, limit, found } => write!(
                f,
                "{what} would have {found} bytes, a compiled model has at most {limit}: use a smaller network"
            ),
            Self::Card(error) => error.fmt(f),
            Self::Golden { reason } => write!(f, "making the golden images failed: {reason}"),
            Self::Changed { difference } => write!(
                f,
                "the rewritten network makes another image, by {difference:e}: if the original's values are finite, please report this"
            ),
            Self::Format(error) => write!(
                f,
                "the compiled model does not pass its own check, please report this: {error}"
            ),
        }
    }
}

impl std::error::Error for CompileError {}

impl From<ModelError> for CompileError {
    fn from(error: ModelError) -> Self {
        Self::Model(error.into())
    }
}

impl From<OnnxFileError> for CompileError {
    fn from(error: OnnxFileError) -> Self {
        Self::Model(error)
    }
}
