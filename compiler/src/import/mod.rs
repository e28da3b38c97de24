//! ONNX file to [network](super::ir).
//!
//! Constants come computed with the graph, tensors lose the batch's axis, and reshapes and
//! transpositions only change how a tensor's own order maps to a value's memory ([`value::Order`]):
//! elements are moved where an operator asks for them in another place.

mod conv;
mod dense;
mod elementwise;
mod layout;
mod node;
mod reader;
mod resize;
mod slice;
pub(crate) mod value;

use dreamlet_onnx::CheckedGraph;
use dreamlet_onnx::graph::{self, Unary};
use dreamlet_runtime::engine::compiled::format::Activation;

use super::CompileError;
use super::ir::Net;
use node::NodeReader;
use reader::Reader;
use value::{Known, Order, PlacedTensor};

/// Reads a model that has been checked; it has `classes` classes.
///
/// # Errors
/// [`CompileError::Node`] names the first node that has no layer on the device.
pub(crate) fn import(checked: &CheckedGraph, classes: usize) -> Result<Net, CompileError> {
    let (graph, found) = (checked.graph(), &checked.inspection);
    let latent_len = u32::try_from(found.latent_len).unwrap_or(u32::MAX);
    let mut reader = Reader {
        net: Net::new(latent_len, classes),
        known: vec![None; graph.values.len()],
    };
    let latent = PlacedTensor {
        id: reader.net.latent,
        dims: graph
            .value(graph.latent)
            .map(|latent| latent.shape.clone())
            .unwrap_or_default(),
        order: Order::Same,
    };
    reader.set(Some(graph.latent), Known::Tensor(latent));
    reader.set(graph.class, Known::Class);
    for (index, node) in graph.nodes.iter().enumerate() {
        let made = graph.value(node.output);
        if made.is_some_and(|value| value.constant.is_some()) {
            continue;
        }
        let reads = NodeReader {
            graph: &graph,
            node,
            index,
        };
        if made.is_some_and(|value| value.fixed) {
            return Err(reads.refuse("this operator is not computed on constants"));
        }
        let made = step(&mut reader, &reads)?;
        reader.set(Some(node.output), made);
    }
    let Some(Some(Known::Tensor(image))) = reader.known.get(graph.image).cloned() else {
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
fn step(reader: &mut Reader, node: &NodeReader<'_>) -> Result<Known, CompileError> {
    use graph::Op as From;
    match &node.node.op {
        From::Gemm {
            alpha,
            beta,
            trans_a,
            trans_b,
        } => dense::gemm(reader, node, [*alpha, *beta], [*trans_a, *trans_b]),
        From::MatMul => dense::matmul(reader, node),
        From::Conv(window) => conv::convolution(reader, node, window, false),
        From::ConvTranspose(window) => conv::convolution(reader, node, window, true),
        From::BatchNormalization { epsilon } => {
            elementwise::batch_normalization(reader, node, *epsilon)
        }
        From::Unary(unary) => {
            let activation = match *unary {
                Unary::Relu => Activation::Relu,
                Unary::LeakyRelu(alpha) => Activation::LeakyRelu(alpha),
                Unary::Tanh => Activation::Tanh,
                Unary::Sigmoid => Activation::Sigmoid,
                Unary::Softplus => Activation::Softplus,
                Unary::Elu(alpha) => Activation::Elu(alpha),
                Unary::Exp | Unary::Log | Unary::Sqrt | Unary::Neg | Unary::Abs => {
                    return Err(node.no_layer());
                }
            };
            elementwise::activation(reader, node, activation)
        }
        From::Clip { low, high } => elementwise::clip(reader, node, [*low, *high]),
        From::PRelu => elementwise::prelu(reader, node),
        From::Binary(binary) => elementwise::binary(reader, node, *binary),
        From::Identity => node.input(&reader.known, 0).cloned(),
        From::Cast(to) => layout::cast(reader, node, *to),
        From::Reshape(shape) => layout::reshape(reader, node, shape),
        From::Transpose(order) => layout::transpose(reader, node, order),
        From::Concat(axis) => layout::concat(reader, node, *axis),
        From::Slice(parts) => slice::slice(reader, node, parts),
        From::Gather(axis) => layout::gather(reader, node, *axis),
        From::DepthToSpace { crd, .. } => layout::depth_to_space(reader, node, *crd),
        From::Pad { begin, end, mode } => layout::pad(reader, node, [begin, end], mode),
        From::Resize { .. } => resize::resize(reader, node),
        From::Expand(_) | From::Constant | From::Fill { .. } | From::Other => Err(node.no_layer()),
    }
}
