//! Operators that move elements about, or only say that they lie otherwise.

use std::rc::Rc;

use dreamlet_onnx::graph::Part;
use dreamlet_onnx::shape::{broadcast_positions, slice_positions, transposed_positions};
use dreamlet_runtime::engine::compiled::format::StridedWork;

use super::importer::{Importer, Operand};
use super::node::NodeReader;
use super::strided::{Space, by_memory, view};
use super::value::{Order, PlacedTensor, View, map_shape, usual};
use crate::CompileError;
use crate::ir::{Op, len};

pub(super) fn reshape(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    shape: &[usize],
) -> Result<PlacedTensor, CompileError> {
    Ok(PlacedTensor {
        dims: shape.to_vec(),
        ..importer.data(node, 0)?
    })
}

pub(super) fn transpose(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    order: &[usize],
) -> Result<PlacedTensor, CompileError> {
    let data = importer.data(node, 0)?;
    let shape = importer.net.shape(data.id);
    let positions =
        transposed_positions(&data.dims, order).map(|from| data.order.position(shape, from) as u32);
    Ok(PlacedTensor {
        id: data.id,
        order: Order::of(shape, positions.collect()),
        dims: node.shape(),
    })
}

/// The elements at these positions of input 0, where a tensor of this node's shape usually lies.
fn picked(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    positions: impl Iterator<Item = usize>,
) -> Result<PlacedTensor, CompileError> {
    let data = importer.data(node, 0)?;
    let from = importer.net.shape(data.id);
    let positions: Rc<[u32]> = positions
        .map(|at| data.order.position(from, at) as u32)
        .collect();
    let picked = PlacedTensor {
        id: data.id,
        dims: node.shape(),
        order: Order::Other(positions),
    };
    let (shape, order) = usual(&picked.dims);
    Ok(picked.moved(&mut importer.net, shape, order, &node.label()))
}

pub(super) fn expand(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    shape: &[usize],
) -> Result<PlacedTensor, CompileError> {
    let data = importer.data(node, 0)?;
    if shape.iter().product::<usize>() == data.dims.iter().product::<usize>() {
        return Ok(PlacedTensor {
            dims: shape.to_vec(),
            ..data
        });
    }
    picked(importer, node, broadcast_positions(&data.dims, shape))
}

pub(super) fn slice(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    parts: &[Part],
) -> Result<PlacedTensor, CompileError> {
    let dims = importer.data(node, 0)?.dims;
    picked(importer, node, slice_positions(&dims, parts))
}

/// Picked along an axis by constant integers.
pub(super) fn gather(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    axis: usize,
) -> Result<PlacedTensor, CompileError> {
    let Some(indices) = node.fixed(1).and_then(|constant| constant.as_i64s()) else {
        return Err(node.refuse(
            "it looks up by numbers that are computed from the latent; only the class can be looked up",
        ));
    };
    let dims = importer.data(node, 0)?.dims;
    let size = dims.get(axis).copied().unwrap_or(1) as i64;
    let rows = indices
        .iter()
        .map(|at| if *at < 0 { at + size } else { *at });
    let rows: Vec<usize> = rows.map(|at| at.clamp(0, size - 1) as usize).collect();
    picked(importer, node, along(&dims, axis, &rows))
}

/// Positions of all elements whose place along an axis is one of `rows`, in their order.
fn along(dims: &[usize], axis: usize, rows: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let (outer, rest) = dims.split_at(axis);
    let size = rest.first().copied().unwrap_or(1);
    let inner: usize = rest.iter().skip(1).product();
    let rows = rows.to_vec();
    (0..outer.iter().product::<usize>()).flat_map(move |block| {
        let rows = rows.clone();
        rows.into_iter().flat_map(move |row| {
            let first = (block * size + row) * inner;
            first..first + inner
        })
    })
}

pub(super) fn concat(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    axis: usize,
) -> Result<PlacedTensor, CompileError> {
    let operands = importer.operands(node)?;
    let tensors: Option<Vec<PlacedTensor>> = operands
        .iter()
        .map(|operand| match operand {
            Operand::Tensor(data) => Some(data.clone()),
            Operand::Constant(..) => None,
        })
        .collect();
    if let Some(made) = tensors.and_then(|parts| by_channels(importer, node, parts, axis)) {
        return Ok(made);
    }
    // Each part is copied to where it belongs.
    let dims = node.shape();
    let (shape, order) = usual(&dims);
    let output = PlacedTensor {
        id: 0,
        dims: dims.clone(),
        order,
    };
    let own = output.view(shape).unwrap_or_else(|| View::row_major(&dims));
    let mut inputs = Vec::new();
    let mut ops = Vec::new();
    let mut before = 0;
    for operand in &operands {
        let part = view(importer, node, operand, &mut inputs);
        let mut to = own.clone();
        to.first += before * own.strides.get(axis).copied().unwrap_or(0);
        let mut space = Space {
            sizes: operand.dims().to_vec(),
            output: to,
            operands: vec![part],
        };
        by_memory(&mut space);
        space.join(0, |_| false);
        ops.push(space.op(node, StridedWork::Move(None))?);
        before += operand.dims().get(axis).copied().unwrap_or(0) as i64;
    }
    let id = importer
        .net
        .push(Op::Strided(ops), inputs, shape, &node.label());
    Ok(PlacedTensor { id, ..output })
}

/// Parts that lie as images of the same rows and columns: their channels one after another,
/// whatever the axis; `None` for others.
fn by_channels(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    mut parts: Vec<PlacedTensor>,
    axis: usize,
) -> Option<PlacedTensor> {
    let first = parts.first()?.dims.clone();
    let sides = |importer: &Importer, part: &PlacedTensor| {
        let shape = importer.net.shape(part.id);
        (shape.height, shape.width)
    };
    let alike = |importer: &Importer, parts: &[PlacedTensor]| {
        parts.iter().all(|part| {
            sides(importer, part) == sides(importer, &parts[0])
                && part.is_whole(importer.net.shape(part.id))
        })
    };
    if !alike(importer, &parts) {
        if first.len() == 4 && axis != 1 {
            return None;
        }
        for (at, part) in parts.iter_mut().enumerate() {
            *part = match part.map(&mut importer.net, &node.label()) {
                Some(map) => map,
                None if axis == 0 || first.iter().take(axis).all(|dim| *dim == 1) => {
                    part.vector(&mut importer.net, &node.label())
                }
                None => return None,
            };
            importer.remember(node, at, part);
        }
    }
    if !alike(importer, &parts) {
        return None;
    }
    let (height, width) = sides(importer, &parts[0]);
    let widths: Vec<usize> = parts
        .iter()
        .map(|part| importer.net.shape(part.id).channels as usize)
        .collect();
    let channels: usize = widths.iter().sum();
    let shape = map_shape(channels, height as usize, width as usize);
    let outer: usize = first.iter().take(axis).product();
    let mut positions = Vec::with_capacity(len(shape));
    for block in 0..outer {
        let mut before = 0;
        for (part, &own) in parts.iter().zip(&widths) {
            let from = importer.net.shape(part.id);
            let inner = len(from) / outer.max(1);
            for i in block * inner..(block + 1) * inner {
                let at = part.order.position(from, i);
                positions.push((at / own * channels + before + at % own) as u32);
            }
            before += own;
        }
    }
    if positions.len() != len(shape) {
        return None;
    }
    let inputs = parts.iter().map(|part| part.id).collect();
    let id = importer.net.push(Op::Concat, inputs, shape, &node.label());
    Some(PlacedTensor {
        id,
        dims: node.shape(),
        order: Order::of(shape, positions),
    })
}

pub(super) fn pad(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    [begin, end]: [&[usize]; 2],
    fill: f32,
) -> Result<PlacedTensor, CompileError> {
    if let (&[0, 0, top, left], &[0, 0, _, _]) = (begin, end)
        && let Ok((input, _)) = importer.map(node, 0)
    {
        let before = [top, left].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let op = Op::Pad(before, fill);
        return Ok(importer.push_map(node, op, vec![input.id]));
    }
    let data = importer.data(node, 0)?;
    bordered(importer, node, data, begin, node.shape(), fill)
}

/// A tensor with a border, so many elements before it along each dimension.
pub(super) fn bordered(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    data: PlacedTensor,
    begin: &[usize],
    dims: Vec<usize>,
    fill: f32,
) -> Result<PlacedTensor, CompileError> {
    let (shape, order) = usual(&dims);
    let output = PlacedTensor { id: 0, dims, order };
    let mut to = output
        .view(shape)
        .unwrap_or_else(|| View::row_major(&output.dims));
    let steps = begin.iter().zip(&to.strides);
    to.first += steps
        .map(|(begin, stride)| *begin as i64 * stride)
        .sum::<i64>();
    let sizes = data.dims.clone();
    let mut inputs = Vec::new();
    let operand = view(importer, node, &Operand::Tensor(data), &mut inputs);
    let mut space = Space {
        sizes,
        output: to,
        operands: vec![operand],
    };
    by_memory(&mut space);
    space.join(0, |_| false);
    let op = Op::Strided(vec![space.op(node, StridedWork::Move(Some(fill)))?]);
    let id = importer.net.push(op, inputs, shape, &node.label());
    Ok(PlacedTensor { id, ..output })
}

pub(super) fn resample(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    axis: usize,
    taps: &[Vec<(usize, f32)>],
) -> Result<PlacedTensor, CompileError> {
    let dims = importer.data(node, 0)?.dims;
    let size = dims.get(axis).copied().unwrap_or(1);
    let only = |taps: &Vec<(usize, f32)>| match taps.as_slice() {
        [(at, 1.0)] => Some(*at),
        _ => None,
    };
    if let Some(rows) = taps.iter().map(only).collect::<Option<Vec<usize>>>() {
        let factor = taps.len() / size.max(1);
        let repeats = factor > 1
            && taps.len().is_multiple_of(size)
            && rows.iter().enumerate().all(|(i, row)| *row == i / factor);
        let side = dims.len() == 4 && axis >= 2;
        if repeats
            && side
            && let Ok((input, _)) = importer.map(node, 0)
        {
            return Ok(importer.push_map(node, Op::Nearest, vec![input.id]));
        }
        return picked(importer, node, along(&dims, axis, &rows));
    }
    let data = importer.data(node, 0)?;
    let to = node.shape();
    let (shape, order) = usual(&to);
    let output = PlacedTensor {
        id: 0,
        dims: to.clone(),
        order,
    };
    let own = output.view(shape).unwrap_or_else(|| View::row_major(&to));
    let mut inputs = Vec::new();
    let operand = view(importer, node, &Operand::Tensor(data), &mut inputs);
    let stride = operand.1.strides.get(axis).copied().unwrap_or(0);
    let mut space = Space {
        sizes: to,
        output: own,
        operands: vec![operand],
    };
    // By where the output lies; the axis keeps a place of its own.
    let mut order: Vec<usize> = (0..space.sizes.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(space.output.strides[*at].abs()));
    by_memory(&mut space);
    let at = order.iter().position(|number| *number == axis).unwrap_or(0);
    let size_of_axis = space.sizes[at];
    let numbers = space.join(0, |number| number == at);
    let place = numbers.iter().position(|number| *number == at);
    let axis = match place {
        Some(place) if space.sizes[place] == size_of_axis => place,
        _ => {
            // An axis of one position was dropped: it comes back in front.
            space.sizes.insert(0, size_of_axis);
            space.output.strides.insert(0, 0);
            for (_, view) in &mut space.operands {
                view.strides.insert(0, stride);
            }
            0
        }
    };
    let taps = taps.iter().map(|taps| {
        let taps = taps
            .iter()
            .map(|(at, weight)| (u32::try_from(*at).unwrap_or(0), *weight));
        taps.collect()
    });
    let work = StridedWork::Resample {
        axis,
        positions: u32::try_from(size).unwrap_or(u32::MAX),
        taps: taps.collect(),
    };
    let op = Op::Strided(vec![space.op(node, work)?]);
    let id = importer.net.push(op, inputs, shape, &node.label());
    Ok(PlacedTensor { id, ..output })
}
