//! Operators that change or tell shapes and types.

use super::movement::{count, of_same_type};
use crate::build::Builder;
use crate::constant::{Constant, DType, Data};
use crate::error::ModelError;
use crate::graph::{Binary, ValueId};
use crate::node::{Made, OnnxNode};
use crate::shape::elements;
use crate::tensor::MAX_RANK;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let reshaped = match node.pb.op_type.as_str() {
        "Reshape" => reshape(node, b),
        "Flatten" => flatten(node, b),
        "Squeeze" => squeeze(node, b),
        "Unsqueeze" => unsqueeze(node, b),
        "Shape" => return Some(shape(node, b)),
        "Size" => return Some(size(node, b)),
        "Cast" => return Some(cast(node, b)),
        "CastLike" => return Some(cast_like(node, b)),
        _ => return None,
    };
    Some(of_same_type(node, b, reshaped))
}

fn reshape(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let x = node.input(0)?;
    let target = node.known(b, 1, "shape")?;
    let zeros = node.int("allowzero", 0)? != 0;
    let old = b.shape(x);
    let error = |expected: &str| node.shape_error(expected, (old, &target));
    let mut free = None;
    let mut made = Vec::new();
    for (i, dim) in target.iter().enumerate() {
        let size = match *dim {
            -1 if free.is_none() => {
                free = Some(i);
                Some(1)
            }
            0 if !zeros => old.get(i).copied(),
            dim => usize::try_from(dim).ok(),
        };
        made.push(size.ok_or_else(|| error("sizes of which at most one is -1"))?);
    }
    b.bounded(&made)?;
    let (all, rest) = (elements(old), elements(&made));
    if let Some(place) = free.and_then(|i| made.get_mut(i)) {
        let pair = all
            .zip(rest)
            .filter(|(all, rest)| all.checked_rem(*rest) == Some(0));
        let dim = pair.and_then(|(all, rest)| usize::try_from(all.checked_div(rest)?).ok());
        *place = dim.ok_or_else(|| error("a shape that the elements fill"))?;
    }
    if elements(&made) != all {
        return Err(error("a shape of as many elements"));
    }
    Ok(vec![b.reshape(x, &made)?])
}

fn flatten(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    let rank = b.rank(x);
    let axis = node.int("axis", 1)?;
    let axis = if axis == rank as i64 {
        rank
    } else {
        node.axis(axis, rank)?
    };
    let (before, after) = b.shape(x).split_at(axis);
    let shape = [count(before), count(after)];
    Ok(vec![b.reshape(x, &shape)?])
}

/// The axes of Squeeze and Unsqueeze: an attribute before operator set 13, then an input.
fn axes(node: &OnnxNode<'_>, b: &Builder<'_>) -> Result<Option<Vec<i64>>, ModelError> {
    let as_input = node.opset >= 13;
    node.arity(1, if as_input { 2 } else { 1 })?;
    node.list(b, 1, "axes")
}

fn squeeze(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let axes = axes(node, b)?;
    let x = node.input(0)?;
    let old = b.shape(x);
    let axes = match axes {
        Some(axes) => node.axes(&axes, old.len())?,
        None => (0..old.len())
            .filter(|axis| old.get(*axis) == Some(&1))
            .collect(),
    };
    if axes.iter().any(|axis| old.get(*axis) != Some(&1)) {
        return Err(node.shape_error("axes of size 1", (old, axes)));
    }
    let kept = old.iter().enumerate().filter(|(i, _)| !axes.contains(i));
    let shape: Vec<usize> = kept.map(|(_, dim)| *dim).collect();
    Ok(vec![b.reshape(x, &shape)?])
}

fn unsqueeze(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let axes = axes(node, b)?;
    let x = node.input(0)?;
    let axes = axes.ok_or_else(|| node.attribute_error("axes", "the axes to insert", "nothing"))?;
    let rank = b.rank(x) + axes.len();
    if rank > MAX_RANK {
        return Err(node.shape_error("at most 8 dimensions", rank));
    }
    let axes = node.axes(&axes, rank)?;
    let mut old = b.shape(x).iter();
    let shape = (0..rank).map(|i| match axes.contains(&i) {
        true => 1,
        false => old.next().copied().unwrap_or(1),
    });
    let shape: Vec<usize> = shape.collect();
    Ok(vec![b.reshape(x, &shape)?])
}

fn shape(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let all = b.shape(node.input(0)?);
    let rank = all.len() as i64;
    let at = |axis: i64| {
        let from_end = if axis < 0 { rank } else { 0 };
        axis.saturating_add(from_end).clamp(0, rank) as usize
    };
    // A part of the dimensions, from operator set 15 on.
    let part = at(node.int("start", 0)?)..at(node.int("end", rank)?);
    let dims = all.get(part).unwrap_or_default();
    let dims = dims.iter().map(|dim| *dim as i64).collect();
    Ok(vec![b.integers(dims)])
}

fn size(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let len = count(b.shape(node.input(0)?)) as i64;
    let (shape, data) = (Vec::new(), Data::I64(vec![len]));
    Ok(vec![b.constant(DType::I64, Constant { shape, data })])
}

fn cast(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let to = node.int("to", -1)?;
    let Some(dtype) = i32::try_from(to).ok().and_then(DType::of) else {
        let expected = "a type of floats, of integers of 8 to 64 bits, or bool";
        return Err(node.attribute_error("to", expected, to));
    };
    Ok(vec![cast_to(b, node.input(0)?, dtype)?])
}

/// Elements of another type, held by its canonical one: narrow integers go around, and known
/// floats are rounded to what the type holds.
fn cast_to(b: &mut Builder<'_>, x: ValueId, dtype: DType) -> Result<ValueId, ModelError> {
    let (from, declared) = (b.dtype(x), b.declared(x));
    if dtype.is_float() && from == DType::F32 && !declared.is_float() {
        // Integers that are computed as floats: from here on they are floats.
        let one = b.scalar(x, 1.0);
        return b.mul(x, one);
    }
    let made = b.cast(x, dtype)?;
    let Some(known) = b.known(made) else {
        let narrow = dtype.canonical() == DType::I64 && dtype.size() < 4;
        // Floats beyond the type's bounds are undefined, and 32 bits hold every class.
        let made = match from == DType::I64 && narrow {
            true => wrapped(b, made, dtype)?,
            false => made,
        };
        if made != x {
            b.declare(made, dtype);
        }
        return Ok(made);
    };
    let shape = known.shape.clone();
    let len = known.data.len() as u64;
    let data = match &known.data {
        Data::I64(all) if dtype == DType::Bool => Data::I64(all.clone()),
        Data::I64(all) => Data::I64(all.iter().map(|x| dtype.wrap(*x)).collect()),
        Data::F32(all) if dtype == DType::F16 => Data::F32(
            all.iter()
                .map(|x| half::f16::from_f32(*x).to_f32())
                .collect(),
        ),
        Data::F32(all) if dtype == DType::BF16 => Data::F32(
            all.iter()
                .map(|x| half::bf16::from_f32(*x).to_f32())
                .collect(),
        ),
        Data::F32(_) => return Ok(made),
    };
    b.reserve(len)?;
    Ok(b.constant(dtype, Constant { shape, data }))
}

/// The remainder that a narrow type holds.
fn wrapped(b: &mut Builder<'_>, x: ValueId, dtype: DType) -> Result<ValueId, ModelError> {
    let (low, high) = dtype.bounds();
    let above = b.with_number(Binary::Sub, x, low as f32)?;
    let rest = b.with_number(Binary::Mod, above, (high - low + 1) as f32)?;
    b.with_number(Binary::Add, rest, low as f32)
}

fn cast_like(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let (x, like) = (node.input(0)?, node.input(1)?);
    Ok(vec![cast_to(b, x, b.declared(like))?])
}
