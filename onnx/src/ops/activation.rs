//! Activations: functions of one value, with numbers as attributes.

use super::arithmetic::{ValueResult, float_input};
use super::selection;
use crate::build::Builder;
use crate::constant::DType;
use crate::error::ModelError;
use crate::graph::{Binary, Reduction, Unary, ValueId};
use crate::node::{Made, OnnxNode};
use crate::shape::broadcast;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "Relu" => relu(node, b),
        "LeakyRelu" => with_alpha(node, b, 0.01, |b, x, alpha| {
            b.unary(Unary::LeakyRelu(alpha), x)
        }),
        "PRelu" => prelu(node, b),
        "Tanh" => plain(node, b, Unary::Tanh),
        "Sigmoid" => plain(node, b, Unary::Sigmoid),
        "Softplus" => plain(node, b, Unary::Softplus),
        "HardSigmoid" => hard_sigmoid(node, b),
        "HardSwish" => hard_swish(node, b),
        "Softsign" => softsign(node, b),
        "Elu" => with_alpha(node, b, 1.0, |b, x, alpha| b.unary(Unary::Elu(alpha), x)),
        "Selu" => selu(node, b),
        "Celu" => celu(node, b),
        "ThresholdedRelu" => with_alpha(node, b, 1.0, thresholded),
        "Gelu" => gelu(node, b),
        "Mish" => mish(node, b),
        "Swish" => with_alpha(node, b, 1.0, swish),
        "Clip" => clip(node, b),
        "Shrink" => shrink(node, b),
        "Softmax" => softmax(node, b),
        "LogSoftmax" => log_softmax(node, b),
        "Hardmax" => hardmax(node, b),
        "Dropout" => return Some(dropout(node, b)),
        "Identity" => identity(node),
        _ => return None,
    };
    Some(made.map(|id| vec![id]))
}

fn plain(node: &OnnxNode<'_>, b: &mut Builder<'_>, op: Unary) -> ValueResult {
    let x = float_input(node, b)?;
    b.unary(op, x)
}

fn with_alpha(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    default: f32,
    make: impl Fn(&mut Builder<'_>, ValueId, f32) -> ValueResult,
) -> ValueResult {
    let x = float_input(node, b)?;
    let alpha = node.float("alpha", default)?;
    make(b, x, alpha)
}

fn identity(node: &OnnxNode<'_>) -> ValueResult {
    node.arity(1, 1)?;
    node.input(0)
}

fn relu(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    match b.dtype(x) {
        DType::F32 => b.unary(Unary::Relu, x),
        DType::Bool => Err(node.shape_error("numbers", DType::Bool)),
        _ => b.with_number(Binary::Max, x, 0.0),
    }
}

/// `x` from 0 up, else `slope * x`: as a sum, of which one part is always 0.
fn prelu(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 2)?;
    node.floats_only(b, &[0, 1])?;
    let (x, slope) = (node.input(0)?, node.input(1)?);
    if broadcast(b.shape(x), b.shape(slope)).as_deref() != Some(b.shape(x)) {
        return Err(node.shape_error("slopes that fit the value", (b.shape(x), b.shape(slope))));
    }
    if let Some(&[slope]) = b.value(slope).and_then(|slope| slope.floats())
        && slope.is_finite()
    {
        return b.unary(Unary::LeakyRelu(slope), x);
    }
    let positive = b.unary(Unary::Relu, x)?;
    let negative = b.with_number(Binary::Min, x, 0.0)?;
    let scaled = b.mul(negative, slope)?;
    b.add_to(positive, scaled)
}

/// `min(max(alpha x + beta, 0), 1)`.
fn hard(b: &mut Builder<'_>, x: ValueId, alpha: f32, beta: f32) -> ValueResult {
    let scaled = b.with_number(Binary::Mul, x, alpha)?;
    let moved = b.with_number(Binary::Add, scaled, beta)?;
    b.unary(Unary::Clip(0.0, 1.0), moved)
}

fn hard_sigmoid(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    hard(b, x, node.float("alpha", 0.2)?, node.float("beta", 0.5)?)
}

fn hard_swish(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let gate = hard(b, x, 1.0 / 6.0, 0.5)?;
    b.mul(x, gate)
}

fn softsign(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let size = b.unary(Unary::Abs, x)?;
    let more = b.with_number(Binary::Add, size, 1.0)?;
    b.div(x, more)
}

fn selu(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let alpha = node.float("alpha", 1.673_263_2)?;
    let gamma = node.float("gamma", 1.050_701)?;
    let elu = b.unary(Unary::Elu(alpha), x)?;
    b.with_number(Binary::Mul, elu, gamma)
}

/// `max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)`, which is ELU in units of `alpha`.
fn celu(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let alpha = node.float("alpha", 1.0)?;
    if alpha <= 0.0 {
        return Err(node.attribute_error("alpha", "a positive number", alpha));
    }
    let units = b.with_number(Binary::Div, x, alpha)?;
    let elu = b.unary(Unary::Elu(1.0), units)?;
    b.with_number(Binary::Mul, elu, alpha)
}

fn thresholded(b: &mut Builder<'_>, x: ValueId, alpha: f32) -> ValueResult {
    let (bound, zero) = (b.scalar(x, alpha), b.scalar(x, 0.0));
    let above = b.binary(Binary::Less, bound, x)?;
    b.select(above, x, zero)
}

/// `x (1 + erf(x / sqrt(2))) / 2`, or its approximation by a hyperbolic tangent.
fn gelu(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let curve = match node.choice("approximate", "none", &["none", "tanh"])? {
        Some("none") => {
            let scaled = b.with_number(Binary::Mul, x, core::f32::consts::FRAC_1_SQRT_2)?;
            b.unary(Unary::Erf, scaled)?
        }
        Some(_) => {
            let square = b.mul(x, x)?;
            let cube = b.mul(square, x)?;
            let bent = b.with_number(Binary::Mul, cube, 0.044_715)?;
            let sum = b.add_to(x, bent)?;
            let root = (2.0 * core::f64::consts::FRAC_1_PI).sqrt();
            let scaled = b.with_number(Binary::Mul, sum, root as f32)?;
            b.unary(Unary::Tanh, scaled)?
        }
        None => {
            let found = node.text("approximate", "none")?;
            return Err(node.attribute_error("approximate", "none or tanh", found));
        }
    };
    let more = b.with_number(Binary::Add, curve, 1.0)?;
    let half = b.with_number(Binary::Mul, x, 0.5)?;
    b.mul(half, more)
}

fn mish(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let softplus = b.unary(Unary::Softplus, x)?;
    let gate = b.unary(Unary::Tanh, softplus)?;
    b.mul(x, gate)
}

fn swish(b: &mut Builder<'_>, x: ValueId, alpha: f32) -> ValueResult {
    let scaled = b.with_number(Binary::Mul, x, alpha)?;
    let gate = b.unary(Unary::Sigmoid, scaled)?;
    b.mul(x, gate)
}

/// A bound of Clip as an attribute, which may be infinite.
fn bound(node: &OnnxNode<'_>, name: &str, default: f32) -> Result<f32, ModelError> {
    let mut given = node.pb.attribute.iter().filter(|given| given.name == name);
    match given.next() {
        None => Ok(default),
        Some(given) if given.f.is_infinite() => Ok(given.f),
        Some(_) => node.float(name, 0.0),
    }
}

fn clip(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(1, if node.opset >= 11 { 3 } else { 1 })?;
    let x = node.input(0)?;
    if node.opset < 11 {
        node.floats_only(b, &[0])?;
        let low = bound(node, "min", f32::NEG_INFINITY)?;
        let high = bound(node, "max", f32::INFINITY)?;
        return clip_between(b, x, low, high);
    }
    let bounds = [node.optional(1), node.optional(2)];
    let types: Vec<DType> = [Some(x)]
        .iter()
        .chain(&bounds)
        .flatten()
        .map(|id| b.dtype(*id))
        .collect();
    let same = types.iter().all(|dtype| Some(dtype) == types.first());
    let quantized = !b.declared(x).is_float() && !types.contains(&DType::Bool);
    if types.contains(&DType::Bool) || !(same || quantized) {
        return Err(node.shape_error("a value and bounds of one numeric type", types));
    }
    let mut single = [None, None];
    for (bound, single) in bounds.iter().zip(&mut single) {
        let Some(bound) = *bound else {
            continue;
        };
        if b.shape(bound).iter().any(|dim| *dim != 1) {
            return Err(node.shape_error("a single element as bound", b.shape(bound)));
        }
        let bound = b.reshape(bound, &[])?;
        *single = Some(b.cast(bound, b.dtype(x))?);
    }
    let [low, high] = single;
    if b.dtype(x) == DType::F32 {
        let number = |bound: Option<ValueId>, default| match bound {
            None => Some(default),
            Some(id) => match b.value(id).and_then(|bound| bound.floats()) {
                Some(&[bound]) if !bound.is_nan() => Some(bound),
                _ => None,
            },
        };
        let limits = (number(low, f32::NEG_INFINITY), number(high, f32::INFINITY));
        if let (Some(low), Some(high)) = limits {
            return clip_between(b, x, low, high);
        }
    }
    let raised = match low {
        Some(low) => b.binary(Binary::Max, x, low)?,
        None => x,
    };
    match high {
        Some(high) => b.binary(Binary::Min, raised, high),
        None => Ok(raised),
    }
}

fn clip_between(b: &mut Builder<'_>, x: ValueId, low: f32, high: f32) -> ValueResult {
    if low == f32::NEG_INFINITY && high == f32::INFINITY {
        return Ok(x);
    }
    b.unary(Unary::Clip(low, high), x)
}

/// Towards 0 by `bias`; 0 up to `lambd` on both sides.
fn shrink(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let lambd = node.float("lambd", 0.5)?;
    let bias = node.float("bias", 0.0)?;
    let (low, high) = (b.scalar(x, -lambd), b.scalar(x, lambd));
    let zero = b.scalar(x, 0.0);
    let below = b.binary(Binary::Less, x, low)?;
    let above = b.binary(Binary::Less, high, x)?;
    let raised = b.with_number(Binary::Add, x, bias)?;
    let lowered = b.with_number(Binary::Sub, x, bias)?;
    let upper = b.select(above, lowered, zero)?;
    b.select(below, raised, upper)
}

/// The axes that Softmax and its kin work over. Before operator set 13 these are all from `axis` on.
fn softmax_axes(
    node: &OnnxNode<'_>,
    b: &Builder<'_>,
    x: ValueId,
) -> Result<Vec<usize>, ModelError> {
    let rank = b.rank(x);
    if node.opset >= 13 {
        return Ok(vec![node.axis(node.int("axis", -1)?, rank)?]);
    }
    let axis = node.axis(node.int("axis", 1)?, rank)?;
    Ok((axis..rank).collect())
}

/// The value less its greatest element over these axes, whose exponentials cannot overflow.
fn below_maximum(b: &mut Builder<'_>, x: ValueId, axes: &[usize]) -> ValueResult {
    let greatest = b.reduce(Reduction::Max, x, axes)?;
    b.sub(x, greatest)
}

/// Softmax over these axes.
pub(super) fn softmax_over(b: &mut Builder<'_>, x: ValueId, axes: &[usize]) -> ValueResult {
    let low = below_maximum(b, x, axes)?;
    let grown = b.unary(Unary::Exp, low)?;
    let sum = b.reduce(Reduction::Sum, grown, axes)?;
    b.div(grown, sum)
}

fn softmax(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let axes = softmax_axes(node, b, x)?;
    softmax_over(b, x, &axes)
}

fn log_softmax(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let axes = softmax_axes(node, b, x)?;
    let low = below_maximum(b, x, &axes)?;
    let grown = b.unary(Unary::Exp, low)?;
    let sum = b.reduce(Reduction::Sum, grown, &axes)?;
    let log = b.unary(Unary::Log, sum)?;
    b.sub(low, log)
}

/// 1 where the first greatest element is, else 0.
fn hardmax(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let x = float_input(node, b)?;
    let axes = softmax_axes(node, b, x)?;
    let shape = b.shape(x).to_vec();
    let (axis, last) = match axes.as_slice() {
        [axis] => (*axis, *axis + 1),
        [axis, ..] => (*axis, shape.len()),
        [] => return Ok(x),
    };
    let size = |part: Option<&[usize]>| part.unwrap_or_default().iter().product::<usize>();
    let flat = [
        size(shape.get(..axis)),
        size(shape.get(axis..last)),
        size(shape.get(last..)),
    ];
    let rows = b.reshape(x, &flat)?;
    let first = selection::place_of_extreme(b, rows, 1, Reduction::Max, false)?;
    let places = selection::places(b, 1, 3, b.dim(rows, 1));
    let here = b.binary(Binary::Equal, places, first)?;
    let ones = b.cast(here, DType::F32)?;
    b.reshape(ones, &shape)
}

/// Nothing, in a network for inference; the mask is true everywhere.
fn dropout(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, if node.opset >= 12 { 3 } else { 1 })?;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    if let Some(training) = node.optional(2) {
        let known = b.value(training).and_then(|training| training.ints());
        let known = known.ok_or_else(|| node.not_constant("training_mode"))?;
        let ratio = node.optional(1).and_then(|ratio| b.value(ratio));
        let nothing = ratio.and_then(|ratio| ratio.floats()) == Some(&[0.0]);
        if known != [0] && !nothing {
            return Err(node.attribute_error(
                "training_mode",
                "false: call model.eval() before the export",
                "true",
            ));
        }
    }
    if node.pb.output.len() < 2 {
        return Ok(vec![x]);
    }
    let dtype = if node.opset >= 10 {
        DType::Bool
    } else {
        DType::F32
    };
    let one = b.scalar(x, 1.0);
    let one = b.cast(one, dtype)?;
    let shape = b.shape(x).to_vec();
    Ok(vec![x, b.expand(one, &shape)?])
}
