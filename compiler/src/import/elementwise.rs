//! Operators on elements.

use dreamlet_onnx::DType;
use dreamlet_onnx::graph::{Binary, Unary};
use dreamlet_onnx::shape::{broadcast, broadcast_positions};
use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, Instruction, MapOp, Source,
};

use super::importer::{Importer, Operand};
use super::node::NodeReader;
use super::strided::{instruction, map};
use super::value::PlacedTensor;
use crate::CompileError;
use crate::ir::{Op, len, per_channel};

/// A value of `data`'s shape and order, made from it alone.
fn like(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    data: &PlacedTensor,
    op: Op,
) -> PlacedTensor {
    let shape = importer.net.shape(data.id);
    let id = importer.net.push(op, vec![data.id], shape, &node.label());
    PlacedTensor { id, ..data.clone() }
}

fn activation(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    data: &PlacedTensor,
    activation: Activation,
) -> PlacedTensor {
    let whole = importer.whole(node, data);
    let made = like(importer, node, &whole, Op::Activate);
    if let Some(last) = importer.net.nodes.last_mut() {
        last.activation = activation;
    }
    made
}

pub(super) fn unary(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    op: Unary,
) -> Result<PlacedTensor, CompileError> {
    let data = importer.data(node, 0)?;
    let activates = match op {
        Unary::Relu => Some(Activation::Relu),
        Unary::LeakyRelu(alpha) => Some(Activation::LeakyRelu(alpha)),
        Unary::Tanh => Some(Activation::Tanh),
        Unary::Sigmoid => Some(Activation::Sigmoid),
        Unary::Softplus => Some(Activation::Softplus),
        Unary::Elu(alpha) => Some(Activation::Elu(alpha)),
        Unary::Clip(low, high) => {
            // Infinite bounds are none.
            let (low, high) = (low.max(f32::MIN), high.min(f32::MAX));
            Some(Activation::Clip(low.min(high), high))
        }
        _ => None,
    };
    if let Some(activates) = activates {
        return Ok(activation(importer, node, &data, activates));
    }
    let op = match op {
        Unary::Neg => {
            let whole = importer.whole(node, &data);
            let count = len(importer.net.shape(whole.id));
            let (scale, shift) = (vec![-1.0; count], vec![0.0; count]);
            return Ok(affine(importer, node, &whole, scale, shift));
        }
        Unary::Exp => MapOp::Exp,
        Unary::Log => MapOp::Log,
        Unary::Sqrt => MapOp::Sqrt,
        Unary::Reciprocal => MapOp::Reciprocal,
        Unary::Erf => MapOp::Erf,
        Unary::Sin => MapOp::Sin,
        Unary::Cos => MapOp::Cos,
        Unary::Atan => MapOp::Atan,
        Unary::Abs => MapOp::Abs,
        Unary::Floor => MapOp::Floor,
        Unary::Ceil => MapOp::Ceil,
        Unary::Round => MapOp::Round,
        Unary::Sign => MapOp::Sign,
        _ => MapOp::Not,
    };
    instruction(importer, node, op, &[Operand::Tensor(data)])
}

/// Between types: everything is f32 on the device.
pub(super) fn cast(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    to: DType,
) -> Result<PlacedTensor, CompileError> {
    let data = importer.data(node, 0)?;
    let from = node.value(0).map_or(DType::F32, |value| value.dtype);
    match (from, to) {
        (DType::F32, DType::I64) => {
            instruction(importer, node, MapOp::Trunc, &[Operand::Tensor(data)])
        }
        (DType::F32 | DType::I64, DType::Bool) => {
            let program = vec![
                Instruction::new(MapOp::Equal, [Source::Operand(0), Source::Constant(0.0)]),
                Instruction::new(MapOp::Not, [Source::Result(0)]),
            ];
            map(importer, node, &[Operand::Tensor(data)], program)
        }
        _ => Ok(data),
    }
}

pub(super) fn select(
    importer: &mut Importer,
    node: &NodeReader<'_>,
) -> Result<PlacedTensor, CompileError> {
    let operands = importer.operands(node)?;
    instruction(importer, node, MapOp::Select, &operands)
}

/// The elements of a constant broadcast against `data`: one for each element of the value, in the
/// value's order. The tensor's dimensions become those of the result. `None` where the constant
/// repeats the value.
fn broadcast_over(
    importer: &Importer,
    data: &mut PlacedTensor,
    dims: &[usize],
    floats: &[f32],
) -> Option<Vec<f32>> {
    let shape = importer.net.shape(data.id);
    let result = broadcast(&data.dims, dims)?;
    if result.iter().product::<usize>() != len(shape) {
        return None;
    }
    let mut all = vec![0.0; len(shape)];
    for (i, from) in broadcast_positions(dims, &result).enumerate() {
        all[data.order.position(shape, i)] = floats.get(from).copied().unwrap_or_default();
    }
    data.dims = result;
    Some(all)
}

fn affine(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    data: &PlacedTensor,
    scale: Vec<f32>,
    shift: Vec<f32>,
) -> PlacedTensor {
    let shape = importer.net.shape(data.id);
    let (mut scales, mut shifts) = (
        per_channel(scale.clone(), shape),
        per_channel(shift.clone(), shape),
    );
    if scales.len() != shifts.len() {
        (scales, shifts) = (scale, shift);
    }
    let op = Op::Affine {
        scale: scales,
        shift: shifts,
    };
    like(importer, node, data, op)
}

pub(super) fn binary(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    op: Binary,
) -> Result<PlacedTensor, CompileError> {
    let floats = node.value(0).is_some_and(|value| value.dtype == DType::F32);
    let operands = importer.operands(node)?;
    let [a, b] = operands.as_slice() else {
        return Err(node.refuse("it has other than two inputs"));
    };
    let fast = match (a, b) {
        (Operand::Tensor(data), Operand::Constant(dims, constant)) if floats => {
            with_constant(importer, node, op, (data, true), (dims, constant))
        }
        (Operand::Constant(dims, constant), Operand::Tensor(data)) if floats => {
            with_constant(importer, node, op, (data, false), (dims, constant))
        }
        (Operand::Tensor(a), Operand::Tensor(b)) if floats => two(importer, node, op, a, b),
        _ => None,
    };
    if let Some(made) = fast {
        return Ok(made);
    }
    let code = match op {
        Binary::Add => MapOp::Add,
        Binary::Sub => MapOp::Sub,
        Binary::Mul => MapOp::Mul,
        Binary::Div => MapOp::Div,
        Binary::Pow => MapOp::Pow,
        Binary::Max | Binary::Or => MapOp::Max,
        Binary::Min | Binary::And => MapOp::Min,
        Binary::Mod => MapOp::Mod,
        Binary::Equal | Binary::Xor => MapOp::Equal,
        Binary::Less => MapOp::Less,
    };
    let pair = [Source::Operand(0), Source::Operand(1)];
    let program = match op {
        Binary::Xor => vec![
            Instruction::new(code, pair),
            Instruction::new(MapOp::Not, [Source::Result(0)]),
        ],
        Binary::Div if !floats => vec![
            Instruction::new(code, pair),
            Instruction::new(MapOp::Trunc, [Source::Result(0)]),
        ],
        // a - b floor(a / b).
        Binary::Mod if !floats => vec![
            Instruction::new(MapOp::Div, pair),
            Instruction::new(MapOp::Floor, [Source::Result(0)]),
            Instruction::new(MapOp::Mul, [Source::Operand(1), Source::Result(1)]),
            Instruction::new(MapOp::Sub, [Source::Operand(0), Source::Result(2)]),
        ],
        _ => return instruction(importer, node, code, &operands),
    };
    map(importer, node, &operands, program)
}

/// Scaled and shifted by a constant; `None` where that is not what it does.
fn with_constant(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    op: Binary,
    (data, first): (&PlacedTensor, bool),
    (dims, constant): (&[usize], &[f32]),
) -> Option<PlacedTensor> {
    if !matches!(op, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div)
        || (op == Binary::Div && (!first || constant.contains(&0.0)))
        || constant.iter().any(|x| !x.is_finite())
    {
        return None;
    }
    let enlarged = broadcast(&data.dims, dims)?;
    if enlarged.iter().product::<usize>() != data.dims.iter().product::<usize>() {
        return None;
    }
    let mut data = importer.whole(node, data);
    let values = broadcast_over(importer, &mut data, dims, constant)?;
    let (ones, zeros) = (vec![1.0; values.len()], vec![0.0; values.len()]);
    let turned = |values: &[f32]| -> Vec<f32> { values.iter().map(|x| -x).collect() };
    let (scale, shift) = match (op, first) {
        (Binary::Add, _) => (ones, values),
        (Binary::Sub, true) => (ones, turned(&values)),
        (Binary::Sub, false) => (turned(&ones), values),
        (Binary::Mul, _) => (values, zeros),
        _ => (values.iter().map(|x| 1.0 / x).collect(), zeros),
    };
    Some(affine(importer, node, &data, scale, shift))
}

/// Both are computed, and one has all elements of the result; `None` where no layer of its own does
/// it.
fn two(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    op: Binary,
    a: &PlacedTensor,
    b: &PlacedTensor,
) -> Option<PlacedTensor> {
    let kind = match op {
        Binary::Add => BinaryKind::Add,
        Binary::Sub => BinaryKind::Sub,
        Binary::Mul => BinaryKind::Mul,
        _ => return None,
    };
    let reversed = match kind {
        BinaryKind::Sub => BinaryKind::ReverseSub,
        kind => kind,
    };
    let size = |data: &PlacedTensor| data.dims.iter().product::<usize>();
    // The larger one first.
    let (large, small, kind) = match size(a) >= size(b) {
        true => (a, b, kind),
        false => (b, a, reversed),
    };
    let result = broadcast(&large.dims, &small.dims)?;
    if result.iter().product::<usize>() != size(large) {
        return None;
    }
    let how = |importer: &Importer, large: &PlacedTensor, small: &PlacedTensor| {
        let (shape, few) = (importer.net.shape(large.id), importer.net.shape(small.id));
        if !large.is_whole(shape) || !small.is_whole(few) {
            None
        } else if size(small) == size(large) {
            (shape == few && large.order == small.order).then_some(Broadcast::Same)
        } else {
            by_channel(importer, large, small, &result).then_some(Broadcast::Channel)
        }
    };
    let (mut large, mut small) = (large.clone(), small.clone());
    let mut found = how(importer, &large, &small);
    if found.is_none() && large.dims.len() == 4 {
        // Images are moved to where convolutions want them anyway.
        let one_each = size(&small) != size(&large);
        if let Some(map) = large.map(&mut importer.net, &node.label()) {
            let other = match one_each {
                true => Some(small.vector(&mut importer.net, &node.label())),
                false => small.map(&mut importer.net, &node.label()),
            };
            if let Some(other) = other {
                found = how(importer, &map, &other);
                if found.is_some() {
                    (large, small) = (map, other);
                }
            }
        }
    }
    let how = found?;
    let shape = importer.net.shape(large.id);
    let op = Op::Binary(kind, how);
    let id = importer
        .net
        .push(op, vec![large.id, small.id], shape, &node.label());
    Some(PlacedTensor {
        id,
        dims: result,
        order: large.order,
    })
}

/// Whether `small`, broadcast over `large`, is one element for each channel.
fn by_channel(
    importer: &Importer,
    large: &PlacedTensor,
    small: &PlacedTensor,
    dims: &[usize],
) -> bool {
    let (shape, few) = (importer.net.shape(large.id), importer.net.shape(small.id));
    let channels = shape.channels as usize;
    len(few) == channels
        && broadcast_positions(&small.dims, dims)
            .enumerate()
            .all(|(i, from)| {
                small.order.position(few, from) == large.order.position(shape, i) % channels
            })
}
