//! Reads an ONNX file of an image generator that may be hostile: checked, with every shape known,
//! or refused with the reason.
//!
//! ```text
//! bytes ─ scan ─► decode ─► follow shapes, fold short constants ─► signature ─► CheckedGraph
//! ```
//!
//! A model file is a program somebody else wrote. [`CheckedGraph::from_bytes`] refuses what a
//! generator does not need and bounds what it does:
//!
//! 1. The scan looks at the protobuf bytes and allocates nothing. It refuses subgraphs, functions,
//!    external data, and more messages than a generator has.
//! 2. Decoding makes the messages of [`proto`].
//! 3. Every shape is followed through the graph, for a batch of one. Attributes, shapes and tensors
//!    that do not go together are refused, and so is more memory or work than [`Limits`] allow.
//!    Constants of up to 64 elements are computed on the way, because shapes depend on them.
//! 4. The signature says which inputs are latent and class, and what the output is
//!    ([`Inspection`]).
//!
//! What comes out serves two sorts of engine. One that takes ONNX gets the cleaned file,
//! [`CheckedGraph::model`], and runs it at any batch. Others get [`CheckedGraph::graph`]: values by
//! number with types and shapes, every constant computed, and each operator in one form
//! ([`graph::Op`]), with no attribute left to interpret.
//!
//! ```
//! use dreamlet_onnx::graph::{Op, Unary};
//! use dreamlet_onnx::proto::{
//!     GraphProto, Message, ModelProto, NodeProto, TensorProto, ValueInfoProto,
//! };
//! use dreamlet_onnx::{CheckedGraph, DType, Limits};
//!
//! // tanh(latent), in the shape of an image.
//! let file = ModelProto::new(8, 17, GraphProto {
//!     node: vec![
//!         NodeProto::new("a", "Tanh", ["latent"], "row", []),
//!         NodeProto::new("b", "Reshape", ["row", "shape"], "image", []),
//!     ],
//!     initializer: vec![TensorProto::i64s("shape", &[4], &[-1, 1, 2, 3])],
//!     input: vec![ValueInfoProto::tensor("latent", DType::F32, Some("N"), &[6])],
//!     output: vec![ValueInfoProto::tensor("image", DType::F32, Some("N"), &[1, 2, 3])],
//!     ..GraphProto::default()
//! })
//! .encode_to_vec();
//!
//! let checked = CheckedGraph::from_bytes(&file, &Limits::default())?;
//! assert_eq!(checked.inspection.latent_len, 6);
//! assert_eq!(checked.inspection.output_dims, [1, 2, 3]);
//! let graph = checked.graph();
//! assert_eq!(graph.nodes[0].op, Op::Unary(Unary::Tanh));
//! // -1 has been computed.
//! assert_eq!(graph.nodes[1].op, Op::Reshape(vec![1, 1, 2, 3]));
//! # Ok::<(), dreamlet_onnx::ModelError>(())
//! ```
//!
//! # What a hostile file costs
//! 10,000 damaged files and 60 as expensive as the default [`Limits`] allow were loaded into tract,
//! and none made it panic. Checking, loading and making an image took at most 0.34 s of processor
//! time and 125 MiB beside the file itself (one core of a Zen 4 server). This measures it again,
//! and fails above 1 s or 256 MiB: `cargo test --release -p dreamlet-runtime --features tract
//! --test hostile -- --nocapture`
//!
//! # Operators
//! Abs, Add, BatchNormalization, Cast, Celu, Clip, Concat, Constant, ConstantOfShape, Conv,
//! ConvTranspose, DepthToSpace, Div, Dropout, Elu, Erf, Exp, Expand, Flatten, Floor, Gather, Gelu,
//! Gemm, HardSigmoid, HardSwish, Identity, InstanceNormalization, LeakyRelu, Log, MatMul, Max, Min,
//! Mish, Mod, Mul, Neg, PRelu, Pad, Pow, ReduceMean, ReduceSum, Relu, Reshape, Resize, Selu, Shape,
//! Sigmoid, Slice, Softmax, Softplus, Softsign, Sqrt, Squeeze, Sub, Tanh, Tile, Transpose,
//! Unsqueeze. Shapes, axes, pads and sizes must be constants or functions of other shapes.

mod constant;
mod construct;
mod error;
mod fold;
pub mod graph;
pub mod graph_builder;
mod infer;
mod limits;
mod node_check;
mod ops;
pub mod proto;
pub mod shape;
mod signature;
mod tensor;
mod wire;

use std::io::Read as _;
use std::path::Path;

use proto::{Message as _, ModelProto};

pub use constant::{Constant, DType, Data};
pub use error::ModelError;
use graph::{Graph, Op};
pub use limits::{Limits, MAX_LATENT_LEN, OPSETS};
pub use signature::{Inspection, OutputActivation};

/// A generator that has passed the check: what is known of it, and its graph.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedGraph {
    /// What the check found out.
    pub inspection: Inspection,
    /// The decoded file, without what other tools have noted in it: for engines that take ONNX, at
    /// any batch.
    pub model: ModelProto,
    /// Without constants of many elements.
    graph: Graph,
}

/// Checks an ONNX file that is in memory and says what it found out.
///
/// # Errors
/// [`ModelError`] with the first thing that is wrong.
pub fn inspect(file: &[u8], limits: &Limits) -> Result<Inspection, ModelError> {
    CheckedGraph::from_bytes(file, limits).map(|checked| checked.inspection)
}

/// Reads a file of at most the size that `limits` allow.
///
/// # Errors
/// [`ModelError::Read`] and [`ModelError::FileSize`].
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, ModelError> {
    let error = |error: std::io::Error| ModelError::Read {
        path: format!("{}", path.display()),
        message: format!("{error}"),
    };
    let file = std::fs::File::open(path).map_err(error)?;
    let size = usize::try_from(file.metadata().map_err(error)?.len()).unwrap_or(usize::MAX);
    if size > limits.file_bytes {
        return Err(ModelError::FileSize {
            limit: limits.file_bytes,
            found: size,
        });
    }
    // What is not a plain file can be longer than it says, so reading stops by itself.
    let mut bytes = Vec::with_capacity(size);
    file.take(limits.file_bytes as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(error)?;
    Ok(bytes)
}

impl CheckedGraph {
    /// Decodes and checks an ONNX file that is in memory.
    ///
    /// # Errors
    /// [`ModelError`] with the first thing that is wrong.
    pub fn from_bytes(file: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        if file.len() > limits.file_bytes {
            return Err(ModelError::FileSize {
                limit: limits.file_bytes,
                found: file.len(),
            });
        }
        wire::scan(file)?;
        let mut model = ModelProto::decode(file).map_err(|_| ModelError::Protobuf {
            offset: 0,
            problem: "a field of the wrong type, or text that is not UTF-8",
        })?;
        let opset = opset(&model)?;
        let Some(pb) = model.graph.as_mut() else {
            return Err(ModelError::NoGraph);
        };
        // Hints of other tools, which engines would have to be shielded from.
        pb.value_info.clear();
        // Empty names at the end of a list mean nothing, but engines count them.
        for node in &mut pb.node {
            for names in [&mut node.input, &mut node.output] {
                while names.last().is_some_and(String::is_empty) {
                    names.pop();
                }
            }
        }
        let (inspection, graph) = signature::check(pb, opset, limits)?;
        Ok(Self {
            inspection,
            model,
            graph,
        })
    }

    /// The text under `key` in the file's metadata, if there is one.
    ///
    /// # Errors
    /// [`ModelError::Duplicate`] if there are several.
    pub fn metadata(&self, key: &str) -> Result<Option<&str>, ModelError> {
        let entries = &self.model.metadata_props;
        let mut found = entries.iter().filter(|entry| entry.key == key);
        let first = found.next();
        if found.next().is_some() {
            return Err(ModelError::Duplicate { name: key.into() });
        }
        Ok(first.map(|entry| entry.value.as_str()))
    }

    /// The graph with every constant: the tensors of the file, and what depends on them and on
    /// shapes alone. Only an operator that is left to engines makes a fixed value without one.
    #[must_use]
    pub fn graph(&self) -> Graph {
        let mut graph = self.graph.clone();
        let Some(pb) = &self.model.graph else {
            return graph;
        };
        for (value, tensor) in graph.values.iter_mut().zip(&pb.initializer) {
            if value.constant.is_none() {
                value.constant = tensor::constant(tensor);
            }
        }
        for (node, pb) in graph.nodes.iter().zip(&pb.node) {
            let known = graph.values.get(node.output);
            if known.is_none_or(|value| !value.fixed || value.constant.is_some()) {
                continue;
            }
            let constant = if node.op == Op::Constant {
                let mut tensors = pb.attribute.iter().filter_map(|given| given.t.as_ref());
                tensors.next().and_then(tensor::constant)
            } else {
                let inputs = node.inputs.iter().flatten();
                let inputs: Option<Vec<&Constant>> = inputs
                    .map(|id| graph.values.get(*id)?.constant.as_ref())
                    .collect();
                inputs.and_then(|inputs| fold::evaluate(&node.op, &inputs))
            };
            if let Some(value) = graph.values.get_mut(node.output) {
                value.constant = constant.filter(|constant| constant.shape == value.shape);
            }
        }
        graph
    }
}

fn opset(model: &ModelProto) -> Result<i64, ModelError> {
    let mut versions = model
        .opset_import
        .iter()
        .filter(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    let found = versions.next().map_or(0, |set| set.version);
    if versions.next().is_some() {
        return Err(ModelError::Duplicate {
            name: "ai.onnx (operator set)".into(),
        });
    }
    if found < OPSETS.0 || found > OPSETS.1 {
        return Err(ModelError::Opset {
            expected: OPSETS,
            found,
        });
    }
    Ok(found)
}
