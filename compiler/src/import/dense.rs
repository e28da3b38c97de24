//! Matrix products.

use dreamlet_onnx::shape::broadcast_positions;
use dreamlet_runtime::engine::compiled::format::HwcShape;

use super::node::NodeReader;
use super::reader::Reader;
use super::value::{Known, Order, PlacedTensor};
use crate::CompileError;
use crate::ir::Op;

pub(super) fn gemm(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    [alpha, beta]: [f32; 2],
    [trans_a, trans_b]: [bool; 2],
) -> Result<Known, CompileError> {
    let input = node.data(&reader.known, 0)?;
    let rows = input.dims.get(usize::from(trans_a));
    if rows != Some(&1) {
        return Err(node.refuse(format!(
            "it multiplies a matrix of dimensions {:?}, for one image only a vector is",
            input.dims
        )));
    }
    let (mut weights, outputs) = matrix(node, trans_b)?;
    for weight in &mut weights {
        *weight *= alpha;
    }
    let bias = match node.constant(2)? {
        Some((constant, floats)) => broadcast_positions(&constant.shape, &[1, outputs])
            .map(|at| beta * floats.get(at).copied().unwrap_or_default())
            .collect(),
        None => vec![0.0; outputs],
    };
    dense(reader, node, weights, bias)
}

pub(super) fn matmul(reader: &mut Reader, node: &NodeReader<'_>) -> Result<Known, CompileError> {
    let dims = &node.data(&reader.known, 0)?.dims;
    let rank = dims.len();
    if rank < 2 || dims.iter().rev().skip(1).any(|&dim| dim != 1) {
        return Err(node.refuse(format!(
            "it multiplies a matrix of dimensions {dims:?}, for one image only a vector is"
        )));
    }
    let (weights, outputs) = matrix(node, false)?;
    dense(reader, node, weights, vec![0.0; outputs])
}

/// The constant matrix of input 1 with a row for each output, and how many those are.
fn matrix(node: &NodeReader<'_>, transposed: bool) -> Result<(Vec<f32>, usize), CompileError> {
    let Some((constant, floats)) = node.constant(1)? else {
        return Err(node.refuse("its input 1 is missing"));
    };
    let (&[rows, columns], true) = (constant.shape.as_slice(), !floats.is_empty()) else {
        return Err(node.refuse(format!(
            "its weights have dimensions {:?}, a matrix was expected",
            constant.shape
        )));
    };
    if transposed {
        return Ok((floats.to_vec(), rows));
    }
    let columns_first = (0..columns).flat_map(|n| (0..rows).map(move |k| k * columns + n));
    Ok((
        columns_first
            .map(|at| floats.get(at).copied().unwrap_or_default())
            .collect(),
        columns,
    ))
}

fn dense(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    weights: Vec<f32>,
    bias: Vec<f32>,
) -> Result<Known, CompileError> {
    let (input, length) = reader.vector(node, 0)?;
    if length.checked_mul(bias.len()) != Some(weights.len()) {
        return Err(node.refuse(format!(
            "{} weights do not go with {length} inputs and {} outputs",
            weights.len(),
            bias.len()
        )));
    }
    let shape = HwcShape::vector(u32::try_from(bias.len()).unwrap_or(u32::MAX));
    let op = Op::Dense { weights, bias };
    Ok(Known::Tensor(PlacedTensor {
        id: reader.net.push(op, vec![input.id], shape, &node.label()),
        dims: node.shape(),
        order: Order::Same,
    }))
}
