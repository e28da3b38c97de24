//! Operators that move elements about.

use super::Outcome;
use super::arith::same_float;
use crate::error::ModelError;
use crate::node::Node;
use crate::tensor::{Type, Value};

pub(super) fn identity(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    Ok(Outcome {
        value: node.input(0)?.clone(),
        work: 0,
        scratch: 0,
    })
}

pub(super) fn cast(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    let to = node.int("to", -1)?;
    let ty = i32::try_from(to).ok().and_then(Type::of);
    let ty = ty.ok_or_else(|| {
        node.attribute_error("to", "float, double, float16, int32, int64 or bool", to)
    })?;
    let integer = matches!(ty, Type::I32 | Type::I64) && matches!(x.ty, Type::I32 | Type::I64);
    let ints = x.ints.clone().filter(|_| integer);
    Ok(Outcome::cheap(Value {
        ints,
        ..Value::computed(ty, x.shape.clone())
    }))
}

pub(super) fn transpose(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    let order = match node.ints("perm")? {
        Some(perm) => node.axes(perm, x.shape.len())?,
        None => (0..x.shape.len()).rev().collect(),
    };
    if order.len() != x.shape.len() {
        return Err(node.attribute_error("perm", "every axis once", format!("{order:?}")));
    }
    let shape = node.bounded(
        order
            .iter()
            .map(|axis| x.shape.get(*axis).copied())
            .collect(),
    )?;
    let ints = match (&x.ints, x.shape.as_slice(), order.as_slice()) {
        (Some(ints), &[_, columns], [1, 0]) if columns > 0 => {
            let column = |at: usize| ints.iter().skip(at).step_by(columns);
            Some((0..columns).flat_map(column).copied().collect())
        }
        (ints, ..) => ints.clone().filter(|_| shape.len() <= 1),
    };
    Ok(Outcome::cheap(Value {
        ints,
        ..Value::computed(x.ty, shape)
    }))
}

pub(super) fn concat(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 64)?;
    let first = node.input(0)?;
    let axis = node.axis(node.int("axis", i64::MAX)?, first.shape.len())?;
    let mut total = 0usize;
    let mut ints = Some(Vec::new());
    for index in 0..node.inputs.len() {
        let part = node.input(index)?;
        let alike = part.ty == first.ty && part.shape.len() == first.shape.len();
        let pairs = part.shape.iter().zip(&first.shape).enumerate();
        if !alike || pairs.into_iter().any(|(i, (a, b))| i != axis && a != b) {
            return Err(node.shape_error(
                "values that are alike but for one axis",
                (&first.shape, &part.shape),
            ));
        }
        total = total.saturating_add(part.shape.get(axis).copied().unwrap_or(0));
        ints = match (ints, &part.ints) {
            (Some(mut all), Some(more)) if part.shape.len() == 1 => {
                all.extend_from_slice(more);
                Some(all)
            }
            _ => None,
        };
    }
    let shape = first
        .shape
        .iter()
        .enumerate()
        .map(|(i, dim)| Some(if i == axis { total } else { *dim }));
    let shape = node.bounded(shape.collect())?;
    let ints = ints.filter(|ints| ints.len() <= 64);
    Ok(Outcome::cheap(Value {
        ints,
        ..Value::computed(first.ty, shape)
    }))
}

pub(super) fn gather(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let (data, indices) = (node.input(0)?, node.input(1)?);
    let axis = node.axis(node.int("axis", 0)?, data.shape.len())?;
    if !matches!(indices.ty, Type::I32 | Type::I64) {
        return Err(node.shape_error("integer indices", indices.ty));
    }
    let rows = data.shape.get(axis).copied().unwrap_or(0) as i64;
    if let Some(bad) = indices
        .ints
        .iter()
        .flatten()
        .find(|index| !(-rows..rows).contains(*index))
    {
        return Err(node.shape_error(format!("indices below {rows}"), bad));
    }
    let (before, after) = data.shape.split_at(axis);
    let shape = before
        .iter()
        .chain(&indices.shape)
        .chain(after.iter().skip(1));
    let shape = node.bounded(shape.map(|dim| Some(*dim)).collect())?;
    let mut value = Value::computed(data.ty, shape);
    if let (Some(data), Some(indices), 0) = (&data.ints, &indices.ints, axis) {
        let resolve = |index: &i64| if *index < 0 { index + rows } else { *index };
        let picked = indices.iter().map(|i| {
            usize::try_from(resolve(i))
                .ok()
                .and_then(|i| data.get(i).copied())
        });
        value.ints = picked.collect();
    }
    Ok(Outcome::cheap(value))
}

pub(super) fn slice(node: &Node<'_>) -> Result<Outcome, ModelError> {
    if node.opset < 10 {
        return Err(node.attribute_error(
            "starts",
            "inputs, as from operator set 10 on",
            "attributes",
        ));
    }
    node.arity(3, 5)?;
    let x = node.input(0)?;
    let (starts, ends) = (node.known(1, "starts")?, node.known(2, "ends")?);
    let rank = x.shape.len();
    let axes = match node.optional(3) {
        Some(_) => node.axes(node.known(3, "axes")?, rank)?,
        None => (0..starts.len().min(rank)).collect(),
    };
    let steps = match node.optional(4) {
        Some(_) => node.known(4, "steps")?.to_vec(),
        None => [1].repeat(starts.len()),
    };
    if let (Some(ints), [0], [start], [end], [-1]) =
        (&x.ints, axes.as_slice(), starts, ends, steps.as_slice())
    {
        return reversed(node, x, ints, (*start, *end));
    }
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3]
        || steps.iter().any(|step| *step != 1)
    {
        return Err(node.shape_error(
            "as many starts, ends and axes, and steps of 1",
            (starts, ends, axes, steps),
        ));
    }
    let mut shape: Vec<Option<usize>> = x.shape.iter().copied().map(Some).collect();
    let mut cut = None;
    for ((axis, start), end) in axes.iter().zip(starts).zip(ends) {
        let size = x.shape.get(*axis).copied().unwrap_or(0);
        let clamp = |at: i64| {
            let at = if at < 0 {
                at.saturating_add(size as i64)
            } else {
                at
            };
            at.clamp(0, size as i64) as usize
        };
        let (start, end) = (clamp(*start), clamp(*end));
        if let Some(dim) = shape.get_mut(*axis) {
            *dim = end.checked_sub(start);
        }
        cut = Some(start..end);
    }
    if let (Some(_), [Some(0)]) = (&x.ints, shape.as_slice()) {
        // The rest of a list of sizes, where there is none.
        return Ok(Outcome::cheap(Value {
            ty: x.ty,
            ..Value::known(Vec::new())
        }));
    }
    let shape = node.bounded(shape)?;
    let mut value = Value::computed(x.ty, shape);
    if let (Some(ints), Some(cut), 1) = (&x.ints, cut, rank) {
        value.ints = ints.get(cut).map(<[i64]>::to_vec);
    }
    Ok(Outcome::cheap(value))
}

/// Known integers with their rows from `start` down to above `end`, as PyTorch turns around the pads of a border.
fn reversed(
    node: &Node<'_>,
    x: &Value,
    ints: &[i64],
    (start, end): (i64, i64),
) -> Result<Outcome, ModelError> {
    let (Some(rows), Some(row)) = (x.shape.first(), x.shape.get(1..)) else {
        return Err(node.shape_error("a value with rows", &x.shape));
    };
    let size = *rows as i64;
    let at = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, end) = (at(start).min(size - 1), at(end).clamp(-1, size - 1));
    let width = ints.len().checked_div(*rows).unwrap_or(0).max(1);
    let taken: Vec<&[i64]> = (end + 1..=start)
        .rev()
        .filter_map(|i| ints.chunks(width).nth(usize::try_from(i).ok()?))
        .collect();
    if taken.is_empty() {
        return Err(node.shape_error("rows to turn around", (&x.shape, start, end)));
    }
    let mut shape = Vec::from([taken.len()]);
    shape.extend_from_slice(row);
    Ok(Outcome::cheap(Value {
        ty: x.ty,
        shape,
        ..Value::known(taken.concat())
    }))
}

pub(super) fn depth_to_space(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let ty = same_float(node, &[0])?;
    let x = node.input(0)?;
    let block = node.int("blocksize", 0)?;
    let mode = node.text("mode", "DCR")?;
    if !matches!(mode, "DCR" | "CRD") {
        return Err(node.attribute_error("mode", "DCR or CRD", mode));
    }
    let (&[batch, channels, height, width], Ok(b @ 1..=64)) =
        (x.shape.as_slice(), usize::try_from(block))
    else {
        return Err(node.shape_error(
            "an image of 4 dimensions and a blocksize of 1 to 64",
            (&x.shape, block),
        ));
    };
    if channels % (b * b) != 0 {
        return Err(node.shape_error("channels that the block's area divides", (channels, block)));
    }
    let out = [
        Some(batch),
        Some(channels / (b * b)),
        height.checked_mul(b),
        width.checked_mul(b),
    ];
    Ok(Outcome::cheap(Value::computed(
        ty,
        node.bounded(out.to_vec())?,
    )))
}

pub(super) fn pad(node: &Node<'_>) -> Result<Outcome, ModelError> {
    if node.opset < 11 {
        return Err(node.attribute_error(
            "pads",
            "an input, as from operator set 11 on",
            "an attribute",
        ));
    }
    node.arity(2, 3)?;
    let ty = same_float(node, &[0, 2])?;
    let x = node.input(0)?;
    let mode = node.text("mode", "constant")?;
    if !matches!(mode, "constant" | "reflect" | "edge") {
        return Err(node.attribute_error("mode", "constant, reflect or edge", mode));
    }
    if node
        .optional(2)
        .is_some_and(|fill| fill.len() != 1 || !fill.constant)
    {
        return Err(node.not_constant("fill value"));
    }
    let pads = node.known(1, "pads")?;
    let rank = x.shape.len();
    if pads.len() != 2 * rank || pads.iter().any(|pad| *pad < 0) {
        return Err(node.shape_error(format!("{} pads, none negative", 2 * rank), pads));
    }
    let (begin, end) = pads.split_at(rank);
    let sizes = x.shape.iter().zip(begin.iter().zip(end));
    let shape = sizes
        .map(|(size, (begin, end))| {
            let (begin, end) = (usize::try_from(*begin).ok()?, usize::try_from(*end).ok()?);
            // Reflection has only that many elements to show.
            if mode == "reflect" && (begin >= *size || end >= *size) {
                return None;
            }
            size.checked_add(begin)?.checked_add(end)
        })
        .collect();
    Ok(Outcome::cheap(Value::computed(ty, node.bounded(shape)?)))
}

pub(super) fn tile(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let x = node.input(0)?;
    let repeats = node.known(1, "repeats")?;
    if repeats.len() != x.shape.len() {
        return Err(node.shape_error("one repeat for each axis", (&x.shape, repeats)));
    }
    let pairs = x.shape.iter().zip(repeats);
    let shape = pairs
        .map(|(dim, times)| usize::try_from(*times).ok()?.checked_mul(*dim))
        .collect();
    Ok(Outcome::cheap(Value::computed(x.ty, node.bounded(shape)?)))
}

pub(super) fn resize(node: &Node<'_>) -> Result<Outcome, ModelError> {
    if node.opset < 10 {
        return Err(node.shape_error("operator set 10 or newer", node.opset));
    }
    let ten = node.opset == 10;
    node.arity(2, if ten { 2 } else { 4 })?;
    let x = node.input(0)?;
    if x.ty != Type::F32 {
        return Err(node.shape_error("a value of type float32", x.ty));
    }
    let choices: [(&str, &str, &[&str], &'static str); 3] = [
        (
            "mode",
            "nearest",
            &["nearest", "linear"],
            "nearest or linear",
        ),
        (
            "coordinate_transformation_mode",
            if ten { "asymmetric" } else { "half_pixel" },
            &[
                "half_pixel",
                "pytorch_half_pixel",
                "align_corners",
                "asymmetric",
            ],
            "half_pixel, pytorch_half_pixel, align_corners or asymmetric",
        ),
        (
            "nearest_mode",
            if ten { "floor" } else { "round_prefer_floor" },
            &["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
            "round_prefer_floor, round_prefer_ceil, floor or ceil",
        ),
    ];
    for (attribute, default, allowed, expected) in choices {
        let found = node.text(attribute, default)?;
        if !allowed.contains(&found) {
            return Err(node.attribute_error(attribute, expected, found));
        }
    }
    if node.has("axes")
        || node.int("antialias", 0)? != 0
        || node.text("keep_aspect_ratio_policy", "stretch")? != "stretch"
    {
        return Err(node.attribute_error(
            "axes",
            "absent, antialias 0 and keep_aspect_ratio_policy stretch",
            "present",
        ));
    }
    if ten {
        node.input(1)?;
    } else if node.opset < 13 {
        // Both are obligatory there, though they may be empty.
        node.input(1).and_then(|_| node.input(2))?;
    }
    let rank = x.shape.len();
    let given = |index: usize| node.optional(index).filter(|value| value.len() > 0);
    let (scales, sizes) = if ten {
        (given(1), None)
    } else {
        (given(2), given(3))
    };
    let shape = match (scales, sizes) {
        (Some(scales), None) => {
            let floats = scales
                .floats
                .as_ref()
                .ok_or_else(|| node.not_constant("scales"))?;
            if floats.len() != rank || floats.iter().any(|s| !(1.0 / 64.0..=64.0).contains(s)) {
                return Err(node.shape_error(format!("{rank} scales of 1/64 to 64"), floats));
            }
            x.shape
                .iter()
                .zip(floats)
                .map(|(dim, scale)| Some((*dim as f64 * f64::from(*scale)) as usize))
                .collect()
        }
        (None, Some(sizes)) => {
            let ints = sizes.ints.as_ref().filter(|ints| ints.len() == rank);
            let ints = ints.ok_or_else(|| node.not_constant("sizes"))?;
            ints.iter()
                .map(|size| usize::try_from(*size).ok())
                .collect()
        }
        _ => {
            return Err(node.shape_error(
                "either scales or sizes",
                (scales.is_some(), sizes.is_some()),
            ));
        }
    };
    Ok(Outcome::cheap(Value::computed(x.ty, node.bounded(shape)?)))
}
