//! The greatest and least elements of an axis, and where they are.

use super::arithmetic::ValueResult;
use crate::build::Builder;
use crate::constant::DType;
use crate::error::ModelError;
use crate::graph::{Binary, Reduction, ValueId};
use crate::node::{Made, OnnxNode};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    Some(match node.pb.op_type.as_str() {
        "ArgMax" => place(node, b, Reduction::Max).map(|id| vec![id]),
        "ArgMin" => place(node, b, Reduction::Min).map(|id| vec![id]),
        "TopK" => top(node, b),
        _ => return None,
    })
}

/// 0, 1, 2 … along an axis, as float32: up to 2^24 these are exact.
pub(super) fn places(b: &mut Builder<'_>, axis: usize, rank: usize, size: usize) -> ValueId {
    let mut shape = vec![1; rank];
    if let Some(dim) = shape.get_mut(axis) {
        *dim = size;
    }
    b.floats(&shape, (0..size).map(|at| at as f32).collect())
}

/// Where the greatest or least element of an axis is, the first or the last of several, as float32.
pub(super) fn place_of_extreme(
    b: &mut Builder<'_>,
    x: ValueId,
    axis: usize,
    extreme: Reduction,
    last: bool,
) -> ValueResult {
    let best = b.reduce(extreme, x, &[axis])?;
    let here = b.binary(Binary::Equal, x, best)?;
    let size = b.dim(x, axis);
    let places = places(b, axis, b.rank(x), size);
    let (elsewhere, choice) = match last {
        true => (-1.0, Reduction::Max),
        false => (size as f32, Reduction::Min),
    };
    let elsewhere = b.floats(&[], vec![elsewhere]);
    let candidates = b.select(here, places, elsewhere)?;
    b.reduce(choice, candidates, &[axis])
}

fn numbers(node: &OnnxNode<'_>, b: &Builder<'_>, x: ValueId) -> Result<(), ModelError> {
    match b.dtype(x) {
        DType::Bool => Err(node.shape_error("numbers", DType::Bool)),
        _ => Ok(()),
    }
}

fn place(node: &OnnxNode<'_>, b: &mut Builder<'_>, extreme: Reduction) -> ValueResult {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    numbers(node, b, x)?;
    let axis = node.axis(node.int("axis", 0)?, b.rank(x))?;
    let last = node.int("select_last_index", 0)? != 0;
    let place = place_of_extreme(b, x, axis, extreme, last)?;
    let place = b.cast(place, DType::I64)?;
    if node.int("keepdims", 1)? != 0 {
        return Ok(place);
    }
    let mut shape = b.shape(place).to_vec();
    shape.remove(axis);
    b.reshape(place, &shape)
}

/// Most elements that are picked from computed values: each costs a search.
const MOST_PICKED: i64 = 32;

/// The greatest or least elements: the best, then the best of the rest.
fn top(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(if node.opset >= 10 { 2 } else { 1 }, 2)?;
    let x = node.input(0)?;
    numbers(node, b, x)?;
    let axis = node.axis(node.int("axis", -1)?, b.rank(x))?;
    let count = match node.opset >= 10 {
        true => match node.known(b, 1, "K")?.as_slice() {
            &[count] => count,
            all => return Err(node.shape_error("a single K", all)),
        },
        false => node.int("k", -1)?,
    };
    if !usize::try_from(count).is_ok_and(|count| (1..=b.dim(x, axis)).contains(&count)) {
        let found = (count, b.shape(x));
        return Err(node.shape_error("K from 1 to the size of the axis", found));
    }
    if count > MOST_PICKED {
        return Err(node.shape_error(format!("K of at most {MOST_PICKED}"), count));
    }
    let (extreme, worst, least) = match node.int("largest", 1)? != 0 {
        true => (Reduction::Max, f32::NEG_INFINITY, i64::MIN),
        false => (Reduction::Min, f32::INFINITY, i64::MAX),
    };
    let mut rest = x;
    let worst = match b.dtype(x) {
        DType::F32 => b.floats(&[], vec![worst]),
        _ => {
            let least = b.integers(vec![least]);
            b.reshape(least, &[])?
        }
    };
    let all = places(b, axis, b.rank(x), b.dim(x, axis));
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for picked in 0..count {
        let index = place_of_extreme(b, rest, axis, extreme, false)?;
        values.push(b.reduce(extreme, rest, &[axis])?);
        indices.push(index);
        if picked + 1 < count {
            let here = b.binary(Binary::Equal, all, index)?;
            rest = b.select(here, worst, rest)?;
        }
    }
    let (values, indices) = (b.concat(&values, axis)?, b.concat(&indices, axis)?);
    Ok(vec![values, b.cast(indices, DType::I64)?])
}
