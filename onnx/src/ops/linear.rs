//! Matrix products.

use super::arith::same_float;
use super::outcome::Outcome;
use crate::error::ModelError;
use crate::graph::{Op, Value};
use crate::node_check::NodeCheck;
use crate::shape::{broadcast, elements};

pub(super) fn gemm(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 3)?;
    let (a, b) = (node.input(0)?, node.input(1)?);
    let dtype = same_float(node, &[0, 1, 2])?;
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    let trans_a = node.int("transA", 0)? != 0;
    let trans_b = node.int("transB", 0)? != 0;
    let matrix = |value: &Value, transposed: bool| match (value.shape.as_slice(), transposed) {
        ([rows, columns], false) | ([columns, rows], true) => Ok((*rows, *columns)),
        _ => Err(node.shape_error("two matrices", &value.shape)),
    };
    let (rows, inner) = matrix(a, trans_a)?;
    let (inner_b, columns) = matrix(b, trans_b)?;
    if inner != inner_b {
        return Err(node.shape_error("matrices that multiply", (&a.shape, &b.shape)));
    }
    let out = vec![rows, columns];
    if let Some(bias) = node.optional(2)
        && broadcast(&bias.shape, &out).as_ref() != Some(&out)
    {
        return Err(node.shape_error("a bias that fits the product", (&bias.shape, &out)));
    }
    let value = Value::computed(dtype, out);
    let work = value.len().saturating_mul(inner as u64);
    let op = Op::Gemm {
        alpha,
        beta,
        trans_a,
        trans_b,
    };
    Ok(Outcome::of_work(op, value, work))
}

pub(super) fn matmul(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let (a, b) = (node.input(0)?, node.input(1)?);
    let dtype = same_float(node, &[0, 1])?;
    let (Some((inner, rest_a)), Some((columns, rest_b))) =
        (a.shape.split_last(), b.shape.split_last())
    else {
        return Err(node.shape_error("two matrices", (&a.shape, &b.shape)));
    };
    let (Some((rows, batch_a)), Some((inner_b, batch_b))) =
        (rest_a.split_last(), rest_b.split_last())
    else {
        return Err(node.shape_error("two matrices", (&a.shape, &b.shape)));
    };
    let batch = broadcast(batch_a, batch_b).filter(|_| inner == inner_b);
    let Some(mut out) = batch else {
        return Err(node.shape_error("matrices that multiply", (&a.shape, &b.shape)));
    };
    out.extend([*rows, *columns]);
    let work = elements(&out)
        .unwrap_or(u64::MAX)
        .saturating_mul(*inner as u64);
    Ok(Outcome::of_work(
        Op::MatMul,
        Value::computed(dtype, out),
        work,
    ))
}
