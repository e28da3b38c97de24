//! What can be wrong with a compilation.

use dreamlet_onnx::ModelError;
use dreamlet_runtime::card::CardError;
use dreamlet_runtime::engine::compiled::format::FormatError;
use dreamlet_runtime::onnx::OnnxFileError;
use thiserror::Error;

/// Why an ONNX file could not be compiled.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum CompileError {
    /// The file is no generator that can be run.
    #[error("{0}")]
    Model(OnnxFileError),
    /// A node does something that the device's engine has no layer for.
    #[error(
        "{node} cannot be compiled: {reason}. Change the network, or run the ONNX file itself with \
         dreamlet-runtime's feature `tract`"
    )]
    Node {
        /// Name and operator of the node.
        node: String,
        /// What of it cannot be compiled, and what can be.
        reason: String,
    },
    /// A weight is too large for 16-bit floats.
    #[error(
        "{layer} has the weight {found}, 16-bit floats end at {limit}: compile with --precision f32"
    )]
    Overflow {
        /// The layer, by the node it comes from.
        layer: String,
        /// The weight.
        found: f32,
        /// The largest that can be written.
        limit: f32,
    },
    /// A weight is NaN or infinite after constants were folded into it.
    #[error(
        "{layer} has a weight that is not finite once constants are folded into it: look for a \
         variance or divisor near 0 beside it"
    )]
    NonFinite {
        /// The layer, by the node it comes from.
        layer: String,
    },
    /// More bytes than the format has offsets for.
    #[error(
        "{what} would have {found} bytes, a compiled model has at most {limit}: use a smaller network"
    )]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Most bytes.
        limit: u64,
        /// Bytes there would be.
        found: u64,
    },
    /// The card is wrong.
    #[error("{0}")]
    Card(CardError),
    /// The golden images of a file without a card could not be made.
    #[error("making the golden images failed: {reason}")]
    Golden {
        /// The engine's words.
        reason: String,
    },
    /// Rewriting changed the image: a defect of the compiler, or a network whose values overflow.
    #[error(
        "the rewritten network makes another image, by {difference:e}: if the original's values are \
         finite, please report this"
    )]
    Changed {
        /// The largest difference of a value, relative to values above 1.
        difference: f64,
    },
    /// The compiled model makes another image than the definitions of the operators do.
    #[error(
        "the compiled model's image is wrong: at most {allowed} from the reference were expected, \
         {found} found; please report this, and run the ONNX file itself meanwhile"
    )]
    Differs {
        /// The largest difference that is allowed, in elements of the output.
        allowed: f32,
        /// The largest difference found.
        found: f32,
    },
    /// The compiled model does not pass the device's check, which is a defect of the compiler.
    #[error("the compiled model does not pass its own check, please report this: {0}")]
    Format(FormatError),
}

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
