//! Operators on constants alone: computed here and now.

use std::collections::HashMap;

use super::node::Node;
use super::tensor;
use super::value::Known;
use crate::CompileError;
use dreamlet_onnx::fold;
use dreamlet_onnx::graph_builder::{Attribute, Constant, Data, Node as FoldNode};

/// Operators that the exporter's own arithmetic on constants knows.
const FOLDED: [&str; 19] = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Neg",
    "Abs",
    "Sqrt",
    "Exp",
    "Log",
    "Relu",
    "Tanh",
    "Sigmoid",
    "Transpose",
    "Expand",
    "Gather",
    "Concat",
    "Slice",
    "Cast",
];

/// What a node makes, if that depends on nothing but constants and shapes.
pub(super) fn evaluate(
    node: &Node<'_>,
    known: &HashMap<String, Known>,
) -> Result<Option<Constant>, CompileError> {
    let op = node.pb.op_type.as_str();
    if op == "Shape" {
        let shape = node.input(known, 0)?.dims();
        let rank = shape.len() as i64;
        let at = |axis: i64| {
            let axis = if axis < 0 {
                axis.saturating_add(rank)
            } else {
                axis
            };
            axis.clamp(0, rank) as usize
        };
        let part = at(node.int("start", 0))..at(node.int("end", rank));
        let dims = shape.get(part).unwrap_or_default();
        let ints = dims.iter().map(|&dim| dim as i64).collect();
        return Ok(Some(Constant::i64s(ints)));
    }
    let mut inputs = Vec::new();
    for at in 0..node.pb.input.len() {
        match node.optional(known, at) {
            Some(Known::Constant(constant)) => inputs.push(Some(constant.as_ref())),
            Some(_) => return Ok(None),
            None => inputs.push(None),
        }
    }
    let constant = match (op, inputs.as_slice()) {
        ("Constant", _) => value(node),
        ("Identity" | "Dropout", [Some(a), ..]) => Some((*a).clone()),
        ("ConstantOfShape", [Some(shape)]) => filled(node, shape),
        ("Mod", [Some(a), Some(b)]) => remainder(a, b),
        ("Slice", [Some(a), Some(start), Some(end), Some(axis), Some(step)])
            if axis.as_i64s() == Some(&[0]) && step.as_i64s() == Some(&[-1]) =>
        {
            reversed(a, start, end)
        }
        ("Reshape" | "Flatten" | "Squeeze" | "Unsqueeze", [Some(a), ..]) => {
            let shape = super::layout::reshaped(node, known, &a.shape)?;
            let data = a.data.clone();
            Some(Constant { shape, data })
        }
        _ => exporters(node, &inputs)?,
    };
    constant
        .map(Some)
        .ok_or_else(|| node.refuse("this operator is not computed on constants"))
}

/// The value of operator Constant.
fn value(node: &Node<'_>) -> Option<Constant> {
    if let Some(tensor) = node.tensor("value") {
        tensor::constant(tensor)
    } else if let Some(ints) = node.ints("value_ints") {
        Some(Constant::i64s(ints.to_vec()))
    } else if node.has("value_int") {
        Some(Constant {
            shape: Vec::new(),
            data: Data::I64(vec![node.int("value_int", 0)]),
        })
    } else {
        let float = vec![node.float("value_float", 0.0)];
        node.has("value_float")
            .then(|| Constant::f32s(Vec::new(), float))
    }
}

/// The value of operator ConstantOfShape.
fn filled(node: &Node<'_>, shape: &Constant) -> Option<Constant> {
    let shape: Vec<usize> = shape
        .as_i64s()?
        .iter()
        .map(|&dim| usize::try_from(dim).ok())
        .collect::<Option<_>>()?;
    let count = shape.iter().product();
    let data = match node.tensor("value") {
        Some(fill) => match tensor::constant(fill)?.data {
            Data::F32(fill) => Data::F32(vec![*fill.first()?; count]),
            Data::I64(fill) => Data::I64(vec![*fill.first()?; count]),
        },
        None => Data::F32(vec![0.0; count]),
    };
    Some(Constant { shape, data })
}

/// Whole numbers modulo one positive number.
fn remainder(a: &Constant, b: &Constant) -> Option<Constant> {
    let &[divisor] = b.as_i64s()? else {
        return None;
    };
    let ints = a.as_i64s()?.iter();
    let data = ints.map(|x| (divisor > 0).then(|| x.rem_euclid(divisor)));
    Some(Constant {
        shape: a.shape.clone(),
        data: Data::I64(data.collect::<Option<_>>()?),
    })
}

/// Whole numbers with their rows from `start` down to above `end`.
fn reversed(a: &Constant, start: &Constant, end: &Constant) -> Option<Constant> {
    let ints = a.as_i64s()?;
    let (&[start], &[end]) = (start.as_i64s()?, end.as_i64s()?) else {
        return None;
    };
    let (&rows, row) = a.shape.split_first()?;
    let size = rows as i64;
    let at = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, end) = (at(start).min(size - 1), at(end).clamp(-1, size - 1));
    let width = ints.len().checked_div(rows)?.max(1);
    let taken: Vec<&[i64]> = (end + 1..=start)
        .rev()
        .filter_map(|i| ints.chunks(width).nth(usize::try_from(i).ok()?))
        .collect();
    let mut shape = vec![taken.len()];
    shape.extend_from_slice(row);
    Some(Constant {
        shape,
        data: Data::I64(taken.concat()),
    })
}

/// The rest, in the forms that the exporter's arithmetic takes: axes from 0, all of Slice's inputs.
fn exporters(
    node: &Node<'_>,
    inputs: &[Option<&Constant>],
) -> Result<Option<Constant>, CompileError> {
    let op = FOLDED
        .iter()
        .find(|&&name| name == node.pb.op_type.as_str());
    let (Some(op), Some(Some(first))) = (op, inputs.first()) else {
        return Ok(None);
    };
    let rank = first.shape.len();
    let mut given: Vec<Constant> = inputs
        .iter()
        .flatten()
        .map(|&input| input.clone())
        .collect();
    let mut attributes = Vec::new();
    match *op {
        "Transpose" => {
            let all: Vec<i64> = (0..rank as i64).rev().collect();
            let order = node.ints("perm").unwrap_or(&all);
            let order = order
                .iter()
                .map(|&axis| node.axis(axis, rank).map(|axis| axis as i64));
            attributes.push(("perm", Attribute::Ints(order.collect::<Result<_, _>>()?)));
        }
        "Gather" | "Concat" => {
            let axis = node.axis(node.int("axis", 0), rank)?;
            attributes.push(("axis", Attribute::Int(axis as i64)));
            let rows = first.shape.get(axis).copied().unwrap_or(0) as i64;
            if *op == "Gather"
                && let Some(Data::I64(indices)) = given.get_mut(1).map(|at| &mut at.data)
            {
                for index in indices.iter_mut().filter(|index| **index < 0) {
                    *index += rows;
                }
            }
        }
        "Slice" => {
            let starts = given
                .get(1)
                .and_then(Constant::as_i64s)
                .map_or(0, <[i64]>::len);
            let axes = match inputs.get(3).copied().flatten().and_then(Constant::as_i64s) {
                Some(axes) => axes
                    .iter()
                    .map(|&axis| node.axis(axis, rank).map(|axis| axis as i64))
                    .collect::<Result<_, _>>()?,
                None => (0..starts as i64).collect(),
            };
            let steps = inputs.get(4).copied().flatten().cloned();
            given.truncate(3);
            given.push(Constant::i64s(axes));
            given.push(steps.unwrap_or_else(|| Constant::i64s(vec![1; starts])));
        }
        "Cast" => attributes.push(("to", Attribute::Int(node.int("to", 0)))),
        _ => {}
    }
    let node = FoldNode {
        op,
        inputs: Vec::new(),
        attributes,
        output: 0,
    };
    fold::evaluate(&node, &given.iter().collect::<Vec<_>>()).map_err(CompileError::Constants)
}
