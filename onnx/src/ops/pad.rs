//! Borders, of a constant or of what the value itself holds.

use super::movement::{of_same_type, pick};
use crate::build::Builder;
use crate::constant::Data;
use crate::error::ModelError;
use crate::graph::{Op, Part, ValueId};
use crate::node::{Made, OnnxNode};
use crate::tensor::MAX_DIM;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "Pad" => pad(node, b),
        "CenterCropPad" => center_crop_pad(node, b),
        _ => return None,
    };
    Some(of_same_type(node, b, made))
}

/// What lies beyond the ends.
#[derive(Clone, Copy)]
enum Border {
    Reflect,
    Edge,
    Wrap,
}

impl Border {
    /// The position in an axis of `size` elements that a position within or beyond it shows.
    fn source(self, at: i64, size: i64) -> Option<usize> {
        let inside = match self {
            Self::Edge => at.clamp(0, (size - 1).max(0)),
            Self::Wrap => at.checked_rem_euclid(size)?,
            Self::Reflect if size == 1 => 0,
            Self::Reflect => {
                let there_and_back = at.checked_rem_euclid(2 * (size - 1))?;
                there_and_back.min(2 * (size - 1) - there_and_back)
            }
        };
        usize::try_from(inside).ok()
    }
}

fn pad(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let as_input = node.opset >= 11;
    node.arity(1 + usize::from(as_input), if as_input { 4 } else { 1 })?;
    let x = node.input(0)?;
    let rank = b.rank(x);
    let Some(pads) = node.list(b, 1, "pads")? else {
        return Err(node.attribute_error("pads", "a list of pads", "missing"));
    };
    let axes = match node.optional(3) {
        Some(_) => node.axes(&node.known(b, 3, "axes")?, rank)?,
        None => (0..rank).collect(),
    };
    let bound = MAX_DIM as i64;
    if pads.len() != 2 * axes.len() || pads.iter().any(|pad| !(-bound..bound).contains(pad)) {
        let expected = format!("{} pads below 2^24", 2 * axes.len());
        return Err(node.shape_error(expected, pads));
    }
    let (begin, end) = pads.split_at(axes.len());
    let mut all = vec![(0, 0); rank];
    for (axis, pair) in axes.iter().zip(begin.iter().zip(end)) {
        if let Some(place) = all.get_mut(*axis) {
            *place = (*pair.0, *pair.1);
        }
    }
    let border = match node.text("mode", "constant")? {
        "constant" => {
            let fill = fill(node, b, as_input)?;
            return Ok(vec![constant_border(node, b, x, &all, fill)?]);
        }
        "reflect" => Border::Reflect,
        "edge" => Border::Edge,
        "wrap" => Border::Wrap,
        other => {
            let expected = "constant, reflect, edge or wrap";
            return Err(node.attribute_error("mode", expected, other));
        }
    };
    let x = cut(node, b, x, &all)?;
    let mut made = x;
    for (axis, (begin, end)) in all.iter().enumerate() {
        let (begin, end) = ((*begin).max(0), (*end).max(0));
        if begin == 0 && end == 0 {
            continue;
        }
        let size = b.dim(x, axis) as i64;
        let positions = -begin..size.saturating_add(end);
        b.reserve((size + begin + end).unsigned_abs())?;
        let sources: Option<Vec<usize>> = positions.map(|at| border.source(at, size)).collect();
        let Some(sources) = sources.filter(|_| size > 0) else {
            return Err(node.shape_error("elements to repeat", b.shape(x)));
        };
        made = pick(b, made, axis, &sources)?;
    }
    Ok(vec![made])
}

/// What a constant border holds.
fn fill(node: &OnnxNode<'_>, b: &Builder<'_>, as_input: bool) -> Result<f32, ModelError> {
    if !as_input {
        return node.float("value", 0.0);
    }
    let Some(id) = node.optional(2) else {
        return Ok(0.0);
    };
    let known = b.known(id).ok_or_else(|| node.not_constant("fill value"))?;
    match &known.data {
        Data::F32(all) => match all.as_slice() {
            [] => Ok(0.0),
            [fill] => Ok(*fill),
            _ => Err(node.shape_error("one fill value", &known.shape)),
        },
        Data::I64(all) => match all.as_slice() {
            [] => Ok(0.0),
            [fill] if fill.unsigned_abs() <= 1 << 24 => Ok(*fill as f32),
            _ => Err(node.shape_error("one fill value of at most 2^24", all.len())),
        },
    }
}

/// Without what negative pads cut off.
fn cut(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    x: ValueId,
    pads: &[(i64, i64)],
) -> Result<ValueId, ModelError> {
    if pads.iter().all(|(begin, end)| *begin >= 0 && *end >= 0) {
        return Ok(x);
    }
    let less = |pad: i64| usize::try_from(pad.saturating_neg()).unwrap_or(0);
    let sizes = b.shape(x).iter().zip(pads);
    let parts = sizes.map(|(size, (begin, end))| {
        Some(Part {
            first: less(*begin),
            count: size.checked_sub(less(*begin))?.checked_sub(less(*end))?,
            step: 1,
        })
    });
    let parts: Option<Vec<Part>> = parts.collect();
    let parts = parts.ok_or_else(|| {
        let expected = "negative pads that leave something of each axis";
        node.shape_error(expected, (b.shape(x), pads))
    })?;
    b.push(Op::Slice(parts), &[x])
}

fn constant_border(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    x: ValueId,
    pads: &[(i64, i64)],
    fill: f32,
) -> Result<ValueId, ModelError> {
    let x = cut(node, b, x, pads)?;
    let more = |pad: i64| usize::try_from(pad).unwrap_or(0);
    let (begin, end) = pads
        .iter()
        .map(|(begin, end)| (more(*begin), more(*end)))
        .unzip();
    b.push(Op::Pad { begin, end, fill }, &[x])
}

fn center_crop_pad(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let x = node.input(0)?;
    let wanted = node.known(b, 1, "shape")?;
    let rank = b.rank(x);
    let axes = match node.ints("axes")? {
        Some(axes) => node.axes(axes, rank)?,
        None => (0..rank).collect(),
    };
    let bound = MAX_DIM as i64;
    if wanted.len() != axes.len() || wanted.iter().any(|size| !(0..bound).contains(size)) {
        let expected = format!("{} sizes, none negative", axes.len());
        return Err(node.shape_error(expected, wanted));
    }
    let mut pads = vec![(0, 0); rank];
    for (axis, wanted) in axes.iter().zip(&wanted) {
        let more = wanted - b.dim(x, *axis) as i64;
        // The odd one goes to the end, of what is cut off, too.
        if let Some(place) = pads.get_mut(*axis) {
            *place = (more / 2, more - more / 2);
        }
    }
    Ok(vec![constant_border(node, b, x, &pads, 0.0)?])
}
