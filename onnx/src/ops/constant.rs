//! Operators that make values of nothing, or of shapes alone.

use super::movement::count;
use crate::build::Builder;
use crate::constant::{Constant, DType, Data};
use crate::error::ModelError;
use crate::graph::ValueId;
use crate::node::{Made, OnnxNode};
use crate::tensor::{self, MAX_DIM};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    Some(match node.pb.op_type.as_str() {
        "Constant" => constant(node, b),
        "ConstantOfShape" => constant_of_shape(node, b),
        "EyeLike" => eye_like(node, b),
        "Range" => range(node, b),
        "NonZero" => non_zero(node, b),
        "RandomNormal" | "RandomUniform" => random(node, b),
        "RandomNormalLike" | "RandomUniformLike" => random_like(node, b),
        "Bernoulli" | "Multinomial" => {
            let expected = "no draws inside the graph: export the generator without this layer, \
                            or with what it draws as an input";
            Err(node.shape_error(expected, format_args!("a draw with given chances")))
        }
        _ => return None,
    })
}

fn constant(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(0, 0)?;
    let [given] = node.pb.attribute.as_slice() else {
        let found = node.pb.attribute.len();
        return Err(node.attribute_error("value", "the only attribute", found));
    };
    let scalar = |data| Constant {
        shape: Vec::new(),
        data,
    };
    let (dtype, constant) = match given.name.as_str() {
        "value" => match node.tensor("value")? {
            Some(tensor) => tensor::load(tensor, &node.name())?,
            None => return Err(node.attribute_error("value", "a tensor", "nothing")),
        },
        "value_int" => (
            DType::I64,
            scalar(Data::I64(vec![node.int("value_int", 0)?])),
        ),
        "value_float" => (DType::F32, scalar(Data::F32(vec![given.f]))),
        "value_ints" => {
            let ints = node.ints("value_ints")?.unwrap_or_default();
            (DType::I64, Constant::i64s(ints.to_vec()))
        }
        "value_floats" => {
            let floats = node.float_list("value_floats")?.unwrap_or_default();
            (
                DType::F32,
                Constant::f32s(vec![floats.len()], floats.to_vec()),
            )
        }
        other => {
            let expected = "value, value_int, value_ints, value_float or value_floats";
            return Err(node.attribute_error("value", expected, other));
        }
    };
    Ok(vec![b.constant(dtype, constant)])
}

/// A shape that is known.
fn sizes(node: &OnnxNode<'_>, given: &[i64]) -> Result<Vec<usize>, ModelError> {
    let sizes = given.iter().map(|dim| usize::try_from(*dim).ok());
    let sizes: Option<Vec<usize>> = sizes.collect();
    sizes.ok_or_else(|| node.shape_error("a shape without negative sizes", given))
}

/// A constant of one element, repeated.
fn filled(
    b: &mut Builder<'_>,
    dtype: DType,
    element: Data,
    shape: &[usize],
) -> Result<ValueId, ModelError> {
    b.bounded(shape)?;
    let one = Constant {
        shape: vec![1; shape.len()],
        data: element,
    };
    let one = b.constant(dtype, one);
    let made = b.expand(one, shape)?;
    b.declare(made, dtype);
    Ok(made)
}

fn constant_of_shape(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let shape = sizes(node, &node.known(b, 0, "shape")?)?;
    let (dtype, fill) = match node.tensor("value")? {
        Some(tensor) => tensor::load(tensor, &node.name())?,
        None => (DType::F32, Constant::scalar(0.0)),
    };
    if fill.data.len() != 1 {
        let found = format!("{:?}", fill.shape);
        return Err(node.attribute_error("value", "a single number", found));
    }
    Ok(vec![filled(b, dtype, fill.data, &shape)?])
}

/// The type that an attribute names, or else this one.
fn dtype(node: &OnnxNode<'_>, default: DType) -> Result<DType, ModelError> {
    if !node.has("dtype") {
        return Ok(default);
    }
    let code = node.int("dtype", 0)?;
    let known = i32::try_from(code).ok().and_then(DType::of);
    known.ok_or_else(|| node.attribute_error("dtype", "a type of numbers", code))
}

fn eye_like(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    let &[rows, columns] = b.shape(x) else {
        return Err(node.shape_error("a matrix", b.shape(x)));
    };
    let dtype = dtype(node, b.declared(x))?;
    let above = node.int("k", 0)?;
    b.reserve(count(&[rows, columns]) as u64)?;
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let ones = places.map(|(row, column)| column as i64 == (row as i64).saturating_add(above));
    let data = match dtype.is_float() {
        true => Data::F32(ones.map(|one| f32::from(u8::from(one))).collect()),
        false => Data::I64(ones.map(i64::from).collect()),
    };
    let shape = vec![rows, columns];
    Ok(vec![b.constant(dtype, Constant { shape, data })])
}

fn range(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(3, 3)?;
    let first = node.input(0)?;
    let error = |found: String| {
        let expected = format!("numbers that lead to fewer than {MAX_DIM} steps");
        Err(node.shape_error(expected, format_args!("{found}")))
    };
    if b.dtype(first) == DType::F32 {
        let mut given = [0.0; 3];
        for (i, (place, name)) in given
            .iter_mut()
            .zip(["start", "limit", "delta"])
            .enumerate()
        {
            *place = single(node, &node.known_floats(b, i, name)?)?;
        }
        let [start, limit, delta] = given.map(f64::from);
        let len = ((limit - start) / delta).ceil().max(0.0);
        if len.is_nan() || len >= MAX_DIM as f64 {
            return error(format!("{start} to {limit} by {delta}"));
        }
        b.reserve(len as u64)?;
        let data: Vec<f32> = (0..len as u64)
            .map(|i| (start + i as f64 * delta) as f32)
            .collect();
        return Ok(vec![b.floats(&[data.len()], data)]);
    }
    let mut given = [0i64; 3];
    for (i, (place, name)) in given
        .iter_mut()
        .zip(["start", "limit", "delta"])
        .enumerate()
    {
        *place = single(node, &node.known(b, i, name)?)?;
    }
    let [start, limit, delta] = given.map(i128::from);
    let distance = if delta < 0 {
        start - limit
    } else {
        limit - start
    };
    let step = delta.abs();
    let len = (distance.max(0) + (step - 1).max(0)).checked_div(step);
    let Some(len) = len.filter(|len| *len < MAX_DIM as i128) else {
        return error(format!("{start} to {limit} by {delta}"));
    };
    b.reserve(len as u64)?;
    let data = (0..len).map(|i| (start + i * delta) as i64);
    let made = b.integers(data.collect());
    b.declare(made, b.declared(first));
    Ok(vec![made])
}

/// The only element.
fn single<T: Copy>(node: &OnnxNode<'_>, all: &[T]) -> Result<T, ModelError> {
    match all {
        [only] => Ok(*only),
        _ => Err(node.shape_error("single numbers", format_args!("{} numbers", all.len()))),
    }
}

fn non_zero(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    let Some(known) = b.known(x) else {
        return Err(node.not_constant("input"));
    };
    let places: Vec<usize> = match &known.data {
        Data::F32(all) => (0..all.len())
            .filter(|at| all.get(*at) != Some(&0.0))
            .collect(),
        Data::I64(all) => (0..all.len())
            .filter(|at| all.get(*at) != Some(&0))
            .collect(),
    };
    let shape = known.shape.clone();
    let rows = shape.len();
    b.reserve((places.len() * rows.max(1)) as u64)?;
    let mut data = Vec::new();
    for axis in 0..rows {
        let dim = shape.get(axis).copied().unwrap_or(1).max(1);
        let step = count(shape.get(axis + 1..).unwrap_or_default()).max(1);
        data.extend(places.iter().map(|at| (at / step % dim) as i64));
    }
    let made = Constant {
        shape: vec![rows, places.len()],
        data: Data::I64(data),
    };
    Ok(vec![b.constant(DType::I64, made)])
}

/// Noise that the graph would draw: its mean, in this shape.
fn mean(node: &OnnxNode<'_>, b: &mut Builder<'_>, shape: &[usize]) -> Made {
    let mean = match node.pb.op_type.starts_with("RandomNormal") {
        true => node.float("mean", 0.0)?,
        false => (node.float("low", 0.0)? + node.float("high", 1.0)?) / 2.0,
    };
    let dtype = dtype(node, DType::F32)?;
    if !dtype.is_float() {
        return Err(node.attribute_error("dtype", "a type of floats", format!("{dtype:?}")));
    }
    b.note(format!(
        "noise that the graph draws itself ({}) is taken as its mean, {mean}",
        node.pb.op_type
    ));
    Ok(vec![filled(b, dtype, Data::F32(vec![mean]), shape)?])
}

fn random(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(0, 0)?;
    let Some(shape) = node.ints("shape")? else {
        return Err(node.attribute_error("shape", "a shape", "missing"));
    };
    let shape = sizes(node, shape)?;
    mean(node, b, &shape)
}

fn random_like(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let shape = b.shape(node.input(0)?).to_vec();
    mean(node, b, &shape)
}
