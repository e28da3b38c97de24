//! Element-wise operators and normalizations.

use super::outcome::Outcome;
use crate::constant::DType;
use crate::error::ModelError;
use crate::fold;
use crate::graph::{Binary, Op, Value};
use crate::node_check::NodeCheck;
use crate::shape::broadcast;
use crate::tensor::MAX_KNOWN;

/// The one float type of these inputs, as far as they are given.
pub(super) fn same_float(node: &NodeCheck<'_>, inputs: &[usize]) -> Result<DType, ModelError> {
    let dtype = node.input(0)?.dtype;
    let types: Vec<DType> = inputs
        .iter()
        .filter_map(|i| node.optional(*i))
        .map(|value| value.dtype)
        .collect();
    if dtype.is_float() && types.iter().all(|other| *other == dtype) {
        Ok(dtype)
    } else {
        Err(node.shape_error("inputs of one float type", types))
    }
}

/// A vector of `len` elements for each of these inputs, as far as given.
fn vectors(node: &NodeCheck<'_>, inputs: &[usize], len: usize) -> Result<(), ModelError> {
    for value in inputs.iter().filter_map(|i| node.optional(*i)) {
        if value.shape != [len] {
            return Err(node.shape_error(
                format!("one element for each of {len} channels"),
                &value.shape,
            ));
        }
    }
    Ok(())
}

fn channels(node: &NodeCheck<'_>) -> Result<usize, ModelError> {
    let shape = &node.input(0)?.shape;
    shape
        .get(1)
        .copied()
        .ok_or_else(|| node.shape_error("a value with channels", shape))
}

fn like_input(node: &NodeCheck<'_>, op: Op) -> Result<Outcome, ModelError> {
    let x = node.input(0)?;
    Ok(Outcome::cheap(
        op,
        Value::computed(x.dtype, x.shape.clone()),
    ))
}

pub(super) fn binary(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let (a, b) = (node.input(0)?, node.input(1)?);
    if a.dtype != b.dtype || a.dtype == DType::Bool {
        return Err(node.shape_error("two values of one numeric type", (a.dtype, b.dtype)));
    }
    let Some(shape) = broadcast(&a.shape, &b.shape) else {
        return Err(node.shape_error("shapes that broadcast", (&a.shape, &b.shape)));
    };
    let mut value = Value::computed(a.dtype, shape);
    let op = Op::binary(&node.pb.op_type).unwrap_or(Op::Other);
    if let (Some(x), Some(y)) = (a.ints(), b.ints())
        && value.len() <= MAX_KNOWN
    {
        let inputs: Vec<_> = a.constant.iter().chain(&b.constant).collect();
        let error = || node.shape_error("integers that can be computed with", (x, y));
        value.constant = Some(fold::evaluate(&op, &inputs).ok_or_else(error)?);
    } else if op == Op::Binary(Binary::Mod)
        || (op == Op::Binary(Binary::Div) && !a.dtype.is_float())
    {
        // An unknown integer divisor might be 0.
        return Err(node.not_constant("divisor"));
    }
    let power = op == Op::Binary(Binary::Pow);
    let mut outcome = Outcome::cheap(op, value);
    if power {
        outcome.work = outcome.work.saturating_mul(POWER_WORK);
    }
    Ok(outcome)
}

/// What one general power costs in multiplications: 140 ns were measured, a thousand times what
/// other functions take.
const POWER_WORK: u64 = 4000;

/// Activations: one float input, a list of optional float attributes with their defaults.
pub(super) fn unary(
    node: &NodeCheck<'_>,
    attributes: &[(&str, f32)],
) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    same_float(node, &[0])?;
    let mut values = Vec::new();
    for (attribute, default) in attributes {
        values.push(node.float(attribute, *default)?);
    }
    let alpha = values.first().copied().unwrap_or_default();
    like_input(
        node,
        Op::unary(&node.pb.op_type, alpha).unwrap_or(Op::Other),
    )
}

pub(super) fn gelu(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    let approximate = node.text("approximate", "none")?;
    if !matches!(approximate, "none" | "tanh") {
        return Err(node.attribute_error("approximate", "none or tanh", approximate));
    }
    unary(node, &[])
}

pub(super) fn clip(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, if node.opset >= 11 { 3 } else { 1 })?;
    same_float(node, &[0, 1, 2])?;
    let attribute = |name| match node.opset < 11 && node.has(name) {
        true => node.float(name, 0.0).map(Some),
        false => Ok(None),
    };
    let (low, high) = (attribute("min")?, attribute("max")?);
    for bound in [1, 2].into_iter().filter_map(|i| node.optional(i)) {
        if bound.len() != 1 {
            return Err(node.shape_error("a single element as bound", &bound.shape));
        }
        if !bound.fixed {
            return Err(node.not_constant("bounds"));
        }
    }
    like_input(node, Op::Clip { low, high })
}

pub(super) fn prelu(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    same_float(node, &[0, 1])?;
    let (x, slope) = (node.input(0)?, node.input(1)?);
    if broadcast(&x.shape, &slope.shape).as_ref() != Some(&x.shape) {
        return Err(node.shape_error("slopes that fit the value", (&x.shape, &slope.shape)));
    }
    like_input(node, Op::PRelu)
}

pub(super) fn batch_normalization(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(5, 5)?;
    same_float(node, &[0, 1, 2, 3, 4])?;
    vectors(node, &[1, 2, 3, 4], channels(node)?)?;
    let epsilon = node.float("epsilon", 1e-5)?;
    if epsilon <= 0.0 {
        return Err(node.attribute_error("epsilon", "a positive number", epsilon));
    }
    node.float("momentum", 0.9)?;
    for (attribute, default) in [("spatial", 1), ("training_mode", 0)] {
        let found = node.int(attribute, default)?;
        if found != default {
            return Err(node.attribute_error(
                attribute,
                "that of a network exported for inference",
                found,
            ));
        }
    }
    like_input(node, Op::BatchNormalization { epsilon })
}

pub(super) fn instance_normalization(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(3, 3)?;
    same_float(node, &[0, 1, 2])?;
    vectors(node, &[1, 2], channels(node)?)?;
    if node.input(0)?.shape.len() < 3 {
        return Err(node.shape_error("a value with rows", &node.input(0)?.shape));
    }
    node.float("epsilon", 1e-5)?;
    like_input(node, Op::Other)
}

pub(super) fn softmax(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    same_float(node, &[0])?;
    let default = if node.opset >= 13 { -1 } else { 1 };
    node.axis(node.int("axis", default)?, node.input(0)?.shape.len())?;
    like_input(node, Op::Other)
}

pub(super) fn reduce(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 2)?;
    let dtype = same_float(node, &[0])?;
    let shape = &node.input(0)?.shape;
    let given = match node.optional(1) {
        Some(_) => Some(node.known(1, "axes")?),
        None => node.ints("axes")?,
    };
    if given.is_none_or(<[i64]>::is_empty) {
        return Err(node.attribute_error("axes", "the axes to reduce, named", "all or none"));
    }
    if node.int("noop_with_empty_axes", 0)? != 0 {
        return Err(node.attribute_error("noop_with_empty_axes", "0", 1));
    }
    let axes = node.axes(given.unwrap_or_default(), shape.len())?;
    let keep = node.int("keepdims", 1)? != 0;
    let reduced = shape
        .iter()
        .enumerate()
        .filter(|(i, _)| keep || !axes.contains(i));
    let reduced = reduced
        .map(|(i, dim)| if axes.contains(&i) { 1 } else { *dim })
        .collect();
    let work = node.input(0)?.len();
    Ok(Outcome::of_work(
        Op::Other,
        Value::computed(dtype, reduced),
        work,
    ))
}

pub(super) fn dropout(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 3)?;
    same_float(node, &[0])?;
    if node.optional(2).is_some() {
        return Err(node.attribute_error(
            "training_mode",
            "absent: export the network for inference",
            "given",
        ));
    }
    like_input(node, Op::Identity)
}
