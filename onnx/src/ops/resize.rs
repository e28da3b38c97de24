//! Resizing: for each axis, the input positions and weights of each output position.

use super::movement::resample;
use crate::build::Builder;
use crate::error::ModelError;
use crate::graph::ValueId;
use crate::node::{Made, OnnxNode};
use crate::tensor::MAX_DIM;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    Some(match node.pb.op_type.as_str() {
        "Resize" => resize(node, b),
        "Upsample" => upsample(node, b),
        _ => return None,
    })
}

/// Where in the input an output position lies.
#[derive(Clone, Copy, PartialEq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNn,
    TfCropAndResize,
}

/// Which neighbour is nearest.
#[derive(Clone, Copy, PartialEq)]
enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Nearest(Rounding),
    Linear,
    /// With this coefficient.
    Cubic(f64),
}

/// The attributes that say what is taken.
#[derive(Clone, Copy)]
struct Sampling {
    mode: Mode,
    coordinates: Coordinates,
    antialias: bool,
    exclude_outside: bool,
}

/// One axis of a resizing.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    made: usize,
    scale: f64,
    /// First and last part of the axis that `TfCropAndResize` takes.
    roi: (f64, f64),
}

impl Axis {
    /// The position in the input that output position `at` lies at.
    fn source(self, coordinates: Coordinates, at: usize) -> f64 {
        let (at, size) = (at as f64, self.size as f64);
        // What the scale alone would make, with its fraction.
        let made = self.scale * size;
        match coordinates {
            Coordinates::HalfPixel => (at + 0.5) / self.scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let offset = size / 2.0 * (1.0 - self.made as f64 / made);
                offset + (at + 0.5) / self.scale - 0.5
            }
            Coordinates::PytorchHalfPixel if made == 1.0 => 0.0,
            Coordinates::PytorchHalfPixel => (at + 0.5) / self.scale - 0.5,
            Coordinates::AlignCorners if made == 1.0 => 0.0,
            Coordinates::AlignCorners => at * (size - 1.0) / (made - 1.0),
            Coordinates::Asymmetric => at / self.scale,
            Coordinates::TfHalfPixelForNn => (at + 0.5) / self.scale,
            Coordinates::TfCropAndResize => {
                let (start, end) = self.roi;
                let within = match made == 1.0 {
                    true => (end - start) * (size - 1.0) / 2.0,
                    false => at * (end - start) * (size - 1.0) / (made - 1.0),
                };
                within + start * (size - 1.0)
            }
        }
    }

    /// Whether `TfCropAndResize` takes nothing from the input there.
    fn is_outside(self, coordinates: Coordinates, at: usize) -> bool {
        let source = self.source(coordinates, at);
        let last = self.size as f64 - 1.0;
        coordinates == Coordinates::TfCropAndResize && (source < 0.0 || source > last)
    }
}

impl Sampling {
    /// The first of the neighbours that are taken; that left of the position is 0, that to its
    /// right 1, and as many are taken on either side. Smoothing widens that.
    fn first(&self, scale: f64) -> i64 {
        let reach = match self.mode {
            Mode::Nearest(_) | Mode::Linear => 1.0,
            Mode::Cubic(_) => 2.0,
        };
        let shrunk = if self.antialias { scale.min(1.0) } else { 1.0 };
        (-reach / shrunk).floor() as i64 + 1
    }

    /// The weights of the neighbours of a position that lies `ratio` from the left one, up to 1.
    fn weights(&self, ratio: f64, scale: f64) -> Vec<f64> {
        let shrunk = if self.antialias { scale.min(1.0) } else { 1.0 };
        let first = self.first(scale);
        let distances = (first..2 - first).map(|i| shrunk * (i as f64 - ratio));
        match self.mode {
            Mode::Nearest(rounding) => {
                let right = match rounding {
                    _ if ratio == 1.0 => true,
                    Rounding::PreferFloor => ratio > 0.5,
                    Rounding::PreferCeil => ratio >= 0.5,
                    Rounding::Floor => false,
                    Rounding::Ceil => true,
                };
                let right = f64::from(u8::from(right));
                vec![1.0 - right, right]
            }
            Mode::Linear => {
                let weights = distances.map(|distance| (1.0 - distance.abs()).max(0.0));
                self.whole(weights.collect())
            }
            Mode::Cubic(a) => self.whole(distances.map(|distance| cubic(a, distance)).collect()),
        }
    }

    /// Smoothed weights made to have a sum of 1; the others have it.
    fn whole(&self, weights: Vec<f64>) -> Vec<f64> {
        match self.antialias {
            true => normalized(weights),
            false => weights,
        }
    }

    /// Input positions and weights of output position `at`.
    fn taps(&self, axis: Axis, at: usize) -> Vec<(usize, f32)> {
        if axis.is_outside(self.coordinates, at) {
            return Vec::new();
        }
        let source = axis.source(self.coordinates, at);
        let left = source.floor();
        let ratio = if source == left { 1.0 } else { source - left };
        let mut weights = self.weights(ratio, axis.scale);
        // The nearest ones, as many to the left as to the right; of two as near, that to the left.
        let half = weights.len() as i64 / 2;
        let first = left as i64 - i64::from(source == left) + 1 - half;
        let last = axis.size as i64 - 1;
        let positions = || first..first.saturating_add(2 * half);
        if self.exclude_outside && !matches!(self.mode, Mode::Nearest(_)) {
            for (weight, position) in weights.iter_mut().zip(positions()) {
                if position < 0 || position > last {
                    *weight = 0.0;
                }
            }
            weights = normalized(weights);
        }
        let mut taps: Vec<(usize, f64)> = Vec::new();
        for (weight, position) in weights.into_iter().zip(positions()) {
            let position = usize::try_from(position.clamp(0, last)).unwrap_or(0);
            match taps.last_mut() {
                Some((same, sum)) if *same == position => *sum += weight,
                _ => taps.push((position, weight)),
            }
        }
        let taps = taps
            .into_iter()
            .map(|(position, weight)| (position, weight as f32));
        taps.filter(|(_, weight)| *weight != 0.0).collect()
    }
}

/// Keys' cubic with coefficient `a`, at a distance.
fn cubic(a: f64, distance: f64) -> f64 {
    let x = distance.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// Weights with a sum of 1.
fn normalized(mut weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    if sum != 0.0 {
        for weight in &mut weights {
            *weight /= sum;
        }
    }
    weights
}

/// What a word of an attribute means, or the error that it is none of them.
fn word<T: Copy>(
    node: &OnnxNode<'_>,
    attribute: &str,
    default: &'static str,
    words: &[(&str, T)],
    expected: &'static str,
) -> Result<T, ModelError> {
    let found = node.text(attribute, default)?;
    let known = words.iter().find(|(word, _)| *word == found);
    known.map_or_else(
        || Err(node.attribute_error(attribute, expected, found)),
        |(_, meaning)| Ok(*meaning),
    )
}

/// The attributes of Resize from operator set 11 on.
fn sampling(node: &OnnxNode<'_>) -> Result<Sampling, ModelError> {
    let rounding = word(
        node,
        "nearest_mode",
        "round_prefer_floor",
        &[
            ("round_prefer_floor", Rounding::PreferFloor),
            ("round_prefer_ceil", Rounding::PreferCeil),
            ("floor", Rounding::Floor),
            ("ceil", Rounding::Ceil),
        ],
        "round_prefer_floor, round_prefer_ceil, floor or ceil",
    )?;
    let cubic = f64::from(node.float("cubic_coeff_a", -0.75)?);
    let mode = word(
        node,
        "mode",
        "nearest",
        &[
            ("nearest", Mode::Nearest(rounding)),
            ("linear", Mode::Linear),
            ("cubic", Mode::Cubic(cubic)),
        ],
        "nearest, linear or cubic",
    )?;
    let coordinates = word(
        node,
        "coordinate_transformation_mode",
        "half_pixel",
        &[
            ("half_pixel", Coordinates::HalfPixel),
            ("half_pixel_symmetric", Coordinates::HalfPixelSymmetric),
            ("pytorch_half_pixel", Coordinates::PytorchHalfPixel),
            ("align_corners", Coordinates::AlignCorners),
            ("asymmetric", Coordinates::Asymmetric),
            ("tf_half_pixel_for_nn", Coordinates::TfHalfPixelForNn),
            ("tf_crop_and_resize", Coordinates::TfCropAndResize),
        ],
        "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric, \
         tf_half_pixel_for_nn or tf_crop_and_resize",
    )?;
    let antialias = node.int("antialias", 0)? != 0;
    if antialias && matches!(mode, Mode::Nearest(_)) {
        return Err(node.attribute_error("antialias", "0 where the mode is nearest", 1));
    }
    Ok(Sampling {
        mode,
        coordinates,
        antialias,
        exclude_outside: node.int("exclude_outside", 0)? != 0,
    })
}

/// A list of floats that may be absent or empty.
fn numbers(
    node: &OnnxNode<'_>,
    b: &Builder<'_>,
    index: usize,
    what: &'static str,
) -> Result<Option<Vec<f32>>, ModelError> {
    let given = node.optional(index).filter(|id| !b.shape(*id).contains(&0));
    given.map(|_| node.known_floats(b, index, what)).transpose()
}

/// A scale for each axis, each positive.
fn check_scales(
    node: &OnnxNode<'_>,
    scales: Vec<f32>,
    axes: usize,
) -> Result<Vec<f32>, ModelError> {
    let good = |scale: &f32| scale.is_finite() && *scale > 0.0;
    match scales.len() == axes && scales.iter().all(good) {
        true => Ok(scales),
        false => Err(node.shape_error(format!("{axes} positive scales"), scales)),
    }
}

/// An axis by its scale, as the file gives it: a float32.
fn scaled(size: usize, scale: f32) -> Axis {
    let scale = f64::from(scale);
    Axis {
        size,
        // What is too large stays so.
        made: (size as f64 * scale) as usize,
        scale,
        roi: (0.0, 1.0),
    }
}

/// An axis by the size that it becomes.
fn sized(size: usize, made: usize) -> Axis {
    let scale = made as f64 / (size as f64).max(1.0);
    let roi = (0.0, 1.0);
    Axis {
        size,
        made,
        scale,
        roi,
    }
}

/// Sizes that keep the ratio of the axes: by the least or the greatest scale.
fn keep_ratio(node: &OnnxNode<'_>, axes: &mut [Axis]) -> Result<(), ModelError> {
    let all = axes.iter().map(|axis| axis.scale);
    let scale = match node.text("keep_aspect_ratio_policy", "stretch")? {
        "stretch" => return Ok(()),
        "not_larger" => all.fold(f64::INFINITY, f64::min),
        "not_smaller" => all.fold(0.0, f64::max),
        other => {
            let expected = "stretch, not_larger or not_smaller";
            return Err(node.attribute_error("keep_aspect_ratio_policy", expected, other));
        }
    };
    for axis in axes {
        axis.made = (scale * axis.size as f64 + 0.5) as usize;
        axis.scale = scale;
    }
    Ok(())
}

fn resize(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    if node.opset < 11 {
        return by_scales(node, b);
    }
    node.arity(2, 4)?;
    let sampling = sampling(node)?;
    let x = node.input(0)?;
    let rank = b.rank(x);
    let places = match node.ints("axes")? {
        Some(axes) => node.axes(axes, rank)?,
        None => (0..rank).collect(),
    };
    let dims: Vec<usize> = places.iter().map(|axis| b.dim(x, *axis)).collect();
    let scales = numbers(node, b, 2, "scales")?;
    let sizes = node.optional(3).filter(|id| !b.shape(*id).contains(&0));
    let mut axes: Vec<Axis> = match (scales, sizes) {
        (Some(scales), None) => {
            let scales = check_scales(node, scales, dims.len())?;
            dims.iter()
                .zip(scales)
                .map(|(dim, scale)| scaled(*dim, scale))
                .collect()
        }
        (None, Some(_)) => {
            let given = node.known(b, 3, "sizes")?;
            let sizes = given
                .iter()
                .map(|size| usize::try_from(*size).ok().filter(|s| *s > 0));
            let sizes: Option<Vec<usize>> = sizes.collect();
            let Some(sizes) = sizes.filter(|sizes| sizes.len() == dims.len()) else {
                return Err(node.shape_error(format!("{} positive sizes", dims.len()), given));
            };
            let mut axes: Vec<Axis> = dims
                .iter()
                .zip(sizes)
                .map(|(dim, size)| sized(*dim, size))
                .collect();
            keep_ratio(node, &mut axes)?;
            axes
        }
        (scales, sizes) => {
            let found = match (scales.is_some(), sizes.is_some()) {
                (true, true) => "both",
                _ => "neither",
            };
            return Err(node.shape_error("either scales or sizes", format_args!("{found}")));
        }
    };
    if sampling.coordinates == Coordinates::TfCropAndResize {
        let roi = numbers(node, b, 1, "roi")?.unwrap_or_default();
        if roi.len() != 2 * axes.len() || roi.iter().any(|x| !x.is_finite()) {
            return Err(node.shape_error(format!("a roi of {} numbers", 2 * axes.len()), roi));
        }
        let (starts, ends) = roi.split_at(axes.len());
        for (axis, roi) in axes.iter_mut().zip(starts.iter().zip(ends)) {
            axis.roi = (f64::from(*roi.0), f64::from(*roi.1));
        }
    }
    let fill = node.float("extrapolation_value", 0.0)?;
    Ok(vec![resized(node, b, x, &places, &axes, sampling, fill)?])
}

/// Resize of operator set 10, and Upsample: scales alone, from the upper left corner.
fn by_scales(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let as_attribute = node.opset < 9;
    node.arity(
        if as_attribute { 1 } else { 2 },
        if as_attribute { 1 } else { 2 },
    )?;
    let mode = word(
        node,
        "mode",
        "nearest",
        &[
            ("nearest", Mode::Nearest(Rounding::Floor)),
            ("linear", Mode::Linear),
        ],
        "nearest or linear",
    )?;
    let sampling = Sampling {
        mode,
        coordinates: Coordinates::Asymmetric,
        antialias: false,
        exclude_outside: false,
    };
    let x = node.input(0)?;
    let scales = match as_attribute {
        true => node.float_list("scales")?.unwrap_or_default().to_vec(),
        false => node.known_floats(b, 1, "scales")?,
    };
    let scales = check_scales(node, scales, b.rank(x))?;
    let dims = b.shape(x).iter().zip(scales);
    let axes: Vec<Axis> = dims.map(|(dim, scale)| scaled(*dim, scale)).collect();
    let places: Vec<usize> = (0..axes.len()).collect();
    Ok(vec![resized(node, b, x, &places, &axes, sampling, 0.0)?])
}

fn upsample(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    if node.opset > 9 {
        // The operator ends with operator set 9, but exporters went on to write it.
        b.note("Upsample is no operator of this operator set: taken as that of set 9");
    }
    by_scales(node, b)
}

/// The axes at `places` resized one after the other, and what lies outside of the input filled.
fn resized(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    x: ValueId,
    places: &[usize],
    axes: &[Axis],
    sampling: Sampling,
    fill: f32,
) -> Result<ValueId, ModelError> {
    node.floats_only(b, &[0])?;
    let mut shape = b.shape(x).to_vec();
    for (place, axis) in places.iter().zip(axes) {
        if let Some(dim) = shape.get_mut(*place) {
            *dim = axis.made;
        }
    }
    if shape.contains(&0) || shape.iter().any(|dim| *dim >= MAX_DIM) {
        let expected = "sizes of at least 1, below 2^24";
        return Err(node.shape_error(expected, shape));
    }
    let rank = shape.len();
    let mut made = x;
    let mut inside = b.floats(&[], vec![1.0]);
    let mut some_outside = false;
    for (place, axis) in places.iter().zip(axes) {
        if axis.size == axis.made && axis.scale == 1.0 && axis.roi == (0.0, 1.0) {
            continue;
        }
        let width = 2 - 2 * sampling.first(axis.scale);
        b.reserve((axis.made as u64).saturating_mul(width.unsigned_abs()))?;
        let taps = (0..axis.made).map(|at| sampling.taps(*axis, at));
        made = resample(b, made, *place, taps.collect())?;
        let outside = |at: &usize| axis.is_outside(sampling.coordinates, *at);
        if fill != 0.0 && (0..axis.made).any(|at| outside(&at)) {
            some_outside = true;
            let flags = (0..axis.made).map(|at| f32::from(u8::from(!outside(&at))));
            let flags = b.floats(&[axis.made], flags.collect());
            let flags = b.along(flags, *place, rank)?;
            inside = b.mul(inside, flags)?;
        }
    }
    if !some_outside {
        return Ok(made);
    }
    // Nothing was taken from the input there, so it holds 0.
    let one = b.floats(&[], vec![fill]);
    let inside = b.mul(inside, one)?;
    let border = b.sub(one, inside)?;
    b.add_to(made, border)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear and cubic interpolation keep a straight line, at whatever sizes: also where a position
    /// is that of an element but for the last bit.
    #[test]
    fn a_straight_line_stays_one() {
        for mode in [Mode::Linear, Mode::Cubic(-0.5)] {
            let sampling = Sampling {
                mode,
                coordinates: Coordinates::HalfPixel,
                antialias: false,
                exclude_outside: false,
            };
            let border = if mode == Mode::Linear { 0.0 } else { 1.0 };
            for size in 1..40 {
                for made in 1..80 {
                    let axis = sized(size, made);
                    for at in 0..made {
                        let source = axis.source(sampling.coordinates, at);
                        if source < border || source > size as f64 - 1.0 - border {
                            continue;
                        }
                        let taps = sampling.taps(axis, at);
                        let value: f64 = taps.iter().map(|(x, w)| *x as f64 * f64::from(*w)).sum();
                        assert!(
                            (value - source).abs() < 1e-5,
                            "{size} to {made}, element {at}: {value}, not {source}"
                        );
                    }
                }
            }
        }
    }
}
