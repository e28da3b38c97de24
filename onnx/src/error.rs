//! What can be wrong with a model file.

use core::fmt;

/// What can be wrong with an ONNX file, one variant for each way. Names are the file's own, shortened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelError {
    /// The file could not be read.
    Read {
        /// Its path.
        path: String,
        /// What the system says.
        message: String,
    },
    /// The file is larger than the limit.
    FileSize {
        /// Most bytes, [`Limits::file_bytes`](super::Limits::file_bytes).
        limit: usize,
        /// Bytes of the file, or one more than the limit where reading stopped.
        found: usize,
    },
    /// Not a protobuf message, or a truncated one.
    Protobuf {
        /// Byte where it stops making sense.
        offset: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// More parts than a generator has, which would cost memory out of proportion to the file.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most that is accepted.
        limit: usize,
    },
    /// The file holds no graph.
    NoGraph,
    /// Operator set versions this engine cannot read.
    Opset {
        /// Oldest and newest version it reads.
        expected: (i64, i64),
        /// The file's, or 0 where it names none.
        found: i64,
    },
    /// A part of ONNX that generators do not need.
    Unsupported {
        /// The part: functions, training information, sparse tensors.
        what: &'static str,
    },
    /// Weights outside the file.
    ExternalData,
    /// A node with a graph inside: `If`, `Loop`, `Scan`.
    Subgraph {
        /// Name and operator of the node.
        node: String,
    },
    /// An operator that generators do not use, or that the engine lacks.
    Operator {
        /// Name of the node.
        node: String,
        /// Its operator, with its domain if that is not ONNX's.
        op: String,
    },
    /// A node with the wrong number of inputs or outputs.
    Arity {
        /// Name and operator of the node.
        node: String,
        /// Fewest and most.
        expected: (usize, usize),
        /// What the file has.
        found: usize,
        /// `inputs` or `outputs`.
        what: &'static str,
    },
    /// Two values of one name.
    Duplicate {
        /// The name.
        name: String,
    },
    /// A node uses a value that no earlier node, input or initializer makes: missing, out of order, or a cycle.
    Undefined {
        /// Name and operator of the node, or `graph output`.
        node: String,
        /// The value.
        name: String,
    },
    /// A tensor of a type that generators do not need.
    TensorType {
        /// Name of the tensor.
        tensor: String,
        /// Its type, as ONNX's number or name.
        found: String,
    },
    /// A tensor with a negative, zero or huge dimension, or with too many.
    TensorDims {
        /// Name of the tensor.
        tensor: String,
        /// Its dimensions.
        found: Vec<i64>,
    },
    /// A tensor whose data is not as long as its dimensions say.
    TensorLength {
        /// Name of the tensor.
        tensor: String,
        /// Bytes or elements that the dimensions ask for.
        expected: u64,
        /// What the file has.
        found: u64,
    },
    /// A weight that is NaN or infinite.
    NonFinite {
        /// Name of the tensor.
        tensor: String,
        /// Position of the first such weight.
        index: usize,
    },
    /// An attribute of a node that is missing, of the wrong type or has an impossible value.
    Attribute {
        /// Name and operator of the node.
        node: String,
        /// Name of the attribute.
        attribute: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Shapes or types that do not go together.
    Shape {
        /// Name and operator of the node.
        node: String,
        /// What the operator needs.
        expected: String,
        /// What it gets.
        found: String,
    },
    /// A shape, size, axis or pad that is computed instead of given as a constant.
    NotConstant {
        /// Name and operator of the node.
        node: String,
        /// The input that should be constant.
        input: &'static str,
    },
    /// An image would take more memory or work than the limit.
    TooBig {
        /// Name and operator of the node where the limit was passed.
        node: String,
        /// What would be too much.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// The need so far.
        found: u64,
    },
    /// Inputs or outputs that are not those of a generator.
    Signature {
        /// What a generator has.
        expected: String,
        /// What the file has.
        found: String,
    },
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, message } => write!(f, "{path} cannot be read: {message}"),
            Self::FileSize { limit, found } => {
                write!(
                    f,
                    "the file has {found} bytes or more, the limit is {limit}: raise Limits::file_bytes if it is yours"
                )
            }
            Self::Protobuf { offset, problem } => {
                write!(
                    f,
                    "not an ONNX file, or a damaged one: {problem} at byte {offset}"
                )
            }
            Self::TooMany { what, limit } => write!(
                f,
                "the file has more than {limit} {what}, which no generator needs"
            ),
            Self::NoGraph => write!(f, "the file holds no graph: is it an ONNX model?"),
            Self::Opset {
                expected: (low, high),
                found,
            } => {
                write!(
                    f,
                    "the file uses operator set {found}, this engine reads {low} to {high}: export it again with 17 or 18"
                )
            }
            Self::Unsupported { what } => write!(
                f,
                "the file holds {what}, which no generator needs: export it again without"
            ),
            Self::ExternalData => {
                write!(
                    f,
                    "the file keeps weights in other files: export it again with the weights inside"
                )
            }
            Self::Subgraph { node } => {
                write!(
                    f,
                    "{node} holds a graph of its own (as If, Loop and Scan do): export the generator for inference, traced"
                )
            }
            Self::Operator { node, op } => {
                write!(
                    f,
                    "node {node}: operator {op} is not one that generators use here: export the generator with plainer layers"
                )
            }
            Self::Arity {
                node,
                expected: (low, high),
                found,
                what,
            } => {
                write!(f, "{node} has {found} {what}, expected {low} to {high}")
            }
            Self::Duplicate { name } => write!(f, "the name {name} is given twice"),
            Self::Undefined { node, name } => {
                write!(
                    f,
                    "{node} uses {name}, which nothing before it makes: the graph is incomplete, unsorted or a cycle"
                )
            }
            Self::TensorType { tensor, found } => {
                write!(
                    f,
                    "tensor {tensor} has type {found}, expected float32, float64, float16, int32, int64 or bool"
                )
            }
            Self::TensorDims { tensor, found } => {
                write!(
                    f,
                    "tensor {tensor} has dimensions {found:?}: expected at most 8, each positive and below 2^24"
                )
            }
            Self::TensorLength {
                tensor,
                expected,
                found,
            } => {
                write!(
                    f,
                    "tensor {tensor} has {found} values or bytes, its dimensions say {expected}"
                )
            }
            Self::NonFinite { tensor, index } => {
                write!(
                    f,
                    "weight {index} of tensor {tensor} is NaN or infinite: the training diverged, or the file is damaged"
                )
            }
            Self::Attribute {
                node,
                attribute,
                expected,
                found,
            } => {
                write!(
                    f,
                    "{node}: attribute {attribute} is {found}, expected {expected}"
                )
            }
            Self::Shape {
                node,
                expected,
                found,
            } => write!(f, "{node}: expected {expected}, found {found}"),
            Self::NotConstant { node, input } => {
                write!(
                    f,
                    "{node}: its {input} is computed from the latent, expected a constant or a function of shapes"
                )
            }
            Self::TooBig {
                node,
                what,
                limit,
                found,
            } => {
                write!(
                    f,
                    "{node}: one image would need {found} {what}, the limit is {limit}: raise Limits if the file is yours"
                )
            }
            Self::Signature { expected, found } => {
                write!(f, "not a generator: expected {expected}, found {found}")
            }
        }
    }
}

impl core::error::Error for ModelError {}

/// A name from the file, fit for a message: at most 80 characters, without control characters.
pub(super) fn shorten(name: &str) -> String {
    let mut short: String = name
        .chars()
        .take(80)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    if short.len() < name.len() && name.chars().nth(80).is_some() {
        short.push_str("...");
    }
    short
}
