//! Operators that move numbers about, or only say that they lie otherwise.

use std::collections::HashMap;

use dreamlet_onnx::proto::tensor_proto::DataType;
use dreamlet_runtime::engine::compiled::format::{HwcShape, PadKind};

use super::node::Node;
use super::value::{Data, Known, Order, map_shape};
use super::{Reader, dims};
use crate::CompileError;
use crate::ir::{Op, len};

pub(super) fn cast(reader: &Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let to = i32::try_from(node.int("to", 0)).ok();
    let to = to.and_then(|to| DataType::try_from(to).ok());
    match (node.input(&reader.known, 0)?, to) {
        (class @ Known::Class(_), Some(DataType::Int32 | DataType::Int64)) => Ok(class.clone()),
        (data @ Known::Data(_), Some(DataType::Float)) => Ok(data.clone()),
        _ => Err(node.refuse("it converts a computed value to another type than float32")),
    }
}

/// The dimensions that Reshape, Flatten, Squeeze or Unsqueeze gives something of dimensions `from`.
pub(super) fn reshaped(
    node: &Node<'_>,
    known: &HashMap<String, Known>,
    from: &[usize],
) -> Result<Vec<usize>, CompileError> {
    let axes = |rank: usize| -> Result<Vec<usize>, CompileError> {
        let given = if node.opset < 13 {
            node.ints("axes")
        } else {
            node.known_ints(known, 1)?
        };
        let given = given.ok_or_else(|| node.refuse("it does not name its axes"))?;
        given.iter().map(|&axis| node.axis(axis, rank)).collect()
    };
    let shape = match node.pb.op_type.as_str() {
        "Reshape" => {
            let target = node
                .known_ints(known, 1)?
                .ok_or_else(|| node.refuse("its shape is missing"))?;
            dims::reshape(from, target)
        }
        "Flatten" => {
            let axis = node.int("axis", 1);
            let axis = if axis == from.len() as i64 {
                from.len()
            } else {
                node.axis(axis, from.len())?
            };
            Some(dims::flatten(from, axis))
        }
        "Squeeze" => Some(dims::squeeze(from, &axes(from.len())?)),
        _ => {
            let count = if node.opset < 13 {
                node.ints("axes").map_or(0, <[i64]>::len)
            } else {
                node.known_ints(known, 1)?.map_or(0, <[i64]>::len)
            };
            dims::unsqueeze(from, &axes(from.len() + count)?)
        }
    };
    shape.ok_or_else(|| node.refuse(format!("{from:?} cannot be shaped as it says")))
}

pub(super) fn reshape(reader: &Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let input = node.input(&reader.known, 0)?;
    let shape = reshaped(node, &reader.known, input.dims())?;
    Ok(match input {
        Known::Class(_) => Known::Class(shape),
        Known::Constant(constant) => Known::Constant(constant.clone()),
        Known::Data(data) => Known::Data(Data {
            dims: shape,
            ..data.clone()
        }),
    })
}

pub(super) fn transpose(reader: &Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let data = node.data(&reader.known, 0)?;
    let rank = data.dims.len();
    let order = match node.ints("perm") {
        Some(perm) => perm
            .iter()
            .map(|&axis| node.axis(axis, rank))
            .collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(node.refuse(format!("its order {order:?} does not name every axis once")));
    }
    let shape = reader.net.shape(data.id);
    let positions = dims::transposed_positions(&data.dims, &order)
        .into_iter()
        .map(|from| data.order.position(shape, from) as u32);
    Ok(Known::Data(Data {
        id: data.id,
        order: Order::of(shape, positions.collect()),
        dims: order.iter().map(|&axis| data.dims[axis]).collect(),
    }))
}

pub(super) fn concat(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let count = node.pb.input.len();
    let mut parts = Vec::new();
    for at in 0..count {
        parts.push(node.data(&reader.known, at)?.clone());
    }
    if let [only] = parts.as_slice() {
        return Ok(Known::Data(only.clone()));
    }
    let first = parts
        .first()
        .map(|part| part.dims.clone())
        .ok_or_else(|| node.refuse("it has no inputs"))?;
    let axis = node.axis(node.int("axis", 0), first.len())?;
    let sides = |reader: &Reader, part: &Data| {
        let shape = reader.net.shape(part.id);
        (shape.height, shape.width)
    };
    // Stored as channels side by side; where each number is then follows, whatever the axis.
    let alike = |reader: &Reader, parts: &[Data]| {
        parts
            .iter()
            .all(|part| sides(reader, part) == sides(reader, &parts[0]))
    };
    if !alike(reader, &parts) {
        for (at, part) in parts.iter_mut().enumerate() {
            *part = if first.len() == 4 {
                reader.map(node, at)?.0
            } else {
                reader.vector(node, at)?.0
            };
        }
    }
    if !alike(reader, &parts) {
        return Err(node.refuse("its inputs have different heights or widths"));
    }
    let (height, width) = sides(reader, &parts[0]);
    let widths: Vec<usize> = parts
        .iter()
        .map(|part| reader.net.shape(part.id).channels as usize)
        .collect();
    let channels: usize = widths.iter().sum();
    let shape = HwcShape {
        height,
        width,
        channels: channels as u32,
    };
    let mut dims = first.clone();
    dims[axis] = parts.iter().filter_map(|part| part.dims.get(axis)).sum();
    let outer: usize = first[..axis].iter().product();
    let mut positions = Vec::with_capacity(len(shape));
    for block in 0..outer {
        let mut before = 0;
        for (part, &own) in parts.iter().zip(&widths) {
            let from = reader.net.shape(part.id);
            let inner = len(from) / outer.max(1);
            for i in block * inner..(block + 1) * inner {
                let at = part.order.position(from, i);
                positions.push((at / own * channels + before + at % own) as u32);
            }
            before += own;
        }
    }
    if positions.len() != len(shape) {
        return Err(node.refuse("its inputs do not fit together"));
    }
    let inputs = parts.iter().map(|part| part.id).collect();
    let id = reader.net.push(Op::Concat, inputs, shape, &node.label());
    Ok(Known::Data(Data {
        id,
        dims,
        order: Order::of(shape, positions),
    }))
}

/// A row of a table by the class.
pub(super) fn gather(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let Known::Class(index) = node.input(&reader.known, 1)? else {
        return Err(node.refuse("it looks up something else than the class"));
    };
    let Some((constant, floats)) = node.constant(&reader.known, 0)? else {
        return Err(node.refuse("its table is missing"));
    };
    if node.axis(node.int("axis", 0), constant.shape.len())? != 0 {
        return Err(node.refuse("it looks up the class along another axis than 0"));
    }
    let (rows, row) = constant
        .shape
        .split_first()
        .ok_or_else(|| node.refuse("its table has no rows"))?;
    let dims: Vec<usize> = index.iter().chain(row).copied().collect();
    let numbers: usize = row.iter().product();
    let classes = reader.net.classes;
    let table = floats
        .get(..classes * numbers)
        .ok_or_else(|| {
            node.refuse(format!(
                "its table has {rows} rows, the card names {classes} classes"
            ))
        })?
        .to_vec();
    let shape = HwcShape::vector(numbers as u32);
    let id = reader
        .net
        .push(Op::Lookup { table }, Vec::new(), shape, &node.label());
    Ok(Known::Data(Data {
        id,
        dims,
        order: Order::Same,
    }))
}

pub(super) fn depth_to_space(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let (input, from) = reader.map(node, 0)?;
    let block = usize::try_from(node.int("blocksize", 0)).unwrap_or(0);
    let channels = from.channels as usize;
    if block == 0 || !channels.is_multiple_of(block * block) {
        return Err(node.refuse(format!(
            "blocks of {block} do not go with {channels} channels"
        )));
    }
    let shape = map_shape(
        channels / (block * block),
        from.height as usize * block,
        from.width as usize * block,
    );
    let crd = node.text("mode", "DCR") == "CRD";
    Ok(reader.push_map(node, Op::DepthToSpace(crd), vec![input.id], shape))
}

pub(super) fn pad(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let (input, from) = reader.map(node, 0)?;
    let pads = node
        .known_ints(&reader.known, 1)?
        .unwrap_or_default()
        .iter()
        .map(|&pad| u32::try_from(pad).ok())
        .collect::<Option<Vec<u32>>>();
    let Some(&[0, 0, top, left, 0, 0, bottom, right]) = pads.as_deref() else {
        return Err(node.refuse("it pads other than rows and columns, or takes some away"));
    };
    let kind = match node.text("mode", "constant") {
        "reflect" => PadKind::Reflect,
        "edge" => PadKind::Edge,
        _ => {
            let fill = node.constant(&reader.known, 2)?;
            PadKind::Constant(
                fill.and_then(|(_, floats)| floats.first().copied())
                    .unwrap_or(0.0),
            )
        }
    };
    let shape = HwcShape {
        height: from.height + top + bottom,
        width: from.width + left + right,
        channels: from.channels,
    };
    Ok(reader.push_map(node, Op::Pad([top, left], kind), vec![input.id], shape))
}
