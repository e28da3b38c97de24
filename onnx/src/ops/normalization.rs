//! Normalizations: what is known of the file is computed, the rest is means and products.

use super::arithmetic::ValueResult;
use super::integers::windowed_sum;
use crate::build::Builder;
use crate::error::ModelError;
use crate::graph::{Binary, Reduction, Unary, ValueId};
use crate::node::{Made, OnnxNode};
use crate::shape::broadcast;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "BatchNormalization" => batch(node, b),
        "InstanceNormalization" => instance(node, b),
        "GroupNormalization" => group(node, b),
        "LayerNormalization" => return Some(layer(node, b)),
        "RMSNormalization" => root_mean_square(node, b),
        "LpNormalization" => lp(node, b),
        "MeanVarianceNormalization" => mean_variance(node, b),
        "LRN" => local_response(node, b),
        _ => return None,
    };
    Some(made.map(|id| vec![id]))
}

/// The attribute `epsilon`.
fn epsilon(node: &OnnxNode<'_>) -> Result<f32, ModelError> {
    let epsilon = node.float("epsilon", 1e-5)?;
    match epsilon >= 0.0 {
        true => Ok(epsilon),
        false => Err(node.attribute_error("epsilon", "0 or a positive number", epsilon)),
    }
}

/// Number of channels, which are the second axis.
fn channels(node: &OnnxNode<'_>, b: &Builder<'_>, x: ValueId) -> Result<usize, ModelError> {
    let channels = b.shape(x).get(1).copied();
    channels.ok_or_else(|| node.shape_error("a value with channels", b.shape(x)))
}

/// Checks that these inputs are vectors of `len` elements.
fn vectors(
    node: &OnnxNode<'_>,
    b: &Builder<'_>,
    inputs: &[usize],
    len: usize,
) -> Result<(), ModelError> {
    for index in inputs {
        let found = b.shape(node.input(*index)?);
        if found != [len] {
            let expected = format!("one element for each of {len} channels");
            return Err(node.shape_error(expected, found));
        }
    }
    Ok(())
}

/// Where `training_mode` is set or the running statistics go on, the file is of a network that
/// trains.
fn for_inference(node: &OnnxNode<'_>) -> Result<(), ModelError> {
    let named = node
        .pb
        .output
        .iter()
        .skip(1)
        .filter(|name| !name.is_empty())
        .count();
    if node.int("training_mode", 0)? != 0 || named > 0 {
        return Err(node.attribute_error(
            "training_mode",
            "0: call model.eval() before the export",
            if named > 0 {
                "that of training, with running statistics"
            } else {
                "1"
            },
        ));
    }
    Ok(())
}

fn batch(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(5, 5)?;
    node.floats_only(b, &[0, 1, 2, 3, 4])?;
    let x = node.input(0)?;
    let epsilon = epsilon(node)?;
    node.float("momentum", 0.9)?;
    for_inference(node)?;
    // A vector without channels is one channel.
    let channels = if b.rank(x) == 1 {
        1
    } else {
        channels(node, b, x)?
    };
    let each_place = node.opset < 9 && node.int("spatial", 1)? == 0;
    let mut shape = vec![1; b.rank(x)];
    let place = b.shape(x).get(1..).unwrap_or_default().to_vec();
    let expected = match each_place {
        true => place,
        false => vec![channels],
    };
    for (dim, size) in shape.iter_mut().skip(1).zip(&expected) {
        *dim = *size;
    }
    for index in 1..5 {
        let found = b.shape(node.input(index)?);
        if found != expected {
            let expected = match each_place {
                true => format!("one element for each of {expected:?}"),
                false => format!("one element for each of {channels} channels"),
            };
            return Err(node.shape_error(expected, found));
        }
    }
    if let Some([factors, offsets]) = affine(node, b, epsilon)? {
        let (factors, offsets) = (b.floats(&shape, factors), b.floats(&shape, offsets));
        let scaled = b.mul(x, factors)?;
        return b.add_to(scaled, offsets);
    }
    let mut given = Vec::new();
    for index in 1..5 {
        given.push(b.reshape(node.input(index)?, &shape)?);
    }
    let &[scale, bias, mean, variance] = given.as_slice() else {
        return Ok(x);
    };
    let inverse = inverse_deviation(b, variance, epsilon)?;
    let factor = b.mul(inverse, scale)?;
    let centred = b.sub(x, mean)?;
    let scaled = b.mul(centred, factor)?;
    b.add_to(scaled, bias)
}

/// `scale / sqrt(variance + epsilon)` and `bias - mean` times that, where all is known: computed in
/// f64 and rounded once.
fn affine(
    node: &OnnxNode<'_>,
    b: &Builder<'_>,
    epsilon: f32,
) -> Result<Option<[Vec<f32>; 2]>, ModelError> {
    let known = |index| Ok(b.value(node.input(index)?).and_then(|value| value.floats()));
    let (Some(scale), Some(bias), Some(mean), Some(variance)) =
        (known(1)?, known(2)?, known(3)?, known(4)?)
    else {
        return Ok(None);
    };
    let (mut factors, mut offsets) = (Vec::new(), Vec::new());
    for (((scale, bias), mean), variance) in scale.iter().zip(bias).zip(mean).zip(variance) {
        let deviation = (f64::from(*variance) + f64::from(epsilon)).sqrt();
        let factor = f64::from(*scale) / deviation;
        let offset = f64::from(*bias) - f64::from(*mean) * factor;
        if !(factor.is_finite() && offset.is_finite()) {
            return Err(node.shape_error("positive variances", variance));
        }
        factors.push(factor as f32);
        offsets.push(offset as f32);
    }
    Ok(Some([factors, offsets]))
}

/// `1 / sqrt(variance + epsilon)`.
fn inverse_deviation(b: &mut Builder<'_>, variance: ValueId, epsilon: f32) -> ValueResult {
    let more = b.with_number(Binary::Add, variance, epsilon)?;
    let deviation = b.unary(Unary::Sqrt, more)?;
    b.unary(Unary::Reciprocal, deviation)
}

/// The mean of the squares over these axes.
fn mean_square(b: &mut Builder<'_>, x: ValueId, axes: &[usize]) -> ValueResult {
    let square = b.mul(x, x)?;
    b.reduce(Reduction::Mean, square, axes)
}

fn instance(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(3, 3)?;
    node.floats_only(b, &[0, 1, 2])?;
    let x = node.input(0)?;
    let epsilon = epsilon(node)?;
    let channels = channels(node, b, x)?;
    vectors(node, b, &[1, 2], channels)?;
    if b.rank(x) < 3 {
        return Err(node.shape_error("a value with rows", b.shape(x)));
    }
    let (scale, bias) = (node.input(1)?, node.input(2)?);
    by_groups(b, x, channels, [scale, bias], epsilon)
}

/// Normalized over groups of channels, then scaled and moved by channel. The large value keeps its
/// shape: a group's mean is the mean of its channels' means.
fn by_groups(
    b: &mut Builder<'_>,
    x: ValueId,
    groups: usize,
    by_channel: [ValueId; 2],
    epsilon: f32,
) -> ValueResult {
    let rank = b.rank(x);
    let spatial: Vec<usize> = (2..rank).collect();
    let mean = b.reduce(Reduction::Mean, x, &spatial)?;
    let mean = mean_of_groups(b, mean, groups)?;
    let centred = b.sub(x, mean)?;
    let variance = mean_square(b, centred, &spatial)?;
    let variance = mean_of_groups(b, variance, groups)?;
    let inverse = inverse_deviation(b, variance, epsilon)?;
    let [scale, bias] = by_channel;
    let (scale, bias) = (b.along(scale, 1, rank)?, b.along(bias, 1, rank)?);
    let factor = b.mul(inverse, scale)?;
    let scaled = b.mul(centred, factor)?;
    b.add_to(scaled, bias)
}

/// A value for each channel, `[n, channels, 1, ...]`, becomes the mean of its group.
fn mean_of_groups(b: &mut Builder<'_>, x: ValueId, groups: usize) -> ValueResult {
    let shape = b.shape(x).to_vec();
    let (images, channels) = (b.dim(x, 0), b.dim(x, 1));
    let each = channels.checked_div(groups).unwrap_or(1);
    if each == 1 {
        return Ok(x);
    }
    let split = b.reshape(x, &[images, groups, each])?;
    let mean = b.reduce(Reduction::Mean, split, &[2])?;
    let mean = b.expand(mean, &[images, groups, each])?;
    b.reshape(mean, &shape)
}

fn group(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(3, 3)?;
    node.floats_only(b, &[0, 1, 2])?;
    let x = node.input(0)?;
    let epsilon = epsilon(node)?;
    let channels = channels(node, b, x)?;
    let found = node.int("num_groups", 0)?;
    let groups = usize::try_from(found)
        .ok()
        .filter(|groups| channels.checked_rem(*groups) == Some(0));
    let Some(groups) = groups else {
        return Err(node.attribute_error("num_groups", "a divisor of the channels", found));
    };
    let (mut scale, mut bias) = (node.input(1)?, node.input(2)?);
    if node.opset < 21 {
        vectors(node, b, &[1, 2], groups)?;
        let each = channels.checked_div(groups).unwrap_or(1);
        for by_group in [&mut scale, &mut bias] {
            let column = b.reshape(*by_group, &[groups, 1])?;
            let all = b.expand(column, &[groups, each])?;
            *by_group = b.reshape(all, &[channels])?;
        }
    } else {
        vectors(node, b, &[1, 2], channels)?;
    }
    by_groups(b, x, groups, [scale, bias], epsilon)
}

/// The axes from `axis` on, and that what scales them broadcasts to the value.
fn last_axes(
    node: &OnnxNode<'_>,
    b: &Builder<'_>,
    given: &[usize],
) -> Result<Vec<usize>, ModelError> {
    let x = node.input(0)?;
    let shape = b.shape(x);
    let axis = node.axis(node.int("axis", -1)?, shape.len())?;
    for id in given.iter().filter_map(|index| node.optional(*index)) {
        if broadcast(b.shape(id), shape).as_deref() != Some(shape) {
            return Err(node.shape_error("scales that fit the value", (b.shape(id), shape)));
        }
    }
    Ok((axis..shape.len()).collect())
}

fn layer(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 3)?;
    node.floats_only(b, &[0, 1, 2])?;
    let (x, scale) = (node.input(0)?, node.input(1)?);
    let epsilon = epsilon(node)?;
    let axes = last_axes(node, b, &[1, 2])?;
    let mean = b.reduce(Reduction::Mean, x, &axes)?;
    let centred = b.sub(x, mean)?;
    let variance = mean_square(b, centred, &axes)?;
    let inverse = inverse_deviation(b, variance, epsilon)?;
    let normal = b.mul(centred, inverse)?;
    let mut made = b.mul(normal, scale)?;
    if let Some(bias) = node.optional(2) {
        made = b.add_to(made, bias)?;
    }
    Ok(vec![made, mean, inverse])
}

fn root_mean_square(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 2)?;
    node.floats_only(b, &[0, 1])?;
    let (x, scale) = (node.input(0)?, node.input(1)?);
    let epsilon = epsilon(node)?;
    let axes = last_axes(node, b, &[1])?;
    let square = mean_square(b, x, &axes)?;
    let inverse = inverse_deviation(b, square, epsilon)?;
    let normal = b.mul(x, inverse)?;
    b.mul(normal, scale)
}

/// Divided by its norm along an axis; 0 where that is 0.
fn lp(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(1, 1)?;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    let axis = node.axis(node.int("axis", -1)?, b.rank(x))?;
    let norm = match node.int("p", 2)? {
        1 => {
            let size = b.unary(Unary::Abs, x)?;
            b.reduce(Reduction::Sum, size, &[axis])?
        }
        2 => {
            let square = b.mul(x, x)?;
            let sum = b.reduce(Reduction::Sum, square, &[axis])?;
            b.unary(Unary::Sqrt, sum)?
        }
        other => return Err(node.attribute_error("p", "1 or 2", other)),
    };
    let (zero, one) = (b.scalar(x, 0.0), b.scalar(x, 1.0));
    let nothing = b.binary(Binary::Equal, norm, zero)?;
    let norm = b.select(nothing, one, norm)?;
    b.div(x, norm)
}

fn mean_variance(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(1, 1)?;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    let axes = node.axes(node.ints("axes")?.unwrap_or(&[0, 2, 3]), b.rank(x))?;
    let mean = b.reduce(Reduction::Mean, x, &axes)?;
    let centred = b.sub(x, mean)?;
    let variance = mean_square(b, centred, &axes)?;
    let deviation = b.unary(Unary::Sqrt, variance)?;
    let deviation = b.with_number(Binary::Add, deviation, 1e-9)?;
    b.div(centred, deviation)
}

/// Divided by `(bias + alpha / size * sum of squares)^beta`, of the channels around each.
fn local_response(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(1, 1)?;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    channels(node, b, x)?;
    let size = node.int("size", 0)?;
    let Some(width) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        return Err(node.attribute_error("size", "a positive number", size));
    };
    let (alpha, beta) = (node.float("alpha", 1e-4)?, node.float("beta", 0.75)?);
    let bias = node.float("bias", 1.0)?;
    let square = b.mul(x, x)?;
    let (before, after) = ((width - 1) / 2, width / 2);
    let sum = windowed_sum(node, b, square, 1, |at| {
        (
            at.saturating_sub(before),
            at.saturating_add(after).saturating_add(1),
        )
    })?;
    let scaled = b.with_number(Binary::Mul, sum, (f64::from(alpha) / width as f64) as f32)?;
    let moved = b.with_number(Binary::Add, scaled, bias)?;
    let divisor = b.with_number(Binary::Pow, moved, beta)?;
    b.div(x, divisor)
}
