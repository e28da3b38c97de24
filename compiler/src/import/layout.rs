//! Operators that move elements about, or only say that they lie otherwise.

use dreamlet_onnx::DType;
use dreamlet_onnx::shape::transposed_positions;
use dreamlet_runtime::engine::compiled::format::{HwcShape, PadKind};

use super::node::NodeReader;
use super::reader::Reader;
use super::value::{Known, Order, PlacedTensor};
use crate::CompileError;
use crate::ir::{Op, len};

pub(super) fn cast(
    reader: &Reader,
    node: &NodeReader<'_>,
    to: DType,
) -> Result<Known, CompileError> {
    match (node.input(&reader.known, 0)?, to) {
        (Known::Class, DType::I32 | DType::I64) => Ok(Known::Class),
        (data @ Known::Tensor(_), DType::F32) => Ok(data.clone()),
        _ => Err(node.refuse("it converts a computed value to another type than float32")),
    }
}

pub(super) fn reshape(
    reader: &Reader,
    node: &NodeReader<'_>,
    shape: &[usize],
) -> Result<Known, CompileError> {
    Ok(match node.input(&reader.known, 0)? {
        Known::Class => Known::Class,
        Known::Tensor(data) => Known::Tensor(PlacedTensor {
            dims: shape.to_vec(),
            ..data.clone()
        }),
    })
}

pub(super) fn transpose(
    reader: &Reader,
    node: &NodeReader<'_>,
    order: &[usize],
) -> Result<Known, CompileError> {
    let data = node.data(&reader.known, 0)?;
    let shape = reader.net.shape(data.id);
    let positions =
        transposed_positions(&data.dims, order).map(|from| data.order.position(shape, from) as u32);
    Ok(Known::Tensor(PlacedTensor {
        id: data.id,
        order: Order::of(shape, positions.collect()),
        dims: node.shape(),
    }))
}

pub(super) fn concat(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    axis: usize,
) -> Result<Known, CompileError> {
    let count = node.node.inputs.len();
    let mut parts = Vec::new();
    for at in 0..count {
        parts.push(node.data(&reader.known, at)?.clone());
    }
    if let [only] = parts.as_slice() {
        return Ok(Known::Tensor(only.clone()));
    }
    let first = parts
        .first()
        .map(|part| part.dims.clone())
        .ok_or_else(|| node.refuse("it has no inputs"))?;
    let sides = |reader: &Reader, part: &PlacedTensor| {
        let shape = reader.net.shape(part.id);
        (shape.height, shape.width)
    };
    // Stored as HWC; where each element is then follows, whatever the axis.
    let alike = |reader: &Reader, parts: &[PlacedTensor]| {
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
    let outer: usize = first.iter().take(axis).product();
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
    Ok(Known::Tensor(PlacedTensor {
        id,
        dims: node.shape(),
        order: Order::of(shape, positions),
    }))
}

/// A row of a table by the class.
pub(super) fn gather(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    axis: usize,
) -> Result<Known, CompileError> {
    let Some(Some(Known::Class)) = node.id(1).map(|id| reader.known.get(id).cloned().flatten())
    else {
        return Err(node.refuse("it looks up something else than the class"));
    };
    let Some((constant, floats)) = node.constant(0)? else {
        return Err(node.refuse("its table is missing"));
    };
    if axis != 0 {
        return Err(node.refuse("it looks up the class along another axis than 0"));
    }
    let (rows, row) = constant
        .shape
        .split_first()
        .ok_or_else(|| node.refuse("its table has no rows"))?;
    let width: usize = row.iter().product();
    let classes = reader.net.classes;
    let table = floats
        .get(..classes * width)
        .ok_or_else(|| {
            node.refuse(format!(
                "its table has {rows} rows, the card names {classes} classes"
            ))
        })?
        .to_vec();
    let shape = HwcShape::vector(width as u32);
    let id = reader
        .net
        .push(Op::Lookup { table }, Vec::new(), shape, &node.label());
    Ok(Known::Tensor(PlacedTensor {
        id,
        dims: node.shape(),
        order: Order::Same,
    }))
}

pub(super) fn depth_to_space(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    crd: bool,
) -> Result<Known, CompileError> {
    let (input, _) = reader.map(node, 0)?;
    Ok(reader.push_map(node, Op::DepthToSpace(crd), vec![input.id]))
}

pub(super) fn pad(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    [begin, end]: [&[usize]; 2],
    mode: &str,
) -> Result<Known, CompileError> {
    let (input, _) = reader.map(node, 0)?;
    let (&[0, 0, top, left], &[0, 0, _, _]) = (begin, end) else {
        return Err(node.refuse("it pads other than rows and columns, or takes some away"));
    };
    let kind = match mode {
        "reflect" => PadKind::Reflect,
        "edge" => PadKind::Edge,
        _ => {
            let fill = node.constant(2)?;
            PadKind::Constant(
                fill.and_then(|(_, floats)| floats.first().copied())
                    .unwrap_or(0.0),
            )
        }
    };
    let before = [top, left].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    Ok(reader.push_map(node, Op::Pad(before, kind), vec![input.id]))
}
