//! Canonical ONNX graph to [network](super::ir).
//!
//! Constants come computed with the graph, tensors lose the batch's axis, and reshapes and
//! transpositions only change how a tensor's own order maps to a value's memory ([`value::Order`]):
//! elements are moved where an operator asks for them in another place. What depends on the class
//! alone becomes a table. What has no layer of its own becomes strided work ([`strided`]).

mod class;
mod conv;
mod elementwise;
mod matmul;
mod movement;
mod node;
mod reader;
mod strided;
pub(crate) mod value;

use dreamlet_onnx::CheckedGraph;
use dreamlet_onnx::graph::Op;

use super::CompileError;
use super::ir::Net;
use class::ClassTables;
use node::NodeReader;
use reader::Reader;
use value::{Order, PlacedTensor};

/// Reads a model that has been checked; it has `classes` classes.
///
/// # Errors
/// [`CompileError::Node`] names the first node that has no layer on the device.
pub(crate) fn import(checked: &CheckedGraph, classes: usize) -> Result<Net, CompileError> {
    let (graph, found) = (&checked.graph, &checked.inspection);
    let latent_len = u32::try_from(found.latent_len).unwrap_or(u32::MAX);
    let mut reader = Reader {
        net: Net::new(latent_len, classes),
        known: vec![None; graph.values.len()],
        tables: ClassTables::new(graph, classes)?,
    };
    let dims = graph.value(graph.latent).map(|latent| latent.shape.clone());
    reader.known[graph.latent] = Some(PlacedTensor {
        id: reader.net.latent,
        dims: dims.unwrap_or_default(),
        order: Order::Same,
    });
    for node in &graph.nodes {
        if reader.tables.holds(node.output) {
            continue;
        }
        let reads = NodeReader { graph, node };
        let made = step(&mut reader, &reads)?;
        reader.known[node.output] = Some(made);
    }
    let Some(Some(image)) = reader.known.get(graph.image).cloned() else {
        return Err(CompileError::Node {
            node: format!("the output `{}`", found.output_name),
            reason: "it does not depend on the latent vector".into(),
        });
    };
    // The image's order is the output's own, CHW.
    let planar = image.vector(&mut reader.net, "image");
    reader.net.image = planar.id;
    Ok(reader.net)
}

/// What a node becomes.
fn step(reader: &mut Reader, node: &NodeReader<'_>) -> Result<PlacedTensor, CompileError> {
    match &node.node.op {
        Op::Unary(op) => elementwise::unary(reader, node, *op),
        Op::Binary(op) => elementwise::binary(reader, node, *op),
        Op::Select => elementwise::select(reader, node),
        Op::Cast(to) => elementwise::cast(reader, node, *to),
        Op::MatMul => matmul::matmul(reader, node),
        Op::Conv(window) => conv::convolution(reader, node, window, false),
        Op::ConvTranspose(window) => conv::convolution(reader, node, window, true),
        Op::MaxPool(window) => conv::max_pool(reader, node, window),
        Op::Reduce(reduction, axes) => strided::reduce(reader, node, *reduction, axes),
        Op::Reshape(shape) => movement::reshape(reader, node, shape),
        Op::Transpose(order) => movement::transpose(reader, node, order),
        Op::Expand(shape) => movement::expand(reader, node, shape),
        Op::Concat(axis) => movement::concat(reader, node, *axis),
        Op::Gather(axis) => movement::gather(reader, node, *axis),
        Op::Slice(parts) => movement::slice(reader, node, parts),
        Op::Pad { begin, end, fill } => movement::pad(reader, node, [begin, end], *fill),
        Op::Resample { axis, taps } => movement::resample(reader, node, *axis, taps),
    }
}
