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
mod resize;
mod slice;
pub(crate) mod value;

use dreamlet_onnx::CheckedGraph;
use dreamlet_onnx::graph::{self, Unary};
use dreamlet_runtime::engine::compiled::format::{Activation, HwcShape};

use super::CompileError;
use super::ir::{Net, Op, len};
use node::NodeReader;
use value::{Known, Order, PlacedTensor, map_shape};

/// What is known of the graph so far.
struct Reader {
    net: Net,
    /// By value of the graph; nothing for constants.
    known: Vec<Option<Known>>,
}

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
        let made = reader.step(&reads)?;
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

impl Reader {
    fn set(&mut self, id: Option<graph::ValueId>, known: Known) {
        if let Some(place) = id.and_then(|id| self.known.get_mut(id)) {
            *place = Some(known);
        }
    }

    fn step(&mut self, node: &NodeReader<'_>) -> Result<Known, CompileError> {
        use graph::Op as From;
        match &node.node.op {
            From::Gemm {
                alpha,
                beta,
                trans_a,
                trans_b,
            } => dense::gemm(self, node, [*alpha, *beta], [*trans_a, *trans_b]),
            From::MatMul => dense::matmul(self, node),
            From::Conv(window) => conv::convolution(self, node, window, false),
            From::ConvTranspose(window) => conv::convolution(self, node, window, true),
            From::BatchNormalization { epsilon } => {
                elementwise::batch_normalization(self, node, *epsilon)
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
                        return Err(no_layer(node));
                    }
                };
                elementwise::activation(self, node, activation)
            }
            From::Clip { low, high } => elementwise::clip(self, node, [*low, *high]),
            From::PRelu => elementwise::prelu(self, node),
            From::Binary(binary) => elementwise::binary(self, node, *binary),
            From::Identity => node.input(&self.known, 0).cloned(),
            From::Cast(to) => layout::cast(self, node, *to),
            From::Reshape(shape) => layout::reshape(self, node, shape),
            From::Transpose(order) => layout::transpose(self, node, order),
            From::Concat(axis) => layout::concat(self, node, *axis),
            From::Slice(parts) => slice::slice(self, node, parts),
            From::Gather(axis) => layout::gather(self, node, *axis),
            From::DepthToSpace { crd, .. } => layout::depth_to_space(self, node, *crd),
            From::Pad { begin, end, mode } => layout::pad(self, node, [begin, end], mode),
            From::Resize { .. } => resize::resize(self, node),
            From::Expand(_) | From::Constant | From::Fill { .. } | From::Other => {
                Err(no_layer(node))
            }
        }
    }

    /// Input `at` as an image, and its shape.
    fn map(
        &mut self,
        node: &NodeReader<'_>,
        at: usize,
    ) -> Result<(PlacedTensor, HwcShape), CompileError> {
        let data = node.data(&self.known, at)?.clone();
        let map = data.map(&mut self.net, &node.label()).ok_or_else(|| {
            node.refuse(format!(
                "its input has dimensions {:?}, [1, channels, height, width] were expected",
                data.dims
            ))
        })?;
        self.remember(node, at, &map);
        let shape = self.net.shape(map.id);
        Ok((map, shape))
    }

    /// Input `at` as a vector, and its length.
    fn vector(
        &mut self,
        node: &NodeReader<'_>,
        at: usize,
    ) -> Result<(PlacedTensor, usize), CompileError> {
        let data = node.data(&self.known, at)?.clone();
        let vector = data.vector(&mut self.net, &node.label());
        self.remember(node, at, &vector);
        let length = len(self.net.shape(vector.id));
        Ok((vector, length))
    }

    /// Later nodes find the tensor where it was moved to, so that it is moved once.
    fn remember(&mut self, node: &NodeReader<'_>, at: usize, data: &PlacedTensor) {
        self.set(node.id(at), Known::Tensor(data.clone()));
    }

    /// Adds a node whose result is an image, of the shape that the graph says.
    fn push_map(&mut self, node: &NodeReader<'_>, op: Op, inputs: Vec<usize>) -> Known {
        let dims = node.shape();
        let shape = match *dims.as_slice() {
            [_, channels, height, width] => map_shape(channels, height, width),
            _ => map_shape(dims.iter().product(), 1, 1),
        };
        let id = self.net.push(op, inputs, shape, &node.label());
        Known::Tensor(PlacedTensor {
            id,
            dims,
            order: Order::planar(shape),
        })
    }
}

fn no_layer(node: &NodeReader<'_>) -> CompileError {
    node.refuse("the device's engine has no layer for this operator")
}
