//! Sums, means, norms and extremes along axes.

use super::arithmetic::ValueResult;
use super::selection;
use crate::build::Builder;
use crate::constant::DType;
use crate::error::ModelError;
use crate::graph::{Binary, Reduction, Unary, ValueId};
use crate::node::{Made, OnnxNode};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "ReduceSum" => reduce(node, b, |b, x, axes| b.reduce(Reduction::Sum, x, axes)),
        "ReduceMean" => reduce(node, b, mean),
        "ReduceMax" => reduce(node, b, |b, x, axes| extreme(b, Reduction::Max, x, axes)),
        "ReduceMin" => reduce(node, b, |b, x, axes| extreme(b, Reduction::Min, x, axes)),
        "ReduceProd" => reduce(node, b, |b, x, axes| b.reduce(Reduction::Prod, x, axes)),
        "ReduceL1" => reduce(node, b, |b, x, axes| {
            let size = b.unary(Unary::Abs, x)?;
            b.reduce(Reduction::Sum, size, axes)
        }),
        "ReduceL2" => reduce(node, b, |b, x, axes| in_floats(b, x, axes, l2)),
        "ReduceLogSum" => reduce(node, b, |b, x, axes| in_floats(b, x, axes, log_sum)),
        "ReduceLogSumExp" => reduce(node, b, |b, x, axes| in_floats(b, x, axes, log_sum_exp)),
        "ReduceSumSquare" => reduce(node, b, sum_square),
        "GlobalAveragePool" => global(node, b, |b, x, axes| b.reduce(Reduction::Mean, x, axes)),
        "GlobalMaxPool" => global(node, b, |b, x, axes| b.reduce(Reduction::Max, x, axes)),
        "GlobalLpPool" => match node.int("p", 2) {
            Ok(p) if p > 0 => global(node, b, |b, x, axes| norm(b, x, axes, p as f32)),
            Ok(p) => Err(node.attribute_error("p", "a positive number", p)),
            Err(error) => Err(error),
        },
        _ => return selection::translate(node, b),
    };
    Some(made.map(|id| vec![id]))
}

/// The axes to reduce: those that are given, or all, or, as `noop_with_empty_axes` says, none. What
/// an operator does beside reducing, it does in any case.
fn axes(node: &OnnxNode<'_>, b: &Builder<'_>, x: ValueId) -> Result<Vec<usize>, ModelError> {
    let rank = b.rank(x);
    let given = node.list(b, 1, "axes")?.unwrap_or_default();
    let none = node.int("noop_with_empty_axes", 0)? != 0;
    match given.is_empty() {
        true if none => Ok(Vec::new()),
        true => Ok((0..rank).collect()),
        false => node.axes(&given, rank),
    }
}

fn reduce(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    make: impl FnOnce(&mut Builder<'_>, ValueId, &[usize]) -> ValueResult,
) -> ValueResult {
    node.arity(1, 2)?;
    let x = node.input(0)?;
    let extreme = matches!(node.pb.op_type.as_str(), "ReduceMax" | "ReduceMin");
    if b.dtype(x) == DType::Bool && !extreme {
        return Err(node.shape_error("numbers", DType::Bool));
    }
    let axes = axes(node, b, x)?;
    let keep = node.int("keepdims", 1)? != 0;
    let made = make(b, x, &axes)?;
    if keep {
        return Ok(made);
    }
    let dims = b.shape(made).iter().enumerate();
    let kept = dims
        .filter(|(axis, _)| !axes.contains(axis))
        .map(|(_, dim)| *dim);
    let kept: Vec<usize> = kept.collect();
    b.reshape(made, &kept)
}

/// Of truth values: whether any or all are true.
fn extreme(b: &mut Builder<'_>, extreme: Reduction, x: ValueId, axes: &[usize]) -> ValueResult {
    if b.dtype(x) != DType::Bool {
        return b.reduce(extreme, x, axes);
    }
    let numbers = b.cast(x, DType::F32)?;
    let made = b.reduce(extreme, numbers, axes)?;
    // Of nothing, the extremes are infinite.
    let made = match b.value(x).is_some_and(|x| x.len() == 0) {
        true => b.unary(Unary::Clip(0.0, 1.0), made)?,
        false => made,
    };
    b.cast(made, DType::Bool)
}

/// Computed as float32; of integers, the result is one again.
fn in_floats(
    b: &mut Builder<'_>,
    x: ValueId,
    axes: &[usize],
    make: impl FnOnce(&mut Builder<'_>, ValueId, &[usize]) -> ValueResult,
) -> ValueResult {
    let dtype = b.dtype(x);
    let floats = b.cast(x, DType::F32)?;
    let made = make(b, floats, axes)?;
    b.cast(made, dtype)
}

fn mean(b: &mut Builder<'_>, x: ValueId, axes: &[usize]) -> ValueResult {
    in_floats(b, x, axes, |b, x, axes| b.reduce(Reduction::Mean, x, axes))
}

fn sum_square(b: &mut Builder<'_>, x: ValueId, axes: &[usize]) -> ValueResult {
    let square = b.mul(x, x)?;
    b.reduce(Reduction::Sum, square, axes)
}

fn l2(b: &mut Builder<'_>, x: ValueId, axes: &[usize]) -> ValueResult {
    let sum = sum_square(b, x, axes)?;
    b.unary(Unary::Sqrt, sum)
}

fn log_sum(b: &mut Builder<'_>, x: ValueId, axes: &[usize]) -> ValueResult {
    let sum = b.reduce(Reduction::Sum, x, axes)?;
    b.unary(Unary::Log, sum)
}

/// The greatest element goes out of the exponentials and comes back at the end, as a finite number.
fn log_sum_exp(b: &mut Builder<'_>, x: ValueId, axes: &[usize]) -> ValueResult {
    let greatest = b.reduce(Reduction::Max, x, axes)?;
    let greatest = b.unary(Unary::Clip(f32::MIN, f32::MAX), greatest)?;
    let low = b.sub(x, greatest)?;
    let grown = b.unary(Unary::Exp, low)?;
    let log = log_sum(b, grown, axes)?;
    b.add_to(log, greatest)
}

/// `(sum |x|^p)^(1/p)`.
fn norm(b: &mut Builder<'_>, x: ValueId, axes: &[usize], p: f32) -> ValueResult {
    if p == 2.0 {
        return l2(b, x, axes);
    }
    let size = b.unary(Unary::Abs, x)?;
    let powers = b.with_number(Binary::Pow, size, p)?;
    let sum = b.reduce(Reduction::Sum, powers, axes)?;
    b.with_number(Binary::Pow, sum, (1.0 / f64::from(p)) as f32)
}

fn global(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    make: impl FnOnce(&mut Builder<'_>, ValueId, &[usize]) -> ValueResult,
) -> ValueResult {
    node.arity(1, 1)?;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    if b.rank(x) < 2 {
        return Err(node.shape_error("a value with channels", b.shape(x)));
    }
    let axes: Vec<usize> = (2..b.rank(x)).collect();
    make(b, x, &axes)
}
