//! Pooling over windows: averages are convolutions with constant weights.

use super::conv::Sliding;
use super::movement::count;
use crate::build::Builder;
use crate::constant::DType;
use crate::error::ModelError;
use crate::graph::{Binary, Op, Reduction, Unary, ValueId, Window};
use crate::node::{Made, OnnxNode};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    Some(match node.pb.op_type.as_str() {
        "MaxPool" => max_pool(node, b),
        "AveragePool" => average_pool(node, b),
        "LpPool" => lp_pool(node, b),
        "Col2Im" => col2im(node, b),
        _ => return None,
    })
}

/// A window over an image, and how many elements each of its positions holds.
struct Pooling {
    window: Window,
    /// For each axis and output position: taps on elements, and on elements or given pads.
    taps: Vec<Vec<(usize, usize)>>,
}

impl Pooling {
    fn of(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Result<Self, ModelError> {
        node.arity(1, 1)?;
        let shape = b.shape(node.input(0)?).to_vec();
        let sides = shape.get(2..).unwrap_or_default();
        if !(1..=3).contains(&sides.len()) {
            return Err(node.shape_error("an image of 3 to 5 dimensions", shape));
        }
        if !node.has("kernel_shape") {
            let expected = "the size of the window";
            return Err(node.attribute_error("kernel_shape", expected, "missing"));
        }
        let kernel = node.sizes("kernel_shape", sides.len(), 1, 1)?;
        let mut window = Sliding::of(node, kernel)?.over(sides);
        let ceil = node.int("ceil_mode", 0)? != 0;
        let mut taps = Vec::new();
        for (axis, size) in sides.iter().enumerate() {
            let along = Along::of(&window, axis, *size);
            let made = along.and_then(|along| along.made(ceil));
            let Some((along, made)) = along.zip(made) else {
                let expected = "a window that the image with its pads holds";
                return Err(node.shape_error(expected, (sides, &window.kernel)));
            };
            if let Some(pads) = window.pads.get_mut(axis) {
                pads.1 += along.missing(made);
            }
            b.reserve(2 * made as u64)?;
            taps.push((0..made).map(|i| along.taps(i)).collect());
        }
        Ok(Self { window, taps })
    }
}

/// A window along one axis.
#[derive(Clone, Copy)]
struct Along {
    size: usize,
    kernel: usize,
    extent: usize,
    stride: usize,
    dilation: usize,
    pads: (usize, usize),
}

impl Along {
    fn of(window: &Window, axis: usize, size: usize) -> Option<Self> {
        Some(Self {
            size,
            kernel: *window.kernel.get(axis)?,
            extent: window.extent(axis)?,
            stride: *window.strides.get(axis)?,
            dilation: *window.dilations.get(axis)?,
            pads: *window.pads.get(axis)?,
        })
    }

    /// Elements and pads.
    fn padded(self) -> usize {
        self.size
            .saturating_add(self.pads.0)
            .saturating_add(self.pads.1)
    }

    /// Positions of the window. By `ceil` it may overhang the end, if it begins before that.
    fn made(self, ceil: bool) -> Option<usize> {
        let room = self.padded().checked_sub(self.extent)?;
        let floor = room / self.stride;
        let over = ceil
            && !room.is_multiple_of(self.stride)
            && (floor + 1) * self.stride < self.size + self.pads.0;
        Some(floor + 1 + usize::from(over))
    }

    /// What an overhanging window needs beyond the pads.
    fn missing(self, made: usize) -> usize {
        let covered = made.saturating_sub(1) * self.stride + self.extent;
        covered.saturating_sub(self.padded())
    }

    /// Taps on elements, and on elements or pads, of window `i`.
    fn taps(self, i: usize) -> (usize, usize) {
        let first = i * self.stride;
        // Taps before a position, counted from the beginning of the pads.
        let before = |end: usize| {
            end.saturating_sub(first)
                .div_ceil(self.dilation)
                .min(self.kernel)
        };
        let inside = before(self.pads.0 + self.size) - before(self.pads.0);
        (inside, before(self.padded()))
    }
}

fn max_pool(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let pooling = Pooling::of(node, b)?;
    let x = node.input(0)?;
    if pooling
        .taps
        .iter()
        .flatten()
        .any(|(inside, _)| *inside == 0)
    {
        let expected = "windows that each hold an element";
        return Err(node.shape_error(expected, (b.shape(x), &pooling.window.kernel)));
    }
    let (dtype, declared) = (b.dtype(x), b.declared(x));
    let floats = b.cast(x, DType::F32)?;
    let made = b.push(Op::MaxPool(pooling.window), &[floats])?;
    let made = b.cast(made, dtype)?;
    b.declare(made, declared);
    Ok(vec![made])
}

/// The sum, or the sum times a factor, of each window.
fn sums(
    b: &mut Builder<'_>,
    x: ValueId,
    mut window: Window,
    factor: f32,
) -> Result<ValueId, ModelError> {
    let channels = b.dim(x, 1);
    let shape = [&[channels, 1], window.kernel.as_slice()].concat();
    window.groups = channels;
    b.bounded(&shape)?;
    let one = b.floats(&[], vec![factor]);
    let weights = b.expand(one, &shape)?;
    b.push(Op::Conv(window), &[x, weights])
}

fn average_pool(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let Pooling { window, taps } = Pooling::of(node, b)?;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    let with_pads = node.int("count_include_pad", 0)? != 0;
    let chosen = |pair: &(usize, usize)| if with_pads { pair.1 } else { pair.0 };
    if taps.iter().flatten().any(|pair| chosen(pair) == 0) {
        let expected = "windows that each hold an element";
        return Err(node.shape_error(expected, (b.shape(x), &window.kernel)));
    }
    let all = taps.iter().zip(&window.kernel);
    if all
        .clone()
        .all(|(taps, kernel)| matches!(taps.as_slice(), [(n, _)] if n == kernel))
        && b.shape(x).get(2..) == Some(window.kernel.as_slice())
    {
        // One window holds all.
        let axes: Vec<usize> = (2..b.rank(x)).collect();
        return Ok(vec![b.reduce(Reduction::Mean, x, &axes)?]);
    }
    let full = all
        .into_iter()
        .all(|(taps, kernel)| taps.iter().all(|n| chosen(n) == *kernel));
    if full {
        let factor = 1.0 / count(&window.kernel) as f32;
        return Ok(vec![sums(b, x, window, factor)?]);
    }
    let summed = sums(b, x, window, 1.0)?;
    // One divisor for each position.
    let rank = b.rank(x);
    let mut divisors = b.floats(&[], vec![1.0]);
    for (i, taps) in taps.iter().enumerate() {
        let counts = taps.iter().map(|pair| chosen(pair) as f32).collect();
        let counts = b.floats(&[taps.len()], counts);
        let counts = b.along(counts, 2 + i, rank)?;
        divisors = b.mul(divisors, counts)?;
    }
    let factors = b.unary(Unary::Reciprocal, divisors)?;
    Ok(vec![b.mul(summed, factors)?])
}

fn lp_pool(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let window = Pooling::of(node, b)?.window;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    let p = node.int("p", 2)?;
    let made = match p {
        1 => {
            let x = b.unary(Unary::Abs, x)?;
            sums(b, x, window, 1.0)?
        }
        2 => {
            let x = b.mul(x, x)?;
            let summed = sums(b, x, window, 1.0)?;
            b.unary(Unary::Sqrt, summed)?
        }
        3..=64 => {
            let x = b.unary(Unary::Abs, x)?;
            let x = b.with_number(Binary::Pow, x, p as f32)?;
            let summed = sums(b, x, window, 1.0)?;
            b.with_number(Binary::Pow, summed, 1.0 / p as f32)?
        }
        _ => return Err(node.attribute_error("p", "1 to 64", p)),
    };
    Ok(vec![made])
}

/// Blocks laid into an image and added where they overlap: a transposed convolution whose weights
/// put each element of a block in its place.
fn col2im(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(3, 3)?;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    let positive = |all: Vec<i64>| {
        let sizes = all
            .iter()
            .map(|size| usize::try_from(*size).ok().filter(|s| *s > 0));
        let sizes: Option<Vec<usize>> = sizes.collect();
        sizes.ok_or_else(|| node.shape_error("positive sizes", all))
    };
    let image = positive(node.known(b, 1, "image_shape")?)?;
    let block = positive(node.known(b, 2, "block_shape")?)?;
    let axes = block.len();
    let mut window = Sliding::of(node, block)?.window;
    let taps = count(&window.kernel);
    let misfit = |found: &[usize]| {
        let expected = "columns of blocks that the image holds";
        node.shape_error(expected, (found, &image, &window.kernel))
    };
    let (&[n, rows, columns], true) = (b.shape(x), (1..=3).contains(&axes) && image.len() == axes)
    else {
        return Err(misfit(b.shape(x)));
    };
    let mut places = Vec::new();
    let mut rests = Vec::new();
    for (axis, size) in image.iter().enumerate() {
        let along = Along::of(&window, axis, *size);
        let fitting = along.and_then(|along| {
            let made = along.made(false)?;
            let covered = (made - 1) * along.stride + along.extent;
            Some((made, along.padded() - covered))
        });
        let (made, rest) = fitting.ok_or_else(|| misfit(&[rows, columns]))?;
        places.push(made);
        rests.push(rest);
    }
    let channels = rows / taps.max(1);
    if count(&places) != columns || channels.checked_mul(taps) != Some(rows) {
        return Err(misfit(&[rows, columns]));
    }
    window.output_padding = rests;
    window.groups = channels;
    b.reserve((rows as u64).saturating_mul(taps as u64))?;
    let ones = (0..rows).flat_map(|row| (0..taps).map(move |tap| (row, tap)));
    let ones = ones.map(|(row, tap)| f32::from(u8::from(row % taps == tap)));
    let shape = [&[rows, 1], window.kernel.as_slice()].concat();
    let weights = b.floats(&shape, ones.collect());
    let x = b.reshape(x, &[&[n, rows], places.as_slice()].concat())?;
    Ok(vec![b.push(Op::ConvTranspose(window), &[x, weights])?])
}
