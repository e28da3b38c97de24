//! Operators on bits, of known integers; running sums; triangles.

use super::arithmetic::{ValueResult, wrapped};
use crate::build::Builder;
use crate::constant::{Constant, DType, Data};
use crate::error::ModelError;
use crate::graph::{Op, ValueId};
use crate::node::{Made, OnnxNode};
use crate::shape::{broadcast, broadcast_positions};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made: ValueResult = match node.pb.op_type.as_str() {
        "BitShift" => shift(node, b),
        "BitwiseAnd" => bits(node, b, |x, y| x & y),
        "BitwiseOr" => bits(node, b, |x, y| x | y),
        "BitwiseXor" => bits(node, b, |x, y| x ^ y),
        "BitwiseNot" => complement(node, b),
        "CumSum" => running_sum(node, b),
        "Trilu" => triangle(node, b),
        _ => return None,
    };
    Some(made.map(|id| vec![id]))
}

/// The elements of an input that are known integers.
fn known<'b>(
    node: &OnnxNode<'_>,
    b: &'b Builder<'_>,
    index: usize,
) -> Result<(&'b [usize], &'b [i64]), ModelError> {
    let id = node.input(index)?;
    if b.declared(id) == DType::Bool || b.declared(id).is_float() {
        return Err(node.shape_error("integers", b.declared(id)));
    }
    let constant = b
        .known(id)
        .and_then(|constant| Some((constant, constant.as_i64s()?)));
    let (constant, data) = constant.ok_or_else(|| node.not_constant("operands"))?;
    Ok((&constant.shape, data))
}

fn bits(node: &OnnxNode<'_>, b: &mut Builder<'_>, op: fn(i64, i64) -> i64) -> ValueResult {
    node.arity(2, 2)?;
    let ((shape_x, x), (shape_y, y)) = (known(node, b, 0)?, known(node, b, 1)?);
    let Some(shape) = broadcast(shape_x, shape_y) else {
        return Err(node.shape_error("shapes that broadcast", (shape_x, shape_y)));
    };
    b.bounded(&shape)?;
    let count = crate::shape::elements(&shape).unwrap_or(u64::MAX);
    if count > MOST {
        return Err(too_many(node, count));
    }
    let left = broadcast_positions(shape_x, &shape);
    let pairs = left.zip(broadcast_positions(shape_y, &shape));
    let data: Option<Vec<i64>> = pairs
        .map(|(i, j)| Some(op(*x.get(i)?, *y.get(j)?)))
        .collect();
    let data = Data::I64(data.unwrap_or_default());
    let declared = b.declared(node.input(0)?);
    let made = b.computed(DType::I64, Constant { shape, data })?;
    Ok(wrapped(b, made, declared))
}

/// How far to shift. What is shifted out is gone.
fn amount(y: i64) -> u32 {
    u32::try_from(y).unwrap_or(u32::MAX)
}

fn shift(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let left = node.choice("direction", "", &["LEFT", "RIGHT"])?;
    match left {
        Some("LEFT") => bits(node, b, |x, y| x.checked_shl(amount(y)).unwrap_or(0)),
        // Signed types keep their sign; uint64 is as long as the integers here.
        Some(_) if b.declared(node.input(0)?) == DType::U64 => bits(node, b, |x, y| {
            (x as u64).checked_shr(amount(y)).unwrap_or(0) as i64
        }),
        Some(_) => bits(node, b, |x, y| x >> amount(y).min(63)),
        None => {
            let found = node.text("direction", "absent")?;
            Err(node.attribute_error("direction", "LEFT or RIGHT", found))
        }
    }
}

fn complement(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(1, 1)?;
    let (shape, data) = known(node, b, 0)?;
    let data = Data::I64(data.iter().map(|x| !x).collect());
    let (shape, declared) = (shape.to_vec(), b.declared(node.input(0)?));
    let made = b.computed(DType::I64, Constant { shape, data })?;
    Ok(wrapped(b, made, declared))
}

/// Most weights of a sum over an axis, and most elements that are computed here.
const MOST: u64 = 1 << 21;

fn too_many(node: &OnnxNode<'_>, found: u64) -> ModelError {
    ModelError::TooBig {
        node: node.label(),
        what: "operations on an axis",
        limit: MOST,
        found,
    }
}

/// Each element becomes a weighted sum of elements of its axis: of those in the range that `range`
/// gives for it, first and one after the last.
pub(super) fn windowed_sum(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    x: ValueId,
    axis: usize,
    range: impl Fn(usize) -> (usize, usize),
) -> ValueResult {
    let size = b.dim(x, axis);
    let ranges = (0..size).map(|at| {
        let (first, end) = range(at);
        (first, end.min(size))
    });
    let count: u64 = ranges
        .clone()
        .map(|(first, end)| end.saturating_sub(first) as u64)
        .sum();
    if count > MOST {
        return Err(too_many(node, count));
    }
    let taps = ranges.map(|(first, end)| (first..end).map(|from| (from, 1.0)).collect());
    let taps = taps.collect();
    b.push(Op::Resample { axis, taps }, &[x])
}

fn running_sum(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 2)?;
    let x = node.input(0)?;
    let axis = node.known(b, 1, "axis")?;
    let &[axis] = axis.as_slice() else {
        return Err(node.shape_error("a single axis", axis));
    };
    let axis = node.axis(axis, b.rank(x))?;
    let exclusive = node.int("exclusive", 0)? != 0;
    let reverse = node.int("reverse", 0)? != 0;
    let (dtype, declared, size) = (b.dtype(x), b.declared(x), b.dim(x, axis));
    if dtype == DType::Bool {
        return Err(node.shape_error("numbers", dtype));
    }
    if let Some(sums) = b
        .value(x)
        .and_then(|x| known_sums(x, axis, exclusive, reverse))
    {
        let made = b.computed(DType::I64, sums)?;
        return Ok(wrapped(b, made, declared));
    }
    let floats = b.cast(x, DType::F32)?;
    let sum = windowed_sum(node, b, floats, axis, |at| match (reverse, exclusive) {
        (false, false) => (0, at + 1),
        (false, true) => (0, at),
        (true, false) => (at, size),
        (true, true) => (at + 1, size),
    })?;
    let made = b.cast(sum, dtype)?;
    Ok(wrapped(b, made, declared))
}

/// The running sums of known integers along an axis.
fn known_sums(
    x: &crate::graph::Value,
    axis: usize,
    exclusive: bool,
    reverse: bool,
) -> Option<Constant> {
    let data = x.ints()?;
    let size = *x.shape.get(axis)?;
    let inner: usize = x.shape.get(axis + 1..)?.iter().product();
    let mut sums = data.to_vec();
    for first in (0..data.len()).filter(|at| (at / inner.max(1)).is_multiple_of(size.max(1))) {
        let mut sum = 0i64;
        for step in 0..size {
            let step = if reverse { size - 1 - step } else { step };
            let at = first + step * inner;
            let (from, to) = (data.get(at)?, sums.get_mut(at)?);
            let before = sum;
            sum = sum.wrapping_add(*from);
            *to = if exclusive { before } else { sum };
        }
    }
    let (shape, data) = (x.shape.clone(), Data::I64(sums));
    Some(Constant { shape, data })
}

fn triangle(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(1, 2)?;
    let x = node.input(0)?;
    let upper = node.int("upper", 1)? != 0;
    let k = match node.optional(1) {
        Some(_) => match node.known(b, 1, "diagonal")?.as_slice() {
            &[k] => k,
            all => return Err(node.shape_error("a single diagonal", all)),
        },
        None => 0,
    };
    let &[.., rows, columns] = b.shape(x) else {
        return Err(node.shape_error("a matrix", b.shape(x)));
    };
    let mask = mask(node, b, rows, columns, |row, column| {
        let distance = (column as i64).saturating_sub(row as i64);
        match upper {
            true => distance >= k,
            false => distance <= k,
        }
    })?;
    let zero = b.scalar(x, 0.0);
    let made = b.select(mask, x, zero)?;
    let declared = b.declared(x);
    Ok(wrapped(b, made, declared))
}

/// A constant matrix of truth values.
pub(super) fn mask(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    rows: usize,
    columns: usize,
    holds: impl Fn(usize, usize) -> bool,
) -> ValueResult {
    let count = (rows as u64).saturating_mul(columns as u64);
    if count > MOST {
        return Err(too_many(node, count));
    }
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let data = places
        .map(|(row, column)| i64::from(holds(row, column)))
        .collect();
    let (shape, data) = (vec![rows, columns], Data::I64(data));
    b.computed(DType::Bool, Constant { shape, data })
}
