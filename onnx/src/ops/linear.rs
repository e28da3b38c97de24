//! Matrix products.

use super::Outcome;
use super::arith::{broadcast, same_float};
use crate::error::ModelError;
use crate::node::Node;
use crate::tensor::{Value, elements};

pub(super) fn gemm(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 3)?;
    let (a, b) = (node.input(0)?, node.input(1)?);
    let ty = same_float(node, &[0, 1, 2])?;
    node.float("alpha", 1.0)?;
    node.float("beta", 1.0)?;
    let matrix = |value: &Value, transposed: bool| match (value.shape.as_slice(), transposed) {
        ([rows, columns], false) | ([columns, rows], true) => Ok((*rows, *columns)),
        _ => Err(node.shape_error("two matrices", &value.shape)),
    };
    let (rows, inner) = matrix(a, node.int("transA", 0)? != 0)?;
    let (inner_b, columns) = matrix(b, node.int("transB", 0)? != 0)?;
    if inner != inner_b {
        return Err(node.shape_error("matrices that multiply", (&a.shape, &b.shape)));
    }
    let out = vec![rows, columns];
    if let Some(bias) = node.optional(2)
        && broadcast(&bias.shape, &out).as_ref() != Some(&out)
    {
        return Err(node.shape_error("a bias that fits the product", (&bias.shape, &out)));
    }
    let value = Value::computed(ty, out);
    let work = value.len().saturating_mul(inner as u64);
    Ok(Outcome {
        value,
        work,
        scratch: 0,
    })
}

pub(super) fn matmul(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let (a, b) = (node.input(0)?, node.input(1)?);
    let ty = same_float(node, &[0, 1])?;
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
    Ok(Outcome {
        value: Value::computed(ty, out),
        work,
        scratch: 0,
    })
}
