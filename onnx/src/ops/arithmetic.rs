//! Element by element: sums, products, comparisons, functions of one number.

use crate::build::Builder;
use crate::constant::{Constant, DType, Data};
use crate::error::ModelError;
use crate::graph::{Binary, Unary, ValueId};
use crate::node::{Made, OnnxNode};
use crate::shape::broadcast;

/// One value, or why not.
pub(super) type ValueResult = Result<ValueId, ModelError>;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "Add" => numeric(node, b, Binary::Add),
        "Sub" => numeric(node, b, Binary::Sub),
        "Mul" => numeric(node, b, Binary::Mul),
        "Div" => div(node, b),
        "Mod" => modulo(node, b),
        "Pow" => pow(node, b),
        "Max" => variadic(node, b, Binary::Max),
        "Min" => variadic(node, b, Binary::Min),
        "Sum" => variadic(node, b, Binary::Add),
        "Mean" => mean(node, b),
        "Equal" => equal(node, b),
        "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" => compare(node, b),
        "And" => logical(node, b, Binary::And),
        "Or" => logical(node, b, Binary::Or),
        "Xor" => logical(node, b, Binary::Xor),
        "Not" => not(node, b),
        "Where" => choose(node, b),
        "Abs" => number(node, b, Unary::Abs),
        "Neg" => number(node, b, Unary::Neg),
        "Sign" => number(node, b, Unary::Sign),
        "Floor" => float(node, b, Unary::Floor),
        "Ceil" => float(node, b, Unary::Ceil),
        "Round" => float(node, b, Unary::Round),
        "Sqrt" => float(node, b, Unary::Sqrt),
        "Exp" => float(node, b, Unary::Exp),
        "Log" => float(node, b, Unary::Log),
        "Reciprocal" => float(node, b, Unary::Reciprocal),
        "Erf" => float(node, b, Unary::Erf),
        "Sin" => float(node, b, Unary::Sin),
        "Cos" => float(node, b, Unary::Cos),
        "Atan" => float(node, b, Unary::Atan),
        _ => return None,
    };
    Some(made.map(|id| vec![id]))
}

/// The one input of an operator on numbers of a floating-point type.
pub(super) fn float_input(node: &OnnxNode<'_>, b: &Builder<'_>) -> ValueResult {
    node.arity(1, 1)?;
    node.floats_only(b, &[0])?;
    node.input(0)
}

fn float(node: &OnnxNode<'_>, b: &mut Builder<'_>, op: Unary) -> ValueResult {
    let x = float_input(node, b)?;
    b.unary(op, x)
}

fn number(node: &OnnxNode<'_>, b: &mut Builder<'_>, op: Unary) -> ValueResult {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    not_bool(node, b, &[x])?;
    let made = b.unary(op, x)?;
    Ok(wrapped(b, made, b.declared(x)))
}

fn not_bool(node: &OnnxNode<'_>, b: &Builder<'_>, inputs: &[ValueId]) -> Result<(), ModelError> {
    let types: Vec<DType> = inputs.iter().map(|id| b.declared(*id)).collect();
    match types.contains(&DType::Bool) {
        true => Err(node.shape_error("values of one numeric type", types)),
        false => Ok(()),
    }
}

/// Values of one type, as they are computed. A quantized value is computed as float32, and an
/// integer that it meets becomes one.
fn same_type(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    inputs: &[ValueId],
) -> Result<Vec<ValueId>, ModelError> {
    let types: Vec<DType> = inputs.iter().map(|id| b.dtype(*id)).collect();
    if types
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a == b))
    {
        return Ok(inputs.to_vec());
    }
    let integers = inputs.iter().all(|id| {
        let declared = b.declared(*id);
        !declared.is_float() && declared != DType::Bool
    });
    if !integers {
        return Err(node.shape_error("values of one numeric type", types));
    }
    inputs.iter().map(|id| b.cast(*id, DType::F32)).collect()
}

/// Known integers as their declared type holds them; computed ones are taken to stay within it.
pub(super) fn wrapped(b: &mut Builder<'_>, made: ValueId, dtype: DType) -> ValueId {
    if dtype.is_float() || dtype == b.dtype(made) {
        return made;
    }
    let Some(Constant { shape, data }) = b.known(made) else {
        b.declare(made, dtype);
        return made;
    };
    let Data::I64(data) = data else {
        return made;
    };
    let data = data.iter().map(|x| dtype.wrap(*x)).collect();
    let (shape, data) = (shape.clone(), Data::I64(data));
    b.constant(dtype, Constant { shape, data })
}

/// Both inputs of an operator, that broadcast against each other.
fn two(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Result<(ValueId, ValueId), ModelError> {
    node.arity(2, 2)?;
    let (x, y) = (node.input(0)?, node.input(1)?);
    if broadcast(b.shape(x), b.shape(y)).is_none() {
        return Err(node.shape_error("shapes that broadcast", (b.shape(x), b.shape(y))));
    }
    match same_type(node, b, &[x, y])?.as_slice() {
        [x, y] => Ok((*x, *y)),
        _ => Ok((x, y)),
    }
}

fn numeric(node: &OnnxNode<'_>, b: &mut Builder<'_>, op: Binary) -> ValueResult {
    let (x, y) = two(node, b)?;
    not_bool(node, b, &[x, y])?;
    let made = b.binary(op, x, y)?;
    Ok(wrapped(b, made, b.declared(x)))
}

/// Checks that an integer divisor is known and nowhere 0.
fn divisor(node: &OnnxNode<'_>, b: &Builder<'_>, y: ValueId) -> Result<(), ModelError> {
    if b.dtype(y) != DType::I64 {
        return Ok(());
    }
    match b.value(y).and_then(crate::graph::Value::ints) {
        None => Err(node.not_constant("divisor")),
        Some(all) if all.contains(&0) => {
            Err(node.shape_error("integers that can be divided by", all))
        }
        Some(_) => Ok(()),
    }
}

fn div(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let (_, y) = two(node, b)?;
    divisor(node, b, y)?;
    numeric(node, b, Binary::Div)
}

/// The remainder with the sign of the divisor, or, with `fmod`, with that of the dividend.
fn modulo(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let (x, y) = two(node, b)?;
    not_bool(node, b, &[x, y])?;
    divisor(node, b, y)?;
    let of_dividend = node.int("fmod", 0)? != 0;
    let float = b.dtype(x).is_float();
    let made = b.binary(Binary::Mod, x, y)?;
    if float == of_dividend {
        return Ok(made);
    }
    if of_dividend {
        let quotient = b.div(x, y)?;
        let whole = b.mul(quotient, y)?;
        return b.sub(x, whole);
    }
    let product = b.mul(made, y)?;
    let zero = b.scalar(product, 0.0);
    let opposite = b.binary(Binary::Less, product, zero)?;
    let moved = b.add_to(made, y)?;
    b.select(opposite, moved, made)
}

/// The number that all elements of a constant are.
fn uniform(b: &Builder<'_>, id: ValueId) -> Option<f32> {
    fn all_same<T: Copy + PartialEq>(data: &[T]) -> Option<T> {
        let first = *data.first()?;
        data.iter().all(|x| *x == first).then_some(first)
    }
    match &b.known(id)?.data {
        Data::F32(data) => all_same(data),
        Data::I64(data) => all_same(data).map(|x| x as f32),
    }
}

fn pow(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 2)?;
    let (x, y) = (node.input(0)?, node.input(1)?);
    not_bool(node, b, &[x, y])?;
    let Some(shape) = broadcast(b.shape(x), b.shape(y)) else {
        return Err(node.shape_error("shapes that broadcast", (b.shape(x), b.shape(y))));
    };
    let (dtype, declared) = (b.dtype(x), b.declared(x));
    if let Some(exponent) = uniform(b, y)
        && let Some(made) = short_power(b, x, exponent)?
    {
        let made = b.expand(made, &shape)?;
        return Ok(wrapped(b, made, declared));
    }
    let both = b.dtype(y) == DType::I64 && b.known(x).is_some() && b.known(y).is_some();
    if dtype == DType::I64 && both {
        let made = b.binary(Binary::Pow, x, y)?;
        return Ok(wrapped(b, made, declared));
    }
    let whole = b.dtype(y) == DType::I64;
    let (base, exponent) = (b.cast(x, DType::F32)?, b.cast(y, DType::F32)?);
    let mut made = b.binary(Binary::Pow, base, exponent)?;
    if dtype == DType::I64 {
        if whole {
            made = b.unary(Unary::Round, made)?;
        }
        made = b.cast(made, dtype)?;
    }
    Ok(wrapped(b, made, declared))
}

/// A power that is products and roots.
fn short_power(
    b: &mut Builder<'_>,
    x: ValueId,
    exponent: f32,
) -> Result<Option<ValueId>, ModelError> {
    let made = match exponent {
        1.0 => x,
        2.0 => b.mul(x, x)?,
        3.0 => {
            let square = b.mul(x, x)?;
            b.mul(square, x)?
        }
        4.0 => {
            let square = b.mul(x, x)?;
            b.mul(square, square)?
        }
        _ if !b.dtype(x).is_float() => return Ok(None),
        0.5 => b.unary(Unary::Sqrt, x)?,
        -0.5 => {
            let root = b.unary(Unary::Sqrt, x)?;
            b.unary(Unary::Reciprocal, root)?
        }
        -1.0 => b.unary(Unary::Reciprocal, x)?,
        -2.0 => {
            let square = b.mul(x, x)?;
            b.unary(Unary::Reciprocal, square)?
        }
        _ => return Ok(None),
    };
    Ok(Some(made))
}

/// One after another, of one input or more.
fn variadic(node: &OnnxNode<'_>, b: &mut Builder<'_>, op: Binary) -> ValueResult {
    node.arity(1, node.inputs.len().max(1))?;
    let count = node.inputs.len();
    let given: Result<Vec<ValueId>, _> = (0..count).map(|index| node.input(index)).collect();
    let given = same_type(node, b, &given?)?;
    not_bool(node, b, &given)?;
    let mut parts = given.iter().copied();
    let mut sum = match parts.next() {
        Some(first) => first,
        None => node.input(0)?,
    };
    for part in parts {
        if broadcast(b.shape(sum), b.shape(part)).is_none() {
            return Err(node.shape_error("shapes that broadcast", (b.shape(sum), b.shape(part))));
        }
        sum = b.binary(op, sum, part)?;
    }
    Ok(sum)
}

fn mean(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let sum = variadic(node, b, Binary::Add)?;
    b.with_number(Binary::Div, sum, node.inputs.len() as f32)
}

fn equal(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let (x, y) = two(node, b)?;
    b.binary(Binary::Equal, x, y)
}

/// `or equal` is not the contrary of the opposite: no comparison holds of NaN.
fn compare(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let (x, y) = two(node, b)?;
    not_bool(node, b, &[x, y])?;
    let op = node.pb.op_type.as_str();
    let (low, high) = match op.starts_with("Less") {
        true => (x, y),
        false => (y, x),
    };
    let less = b.binary(Binary::Less, low, high)?;
    if !op.ends_with("OrEqual") {
        return Ok(less);
    }
    let equal = b.binary(Binary::Equal, x, y)?;
    b.binary(Binary::Or, less, equal)
}

fn logical(node: &OnnxNode<'_>, b: &mut Builder<'_>, op: Binary) -> ValueResult {
    let (x, y) = two(node, b)?;
    let types = [b.dtype(x), b.dtype(y)];
    match types {
        [DType::Bool, DType::Bool] => b.binary(op, x, y),
        _ => Err(node.shape_error("two truth values", types)),
    }
}

fn not(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    match b.dtype(x) {
        DType::Bool => b.unary(Unary::Not, x),
        other => Err(node.shape_error("truth values", other)),
    }
}

fn choose(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(3, 3)?;
    let (condition, x, y) = (node.input(0)?, node.input(1)?, node.input(2)?);
    if b.dtype(condition) != DType::Bool {
        return Err(node.shape_error("truth values as condition", b.dtype(condition)));
    }
    let shapes = [b.shape(condition), b.shape(x), b.shape(y)];
    let all = broadcast(b.shape(x), b.shape(y));
    if all
        .and_then(|all| broadcast(b.shape(condition), &all))
        .is_none()
    {
        return Err(node.shape_error("shapes that broadcast", shapes));
    }
    let declared = b.declared(x);
    match same_type(node, b, &[x, y])?.as_slice() {
        [x, y] => {
            let made = b.select(condition, *x, *y)?;
            Ok(wrapped(b, made, declared))
        }
        _ => Ok(x),
    }
}
