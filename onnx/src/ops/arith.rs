//! Element-wise operators and normalizations.

use super::Outcome;
use crate::error::ModelError;
use crate::node::Node;
use crate::tensor::{Type, Value};

/// The shape of two values broadcast against each other, if they can be.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], i: usize| {
        (i + shape.len())
            .checked_sub(rank)
            .and_then(|i| shape.get(i))
            .copied()
    };
    (0..rank)
        .map(|i| match (at(a, i).unwrap_or(1), at(b, i).unwrap_or(1)) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        })
        .collect()
}

/// The one float type of the inputs numbered, as far as they are given.
pub(super) fn same_float(node: &Node<'_>, inputs: &[usize]) -> Result<Type, ModelError> {
    let ty = node.input(0)?.ty;
    let types: Vec<Type> = inputs
        .iter()
        .filter_map(|i| node.optional(*i))
        .map(|value| value.ty)
        .collect();
    if ty.is_float() && types.iter().all(|other| *other == ty) {
        Ok(ty)
    } else {
        Err(node.shape_error("inputs of one float type", types))
    }
}

/// A vector of `len` floats for each input numbered, as far as given.
fn vectors(node: &Node<'_>, inputs: &[usize], len: usize) -> Result<(), ModelError> {
    for value in inputs.iter().filter_map(|i| node.optional(*i)) {
        if value.shape != [len] {
            return Err(node.shape_error(
                format!("one number for each of {len} channels"),
                &value.shape,
            ));
        }
    }
    Ok(())
}

fn channels(node: &Node<'_>) -> Result<usize, ModelError> {
    let shape = &node.input(0)?.shape;
    shape
        .get(1)
        .copied()
        .ok_or_else(|| node.shape_error("a value with channels", shape))
}

fn like_input(node: &Node<'_>) -> Result<Outcome, ModelError> {
    let x = node.input(0)?;
    Ok(Outcome::cheap(Value::computed(x.ty, x.shape.clone())))
}

pub(super) fn binary(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let (a, b) = (node.input(0)?, node.input(1)?);
    if a.ty != b.ty || a.ty == Type::Bool {
        return Err(node.shape_error("two values of one number type", (a.ty, b.ty)));
    }
    let Some(shape) = broadcast(&a.shape, &b.shape) else {
        return Err(node.shape_error("shapes that broadcast", (&a.shape, &b.shape)));
    };
    let mut value = Value::computed(a.ty, shape);
    if let (Some(a), Some(b)) = (&a.ints, &b.ints) {
        value.ints = integers(node, a, b)?;
    } else if node.pb.op_type == "Mod" || (node.pb.op_type == "Div" && !a.ty.is_float()) {
        // An unknown integer divisor might be 0.
        return Err(node.not_constant("divisor"));
    }
    let mut outcome = Outcome::cheap(value);
    if node.pb.op_type == "Pow" {
        outcome.work = outcome.work.saturating_mul(POWER_WORK);
    }
    Ok(outcome)
}

/// What one general power costs in multiplications: 140 ns were measured, a thousand times what other functions take.
const POWER_WORK: u64 = 4000;

/// Integer arithmetic on shapes.
fn integers(node: &Node<'_>, a: &[i64], b: &[i64]) -> Result<Option<Vec<i64>>, ModelError> {
    let len = a.len().max(b.len());
    if (a.len() != len && a.len() != 1) || (b.len() != len && b.len() != 1) {
        return Ok(None);
    }
    let pairs = a.iter().cycle().zip(b.iter().cycle()).take(len);
    let results: Option<Vec<i64>> = pairs
        .map(|(a, b)| match node.pb.op_type.as_str() {
            "Add" => a.checked_add(*b),
            "Sub" => a.checked_sub(*b),
            "Mul" => a.checked_mul(*b),
            "Div" => a.checked_div(*b),
            // By a positive number, where all definitions agree.
            "Mod" => Some(*b).filter(|b| *b > 0).map(|b| a.rem_euclid(b)),
            "Max" => Some(*a.max(b)),
            "Min" => Some(*a.min(b)),
            "Pow" => u32::try_from(*b).ok().and_then(|b| a.checked_pow(b)),
            _ => None,
        })
        .collect();
    results
        .map(Some)
        .ok_or_else(|| node.shape_error("integers that can be computed with", (a, b)))
}

/// Activations: one float input, a list of optional float attributes.
pub(super) fn unary(node: &Node<'_>, attributes: &[&str]) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    same_float(node, &[0])?;
    for attribute in attributes {
        node.float(attribute, 0.0)?;
    }
    like_input(node)
}

pub(super) fn gelu(node: &Node<'_>) -> Result<Outcome, ModelError> {
    let approximate = node.text("approximate", "none")?;
    if !matches!(approximate, "none" | "tanh") {
        return Err(node.attribute_error("approximate", "none or tanh", approximate));
    }
    unary(node, &[])
}

pub(super) fn clip(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, if node.opset >= 11 { 3 } else { 1 })?;
    same_float(node, &[0, 1, 2])?;
    if node.opset < 11 {
        node.float("min", 0.0)?;
        node.float("max", 0.0)?;
    }
    for bound in [1, 2].into_iter().filter_map(|i| node.optional(i)) {
        if bound.len() != 1 {
            return Err(node.shape_error("a single number as bound", &bound.shape));
        }
        if !bound.constant {
            return Err(node.not_constant("bounds"));
        }
    }
    like_input(node)
}

pub(super) fn prelu(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    same_float(node, &[0, 1])?;
    let (x, slope) = (node.input(0)?, node.input(1)?);
    if broadcast(&x.shape, &slope.shape).as_ref() != Some(&x.shape) {
        return Err(node.shape_error("slopes that fit the value", (&x.shape, &slope.shape)));
    }
    like_input(node)
}

pub(super) fn batch_normalization(node: &Node<'_>) -> Result<Outcome, ModelError> {
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
    like_input(node)
}

pub(super) fn instance_normalization(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(3, 3)?;
    same_float(node, &[0, 1, 2])?;
    vectors(node, &[1, 2], channels(node)?)?;
    if node.input(0)?.shape.len() < 3 {
        return Err(node.shape_error("a value with places in it", &node.input(0)?.shape));
    }
    node.float("epsilon", 1e-5)?;
    like_input(node)
}

pub(super) fn softmax(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    same_float(node, &[0])?;
    let default = if node.opset >= 13 { -1 } else { 1 };
    node.axis(node.int("axis", default)?, node.input(0)?.shape.len())?;
    like_input(node)
}

pub(super) fn reduce(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 2)?;
    let ty = same_float(node, &[0])?;
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
    Ok(Outcome {
        value: Value::computed(ty, reduced),
        work,
        scratch: 0,
    })
}

pub(super) fn dropout(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 3)?;
    same_float(node, &[0])?;
    if node.optional(2).is_some() {
        return Err(node.attribute_error(
            "training_mode",
            "absent: export the network for inference",
            "given",
        ));
    }
    like_input(node)
}
