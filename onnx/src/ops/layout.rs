//! Operators that move elements about.

use super::arith::same_float;
use super::outcome::Outcome;
use crate::constant::{Constant, DType};
use crate::error::ModelError;
use crate::graph::{Op, Part, Value};
use crate::node_check::NodeCheck;

/// What an operator makes that moves elements of its first input, with the shape that follows.
fn moved(node: &NodeCheck<'_>, op: Op) -> Result<Outcome, ModelError> {
    let shapes: Vec<&[usize]> = node
        .inputs
        .iter()
        .flatten()
        .map(|value| value.shape.as_slice())
        .collect();
    let misfit = || node.shape_error("values that go together", &shapes);
    let shape = op.shape(&shapes).ok_or_else(misfit)?;
    let shape = node.bounded(shape.into_iter().map(Some).collect())?;
    let value = Value::computed(node.input(0)?.dtype, shape);
    Ok(Outcome::cheap(op, value))
}

pub(super) fn identity(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let x = node.input(0)?.clone();
    Ok(Outcome::of_work(Op::Identity, x, 0))
}

pub(super) fn cast(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    let to = node.int("to", -1)?;
    let dtype = i32::try_from(to).ok().and_then(DType::of);
    let dtype = dtype.ok_or_else(|| {
        node.attribute_error("to", "float, double, float16, int32, int64 or bool", to)
    })?;
    Ok(Outcome::cheap(
        Op::Cast(dtype),
        Value::computed(dtype, x.shape.clone()),
    ))
}

pub(super) fn transpose(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let rank = node.input(0)?.shape.len();
    let order = match node.ints("perm")? {
        Some(perm) => node.axes(perm, rank)?,
        None => (0..rank).rev().collect(),
    };
    if order.len() != rank {
        return Err(node.attribute_error("perm", "every axis once", format!("{order:?}")));
    }
    moved(node, Op::Transpose(order))
}

pub(super) fn concat(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 64)?;
    let first = node.input(0)?;
    let axis = node.axis(node.int("axis", i64::MAX)?, first.shape.len())?;
    for index in 0..node.inputs.len() {
        let part = node.input(index)?;
        let alike = part.dtype == first.dtype && part.shape.len() == first.shape.len();
        let pairs = part.shape.iter().zip(&first.shape).enumerate();
        if !alike || pairs.into_iter().any(|(i, (a, b))| i != axis && a != b) {
            return Err(node.shape_error(
                "values that are alike but for one axis",
                (&first.shape, &part.shape),
            ));
        }
    }
    moved(node, Op::Concat(axis))
}

pub(super) fn gather(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 2)?;
    let (data, indices) = (node.input(0)?, node.input(1)?);
    let axis = node.axis(node.int("axis", 0)?, data.shape.len())?;
    if !matches!(indices.dtype, DType::I32 | DType::I64) {
        return Err(node.shape_error("integer indices", indices.dtype));
    }
    let rows = data.shape.get(axis).copied().unwrap_or(0) as i64;
    let mut known = indices.ints().into_iter().flatten();
    if let Some(bad) = known.find(|index| !(-rows..rows).contains(*index)) {
        return Err(node.shape_error(format!("indices below {rows}"), bad));
    }
    moved(node, Op::Gather(axis))
}

pub(super) fn slice(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
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
    // Known integers may be turned around, as PyTorch does with the pads of a border.
    let turned = x.ints().is_some() && axes == [0] && steps == [-1];
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3]
        || (steps.iter().any(|step| *step != 1) && !turned)
    {
        return Err(node.shape_error(
            "as many starts, ends and axes, and steps of 1",
            (starts, ends, axes, steps),
        ));
    }
    let mut parts: Vec<Part> = x.shape.iter().map(|dim| Part::whole(*dim)).collect();
    for (((axis, start), end), step) in axes.iter().zip(starts).zip(ends).zip(&steps) {
        let size = x.shape.get(*axis).copied().unwrap_or(0);
        if let (Some(part), Some(taken)) =
            (parts.get_mut(*axis), Part::of(size, *start, *end, *step))
        {
            *part = taken;
        }
    }
    if let (
        Some(_),
        [
            Part {
                count: 0, step: 1, ..
            },
        ],
    ) = (x.ints(), parts.as_slice())
    {
        // The rest of a list of sizes, where there is none.
        let nothing = Value::known(x.dtype, Constant::i64s(Vec::new()));
        return Ok(Outcome::cheap(Op::Slice(parts), nothing));
    }
    moved(node, Op::Slice(parts))
}

pub(super) fn depth_to_space(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(1, 1)?;
    let dtype = same_float(node, &[0])?;
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
    Ok(Outcome::cheap(
        Op::DepthToSpace {
            block: b,
            crd: mode == "CRD",
        },
        Value::computed(dtype, node.bounded(out.to_vec())?),
    ))
}

pub(super) fn pad(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    if node.opset < 11 {
        return Err(node.attribute_error(
            "pads",
            "an input, as from operator set 11 on",
            "an attribute",
        ));
    }
    node.arity(2, 3)?;
    let dtype = same_float(node, &[0, 2])?;
    let x = node.input(0)?;
    let mode = node.choice("mode", "constant", &["constant", "reflect", "edge"])?;
    let Some(mode) = mode else {
        let found = node.text("mode", "constant")?;
        return Err(node.attribute_error("mode", "constant, reflect or edge", found));
    };
    if node
        .optional(2)
        .is_some_and(|fill| fill.len() != 1 || !fill.fixed)
    {
        return Err(node.not_constant("fill value"));
    }
    let pads = node.known(1, "pads")?;
    let rank = x.shape.len();
    let sizes: Option<Vec<usize>> = pads.iter().map(|pad| usize::try_from(*pad).ok()).collect();
    let Some(sizes) = sizes.filter(|sizes| sizes.len() == 2 * rank) else {
        return Err(node.shape_error(format!("{} pads, none negative", 2 * rank), pads));
    };
    let (begin, end) = sizes.split_at(rank);
    let shape = x.shape.iter().zip(begin.iter().zip(end));
    let shape = shape
        .map(|(size, (begin, end))| {
            // Reflection has only that many elements to show.
            if mode == "reflect" && (begin >= size || end >= size) {
                return None;
            }
            size.checked_add(*begin)?.checked_add(*end)
        })
        .collect();
    let value = Value::computed(dtype, node.bounded(shape)?);
    let (begin, end) = (begin.to_vec(), end.to_vec());
    Ok(Outcome::cheap(Op::Pad { begin, end, mode }, value))
}

pub(super) fn tile(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
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
    let value = Value::computed(x.dtype, node.bounded(shape)?);
    Ok(Outcome::cheap(Op::Other, value))
}

pub(super) fn resize(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    if node.opset < 10 {
        return Err(node.shape_error("operator set 10 or newer", node.opset));
    }
    let ten = node.opset == 10;
    node.arity(2, if ten { 2 } else { 4 })?;
    let x = node.input(0)?;
    if x.dtype != DType::F32 {
        return Err(node.shape_error("a value of type float32", x.dtype));
    }
    let choose = |attribute, default, allowed: &[&'static str], expected| {
        let found = node.choice(attribute, default, allowed)?;
        found.map_or_else(
            || Err(node.attribute_error(attribute, expected, node.text(attribute, default)?)),
            Ok,
        )
    };
    let mode = choose(
        "mode",
        "nearest",
        &["nearest", "linear"],
        "nearest or linear",
    )?;
    let coordinates = choose(
        "coordinate_transformation_mode",
        if ten { "asymmetric" } else { "half_pixel" },
        &[
            "half_pixel",
            "pytorch_half_pixel",
            "align_corners",
            "asymmetric",
        ],
        "half_pixel, pytorch_half_pixel, align_corners or asymmetric",
    )?;
    let rounding = choose(
        "nearest_mode",
        if ten { "floor" } else { "round_prefer_floor" },
        &["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
        "round_prefer_floor, round_prefer_ceil, floor or ceil",
    )?;
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
    let scales = match scales {
        Some(scales) => Some(scales.floats().ok_or_else(|| node.not_constant("scales"))?),
        None => None,
    };
    let shape = match (scales, sizes) {
        (Some(scales), None) => {
            if scales.len() != rank || scales.iter().any(|s| !(1.0 / 64.0..=64.0).contains(s)) {
                return Err(node.shape_error(format!("{rank} scales of 1/64 to 64"), scales));
            }
            let pairs = x.shape.iter().zip(scales);
            pairs
                .map(|(dim, scale)| Some((*dim as f64 * f64::from(*scale)) as usize))
                .collect()
        }
        (None, Some(sizes)) => {
            let ints = sizes.ints().filter(|ints| ints.len() == rank);
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
    let value = Value::computed(x.dtype, node.bounded(shape)?);
    let op = Op::Resize {
        mode,
        coordinates,
        rounding,
        scales: scales.map(<[f32]>::to_vec),
    };
    Ok(Outcome::cheap(op, value))
}
