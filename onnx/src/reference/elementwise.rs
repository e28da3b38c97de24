//! Element by element.

use super::walk::{broadcast_steps, lane, walk};
use crate::constant::{Constant, DType, Data};
use crate::graph::{Binary, Unary};

pub(super) fn unary(op: Unary, data: &Data) -> Option<Data> {
    Some(match data {
        Data::F32(data) => Data::F32(unary_floats(op, data)?),
        Data::I64(data) => {
            let all = data.iter().map(|x| unary_integer(op, *x));
            Data::I64(all.collect::<Option<_>>()?)
        }
    })
}

fn unary_floats(op: Unary, data: &[f32]) -> Option<Vec<f32>> {
    fn each(data: &[f32], function: impl Fn(f64) -> f64) -> Vec<f32> {
        data.iter()
            .map(|x| function(f64::from(*x)) as f32)
            .collect()
    }
    Some(match op {
        Unary::Relu => each(data, |x| maximum(x, 0.0)),
        Unary::LeakyRelu(alpha) => {
            let alpha = f64::from(alpha);
            each(data, |x| if x >= 0.0 { x } else { alpha * x })
        }
        Unary::Elu(alpha) => {
            let alpha = f64::from(alpha);
            each(data, |x| if x >= 0.0 { x } else { alpha * x.exp_m1() })
        }
        Unary::Tanh => each(data, f64::tanh),
        Unary::Sigmoid => each(data, |x| 1.0 / (1.0 + (-x).exp())),
        // The exponential of a number from 0 down, for it does not overflow.
        Unary::Softplus => each(data, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        Unary::Clip(low, high) => each(data, |x| minimum(maximum(x, low.into()), high.into())),
        Unary::Exp => each(data, f64::exp),
        Unary::Log => each(data, f64::ln),
        Unary::Sqrt => each(data, f64::sqrt),
        Unary::Reciprocal => each(data, |x| 1.0 / x),
        Unary::Erf => each(data, libm::erf),
        Unary::Sin => each(data, f64::sin),
        Unary::Cos => each(data, f64::cos),
        Unary::Atan => each(data, f64::atan),
        Unary::Neg => each(data, |x| -x),
        Unary::Abs => each(data, f64::abs),
        Unary::Floor => each(data, f64::floor),
        Unary::Ceil => each(data, f64::ceil),
        Unary::Round => each(data, f64::round_ties_even),
        Unary::Sign => each(data, |x| if x == 0.0 { 0.0 } else { x.signum() }),
        Unary::Not => return None,
    })
}

fn unary_integer(op: Unary, x: i64) -> Option<i64> {
    Some(match op {
        Unary::Relu => x.max(0),
        Unary::Clip(low, high) if !low.is_nan() && !high.is_nan() => {
            x.max(low as i64).min(high as i64)
        }
        Unary::Neg => x.checked_neg()?,
        Unary::Abs => x.checked_abs()?,
        Unary::Sign => x.signum(),
        Unary::Floor | Unary::Ceil | Unary::Round => x,
        Unary::Not => i64::from(x == 0),
        _ => return None,
    })
}

pub(super) fn binary(op: Binary, a: &Constant, b: &Constant, shape: &[usize]) -> Option<Data> {
    let shapes = [a.shape.as_slice(), b.shape.as_slice()];
    Some(match (&a.data, &b.data) {
        (Data::F32(a), Data::F32(b)) if op.is_predicate() => {
            let compare = |x: &[f32], y: &[f32], all: &mut Vec<i64>| {
                let pairs = x.iter().zip(y);
                match op {
                    Binary::Equal => all.extend(pairs.map(|(x, y)| i64::from(x == y))),
                    Binary::Less => all.extend(pairs.map(|(x, y)| i64::from(x < y))),
                    _ => return None,
                }
                Some(())
            };
            Data::I64(rows([a, b], shapes, shape, compare)?)
        }
        (Data::F32(a), Data::F32(b)) => {
            let compute = |x: &[f32], y: &[f32], all: &mut Vec<f32>| binary_floats(op, x, y, all);
            Data::F32(rows([a, b], shapes, shape, compute)?)
        }
        (Data::I64(a), Data::I64(b)) => {
            let compute = |x: &[i64], y: &[i64], all: &mut Vec<i64>| {
                for (x, y) in x.iter().zip(y) {
                    all.push(binary_integer(op, *x, *y)?);
                }
                Some(())
            };
            Data::I64(rows([a, b], shapes, shape, compute)?)
        }
        _ => return None,
    })
}

/// What `row` adds for each pair of rows.
fn rows<T: Copy, R>(
    [a, b]: [&[T]; 2],
    [shape_a, shape_b]: [&[usize]; 2],
    shape: &[usize],
    row: impl Fn(&[T], &[T], &mut Vec<R>) -> Option<()>,
) -> Option<Vec<R>> {
    let steps = broadcast_steps(shape_a, shape).into_iter();
    let steps = steps.zip(broadcast_steps(shape_b, shape));
    let axes = shape.iter().zip(steps).map(|(len, (a, b))| (*len, [a, b]));
    let mut all = Vec::with_capacity(shape.iter().product());
    walk([0, 0], axes, |[i, j], len, [step_a, step_b]| {
        row(
            &lane(a, i, len, step_a)?,
            &lane(b, j, len, step_b)?,
            &mut all,
        )
    })?;
    Some(all)
}

fn binary_floats(op: Binary, x: &[f32], y: &[f32], all: &mut Vec<f32>) -> Option<()> {
    let mut each = |function: fn(f64, f64) -> f64| {
        let pairs = x.iter().zip(y);
        all.extend(pairs.map(|(x, y)| function((*x).into(), (*y).into()) as f32));
    };
    match op {
        Binary::Add => each(|x, y| x + y),
        Binary::Sub => each(|x, y| x - y),
        Binary::Mul => each(|x, y| x * y),
        Binary::Div => each(|x, y| x / y),
        Binary::Mod => each(|x, y| x % y),
        Binary::Pow => each(f64::powf),
        Binary::Max => each(maximum),
        Binary::Min => each(minimum),
        Binary::Equal | Binary::Less | Binary::And | Binary::Or | Binary::Xor => return None,
    }
    Some(())
}

fn binary_integer(op: Binary, x: i64, y: i64) -> Option<i64> {
    Some(match op {
        Binary::Add => x.checked_add(y)?,
        Binary::Sub => x.checked_sub(y)?,
        Binary::Mul => x.checked_mul(y)?,
        Binary::Div => x.checked_div(y)?,
        // By -1 every remainder is 0, of the least number too.
        Binary::Mod if y == -1 => 0,
        Binary::Mod => match x.checked_rem(y)? {
            rest if rest != 0 && (rest < 0) != (y < 0) => rest + y,
            rest => rest,
        },
        Binary::Pow => x.checked_pow(u32::try_from(y).ok()?)?,
        Binary::Max => x.max(y),
        Binary::Min => x.min(y),
        Binary::Equal => i64::from(x == y),
        Binary::Less => i64::from(x < y),
        Binary::And => i64::from(x != 0 && y != 0),
        Binary::Or => i64::from(x != 0 || y != 0),
        Binary::Xor => i64::from((x != 0) != (y != 0)),
    })
}

/// The greater one, NaN if one is NaN.
pub(super) fn maximum(x: f64, y: f64) -> f64 {
    if x > y || x.is_nan() { x } else { y }
}

/// The lesser one, NaN if one is NaN.
pub(super) fn minimum(x: f64, y: f64) -> f64 {
    if x < y || x.is_nan() { x } else { y }
}

pub(super) fn select(
    condition: &Constant,
    a: &Constant,
    b: &Constant,
    shape: &[usize],
) -> Option<Data> {
    fn chosen<T: Copy>(
        condition: &[i64],
        [a, b]: [&[T]; 2],
        shapes: [&[usize]; 3],
        shape: &[usize],
    ) -> Option<Vec<T>> {
        let [steps_c, steps_a, steps_b] = shapes.map(|from| broadcast_steps(from, shape));
        let steps = steps_c.into_iter().zip(steps_a).zip(steps_b);
        let axes = shape.iter().zip(steps);
        let axes = axes.map(|(len, ((c, a), b))| (*len, [c, a, b]));
        let mut all = Vec::new();
        walk([0; 3], axes, |[c, i, j], len, [step_c, step_a, step_b]| {
            let truths = lane(condition, c, len, step_c)?;
            let (a, b) = (lane(a, i, len, step_a)?, lane(b, j, len, step_b)?);
            let pairs = a.iter().zip(b.iter());
            let chosen = truths.iter().zip(pairs);
            all.extend(chosen.map(|(truth, (a, b))| if *truth != 0 { *a } else { *b }));
            Some(())
        })?;
        Some(all)
    }
    let truths = condition.as_i64s()?;
    let shapes = [condition, a, b].map(|input| input.shape.as_slice());
    Some(match (&a.data, &b.data) {
        (Data::F32(a), Data::F32(b)) => Data::F32(chosen(truths, [a, b], shapes, shape)?),
        (Data::I64(a), Data::I64(b)) => Data::I64(chosen(truths, [a, b], shapes, shape)?),
        _ => return None,
    })
}

pub(super) fn cast(data: &Data, to: DType) -> Data {
    match (data, to.is_float()) {
        (Data::F32(data), _) if to == DType::Bool => {
            Data::I64(data.iter().map(|x| i64::from(*x != 0.0)).collect())
        }
        (Data::I64(data), _) if to == DType::Bool => {
            Data::I64(data.iter().map(|x| i64::from(*x != 0)).collect())
        }
        // `as` saturates, and makes NaN 0.
        (Data::F32(data), false) => Data::I64(data.iter().map(|x| *x as i64).collect()),
        (Data::I64(data), true) => Data::F32(data.iter().map(|x| *x as f32).collect()),
        (data, _) => data.clone(),
    }
}
