//! Functions of one number that are composed of others.

use super::arithmetic::{ValueResult, float_input};
use crate::build::Builder;
use crate::error::ModelError;
use crate::graph::{Binary, Unary, ValueId};
use crate::node::{Made, OnnxNode};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made: ValueResult = match node.pb.op_type.as_str() {
        "Tan" => tan(node, b),
        "Asin" => asin(node, b),
        "Acos" => acos(node, b),
        "Sinh" => hyperbolic(node, b, Binary::Sub),
        "Cosh" => hyperbolic(node, b, Binary::Add),
        "Asinh" => asinh(node, b),
        "Acosh" => acosh(node, b),
        "Atanh" => atanh(node, b),
        "IsNaN" => is_nan(node, b),
        "IsInf" => is_inf(node, b),
        _ => return None,
    };
    Some(made.map(|id| vec![id]))
}

fn tan(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let (sin, cos) = (b.unary(Unary::Sin, x)?, b.unary(Unary::Cos, x)?);
    b.div(sin, cos)
}

/// `1 - x` and `1 + x`.
fn around_one(b: &mut Builder<'_>, x: ValueId) -> Result<(ValueId, ValueId), ModelError> {
    let one = b.scalar(x, 1.0);
    Ok((b.sub(one, x)?, b.add_to(one, x)?))
}

/// `atan(x / sqrt((1 - x) (1 + x)))`: at 1 that is the arc tangent of infinity.
fn asin(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let (below, above) = around_one(b, x)?;
    let product = b.mul(below, above)?;
    let root = b.unary(Unary::Sqrt, product)?;
    let ratio = b.div(x, root)?;
    b.unary(Unary::Atan, ratio)
}

/// `2 atan(sqrt((1 - x) / (1 + x)))`.
fn acos(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let (below, above) = around_one(b, x)?;
    let ratio = b.div(below, above)?;
    let root = b.unary(Unary::Sqrt, ratio)?;
    let half = b.unary(Unary::Atan, root)?;
    b.with_number(Binary::Mul, half, 2.0)
}

/// `(exp(x) - exp(-x)) / 2`, or with a sum.
fn hyperbolic(node: &OnnxNode<'_>, b: &mut Builder<'_>, op: Binary) -> ValueResult {
    let x = float_input(node, b)?;
    let minus = b.unary(Unary::Neg, x)?;
    let (grown, shrunk) = (b.unary(Unary::Exp, x)?, b.unary(Unary::Exp, minus)?);
    let both = b.binary(op, grown, shrunk)?;
    b.with_number(Binary::Mul, both, 0.5)
}

/// `sign(x) ln(|x| + sqrt(x x + 1))`: without the sign, a large negative `x` would cancel.
fn asinh(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let (size, sign) = (b.unary(Unary::Abs, x)?, b.unary(Unary::Sign, x)?);
    let square = b.mul(x, x)?;
    let more = b.with_number(Binary::Add, square, 1.0)?;
    let root = b.unary(Unary::Sqrt, more)?;
    let sum = b.add_to(size, root)?;
    let log = b.unary(Unary::Log, sum)?;
    b.mul(sign, log)
}

/// `ln(x + sqrt((x - 1) (x + 1)))`.
fn acosh(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let below = b.with_number(Binary::Sub, x, 1.0)?;
    let above = b.with_number(Binary::Add, x, 1.0)?;
    let product = b.mul(below, above)?;
    let root = b.unary(Unary::Sqrt, product)?;
    let sum = b.add_to(x, root)?;
    b.unary(Unary::Log, sum)
}

/// `ln((1 + x) / (1 - x)) / 2`.
fn atanh(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let (below, above) = around_one(b, x)?;
    let ratio = b.div(above, below)?;
    let log = b.unary(Unary::Log, ratio)?;
    b.with_number(Binary::Mul, log, 0.5)
}

/// NaN alone is not equal to itself.
fn is_nan(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let equal = b.binary(Binary::Equal, x, x)?;
    b.unary(Unary::Not, equal)
}

fn is_inf(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let positive = node.int("detect_positive", 1)? != 0;
    let negative = node.int("detect_negative", 1)? != 0;
    let (seen, bound) = match (positive, negative) {
        (true, true) => (b.unary(Unary::Abs, x)?, f32::INFINITY),
        (true, false) => (x, f32::INFINITY),
        (false, true) => (x, f32::NEG_INFINITY),
        // Nothing is greater than infinity.
        (false, false) => {
            let bound = b.scalar(x, f32::INFINITY);
            return b.binary(Binary::Less, bound, x);
        }
    };
    let bound = b.scalar(x, bound);
    b.binary(Binary::Equal, seen, bound)
}
