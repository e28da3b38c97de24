//! Parts of a tensor.

use super::node::Node;
use super::value::{Data, Known, Order, map_shape};
use super::{Reader, dims};
use crate::CompileError;
use crate::ir::{Op, len};

/// Slice with constant bounds and steps of 1.
pub(super) fn slice(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let data = node.data(&reader.known, 0)?.clone();
    let known = |at: usize, what: &str| {
        let ints = node.known_ints(&reader.known, at)?;
        ints.ok_or_else(|| node.refuse(format!("its {what} are not given as inputs")))
    };
    let (starts, ends) = (known(1, "starts")?, known(2, "ends")?);
    let rank = data.dims.len();
    let axes = match node.known_ints(&reader.known, 3)? {
        Some(axes) => axes
            .iter()
            .map(|&axis| node.axis(axis, rank))
            .collect::<Result<Vec<_>, _>>()?,
        None => (0..starts.len()).collect(),
    };
    let steps = node.known_ints(&reader.known, 4)?.unwrap_or_default();
    if steps.iter().any(|&step| step != 1) {
        return Err(node.refuse("it skips numbers"));
    }
    let (mut first, mut taken) = (vec![0; rank], data.dims.clone());
    for ((&axis, &start), &end) in axes.iter().zip(starts).zip(ends) {
        let size = data.dims.get(axis).copied().unwrap_or(0) as i64;
        let clamp = |at: i64| {
            let from_end = if at < 0 { size } else { 0 };
            at.saturating_add(from_end).clamp(0, size)
        };
        let (start, end) = (clamp(start), clamp(end));
        if end <= start {
            return Err(node.refuse("it takes nothing"));
        }
        if let (Some(first), Some(taken)) = (first.get_mut(axis), taken.get_mut(axis)) {
            (*first, *taken) = (start as usize, (end - start) as usize);
        }
    }
    let from = reader.net.shape(data.id);
    let picked = dims::part_positions(&data.dims, &first, &taken);
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
    Ok(Known::Data(Data {
        id,
        dims: taken,
        order,
    }))
}
