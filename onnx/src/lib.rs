//! Reads an ONNX file of an image generator that may be hostile: checked, with every shape known,
//! or refused with the reason.
//!
//! ```text
//! bytes ─ scan ─► decode ─► functions ─► translate ─► canonical graph ─► signature ─► CheckedGraph
//! ```
//!
//! A model file is a program somebody else wrote. [`CheckedGraph::from_bytes`] refuses what a
//! generator does not need and bounds what it does:
//!
//! 1. The scan looks at the protobuf bytes and allocates nothing. It refuses what no generator
//!    has, and more messages than one has.
//! 2. Decoding makes the messages of [`proto`]. Calls of functions become their nodes.
//! 3. Every node becomes operators of the canonical graph ([`graph::Op`]): few of them, each with
//!    one meaning, whatever the operator set of the file. Shapes are followed for a batch of one,
//!    constants are computed. What does not go together is refused, and so is more memory or work
//!    than [`Limits`] allow.
//! 4. The signature says what the inputs are and what the output is ([`Inspection`]);
//!    [`Interface`] is what a person says of them.
//!
//! Every engine gets the canonical graph: values by number with types and shapes. One that takes
//! ONNX gets it as such ([`graph::Graph::to_onnx`]). [`mod@reference`] runs it by the definitions of its
//! operators: it is what engines are compared with.
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
//! let graph = checked.graph;
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

mod build;
mod constant;
mod construct;
mod encode;
mod error;
mod external;
mod functions;
pub mod graph;
pub mod graph_builder;
mod interface;
mod limits;
mod node;
mod ops;
pub mod proto;
pub mod reference;
pub mod shape;
mod signature;
mod tensor;
mod translate;
mod wire;

use std::io::Read as _;
use std::path::Path;

use proto::{Message as _, ModelProto, TensorProto};

pub use constant::{Constant, DType, Data};
pub use error::ModelError;
use graph::Graph;
pub use interface::{Alpha, InputKind, Interface, Layout};
pub use limits::{Limits, MAX_LATENT_LEN, OPSETS};
pub use signature::{Input, Inspection};

/// A generator that has passed the check: what is known of it, and its graph.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedGraph {
    /// What the check found out.
    pub inspection: Inspection,
    /// The canonical graph.
    pub graph: Graph,
    /// Keys and values that the file holds for programs and people.
    pub metadata: Vec<(String, String)>,
}

/// Checks an ONNX file that is in memory and says what it found out.
///
/// # Errors
/// [`ModelError`] with the first thing that is wrong.
pub fn inspect(file: &[u8], limits: &Limits) -> Result<Inspection, ModelError> {
    CheckedGraph::from_bytes(file, limits).map(|checked| checked.inspection)
}

/// Reads a file of at most the size that `limits` allow. What an ONNX file keeps in other files of
/// its folder is put into it.
///
/// # Errors
/// [`ModelError::Read`], [`ModelError::FileSize`], [`ModelError::External`].
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, ModelError> {
    let bytes = read_plain(path, limits)?;
    if wire::scan(&bytes).is_err() {
        // Not ONNX: whoever takes the bytes says so.
        return Ok(bytes);
    }
    let Ok(mut model) = ModelProto::decode(bytes.as_slice()) else {
        return Ok(bytes);
    };
    if !has_external(&model) {
        return Ok(bytes);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    external::inline(&mut model, folder, limits)
}

fn read_plain(path: &Path, limits: &Limits) -> Result<Vec<u8>, ModelError> {
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

fn has_external(model: &ModelProto) -> bool {
    let graph = model.graph.iter();
    let mut tensors = graph.flat_map(|graph| {
        let attributes = graph.node.iter().flat_map(|node| &node.attribute);
        graph
            .initializer
            .iter()
            .chain(attributes.filter_map(|given| given.t.as_ref()))
    });
    tensors.any(|tensor: &TensorProto| external::is_external(tensor))
}

/// A decoded file that has not been checked: of which its metadata can be read.
#[derive(Debug)]
pub struct Model {
    proto: ModelProto,
}

impl Model {
    /// Scans and decodes an ONNX file that is in memory.
    ///
    /// # Errors
    /// [`ModelError`] for what is no ONNX file, too large, or keeps weights elsewhere.
    pub fn decode(file: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        if file.len() > limits.file_bytes {
            return Err(ModelError::FileSize {
                limit: limits.file_bytes,
                found: file.len(),
            });
        }
        wire::scan(file)?;
        let proto = ModelProto::decode(file).map_err(|_| ModelError::Protobuf {
            offset: 0,
            problem: "a field of the wrong type, or text that is not UTF-8",
        })?;
        if has_external(&proto) {
            return Err(ModelError::ExternalData);
        }
        Ok(Self { proto })
    }

    /// The text under `key` in the file's metadata, if there is one.
    ///
    /// # Errors
    /// [`ModelError::Duplicate`] if there are several.
    pub fn metadata(&self, key: &str) -> Result<Option<&str>, ModelError> {
        let entries = &self.proto.metadata_props;
        let mut found = entries.iter().filter(|entry| entry.key == key);
        let first = found.next();
        if found.next().is_some() {
            return Err(ModelError::Duplicate { name: key.into() });
        }
        Ok(first.map(|entry| entry.value.as_str()))
    }

    /// Checks the file and translates its graph.
    ///
    /// # Errors
    /// [`ModelError`] with the first thing that is wrong.
    pub fn check(self, limits: &Limits, interface: &Interface) -> Result<CheckedGraph, ModelError> {
        let mut model = self.proto;
        let opset = opset(&model)?;
        let nodes = functions::inline(&mut model, opset, limits)?;
        let Some(pb) = &model.graph else {
            return Err(ModelError::NoGraph);
        };
        let (inspection, graph) = signature::check(pb, &nodes, opset, limits, interface)?;
        let entries = model.metadata_props.into_iter();
        Ok(CheckedGraph {
            inspection,
            graph,
            metadata: entries.map(|entry| (entry.key, entry.value)).collect(),
        })
    }
}

impl CheckedGraph {
    /// Decodes and checks an ONNX file that is in memory, of which nothing is said beside it.
    ///
    /// # Errors
    /// [`ModelError`] with the first thing that is wrong.
    pub fn from_bytes(file: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        Model::decode(file, limits)?.check(limits, &Interface::default())
    }
}

fn opset(model: &ModelProto) -> Result<i64, ModelError> {
    let own = |set: &&proto::OperatorSetIdProto| matches!(set.domain.as_str(), "" | "ai.onnx");
    if model.opset_import.iter().filter(own).count() > 1 {
        return Err(ModelError::Duplicate {
            name: "ai.onnx (operator set)".into(),
        });
    }
    let found = functions::version(&model.opset_import).unwrap_or(0);
    if found < OPSETS.0 || found > OPSETS.1 {
        return Err(ModelError::Opset {
            expected: OPSETS,
            found,
        });
    }
    Ok(found)
}
