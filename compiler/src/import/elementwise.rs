//! Activations, arithmetic, batch normalization.

use dreamlet_runtime::engine::compiled::format::{Activation, BinaryKind, Broadcast};

use super::node::Node;
use super::value::{Data, Known};
use super::{Reader, dims};
use crate::CompileError;
use crate::ir::{Op, len, per_channel};
use dreamlet_onnx::graph_builder::Constant;

/// A value of `data`'s shape and order, made from it alone.
fn like(reader: &mut Reader, node: &Node<'_>, data: &Data, op: Op) -> Data {
    let shape = reader.net.shape(data.id);
    let id = reader.net.push(op, vec![data.id], shape, &node.label());
    Data { id, ..data.clone() }
}

pub(super) fn activation(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let data = node.data(&reader.known, 0)?.clone();
    let activation = match node.pb.op_type.as_str() {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::LeakyRelu(node.float("alpha", 0.01)),
        "Tanh" => Activation::Tanh,
        "Sigmoid" => Activation::Sigmoid,
        "Softplus" => Activation::Softplus,
        "Elu" => Activation::Elu(node.float("alpha", 1.0)),
        _ => clip(reader, node)?,
    };
    let made = like(reader, node, &data, Op::Activate);
    if let Some(last) = reader.net.nodes.last_mut() {
        last.activation = activation;
    }
    Ok(Known::Data(made))
}

/// The bounds of Clip: attributes before operator set 11, then inputs.
fn clip(reader: &Reader, node: &Node<'_>) -> Result<Activation, CompileError> {
    let bound = |at, name, default| -> Result<f32, CompileError> {
        if node.opset < 11 {
            return Ok(node.float(name, default));
        }
        let given = node.constant(&reader.known, at)?;
        Ok(given
            .and_then(|(_, floats)| floats.first().copied())
            .unwrap_or(default))
    };
    let (low, high) = (bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?);
    if low <= high {
        Ok(Activation::Clip(low, high))
    } else {
        Err(node.refuse(format!(
            "it clips to {low} and above, and to {high} and below"
        )))
    }
}

/// The floats of `constant` broadcast against `data`: one for each number of the value, in the value's order. The tensor's dimensions
/// become those of the result.
fn spread(
    reader: &Reader,
    node: &Node<'_>,
    data: &mut Data,
    (dims, floats): (&[usize], &[f32]),
) -> Result<Vec<f32>, CompileError> {
    let shape = reader.net.shape(data.id);
    let result = dims::broadcast(&data.dims, dims)
        .filter(|result| result.iter().product::<usize>() == len(shape));
    let Some(result) = result else {
        return Err(node.refuse(format!(
            "a constant of dimensions {dims:?} repeats a value of {:?}",
            data.dims
        )));
    };
    let mut all = vec![0.0; len(shape)];
    for (i, from) in dims::broadcast_positions(dims, &result)
        .into_iter()
        .enumerate()
    {
        all[data.order.position(shape, i)] = floats.get(from).copied().unwrap_or_default();
    }
    data.dims = result;
    Ok(all)
}

pub(super) fn batch_normalization(
    reader: &mut Reader,
    node: &Node<'_>,
) -> Result<Known, CompileError> {
    let mut data = node.data(&reader.known, 0)?.clone();
    let mut vectors = Vec::new();
    for at in 1..5 {
        let (_, floats) = node
            .constant(&reader.known, at)?
            .ok_or_else(|| node.refuse(format!("its input {at} is missing")))?;
        vectors.push(floats);
    }
    let epsilon = f64::from(node.float("epsilon", 1e-5));
    let (mut scale, mut shift) = (Vec::new(), Vec::new());
    // y = scale * (x - mean) / sqrt(variance + epsilon) + bias (Ioffe and Szegedy, 2015, algorithm 2).
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
    let scale = spread(reader, node, &mut data, (&dims, &scale))?;
    let shift = spread(reader, node, &mut data, (&dims, &shift))?;
    Ok(affine(reader, node, &data, scale, shift))
}

fn affine(
    reader: &mut Reader,
    node: &Node<'_>,
    data: &Data,
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
    Known::Data(like(reader, node, data, op))
}

pub(super) fn prelu(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let mut data = node.data(&reader.known, 0)?.clone();
    let Some((constant, floats)) = node.constant(&reader.known, 1)? else {
        return Err(node.refuse("its slopes are missing"));
    };
    let slopes = spread(reader, node, &mut data, (&constant.shape, floats))?;
    let first = slopes.first().copied().unwrap_or_default();
    if slopes.iter().all(|&slope| slope == first) {
        let made = like(reader, node, &data, Op::Activate);
        if let Some(last) = reader.net.nodes.last_mut() {
            last.activation = Activation::LeakyRelu(first);
        }
        return Ok(Known::Data(made));
    }
    let slopes = per_channel(slopes, reader.net.shape(data.id));
    Ok(Known::Data(like(reader, node, &data, Op::Prelu { slopes })))
}

pub(super) fn binary(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let constant = |at| match node.optional(&reader.known, at) {
        Some(Known::Constant(constant)) => Some(constant.clone()),
        _ => None,
    };
    match (constant(0), constant(1)) {
        (None, Some(constant)) => with_constant(reader, node, 0, &constant),
        (Some(constant), None) => with_constant(reader, node, 1, &constant),
        _ => two(reader, node),
    }
}

/// The tensor is input `at`, the constant the other one.
fn with_constant(
    reader: &mut Reader,
    node: &Node<'_>,
    at: usize,
    constant: &Constant,
) -> Result<Known, CompileError> {
    let mut data = node.data(&reader.known, at)?.clone();
    let Some(floats) = constant.as_f32s() else {
        return Err(node.refuse("it computes with integers"));
    };
    let values = spread(reader, node, &mut data, (&constant.shape, floats))?;
    let (ones, zeros) = (vec![1.0; values.len()], vec![0.0; values.len()]);
    let turned = |values: &[f32]| -> Vec<f32> { values.iter().map(|x| -x).collect() };
    let (scale, shift) = match (node.pb.op_type.as_str(), at) {
        ("Add", _) => (ones, values),
        ("Sub", 0) => (ones, turned(&values)),
        ("Sub", _) => (turned(&ones), values),
        ("Mul", _) => (values, zeros),
        ("Div", 0) if values.iter().all(|&x| x != 0.0) => {
            (values.iter().map(|x| 1.0 / x).collect(), zeros)
        }
        ("Div", 0) => return Err(node.refuse("it divides by 0")),
        _ => return Err(node.refuse("it divides by a computed value")),
    };
    Ok(affine(reader, node, &data, scale, shift))
}

/// Both inputs are computed.
fn two(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let kind = match node.pb.op_type.as_str() {
        "Add" => BinaryKind::Add,
        "Sub" => BinaryKind::Sub,
        "Mul" => BinaryKind::Mul,
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
    let size = |data: &Data| data.dims.iter().product::<usize>();
    // The larger one first, with the place of each among the inputs.
    let (mut large, mut small, kind, places) = if size(&a) >= size(&b) {
        (a, b, kind, [0, 1])
    } else {
        (b, a, reversed, [1, 0])
    };
    let result = dims::broadcast(&large.dims, &small.dims)
        .filter(|result| result.iter().product::<usize>() == size(&large));
    let Some(result) = result else {
        return Err(node.refuse(format!(
            "values of {:?} and {:?} repeat each other",
            large.dims, small.dims
        )));
    };
    let broadcast = if size(&small) == size(&large) {
        let alike = |large: &Data, small: &Data, reader: &Reader| {
            reader.net.shape(large.id) == reader.net.shape(small.id) && large.order == small.order
        };
        if !alike(&large, &small, reader) {
            large = canonical(reader, node, places[0])?;
            small = canonical(reader, node, places[1])?;
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
            large = canonical(reader, node, places[0])?;
            small = reader.vector(node, places[1])?.0;
        }
        if !by_channel(reader, &large, &small, &result) {
            return Err(node.refuse(format!(
                "a value of {:?} is repeated over one of {:?}; only one number for each channel can be",
                small.dims, large.dims
            )));
        }
        Broadcast::Channel
    };
    let shape = reader.net.shape(large.id);
    let op = Op::Binary(kind, broadcast);
    let id = reader
        .net
        .push(op, vec![large.id, small.id], shape, &node.label());
    Ok(Known::Data(Data {
        id,
        dims: result,
        order: large.order,
    }))
}

/// Input `at` in the order that its number of dimensions suggests.
fn canonical(reader: &mut Reader, node: &Node<'_>, at: usize) -> Result<Data, CompileError> {
    if node.data(&reader.known, at)?.dims.len() == 4 {
        reader.map(node, at).map(|(data, _)| data)
    } else {
        reader.vector(node, at).map(|(data, _)| data)
    }
}

/// Whether `small`, broadcast over `large`, is one number for each channel.
fn by_channel(reader: &Reader, large: &Data, small: &Data, dims: &[usize]) -> bool {
    let (shape, few) = (reader.net.shape(large.id), reader.net.shape(small.id));
    let channels = shape.channels as usize;
    len(few) == channels
        && dims::broadcast_positions(&small.dims, dims)
            .into_iter()
            .enumerate()
            .all(|(i, from)| {
                small.order.position(few, from) == large.order.position(shape, i) % channels
            })
}
