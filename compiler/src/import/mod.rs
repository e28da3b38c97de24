//! Canonical ONNX graph to [network](super::ir).
//!
//! Constants come computed with the graph, tensors lose the batch's axis, and reshapes and
//! transpositions only change how a tensor's own order maps to a value's memory ([`value::Order`]):
//! elements are moved where an operator asks for them in another place. What depends on the class
//! alone becomes a table. What has no layer of its own becomes strided work ([`strided`]).

mod class;
mod conv;
mod elementwise;
mod fake_quant;
mod importer;
mod matmul;
mod modulated;
mod movement;
mod node;
mod rewriter;
mod strided;
pub(crate) mod value;

use dreamlet_onnx::CheckedGraph;
use dreamlet_onnx::graph::Op;

use super::CompileError;
use super::ir::Net;
use class::ClassTables;
use importer::Importer;
use node::NodeReader;
use value::{Order, PlacedTensor};

/// Reads a model that has been checked; it has `classes` classes. `rounds` is whether a file that is
/// quantized already rounds as it says; for int8 the device rounds instead.
///
/// # Errors
/// [`CompileError::Node`] names the first node that has no layer on the device.
pub(crate) fn import(
    checked: &CheckedGraph,
    classes: usize,
    rounds: bool,
) -> Result<Net, CompileError> {
    let found = &checked.inspection;
    let graph = &match rounds {
        true => modulated::factored(&checked.graph),
        false => modulated::factored(&fake_quant::unrounded(&checked.graph)),
    };
    let latent_len = u32::try_from(found.latent_len).unwrap_or(u32::MAX);
    let mut importer = Importer {
        net: Net::new(latent_len, classes),
        known: vec![None; graph.values.len()],
        tables: ClassTables::new(graph, classes)?,
    };
    let dims = graph.value(graph.latent).map(|latent| latent.shape.clone());
    importer.known[graph.latent] = Some(PlacedTensor {
        id: importer.net.latent,
        dims: dims.unwrap_or_default(),
        order: Order::Same,
    });
    for node in &graph.nodes {
        if importer.tables.holds(node.output) {
            continue;
        }
        let reads = NodeReader { graph, node };
        let made = step(&mut importer, &reads)?;
        importer.known[node.output] = Some(made);
    }
    let Some(Some(image)) = importer.known.get(graph.image).cloned() else {
        return Err(CompileError::Node {
            node: format!("the output `{}`", found.output_name),
            reason: "it does not depend on the latent vector".into(),
        });
    };
    // The image's order is the output's own, CHW.
    let planar = image.vector(&mut importer.net, "image");
    importer.net.image = planar.id;
    Ok(importer.net)
}

/// What a node becomes.
fn step(importer: &mut Importer, node: &NodeReader<'_>) -> Result<PlacedTensor, CompileError> {
    match &node.node.op {
        Op::Unary(op) => elementwise::unary(importer, node, *op),
        Op::Binary(op) => elementwise::binary(importer, node, *op),
        Op::Select => elementwise::select(importer, node),
        Op::Cast(to) => elementwise::cast(importer, node, *to),
        Op::MatMul => matmul::matmul(importer, node),
        Op::Conv(window) => conv::convolution(importer, node, window, false),
        Op::ConvTranspose(window) => conv::convolution(importer, node, window, true),
        Op::MaxPool(window) => conv::max_pool(importer, node, window),
        Op::Reduce(reduction, axes) => strided::reduce(importer, node, *reduction, axes),
        Op::Reshape(shape) => movement::reshape(importer, node, shape),
        Op::Transpose(order) => movement::transpose(importer, node, order),
        Op::Expand(shape) => movement::expand(importer, node, shape),
        Op::Concat(axis) => movement::concat(importer, node, *axis),
        Op::Gather(axis) => movement::gather(importer, node, *axis),
        Op::Slice(parts) => movement::slice(importer, node, parts),
        Op::Pad { begin, end, fill } => movement::pad(importer, node, [begin, end], *fill),
        Op::Resample { axis, taps } => movement::resample(importer, node, *axis, taps),
    }
}
