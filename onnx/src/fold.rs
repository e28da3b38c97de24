//! Operators whose inputs are all known: their results.

use std::fmt;

use super::graph_builder::{Constant, Data, Node};
use super::proto::tensor_proto::DataType;

/// ONNX's number for f32 elements.
pub const FLOAT: i64 = DataType::Float as i64;
/// ONNX's number for i64 elements.
pub const INT64: i64 = DataType::Int64 as i64;

/// Two constants whose shapes do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The operator.
    pub operation: &'static str,
    /// Shape of its first operand.
    pub left: Vec<usize>,
    /// Shape of its second operand.
    pub right: Vec<usize>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            left,
            right,
        } = self;
        write!(
            f,
            "{operation}: the shapes {left:?} and {right:?} do not fit together"
        )
    }
}

impl std::error::Error for Misfit {}

/// The result of `node` on `inputs`, or `None` where this operator is left to the engine.
///
/// # Errors
/// [`Misfit`] for shapes that do not fit together.
pub fn evaluate(node: &Node, inputs: &[&Constant]) -> Result<Option<Constant>, Misfit> {
    Ok(match (node.op, inputs) {
        ("Add", [a, b]) => binary("Add", a, b, |x, y| x + y, |x, y| x.checked_add(y))?,
        ("Sub", [a, b]) => binary("Sub", a, b, |x, y| x - y, |x, y| x.checked_sub(y))?,
        ("Mul", [a, b]) => binary("Mul", a, b, |x, y| x * y, |x, y| x.checked_mul(y))?,
        ("Div", [a, b]) => binary("Div", a, b, |x, y| x / y, |x, y| x.checked_div(y))?,
        ("Pow", [a, b]) => binary("Pow", a, b, f32::powf, |_, _| None)?,
        ("Neg", [a]) => unary(a, |x| -x),
        ("Abs", [a]) => unary(a, f32::abs),
        ("Sqrt", [a]) => unary(a, f32::sqrt),
        ("Exp", [a]) => unary(a, f32::exp),
        ("Log", [a]) => unary(a, f32::ln),
        ("Relu", [a]) => unary(a, |x| x.max(0.0)),
        ("Tanh", [a]) => unary(a, f32::tanh),
        ("Sigmoid", [a]) => unary(a, |x| 1.0 / (1.0 + (-x).exp())),
        ("Transpose", [a]) => node.ints("perm").and_then(|perm| transpose(a, perm)),
        ("Reshape", [a, shape]) => reshape(a, shape),
        ("Expand", [a, shape]) => expand(a, shape)?,
        ("Gather", [a, indices]) => gather(a, indices, node.int("axis").unwrap_or(0)),
        ("Concat", inputs) => concat(inputs, node.int("axis").unwrap_or(0)),
        ("Slice", [a, starts, ends, axes, steps]) => slice(a, [starts, ends, axes, steps]),
        ("Cast", [a]) => cast(a, node.int("to").unwrap_or(0)),
        _ => None,
    })
}

fn unary(a: &Constant, f: impl Fn(f32) -> f32) -> Option<Constant> {
    let data = a.as_f32s()?.iter().map(|&x| f(x)).collect();
    Some(Constant::f32s(a.shape.clone(), data))
}

/// Element by element with NumPy's broadcasting, as ONNX defines it.
fn binary(
    op: &'static str,
    a: &Constant,
    b: &Constant,
    float: impl Fn(f32, f32) -> f32,
    int: impl Fn(i64, i64) -> Option<i64>,
) -> Result<Option<Constant>, Misfit> {
    let misfit = || Misfit {
        operation: op,
        left: a.shape.clone(),
        right: b.shape.clone(),
    };
    let shape = broadcast(&a.shape, &b.shape).ok_or_else(misfit)?;
    let left = positions(&shape, &broadcast_strides(&a.shape, shape.len()));
    let right = positions(&shape, &broadcast_strides(&b.shape, shape.len()));
    let pairs = left.into_iter().zip(right);
    let data = match (&a.data, &b.data) {
        (Data::F32(a), Data::F32(b)) => pairs
            .map(|(i, j)| Some(float(*a.get(i)?, *b.get(j)?)))
            .collect::<Option<_>>()
            .map(Data::F32),
        (Data::I64(a), Data::I64(b)) => pairs
            .map(|(i, j)| int(*a.get(i)?, *b.get(j)?))
            .collect::<Option<_>>()
            .map(Data::I64),
        _ => None,
    };
    Ok(data.map(|data| Constant { shape, data }))
}

fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| {
        let missing = rank - shape.len();
        axis.checked_sub(missing)
            .and_then(|at| shape.get(at))
            .copied()
            .unwrap_or(1)
    };
    (0..rank)
        .map(|axis| match (extent(a, axis), extent(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut step = 1;
    let mut strides: Vec<_> = shape
        .iter()
        .rev()
        .map(|&extent| {
            let stride = step;
            step *= extent;
            stride
        })
        .collect();
    strides.reverse();
    strides
}

/// Strides for reading `shape` as if it had `rank` axes, 0 where it is repeated.
fn broadcast_strides(shape: &[usize], rank: usize) -> Vec<usize> {
    let own = shape
        .iter()
        .zip(strides(shape))
        .map(|(&extent, stride)| if extent == 1 { 0 } else { stride });
    let mut all = vec![0; rank.saturating_sub(shape.len())];
    all.extend(own);
    all
}

/// Where the elements of `shape`, in order, lie in a buffer with these strides.
fn positions(shape: &[usize], strides: &[usize]) -> Vec<usize> {
    let mut positions = vec![0];
    for (&extent, &stride) in shape.iter().zip(strides) {
        positions = positions
            .iter()
            .flat_map(|&base| (0..extent).map(move |i| base + i * stride))
            .collect();
    }
    positions
}

fn pick(a: &Constant, shape: Vec<usize>, positions: &[usize]) -> Option<Constant> {
    let data = match &a.data {
        Data::F32(data) => Data::F32(
            positions
                .iter()
                .map(|&at| data.get(at).copied())
                .collect::<Option<_>>()?,
        ),
        Data::I64(data) => Data::I64(
            positions
                .iter()
                .map(|&at| data.get(at).copied())
                .collect::<Option<_>>()?,
        ),
    };
    Some(Constant { shape, data })
}

fn transpose(a: &Constant, perm: &[i64]) -> Option<Constant> {
    let own = strides(&a.shape);
    let axes: Vec<_> = perm
        .iter()
        .map(|&axis| usize::try_from(axis).ok())
        .collect::<Option<_>>()?;
    let shape: Vec<_> = axes
        .iter()
        .map(|&axis| a.shape.get(axis).copied())
        .collect::<Option<_>>()?;
    let strides: Vec<_> = axes
        .iter()
        .map(|&axis| own.get(axis).copied())
        .collect::<Option<_>>()?;
    pick(a, shape.clone(), &positions(&shape, &strides))
}

fn reshape(a: &Constant, shape: &Constant) -> Option<Constant> {
    let shape: Vec<_> = shape
        .as_i64s()?
        .iter()
        .map(|&extent| usize::try_from(extent).ok())
        .collect::<Option<_>>()?;
    (shape.iter().product::<usize>() == a.data.len()).then(|| Constant {
        shape,
        data: a.data.clone(),
    })
}

fn expand(a: &Constant, shape: &Constant) -> Result<Option<Constant>, Misfit> {
    let target: Option<Vec<_>> = shape.as_i64s().and_then(|s| {
        s.iter()
            .map(|&extent| usize::try_from(extent).ok())
            .collect()
    });
    let Some(target) = target else {
        return Ok(None);
    };
    let misfit = || Misfit {
        operation: "Expand",
        left: a.shape.clone(),
        right: target.clone(),
    };
    let shape = broadcast(&a.shape, &target).ok_or_else(misfit)?;
    Ok(pick(
        a,
        shape.clone(),
        &positions(&shape, &broadcast_strides(&a.shape, shape.len())),
    ))
}

fn gather(a: &Constant, indices: &Constant, axis: i64) -> Option<Constant> {
    let axis = usize::try_from(axis).ok()?;
    let extent = *a.shape.get(axis)?;
    let rows: Vec<_> = indices
        .as_i64s()?
        .iter()
        .map(|&i| usize::try_from(i).ok().filter(|&i| i < extent))
        .collect::<Option<_>>()?;
    let (outer, inner) = (a.shape.get(..axis)?, a.shape.get(axis + 1..)?);
    let inner_len: usize = inner.iter().product();
    let mut positions = Vec::new();
    for block in 0..outer.iter().product() {
        for row in &rows {
            let start = (block * extent + row) * inner_len;
            positions.extend(start..start + inner_len);
        }
    }
    pick(a, [outer, &indices.shape, inner].concat(), &positions)
}

fn concat(inputs: &[&Constant], axis: i64) -> Option<Constant> {
    let axis = usize::try_from(axis).ok()?;
    let first = inputs.first()?;
    let outer: usize = first.shape.get(..axis)?.iter().product();
    let mut shape = first.shape.clone();
    *shape.get_mut(axis)? = inputs
        .iter()
        .map(|a| a.shape.get(axis).copied())
        .sum::<Option<usize>>()?;
    let join = |block: usize, a: &Constant| {
        let len = a.data.len().checked_div(outer)?;
        Some(block * len..(block + 1) * len)
    };
    let mut floats = Vec::new();
    let mut ints = Vec::new();
    for block in 0..outer {
        for a in inputs {
            match &a.data {
                Data::F32(data) => floats.extend_from_slice(data.get(join(block, a)?)?),
                Data::I64(data) => ints.extend_from_slice(data.get(join(block, a)?)?),
            }
        }
    }
    match (floats.is_empty(), ints.is_empty()) {
        (false, true) => Some(Constant {
            shape,
            data: Data::F32(floats),
        }),
        (true, false) => Some(Constant {
            shape,
            data: Data::I64(ints),
        }),
        _ => None,
    }
}

/// ONNX Slice with positive steps; bounds beyond the axis are moved to its end.
fn slice(a: &Constant, bounds: [&Constant; 4]) -> Option<Constant> {
    let [starts, ends, axes, steps] = bounds.map(|bound| bound.as_i64s());
    let mut keep: Vec<Vec<usize>> = a
        .shape
        .iter()
        .map(|&extent| (0..extent).collect())
        .collect();
    for (((&start, &end), &axis), &step) in starts?.iter().zip(ends?).zip(axes?).zip(steps?) {
        let axis = keep.get_mut(usize::try_from(axis).ok()?)?;
        let extent = i64::try_from(axis.len()).ok()?;
        let clamp = |at: i64| {
            usize::try_from((if at < 0 { at + extent } else { at }).clamp(0, extent)).ok()
        };
        let step = usize::try_from(step).ok().filter(|&step| step > 0)?;
        *axis = (clamp(start)?..clamp(end)?).step_by(step).collect();
    }
    let shape: Vec<_> = keep.iter().map(Vec::len).collect();
    let mut positions = vec![0];
    for (axis, stride) in keep.iter().zip(strides(&a.shape)) {
        positions = positions
            .iter()
            .flat_map(|&base| axis.iter().map(move |i| base + i * stride))
            .collect();
    }
    pick(a, shape, &positions)
}

fn cast(a: &Constant, to: i64) -> Option<Constant> {
    let data = match (&a.data, to) {
        (Data::F32(data), INT64) => Data::I64(data.iter().map(|&x| x as i64).collect()),
        (Data::I64(data), FLOAT) => Data::F32(data.iter().map(|&x| x as f32).collect()),
        _ => a.data.clone(),
    };
    Some(Constant {
        shape: a.shape.clone(),
        data,
    })
}
