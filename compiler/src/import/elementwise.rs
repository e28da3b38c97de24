//! Activations, arithmetic, batch normalization.

use dreamlet_onnx::Constant;
use dreamlet_onnx::graph::Binary;
use dreamlet_onnx::shape::{broadcast, broadcast_positions};
use dreamlet_runtime::engine::compiled::format::{Activation, BinaryKind, Broadcast};

use super::node::NodeReader;
use super::reader::Reader;
use super::value::{Known, PlacedTensor};
use crate::CompileError;
use crate::ir::{Op, len, per_channel};

/// A value of `data`'s shape and order, made from it alone.
fn like(reader: &mut Reader, node: &NodeReader<'_>, data: &PlacedTensor, op: Op) -> PlacedTensor {
    let shape = reader.net.shape(data.id);
    let id = reader.net.push(op, vec![data.id], shape, &node.label());
    PlacedTensor { id, ..data.clone() }
}

pub(super) fn activation(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    activation: Activation,
) -> Result<Known, CompileError> {
    let data = node.data(&reader.known, 0)?.clone();
    let made = like(reader, node, &data, Op::Activate);
    if let Some(last) = reader.net.nodes.last_mut() {
        last.activation = activation;
    }
    Ok(Known::Tensor(made))
}

/// Clip by bounds from attributes or else inputs.
pub(super) fn clip(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    [low, high]: [Option<f32>; 2],
) -> Result<Known, CompileError> {
    let bound = |at, attribute: Option<f32>| -> Result<Option<f32>, CompileError> {
        let given = node.constant(at)?;
        Ok(given.map_or(attribute, |(_, floats)| floats.first().copied()))
    };
    let low = bound(1, low)?.unwrap_or(f32::MIN);
    let high = bound(2, high)?.unwrap_or(f32::MAX);
    if low > high {
        return Err(node.refuse(format!(
            "it clips to {low} and above, and to {high} and below"
        )));
    }
    activation(reader, node, Activation::Clip(low, high))
}

/// The elements of a constant broadcast against `data`: one for each element of the value, in the
/// value's order. The tensor's dimensions become those of the result.
fn broadcast_over(
    reader: &Reader,
    node: &NodeReader<'_>,
    data: &mut PlacedTensor,
    (dims, floats): (&[usize], &[f32]),
) -> Result<Vec<f32>, CompileError> {
    let shape = reader.net.shape(data.id);
    let result =
        broadcast(&data.dims, dims).filter(|result| result.iter().product::<usize>() == len(shape));
    let Some(result) = result else {
        return Err(node.refuse(format!(
            "a constant of dimensions {dims:?} repeats a value of {:?}",
            data.dims
        )));
    };
    let mut all = vec![0.0; len(shape)];
    for (i, from) in broadcast_positions(dims, &result).enumerate() {
        all[data.order.position(shape, i)] = floats.get(from).copied().unwrap_or_default();
    }
    data.dims = result;
    Ok(all)
}

pub(super) fn batch_normalization(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    epsilon: f32,
) -> Result<Known, CompileError> {
    let mut data = node.data(&reader.known, 0)?.clone();
    let mut vectors = Vec::new();
    for at in 1..5 {
        let (_, floats) = node
            .constant(at)?
            .ok_or_else(|| node.refuse(format!("its input {at} is missing")))?;
        vectors.push(floats);
    }
    let epsilon = f64::from(epsilon);
    let (mut scale, mut shift) = (Vec::new(), Vec::new());
    // y = scale * (x - mean) / sqrt(variance + epsilon) + bias (Ioffe and Szegedy, 2015, algorithm
    // 2).
    if let [gammas, betas, means, variances] = vectors[..] {
        for (((&gamma, &beta), &mean), &variance) in
            gammas.iter().zip(betas).zip(means).zip(variances)
        {
            let factor = f64::from(gamma) / (f64::from(variance) + epsilon).sqrt();
            scale.push(factor as f32);
            shift.push((f64::from(beta) - f64::from(mean) * factor) as f32);
        }
    }
    // Along axis 1.
    let mut dims = vec![scale.len()];
    dims.resize(data.dims.len().saturating_sub(1), 1);
    let scale = broadcast_over(reader, node, &mut data, (&dims, &scale))?;
    let shift = broadcast_over(reader, node, &mut data, (&dims, &shift))?;
    Ok(affine(reader, node, &data, scale, shift))
}

fn affine(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    data: &PlacedTensor,
    scale: Vec<f32>,
    shift: Vec<f32>,
) -> Known {
    let shape = reader.net.shape(data.id);
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
    Known::Tensor(like(reader, node, data, op))
}

pub(super) fn prelu(reader: &mut Reader, node: &NodeReader<'_>) -> Result<Known, CompileError> {
    let mut data = node.data(&reader.known, 0)?.clone();
    let Some((constant, floats)) = node.constant(1)? else {
        return Err(node.refuse("its slopes are missing"));
    };
    let slopes = broadcast_over(reader, node, &mut data, (&constant.shape, floats))?;
    let first = slopes.first().copied().unwrap_or_default();
    if slopes.iter().all(|&slope| slope == first) {
        let made = like(reader, node, &data, Op::Activate);
        if let Some(last) = reader.net.nodes.last_mut() {
            last.activation = Activation::LeakyRelu(first);
        }
        return Ok(Known::Tensor(made));
    }
    let slopes = per_channel(slopes, reader.net.shape(data.id));
    Ok(Known::Tensor(like(
        reader,
        node,
        &data,
        Op::Prelu { slopes },
    )))
}

pub(super) fn binary(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    op: Binary,
) -> Result<Known, CompileError> {
    if !matches!(op, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div) {
        return Err(node.no_layer());
    }
    match (node.fixed(0), node.fixed(1)) {
        (None, Some(constant)) => with_constant(reader, node, op, 0, constant),
        (Some(constant), None) => with_constant(reader, node, op, 1, constant),
        _ => two(reader, node, op),
    }
}

/// The tensor is input `at`, the constant the other one.
fn with_constant(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    op: Binary,
    at: usize,
    constant: &Constant,
) -> Result<Known, CompileError> {
    let mut data = node.data(&reader.known, at)?.clone();
    let Some(floats) = constant.as_f32s() else {
        return Err(node.refuse("it computes with integers"));
    };
    let values = broadcast_over(reader, node, &mut data, (&constant.shape, floats))?;
    let (ones, zeros) = (vec![1.0; values.len()], vec![0.0; values.len()]);
    let turned = |values: &[f32]| -> Vec<f32> { values.iter().map(|x| -x).collect() };
    let (scale, shift) = match (op, at) {
        (Binary::Add, _) => (ones, values),
        (Binary::Sub, 0) => (ones, turned(&values)),
        (Binary::Sub, _) => (turned(&ones), values),
        (Binary::Mul, _) => (values, zeros),
        (Binary::Div, 0) if values.iter().all(|&x| x != 0.0) => {
            (values.iter().map(|x| 1.0 / x).collect(), zeros)
        }
        (Binary::Div, 0) => return Err(node.refuse("it divides by 0")),
        _ => return Err(node.refuse("it divides by a computed value")),
    };
    Ok(affine(reader, node, &data, scale, shift))
}

/// Both inputs are computed.
fn two(reader: &mut Reader, node: &NodeReader<'_>, op: Binary) -> Result<Known, CompileError> {
    let kind = match op {
        Binary::Add => BinaryKind::Add,
        Binary::Sub => BinaryKind::Sub,
        Binary::Mul => BinaryKind::Mul,
        _ => return Err(node.refuse("it divides by a computed value")),
    };
    let reversed = if kind == BinaryKind::Sub {
        BinaryKind::ReverseSub
    } else {
        kind
    };
    let (a, b) = (
        node.data(&reader.known, 0)?.clone(),
        node.data(&reader.known, 1)?.clone(),
    );
    let size = |data: &PlacedTensor| data.dims.iter().product::<usize>();
    // The larger one first, with the position of each among the inputs.
    let (mut large, mut small, kind, inputs) = if size(&a) >= size(&b) {
        (a, b, kind, [0, 1])
    } else {
        (b, a, reversed, [1, 0])
    };
    let result = broadcast(&large.dims, &small.dims)
        .filter(|result| result.iter().product::<usize>() == size(&large));
    let Some(result) = result else {
        return Err(node.refuse(format!(
            "values of {:?} and {:?} repeat each other",
            large.dims, small.dims
        )));
    };
    let how = if size(&small) == size(&large) {
        let alike = |large: &PlacedTensor, small: &PlacedTensor, reader: &Reader| {
            reader.net.shape(large.id) == reader.net.shape(small.id) && large.order == small.order
        };
        if !alike(&large, &small, reader) {
            large = canonical(reader, node, inputs[0])?;
            small = canonical(reader, node, inputs[1])?;
        }
        if !alike(&large, &small, reader) {
            return Err(node.refuse(format!(
                "values of {:?} and {:?} lie in memory in different orders",
                large.dims, small.dims
            )));
        }
        Broadcast::Same
    } else {
        if !by_channel(reader, &large, &small, &result) {
            large = canonical(reader, node, inputs[0])?;
            small = reader.vector(node, inputs[1])?.0;
        }
        if !by_channel(reader, &large, &small, &result) {
            return Err(node.refuse(format!(
                "a value of {:?} is repeated over one of {:?}; only one element for each channel can be",
                small.dims, large.dims
            )));
        }
        Broadcast::Channel
    };
    let shape = reader.net.shape(large.id);
    let op = Op::Binary(kind, how);
    let id = reader
        .net
        .push(op, vec![large.id, small.id], shape, &node.label());
    Ok(Known::Tensor(PlacedTensor {
        id,
        dims: result,
        order: large.order,
    }))
}

/// Input `at` in the order that its number of dimensions suggests.
fn canonical(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    at: usize,
) -> Result<PlacedTensor, CompileError> {
    if node.data(&reader.known, at)?.dims.len() == 4 {
        reader.map(node, at).map(|(data, _)| data)
    } else {
        reader.vector(node, at).map(|(data, _)| data)
    }
}

/// Whether `small`, broadcast over `large`, is one element for each channel.
fn by_channel(reader: &Reader, large: &PlacedTensor, small: &PlacedTensor, dims: &[usize]) -> bool {
    let (shape, few) = (reader.net.shape(large.id), reader.net.shape(small.id));
    let channels = shape.channels as usize;
    len(few) == channels
        && broadcast_positions(&small.dims, dims)
            .enumerate()
            .all(|(i, from)| {
                small.order.position(few, from) == large.order.position(shape, i) % channels
            })
}
