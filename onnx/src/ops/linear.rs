//! Products of matrices.

use super::arithmetic::ValueResult;
use super::{attention, einsum};
use crate::build::Builder;
use crate::graph::{Binary, ValueId};
use crate::node::{Made, OnnxNode};
use crate::shape::broadcast;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "Gemm" => gemm(node, b),
        "MatMul" => matmul(node, b),
        "Einsum" => einsum::einsum(node, b),
        _ => return attention::translate(node, b),
    };
    Some(made.map(|id| vec![id]))
}

/// `alpha A B + beta C`. A factor goes into what is constant, if it can.
fn gemm(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 3)?;
    node.floats_only(b, &[0, 1, 2])?;
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    let matrix = |b: &mut Builder<'_>, index, transposed| {
        let id = node.input(index)?;
        if b.rank(id) != 2 {
            return Err(node.shape_error("two matrices", b.shape(id)));
        }
        match node.int(transposed, 0)? {
            0 => Ok(id),
            _ => b.transposed(id),
        }
    };
    let (x, mut y) = (matrix(b, 0, "transA")?, matrix(b, 1, "transB")?);
    if b.dim(x, 1) != b.dim(y, 0) {
        return Err(node.shape_error("matrices that multiply", (b.shape(x), b.shape(y))));
    }
    let shape = [b.dim(x, 0), b.dim(y, 1)];
    let scaled_first = b.known(y).is_some();
    if scaled_first {
        y = b.with_number(Binary::Mul, y, alpha)?;
    }
    let mut made = b.matmul(x, y)?;
    if !scaled_first {
        made = b.with_number(Binary::Mul, made, alpha)?;
    }
    let Some(bias) = node.optional(2) else {
        return Ok(made);
    };
    if broadcast(b.shape(bias), &shape).as_deref() != Some(&shape) {
        return Err(node.shape_error("a bias that fits the product", (b.shape(bias), shape)));
    }
    let bias = b.with_number(Binary::Mul, bias, beta)?;
    b.add_to(made, bias)
}

fn matmul(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 2)?;
    node.floats_only(b, &[0, 1])?;
    let (x, y) = (node.input(0)?, node.input(1)?);
    product(node, b, x, y)
}

/// The product of two values; one of a single dimension is a row on the left, a column on the right.
pub(super) fn product(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    x: ValueId,
    y: ValueId,
) -> ValueResult {
    let shapes = (b.shape(x).to_vec(), b.shape(y).to_vec());
    let (row, column) = (shapes.0.len() == 1, shapes.1.len() == 1);
    let left = match shapes.0.as_slice() {
        &[inner] => b.reshape(x, &[1, inner])?,
        _ => x,
    };
    let right = match shapes.1.as_slice() {
        &[inner] => b.reshape(y, &[inner, 1])?,
        _ => y,
    };
    let fit = match (b.shape(left), b.shape(right)) {
        ([batch_x @ .., _, inner], [batch_y @ .., other, _]) => {
            inner == other && broadcast(batch_x, batch_y).is_some()
        }
        _ => false,
    };
    if !fit {
        return Err(node.shape_error("matrices that multiply", shapes));
    }
    let made = b.matmul(left, right)?;
    let mut shape = b.shape(made).to_vec();
    if column {
        shape.pop();
    }
    if row {
        shape.remove(shape.len().saturating_sub(if column { 1 } else { 2 }));
    }
    b.reshape(made, &shape)
}
