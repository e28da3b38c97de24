//! The network so far, and what is known of the graph.

use dreamlet_onnx::graph;
use dreamlet_runtime::engine::compiled::format::HwcShape;

use super::node::NodeReader;
use super::value::{Known, Order, PlacedTensor, map_shape};
use crate::CompileError;
use crate::ir::{Net, Op, len};

/// What is known of the graph so far.
pub(super) struct Reader {
    pub(super) net: Net,
    /// By value of the graph; nothing for constants.
    pub(super) known: Vec<Option<Known>>,
}

impl Reader {
    pub(super) fn set(&mut self, id: Option<graph::ValueId>, known: Known) {
        if let Some(place) = id.and_then(|id| self.known.get_mut(id)) {
            *place = Some(known);
        }
    }

    /// Input `at` as an image, and its shape.
    pub(super) fn map(
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
    pub(super) fn vector(
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
    pub(super) fn remember(&mut self, node: &NodeReader<'_>, at: usize, data: &PlacedTensor) {
        self.set(node.id(at), Known::Tensor(data.clone()));
    }

    /// Adds a node whose result is an image, of the shape that the graph says.
    pub(super) fn push_map(&mut self, node: &NodeReader<'_>, op: Op, inputs: Vec<usize>) -> Known {
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
