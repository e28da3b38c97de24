//! What can be wrong with a model file.

/// What can be wrong with an ONNX file, one variant for each way. Names are the file's own,
/// shortened.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file could not be read.
    #[error("{path} cannot be read: {message}")]
    Read {
        /// Its path.
        path: String,
        /// What the system says.
        message: String,
    },
    /// The file is larger than the limit.
    #[error(
        "the file has {found} bytes or more, the limit is {limit}: raise Limits::file_bytes if it is yours"
    )]
    FileSize {
        /// Most bytes, [`Limits::file_bytes`](super::Limits::file_bytes).
        limit: usize,
        /// Bytes of the file, or one more than the limit where reading stopped.
        found: usize,
    },
    /// Not a protobuf message, or a truncated one.
    #[error("not an ONNX file, or a damaged one: {problem} at byte {offset}")]
    Protobuf {
        /// Byte where it stops making sense.
        offset: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// More parts than a generator has, which would cost memory out of proportion to the file.
    #[error("the file has more than {limit} {what}, which no generator needs")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most that is accepted.
        limit: usize,
    },
    /// The file holds no graph.
    #[error("the file holds no graph: is it an ONNX model?")]
    NoGraph,
    /// Operator set versions this engine cannot read.
    #[error("the file uses operator set {found}, this engine reads {} to {}: export it again with 17 or 18", .expected.0, .expected.1)]
    Opset {
        /// Oldest and newest version it reads.
        expected: (i64, i64),
        /// The file's, or 0 where it names none.
        found: i64,
    },
    /// A part of ONNX that generators do not need.
    #[error("the file holds {what}, which no generator needs: export it again without")]
    Unsupported {
        /// The part: functions, training information, sparse tensors.
        what: &'static str,
    },
    /// Weights outside the file, where only its bytes are at hand.
    #[error(
        "the file keeps weights in other files: read it from its folder, or export it again with the weights inside (torch.onnx.export(..., external_data=False))"
    )]
    ExternalData,
    /// Weights outside the file that cannot be read.
    #[error(
        "tensor {tensor} is kept in another file: {problem}. Put the files into one folder, or export with the weights inside (torch.onnx.export(..., external_data=False))"
    )]
    External {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// A batch that is fixed at several images, and on which something inside depends.
    #[error(
        "the file is for batches of {batch} images, and something inside depends on it ({problem}): export it again with a batch of 1 or a free batch (dynamic_axes or dynamic_shapes in torch.onnx.export)"
    )]
    FixedBatch {
        /// Images of a batch.
        batch: i64,
        /// What does not fit one image.
        problem: String,
    },
    /// A node with a graph inside: `If`, `Loop`, `Scan`.
    #[error(
        "{node} holds a graph of its own (as If, Loop and Scan do): export the generator for inference, traced"
    )]
    Subgraph {
        /// Name and operator of the node.
        node: String,
    },
    /// An operator that generators do not use, or that the engine lacks.
    #[error(
        "node {node}: operator {op} is not one that generators use here: export the generator with plainer layers"
    )]
    Operator {
        /// Name of the node.
        node: String,
        /// Its operator, with its domain if that is not ONNX's.
        op: String,
    },
    /// A node with the wrong number of inputs or outputs.
    #[error("{node} has {found} {what}, expected {} to {}", .expected.0, .expected.1)]
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
    #[error("the name {name} is given twice")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A node uses a value that no earlier node, input or initializer makes: missing, out of order,
    /// or a cycle.
    #[error(
        "{node} uses {name}, which nothing before it makes: the graph is incomplete, unsorted or a cycle"
    )]
    Undefined {
        /// Name and operator of the node, or `graph output`.
        node: String,
        /// The value.
        name: String,
    },
    /// A tensor of a type that generators do not need.
    #[error("tensor {tensor} has type {found}, expected floats, integers or bool")]
    TensorType {
        /// Name of the tensor.
        tensor: String,
        /// Its type, as ONNX's number or name.
        found: String,
    },
    /// A tensor with a negative, zero or huge dimension, or with too many.
    #[error(
        "tensor {tensor} has dimensions {found:?}: expected at most 8, each positive and below 2^24"
    )]
    TensorDims {
        /// Name of the tensor.
        tensor: String,
        /// Its dimensions.
        found: Vec<i64>,
    },
    /// A tensor whose data is not as long as its dimensions say.
    #[error("tensor {tensor} has {found} values or bytes, its dimensions say {expected}")]
    TensorLength {
        /// Name of the tensor.
        tensor: String,
        /// Bytes or elements that the dimensions ask for.
        expected: u64,
        /// What the file has.
        found: u64,
    },
    /// A weight that is NaN or infinite.
    #[error(
        "weight {index} of tensor {tensor} is NaN or infinite: the training diverged, or the file is damaged"
    )]
    NonFinite {
        /// Name of the tensor.
        tensor: String,
        /// Position of the first such weight.
        index: usize,
    },
    /// An attribute of a node that is missing, of the wrong type or has an impossible value.
    #[error("{node}: attribute {attribute} is {found}, expected {expected}")]
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
    #[error("{node}: expected {expected}, found {found}")]
    Shape {
        /// Name and operator of the node.
        node: String,
        /// What the operator needs.
        expected: String,
        /// What it gets.
        found: String,
    },
    /// A shape, size, axis or pad that is computed instead of given as a constant.
    #[error(
        "{node}: its {input} is computed from the latent, expected a constant or a function of shapes"
    )]
    NotConstant {
        /// Name and operator of the node.
        node: String,
        /// The input that should be constant.
        input: &'static str,
    },
    /// An image would take more memory or work than the limit.
    #[error(
        "{node}: one image would need {found} {what}, the limit is {limit}: raise Limits if the file is yours"
    )]
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
    #[error("not a generator: expected {expected}, found {found}")]
    Signature {
        /// What a generator has.
        expected: String,
        /// What the file has.
        found: String,
    },
}

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

/// A Rust enum's variant as `onnx.proto` spells it: `SparseTensor` is `SPARSE_TENSOR`.
pub(super) fn proto_name(variant: impl core::fmt::Debug) -> String {
    let mut name = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}
