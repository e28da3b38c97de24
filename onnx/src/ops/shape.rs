//! Operators that change or tell shapes.

use super::outcome::Outcome;
use crate::constant::{Constant, DType, Data};
use crate::error::ModelError;
use crate::graph::{Op, Value};
use crate::node_check::NodeCheck;
use crate::shape::{broadcast, elements};
use crate::tensor;

/// The value with another shape and the same elements.
fn reshaped(x: &Value, shape: Vec<usize>) -> Outcome {
    let value = Value::computed(x.dtype, shape.clone());
    Outcome::of_work(Op::Reshape(shape), value, 0)
}

pub(super) fn reshape(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let x = node.input(0)?;
    let target = node.known(1, "shape")?;
    if node.int("allowzero", 0)? != 0 && target.contains(&0) {
        return Err(node.attribute_error("allowzero", "0", 1));
    }
    let mut free = None;
    let mut shape = Vec::new();
    for (i, dim) in target.iter().enumerate() {
        shape.push(match *dim {
            -1 if free.is_none() => {
                free = Some(i);
                Some(1)
            }
            0 => x.shape.get(i).copied(),
            dim => usize::try_from(dim).ok(),
        });
    }
    let mut shape = node.bounded(shape)?;
    let rest = elements(&shape).filter(|rest| *rest > 0);
    if let Some(place) = free.and_then(|i| shape.get_mut(i)) {
        let fits = rest
            .filter(|rest| x.len() % rest == 0)
            .map(|rest| x.len() / rest);
        *place = fits
            .and_then(|dim| usize::try_from(dim).ok())
            .ok_or_else(|| {
                node.shape_error("a shape that the elements fill", (&x.shape, target))
            })?;
    }
    let checked = node.bounded(shape.into_iter().map(Some).collect())?;
    if elements(&checked) != Some(x.len()) {
        return Err(node.shape_error("a shape of as many elements", (&x.shape, target)));
    }
    Ok(reshaped(x, checked))
}

pub(super) fn flatten(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    let axis = node.int("axis", 1)?;
    let axis = if axis == x.shape.len() as i64 {
        x.shape.len()
    } else {
        node.axis(axis, x.shape.len())?
    };
    let (before, after) = x.shape.split_at(axis);
    let product = |dims| elements(dims).and_then(|n| usize::try_from(n).ok());
    Ok(reshaped(
        x,
        node.bounded(vec![product(before), product(after)])?,
    ))
}

/// The axes of Squeeze and Unsqueeze: an attribute before operator set 13, then an input.
fn axes<'a>(node: &NodeCheck<'a>) -> Result<Option<&'a [i64]>, ModelError> {
    if node.opset < 13 {
        node.arity(1, 1)?;
        return node.ints("axes");
    }
    node.arity(1, 2)?;
    match node.optional(1) {
        Some(_) => node.known(1, "axes").map(Some),
        None => Ok(None),
    }
}

pub(super) fn squeeze(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    let x = node.input(0)?;
    let Some(axes) = axes(node)? else {
        return Err(node.attribute_error("axes", "the axes to squeeze, named", "all"));
    };
    let axes = node.axes(axes, x.shape.len())?;
    if axes.iter().any(|axis| x.shape.get(*axis) != Some(&1)) {
        return Err(node.shape_error("axes of size 1", (&x.shape, axes)));
    }
    let kept = x
        .shape
        .iter()
        .enumerate()
        .filter(|(i, _)| !axes.contains(i));
    Ok(reshaped(x, kept.map(|(_, dim)| *dim).collect()))
}

pub(super) fn unsqueeze(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    let x = node.input(0)?;
    let axes =
        axes(node)?.ok_or_else(|| node.attribute_error("axes", "the axes to insert", "nothing"))?;
    let rank = x.shape.len() + axes.len();
    if rank > tensor::MAX_RANK {
        return Err(node.shape_error("at most 8 dimensions", rank));
    }
    let axes = node.axes(axes, rank)?;
    let mut old = x.shape.iter();
    let shape = (0..rank)
        .map(|i| {
            if axes.contains(&i) {
                Some(1)
            } else {
                old.next().copied()
            }
        })
        .collect();
    Ok(reshaped(x, node.bounded(shape)?))
}

pub(super) fn expand(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let x = node.input(0)?;
    let target = node.known(1, "shape")?;
    let target = node.bounded(
        target
            .iter()
            .map(|dim| usize::try_from(*dim).ok())
            .collect(),
    )?;
    let Some(shape) = broadcast(&x.shape, &target) else {
        return Err(node.shape_error("a shape to broadcast to", (&x.shape, target)));
    };
    let value = Value::computed(x.dtype, shape.clone());
    Ok(Outcome::cheap(Op::Expand(shape), value))
}

pub(super) fn shape(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let all = &node.input(0)?.shape;
    let rank = all.len() as i64;
    let at = |axis: i64| {
        let axis = if axis < 0 {
            axis.saturating_add(rank)
        } else {
            axis
        };
        axis.clamp(0, rank) as usize
    };
    // A part of the dimensions, from operator set 15 on.
    let part = at(node.int("start", 0)?)..at(node.int("end", rank)?);
    let dims = all.get(part).unwrap_or_default();
    let dims: Vec<i64> = dims.iter().map(|dim| *dim as i64).collect();
    if dims.is_empty() {
        return Err(node.shape_error("a value with dimensions", dims));
    }
    let value = Value::known(DType::I64, Constant::i64s(dims));
    Ok(Outcome::cheap(Op::Constant, value))
}

pub(super) fn constant(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(0, 0)?;
    if node.pb.attribute.len() != 1 {
        return Err(node.attribute_error("value", "the only attribute", node.pb.attribute.len()));
    }
    let value = if let Some(tensor) = node.tensor("value")? {
        tensor::load(tensor, &node.name())?
    } else if node.has("value_int") {
        let data = Data::I64(vec![node.int("value_int", 0)?]);
        let shape = Vec::new();
        Value::known(DType::I64, Constant { shape, data })
    } else if let Some(ints) = node.ints("value_ints")? {
        Value::known(DType::I64, Constant::i64s(ints.to_vec()))
    } else if node.has("value_float") {
        let float = vec![node.float("value_float", 0.0)?];
        Value::known(DType::F32, Constant::f32s(Vec::new(), float))
    } else {
        let found = node
            .pb
            .attribute
            .first()
            .map_or("", |attribute| attribute.name.as_str());
        return Err(node.attribute_error(
            "value",
            "value, value_int, value_ints or value_float",
            found,
        ));
    };
    if value.len() == 0 && value.shape != [0] {
        return Err(node.shape_error("a constant with elements", &value.shape));
    }
    Ok(Outcome::of_work(Op::Constant, value, 0))
}

pub(super) fn constant_of_shape(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let target = node.known(0, "shape")?;
    let shape = node.bounded(
        target
            .iter()
            .map(|dim| usize::try_from(*dim).ok())
            .collect(),
    )?;
    let (dtype, fill) = match node.tensor("value")? {
        Some(tensor) => {
            let value = tensor::load(tensor, &node.name())?;
            if value.len() != 1 {
                let found = format!("{:?}", value.shape);
                return Err(node.attribute_error("value", "a single number", found));
            }
            (value.dtype, tensor::constant(tensor))
        }
        None => (DType::F32, Some(Constant::f32s(vec![1], vec![0.0]))),
    };
    let value = Value::computed(dtype, shape.clone());
    let op = match fill {
        Some(Constant { data: element, .. }) => Op::Fill { element, shape },
        None => Op::Other,
    };
    Ok(Outcome::cheap(op, value))
}
