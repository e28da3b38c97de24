//! Operators that move elements about by rules.

use crate::build::Builder;
use crate::constant::DType;
use crate::error::ModelError;
use crate::graph::{Op, Part, ValueId};
use crate::node::{Made, OnnxNode};
use crate::shape::broadcast;
use crate::tensor::MAX_DIM;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "Transpose" => transpose(node, b),
        "Concat" => concat(node, b),
        "Split" => split(node, b),
        "Slice" => slice(node, b),
        "Tile" => tile(node, b),
        "Expand" => expand(node, b),
        "DepthToSpace" => depth_to_space(node, b),
        "SpaceToDepth" => space_to_depth(node, b),
        "Compress" => compress(node, b),
        _ => return None,
    };
    Some(of_same_type(node, b, made))
}

/// What only moves elements keeps the integer type that they have in the file.
pub(super) fn of_same_type(node: &OnnxNode<'_>, b: &mut Builder<'_>, made: Made) -> Made {
    let made = made?;
    if let Some(x) = node.optional(0) {
        let (dtype, declared) = (b.dtype(x), b.declared(x));
        for id in &made {
            if b.dtype(*id) == dtype {
                b.declare(*id, declared);
            }
        }
    }
    Ok(made)
}

/// Number of elements.
pub(super) fn count(dims: &[usize]) -> usize {
    dims.iter().fold(1, |all, dim| all.saturating_mul(*dim))
}

/// Each output position of an axis as the sum of input positions with weights; nothing where that
/// is the axis itself.
pub(super) fn resample(
    b: &mut Builder<'_>,
    x: ValueId,
    axis: usize,
    taps: Vec<Vec<(usize, f32)>>,
) -> Result<ValueId, ModelError> {
    let own = |(at, taps): (usize, &Vec<(usize, f32)>)| *taps == [(at, 1.0)];
    if taps.len() == b.dim(x, axis) && taps.iter().enumerate().all(own) {
        return Ok(x);
    }
    b.push(Op::Resample { axis, taps }, &[x])
}

/// These positions of an axis: a part of it where they are evenly spaced.
pub(super) fn pick(
    b: &mut Builder<'_>,
    x: ValueId,
    axis: usize,
    positions: &[usize],
) -> Result<ValueId, ModelError> {
    let signed = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
    let step = match positions {
        [a, b, ..] => signed(*b) - signed(*a),
        _ => 1,
    };
    let mut pairs = positions.iter().zip(positions.iter().skip(1));
    if step != 0 && pairs.all(|(a, b)| signed(*b) - signed(*a) == step) {
        let mut parts: Vec<Part> = b.shape(x).iter().map(|dim| Part::whole(*dim)).collect();
        if let Some(part) = parts.get_mut(axis) {
            *part = Part {
                first: positions.first().copied().unwrap_or(0),
                count: positions.len(),
                step,
            };
        }
        return b.push(Op::Slice(parts), &[x]);
    }
    if b.dtype(x) == DType::F32 && b.known(x).is_none() {
        // Counted before it is made: this may be every element of a value.
        b.reserve(2 * positions.len() as u64)?;
        let taps = positions.iter().map(|at| vec![(*at, 1.0)]);
        return resample(b, x, axis, taps.collect());
    }
    let indices = b.integers(positions.iter().map(|at| signed(*at)).collect());
    b.push(Op::Gather(axis), &[x, indices])
}

fn transpose(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    let x = node.input(0)?;
    let rank = b.rank(x);
    let order = match node.ints("perm")? {
        Some(perm) => node.axes(perm, rank)?,
        None => (0..rank).rev().collect(),
    };
    if order.len() != rank {
        return Err(node.attribute_error("perm", "every axis once", format!("{order:?}")));
    }
    Ok(vec![b.transpose(x, &order)?])
}

fn concat(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 4096)?;
    let first = node.input(0)?;
    let axis = node.axis(node.int("axis", i64::MAX)?, b.rank(first))?;
    let mut parts = Vec::new();
    for index in 0..node.inputs.len() {
        let part = node.input(index)?;
        let (shape, other) = (b.shape(part), b.shape(first));
        let alike = b.dtype(part) == b.dtype(first) && shape.len() == other.len();
        let mut pairs = shape.iter().zip(other).enumerate();
        if !alike || pairs.any(|(i, (a, b))| i != axis && a != b) {
            let expected = "values that are alike but for one axis";
            return Err(node.shape_error(expected, (other, shape)));
        }
        // Nothing is left of some parts of sizes.
        if b.dim(part, axis) > 0 {
            parts.push(part);
        }
    }
    if parts.is_empty() {
        return Ok(vec![first]);
    }
    Ok(vec![b.concat(&parts, axis)?])
}

fn split(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let as_input = node.opset >= 13;
    node.arity(1, if as_input { 2 } else { 1 })?;
    let x = node.input(0)?;
    let axis = node.axis(node.int("axis", 0)?, b.rank(x))?;
    let size = b.dim(x, axis);
    let given = match as_input {
        true if node.optional(1).is_some() => Some(node.known(b, 1, "split")?),
        true => None,
        false => node.ints("split")?.map(<[i64]>::to_vec),
    };
    let outputs = node.pb.output.len();
    let sizes = match given {
        Some(given) => {
            let sizes = given.iter().map(|size| usize::try_from(*size).ok());
            let sizes: Option<Vec<usize>> = sizes.collect();
            let sum = |sizes: &Vec<usize>| {
                sizes
                    .iter()
                    .try_fold(0usize, |sum, size| sum.checked_add(*size))
            };
            let sizes = sizes.filter(|sizes| sum(sizes) == Some(size));
            let expected = format!("parts that add up to {size}");
            sizes.ok_or_else(|| node.shape_error(expected, given))?
        }
        None => {
            let counted = node.has("num_outputs");
            let count = match counted {
                true => node.int("num_outputs", 0)?,
                false => outputs as i64,
            };
            let count = usize::try_from(count)
                .ok()
                .filter(|count| (1..=outputs).contains(count));
            let Some(count) = count else {
                let found = node.int("num_outputs", 0)?;
                let expected = "the number of outputs, at least 1";
                return Err(node.attribute_error("num_outputs", expected, found));
            };
            // The last part may be smaller since there is `num_outputs`.
            if !counted && !size.is_multiple_of(count) {
                let expected = format!("a size that {count} parts divide");
                return Err(node.shape_error(expected, size));
            }
            let each = size.div_ceil(count);
            let part = |i: usize| size.saturating_sub(i * each).min(each);
            (0..count).map(part).collect()
        }
    };
    if sizes.len() < outputs {
        return Err(node.shape_error(format!("{outputs} parts"), sizes));
    }
    let mut first = 0;
    let mut made = Vec::new();
    for (count, name) in sizes.into_iter().zip(&node.pb.output) {
        // What has no name is not made; any value may stand in its place.
        made.push(match name.is_empty() {
            true => x,
            false => b.slice(x, axis, first, count)?,
        });
        first += count;
    }
    Ok(made)
}

fn slice(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let by_inputs = node.opset >= 10;
    let missing = |name| node.attribute_error(name, "a list of positions", "missing");
    let (starts, ends) = if by_inputs {
        node.arity(3, 5)?;
        (node.known(b, 1, "starts")?, node.known(b, 2, "ends")?)
    } else {
        node.arity(1, 1)?;
        let starts = node.ints("starts")?.ok_or_else(|| missing("starts"))?;
        let ends = node.ints("ends")?.ok_or_else(|| missing("ends"))?;
        (starts.to_vec(), ends.to_vec())
    };
    let x = node.input(0)?;
    let rank = b.rank(x);
    let axes = match by_inputs {
        true if node.optional(3).is_some() => Some(node.known(b, 3, "axes")?),
        true => None,
        false => node.ints("axes")?.map(<[i64]>::to_vec),
    };
    let axes = match axes {
        Some(axes) => node.axes(&axes, rank)?,
        None => (0..starts.len().min(rank)).collect(),
    };
    let steps = match node.optional(4) {
        Some(_) => node.known(b, 4, "steps")?,
        None => [1].repeat(starts.len()),
    };
    let error = || {
        let expected = "as many starts, ends, axes and steps, no step of 0";
        node.shape_error(expected, (&starts, &ends, &axes, &steps))
    };
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(error());
    }
    let mut parts: Vec<Part> = b.shape(x).iter().map(|dim| Part::whole(*dim)).collect();
    for (((axis, start), end), step) in axes.iter().zip(&starts).zip(&ends).zip(&steps) {
        // No axis is longer than that.
        let step = (*step).clamp(-(MAX_DIM as i64), MAX_DIM as i64);
        let part = Part::of(b.dim(x, *axis), *start, *end, step);
        let (Some(place), Some(part)) = (parts.get_mut(*axis), part) else {
            return Err(error());
        };
        *place = part;
    }
    Ok(vec![b.push(Op::Slice(parts), &[x])?])
}

/// How often each axis is repeated, one after the other.
fn tile(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let mut x = node.input(0)?;
    let repeats = node.known(b, 1, "repeats")?;
    let counts = repeats.iter().map(|times| usize::try_from(*times).ok());
    let counts: Option<Vec<usize>> = counts.collect();
    let Some(counts) = counts.filter(|counts| counts.len() == b.rank(x)) else {
        let expected = "one repeat for each axis, none negative";
        return Err(node.shape_error(expected, (b.shape(x), repeats)));
    };
    if counts.contains(&0) {
        let shape = b.shape(x).iter().zip(&counts);
        let parts = shape.map(|(dim, times)| Part::whole(if *times == 0 { 0 } else { *dim }));
        x = b.push(Op::Slice(parts.collect()), &[x])?;
    }
    // Axes of one element are repeated at once.
    let wide = b.shape(x).iter().zip(&counts);
    let wide = wide.map(|(dim, times)| if *dim == 1 { *times } else { *dim });
    let wide: Vec<usize> = wide.collect();
    let single: Vec<bool> = b.shape(x).iter().map(|dim| *dim == 1).collect();
    x = b.expand(x, &wide)?;
    for (axis, (times, single)) in counts.iter().zip(single).enumerate() {
        if single || *times < 2 {
            continue;
        }
        let shape = b.shape(x).to_vec();
        let (before, from) = shape.split_at(axis);
        let (outer, inner) = (count(before), count(from));
        let mut made = shape.clone();
        if let Some(dim) = made.get_mut(axis) {
            *dim = dim.saturating_mul(*times);
        }
        b.bounded(&made)?;
        x = b.reshape(x, &[outer, 1, inner])?;
        x = b.expand(x, &[outer, *times, inner])?;
        x = b.reshape(x, &made)?;
    }
    Ok(vec![x])
}

fn expand(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let x = node.input(0)?;
    let target = node.known(b, 1, "shape")?;
    let sizes = target.iter().map(|dim| usize::try_from(*dim).ok());
    let sizes: Option<Vec<usize>> = sizes.collect();
    let shape = sizes.and_then(|sizes| broadcast(b.shape(x), &sizes));
    let Some(shape) = shape else {
        return Err(node.shape_error("a shape to broadcast to", (b.shape(x), target)));
    };
    b.bounded(&shape)?;
    Ok(vec![b.expand(x, &shape)?])
}

/// The dimensions of an image and the block size.
fn blocks(node: &OnnxNode<'_>, b: &Builder<'_>) -> Result<([usize; 4], usize), ModelError> {
    node.arity(1, 1)?;
    let shape = b.shape(node.input(0)?);
    let block = node.int("blocksize", 0)?;
    match (shape, usize::try_from(block)) {
        (&[n, c, h, w], Ok(size @ 1..=64)) => Ok(([n, c, h, w], size)),
        _ => {
            let expected = "an image of 4 dimensions and a blocksize of 1 to 64";
            Err(node.shape_error(expected, (shape, block)))
        }
    }
}

/// Whether the channels of a block stand apart (`CRD`) or those of a pixel (`DCR`).
fn channels_first(node: &OnnxNode<'_>) -> Result<bool, ModelError> {
    match node.text("mode", "DCR")? {
        "DCR" => Ok(false),
        "CRD" => Ok(true),
        other => Err(node.attribute_error("mode", "DCR or CRD", other)),
    }
}

fn depth_to_space(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let ([n, c, h, w], block) = blocks(node, b)?;
    let x = node.input(0)?;
    if !c.is_multiple_of(block * block) {
        let expected = "channels that the block's area divides";
        return Err(node.shape_error(expected, (c, block)));
    }
    let made = c / (block * block);
    let x = if channels_first(node)? {
        let x = b.reshape(x, &[n, made, block, block, h, w])?;
        b.transpose(x, &[0, 1, 4, 2, 5, 3])?
    } else {
        let x = b.reshape(x, &[n, block, block, made, h, w])?;
        b.transpose(x, &[0, 3, 4, 1, 5, 2])?
    };
    let (h, w) = (h.saturating_mul(block), w.saturating_mul(block));
    Ok(vec![b.reshape(x, &[n, made, h, w])?])
}

fn space_to_depth(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let ([n, c, h, w], block) = blocks(node, b)?;
    let x = node.input(0)?;
    if !h.is_multiple_of(block) || !w.is_multiple_of(block) {
        let expected = "a height and width that the blocksize divides";
        return Err(node.shape_error(expected, (h, w, block)));
    }
    let (h, w) = (h / block, w / block);
    let x = b.reshape(x, &[n, c, h, block, w, block])?;
    // Before operator set 28 there is but one order.
    let order = match channels_first(node)? {
        true => [0, 1, 3, 5, 2, 4],
        false => [0, 3, 5, 1, 2, 4],
    };
    let x = b.transpose(x, &order)?;
    let made = c.saturating_mul(block * block);
    Ok(vec![b.reshape(x, &[n, made, h, w])?])
}

fn compress(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let mut x = node.input(0)?;
    let kept = node.known(b, 1, "condition")?;
    let axis = match node.has("axis") {
        true => node.axis(node.int("axis", 0)?, b.rank(x))?,
        false => {
            x = b.reshape(x, &[count(b.shape(x))])?;
            0
        }
    };
    if kept.len() > b.dim(x, axis) {
        let expected = format!("at most {} conditions", b.dim(x, axis));
        return Err(node.shape_error(expected, kept.len()));
    }
    let kept = kept.iter().enumerate().filter(|(_, kept)| **kept != 0);
    let positions: Vec<usize> = kept.map(|(at, _)| at).collect();
    Ok(vec![pick(b, x, axis, &positions)?])
}
