//! Parts of a tensor.

use dreamlet_onnx::graph::Part;
use dreamlet_onnx::shape::slice_positions;

use super::node::NodeReader;
use super::reader::Reader;
use super::value::{Known, Order, PlacedTensor, map_shape};
use crate::CompileError;
use crate::ir::{Op, len};

/// Slice with steps of 1.
pub(super) fn slice(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    parts: &[Part],
) -> Result<Known, CompileError> {
    let data = node.data(&reader.known, 0)?.clone();
    if parts.iter().any(|part| part.step != 1) {
        return Err(node.refuse("it skips elements"));
    }
    let taken = node.shape();
    let from = reader.net.shape(data.id);
    let picked: Vec<usize> = slice_positions(&data.dims, parts).collect();
    let (shape, order) = match *taken.as_slice() {
        [1, channels, height, width] => {
            let shape = map_shape(channels, height, width);
            (shape, Order::planar(shape))
        }
        _ => (map_shape(picked.len(), 1, 1), Order::Same),
    };
    let mut positions = vec![0; len(shape)];
    for (i, &at) in picked.iter().enumerate() {
        positions[order.position(shape, i)] = data.order.position(from, at) as u32;
    }
    let op = Op::Reorder(Some(positions));
    let id = reader.net.push(op, vec![data.id], shape, &node.label());
    Ok(Known::Tensor(PlacedTensor {
        id,
        dims: taken,
        order,
    }))
}
