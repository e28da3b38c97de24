//! Operators whose inputs are all known: their results.

use crate::constant::{Constant, DType, Data};
use crate::graph::{Binary, Op, Unary};
use crate::shape::{broadcast_positions, slice_positions, transposed_positions};

/// The result of an operator on its inputs, or `None` where this operator is left to the engine.
pub(crate) fn evaluate(op: &Op, inputs: &[&Constant]) -> Option<Constant> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
    let shape = op.shape(&shapes)?;
    let data = match (op, inputs) {
        (Op::Binary(op), [a, b]) => binary(*op, a, b, &shape)?,
        (Op::Unary(op), [a]) => {
            let function = unary(*op)?;
            Data::F32(a.as_f32s()?.iter().map(|x| function(*x)).collect())
        }
        (Op::Identity | Op::Reshape(_), [a, ..]) => a.data.clone(),
        (Op::Cast(to), [a]) => cast(&a.data, *to),
        (Op::Expand(_), [a, ..]) => pick(&a.data, broadcast_positions(&a.shape, &shape))?,
        (Op::Transpose(order), [a]) => pick(&a.data, transposed_positions(&a.shape, order))?,
        (Op::Slice(parts), [a, ..]) => pick(&a.data, slice_positions(&a.shape, parts))?,
        (Op::Gather(axis), [a, indices]) => gather(a, indices, *axis)?,
        (Op::Concat(axis), parts) => concat(parts, *axis)?,
        (Op::Fill { element, .. }, _) => {
            let count = shape.iter().product();
            pick(element, core::iter::repeat_n(0, count))?
        }
        _ => return None,
    };
    Some(Constant { shape, data })
}

fn unary(op: Unary) -> Option<fn(f32) -> f32> {
    Some(match op {
        Unary::Neg => |x| -x,
        Unary::Abs => f32::abs,
        Unary::Sqrt => f32::sqrt,
        Unary::Exp => f32::exp,
        Unary::Log => f32::ln,
        Unary::Relu => |x| x.max(0.0),
        Unary::Tanh => f32::tanh,
        Unary::Sigmoid => |x| 1.0 / (1.0 + (-x).exp()),
        Unary::LeakyRelu(_) | Unary::Softplus | Unary::Elu(_) => return None,
    })
}

fn binary(op: Binary, a: &Constant, b: &Constant, shape: &[usize]) -> Option<Data> {
    let left = broadcast_positions(&a.shape, shape);
    let pairs = left.zip(broadcast_positions(&b.shape, shape));
    match (&a.data, &b.data) {
        (Data::F32(a), Data::F32(b)) => {
            let function: fn(f32, f32) -> f32 = match op {
                Binary::Add => |x, y| x + y,
                Binary::Sub => |x, y| x - y,
                Binary::Mul => |x, y| x * y,
                Binary::Div => |x, y| x / y,
                Binary::Pow => f32::powf,
                Binary::Mod | Binary::Max | Binary::Min => return None,
            };
            pairs
                .map(|(i, j)| Some(function(*a.get(i)?, *b.get(j)?)))
                .collect::<Option<_>>()
                .map(Data::F32)
        }
        (Data::I64(a), Data::I64(b)) => pairs
            .map(|(i, j)| integer(op, *a.get(i)?, *b.get(j)?))
            .collect::<Option<_>>()
            .map(Data::I64),
        _ => None,
    }
}

fn integer(op: Binary, a: i64, b: i64) -> Option<i64> {
    match op {
        Binary::Add => a.checked_add(b),
        Binary::Sub => a.checked_sub(b),
        Binary::Mul => a.checked_mul(b),
        Binary::Div => a.checked_div(b),
        // By a positive number, where all definitions agree.
        Binary::Mod => (b > 0).then(|| a.rem_euclid(b)),
        Binary::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        Binary::Max => Some(a.max(b)),
        Binary::Min => Some(a.min(b)),
    }
}

/// Elements by their positions.
fn pick(data: &Data, positions: impl Iterator<Item = usize>) -> Option<Data> {
    fn picked<T: Copy>(data: &[T], at: impl Iterator<Item = usize>) -> Option<Vec<T>> {
        at.map(|at| data.get(at).copied()).collect()
    }
    Some(match data {
        Data::F32(data) => Data::F32(picked(data, positions)?),
        Data::I64(data) => Data::I64(picked(data, positions)?),
    })
}

fn gather(a: &Constant, indices: &Constant, axis: usize) -> Option<Data> {
    let extent = *a.shape.get(axis)?;
    let row = |index: &i64| {
        let extent = i64::try_from(extent).ok()?;
        let index = if *index < 0 {
            index.checked_add(extent)?
        } else {
            *index
        };
        usize::try_from(index).ok().filter(|_| index < extent)
    };
    let rows: Vec<usize> = indices.as_i64s()?.iter().map(row).collect::<Option<_>>()?;
    let outer: usize = a.shape.get(..axis)?.iter().product();
    let inner: usize = a.shape.get(axis + 1..)?.iter().product();
    let blocks = (0..outer).flat_map(|block| rows.iter().map(move |row| block * extent + row));
    pick(
        &a.data,
        blocks.flat_map(|block| block * inner..(block + 1) * inner),
    )
}

fn concat(parts: &[&Constant], axis: usize) -> Option<Data> {
    fn joined<'a, T: Copy + 'a>(
        parts: &[&'a Constant],
        outer: usize,
        elements: impl Fn(&'a Constant) -> Option<&'a [T]>,
    ) -> Option<Vec<T>> {
        let mut all = Vec::new();
        for block in 0..outer {
            for part in parts {
                let data = elements(part)?;
                let len = data.len().checked_div(outer)?;
                all.extend_from_slice(data.get(block * len..(block + 1) * len)?);
            }
        }
        Some(all)
    }
    let first = parts.first()?;
    let outer = first.shape.get(..axis)?.iter().product();
    match first.data {
        Data::F32(_) => joined(parts, outer, Constant::as_f32s).map(Data::F32),
        Data::I64(_) => joined(parts, outer, Constant::as_i64s).map(Data::I64),
    }
}

fn cast(data: &Data, to: DType) -> Data {
    match (data, to.is_float()) {
        (Data::F32(data), _) if to == DType::Bool => {
            Data::I64(data.iter().map(|x| i64::from(*x != 0.0)).collect())
        }
        (Data::I64(data), _) if to == DType::Bool => {
            Data::I64(data.iter().map(|x| i64::from(*x != 0)).collect())
        }
        (Data::F32(data), false) => Data::I64(data.iter().map(|x| *x as i64).collect()),
        (Data::I64(data), true) => Data::F32(data.iter().map(|x| *x as f32).collect()),
        (data, _) => data.clone(),
    }
}
