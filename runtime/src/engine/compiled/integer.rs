//! Layers of bytes: from a layer's record to its kernel, and between floats and integers.

use super::conv_axis::Axis;
use super::format::{Convolution, DType, Layer, padded};
use super::kernels::{self, ByteConv, ByteGather, Integers, Requantizer, bytes_as, bytes_as_mut};
use super::run::{Context, len_of, tensor};

/// What a layer reads for `count` images that lie one after another.
fn input<'a>(layer: &Layer, bytes: &'a [u8], count: usize) -> Option<Integers<'a>> {
    let len = len_of(layer.input_shape)?.checked_mul(count)?;
    Some(match layer.input_number {
        DType::I8 => Integers::I8(bytes_as(bytes, len)?),
        DType::U8 => Integers::U8(bytes_as(bytes, len)?),
        DType::I16 => Integers::I16(bytes_as(bytes, len)?),
        _ => return None,
    })
}

/// Weights of `taps` taps with `inputs` channels and `outputs` numbers each.
fn weights<'a>(
    layer: &Layer,
    context: &Context<'a>,
    taps: usize,
    inputs: usize,
    outputs: usize,
) -> Option<&'a [i8]> {
    let len = taps
        .checked_mul(inputs.next_multiple_of(4))?
        .checked_mul(padded(outputs))?;
    tensor(context, layer.weights?.offset, len)
}

/// How the sums of `outputs` channels become bytes.
fn requantizer<'a>(
    layer: &Layer,
    context: &Context<'a>,
    outputs: usize,
) -> Option<Requantizer<'a>> {
    let how = layer.requantization?;
    let bias = match layer.weights?.bias {
        Some(offset) => Some(tensor(context, offset, padded(outputs))?),
        None => None,
    };
    let table = match how.table {
        Some((offset, bits)) => {
            let len = 1_usize.checked_shl(bits)?;
            Some((tensor(context, offset, len)?, bits))
        }
        None => None,
    };
    Requantizer::new(
        bias,
        tensor(context, how.multipliers, padded(outputs))?,
        how.shift,
        table,
        layer.output_number == DType::I8,
    )
}

/// A dense layer on `count` vectors that lie one after another: a convolution of as many pixels.
pub(super) fn dense(
    layer: &Layer,
    context: &Context<'_>,
    bytes: &[u8],
    count: usize,
    out: &mut [u8],
) -> Option<()> {
    let (inputs, outputs) = (len_of(layer.input_shape)?, len_of(layer.output_shape)?);
    let call = ByteConv {
        axes: [Axis::pointwise(1), Axis::pointwise(count)],
        inputs,
        outputs,
        x: input(layer, bytes, count)?,
        weights: weights(layer, context, 1, inputs, outputs)?,
    };
    let requantizer = requantizer(layer, context, outputs)?;
    let out = out.get_mut(..outputs.checked_mul(count)?)?;
    kernels::byte_conv(context.level, &call, requantizer, out)
}

/// A convolution.
pub(super) fn conv(
    layer: &Layer,
    c: Convolution,
    context: &Context<'_>,
    bytes: &[u8],
    out: &mut [u8],
) -> Option<()> {
    let (inputs, outputs) = (
        layer.input_shape.channels as usize,
        layer.output_shape.channels as usize,
    );
    let taps = c.kernel[0] as usize * c.kernel[1] as usize;
    let call = ByteConv {
        axes: Axis::pair(&c, layer.input_shape, layer.output_shape),
        inputs,
        outputs,
        x: input(layer, bytes, 1)?,
        weights: weights(layer, context, taps, inputs, outputs)?,
    };
    let requantizer = requantizer(layer, context, outputs)?;
    let out = out.get_mut(..len_of(layer.output_shape)?)?;
    kernels::byte_conv(context.level, &call, requantizer, out)
}

/// A convolution with few output channels, for [`Rows`](super::scanlines::Rows).
pub(super) struct ByteRows<'a> {
    /// From a pixel to its sums, whatever `x` is.
    pointwise: ByteConv<'a, Integers<'a>>,
    gather: ByteGather<'a>,
}

impl<'a> ByteRows<'a> {
    /// `bytes` is the input image; `kept` rows of sums are kept.
    pub(super) fn new(
        layer: &Layer,
        c: Convolution,
        context: &Context<'a>,
        bytes: &'a [u8],
        kept: usize,
    ) -> Option<Self> {
        let (inputs, outputs) = (
            layer.input_shape.channels as usize,
            layer.output_shape.channels as usize,
        );
        let taps = c.kernel[0] as usize * c.kernel[1] as usize;
        let sums = padded(taps.checked_mul(outputs)?);
        let axes = Axis::pair(&c, layer.input_shape, layer.output_shape);
        Some(Self {
            pointwise: ByteConv {
                axes: [Axis::pointwise(1), Axis::pointwise(axes[1].input)],
                inputs,
                outputs: sums,
                x: input(layer, bytes, 1)?,
                weights: weights(layer, context, 1, inputs, sums)?,
            },
            gather: ByteGather {
                axes,
                outputs,
                sums,
                kept,
                requantizer: requantizer(layer, context, outputs)?,
            },
        })
    }

    /// Rows and columns.
    pub(super) const fn axes(&self) -> &[Axis; 2] {
        &self.gather.axes
    }

    /// Numbers of one row of sums.
    pub(super) const fn row_len(&self) -> usize {
        self.gather.sums * self.gather.axes[1].input
    }

    /// The sums of input row `row`.
    pub(super) fn sums(&self, level: kernels::Level, row: usize, line: &mut [u8]) -> Option<()> {
        let len = self.gather.axes[1].input * self.pointwise.inputs;
        let from = row.checked_mul(len)?;
        let range = from..from.checked_add(len)?;
        let call = ByteConv {
            x: match self.pointwise.x {
                Integers::I8(x) => Integers::I8(x.get(range)?),
                Integers::U8(x) => Integers::U8(x.get(range)?),
                Integers::I16(x) => Integers::I16(x.get(range)?),
            },
            ..self.pointwise
        };
        kernels::byte_sums(level, &call, bytes_as_mut(line, self.row_len())?)
    }

    /// Row `row` of the image.
    pub(super) fn gather(
        &self,
        level: kernels::Level,
        lines: &[u8],
        row: usize,
        out: &mut [u8],
        plane: usize,
    ) -> Option<()> {
        let lines = bytes_as(lines, self.gather.kept.checked_mul(self.row_len())?)?;
        kernels::byte_gather(level, &self.gather, lines, row, out, plane)
    }
}

/// The least and the greatest number that a quantized tensor holds.
const fn limits(number: DType) -> (f32, f32) {
    match number {
        DType::I8 => (-127.0, 127.0),
        DType::U8 => (0.0, 255.0),
        _ => (-32767.0, 32767.0),
    }
}

/// `x * scale` rounded to nearest, halves away from 0, within `low` and `high`; 0 for what is no number.
fn rounded(x: f32, scale: f32, (low, high): (f32, f32)) -> i32 {
    let x = x * scale;
    let x = if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    };
    let whole = x as i32;
    // The difference is exact. Adding 0.5 and cutting off would not be: 0.49999997 + 0.5 is 1.
    let rest = x - whole as f32;
    // No branches, so that loops become vectors.
    whole + i32::from(rest >= 0.5) - i32::from(rest <= -0.5)
}

/// Floats to integers.
pub(super) fn quantize(layer: &Layer, scale: f32, bytes: &[u8], out: &mut [u8]) -> Option<()> {
    let len = len_of(layer.input_shape)?;
    let x: &[f32] = bytes_as(bytes, len)?;
    let limits = limits(layer.output_number);
    if layer.output_number == DType::I16 {
        let out: &mut [i16] = bytes_as_mut(out, len)?;
        for (out, x) in out.iter_mut().zip(x) {
            *out = rounded(*x, scale, limits) as i16;
        }
    } else {
        for (out, x) in out.get_mut(..len)?.iter_mut().zip(x) {
            *out = rounded(*x, scale, limits) as u8;
        }
    }
    Some(())
}

/// Integers to floats.
pub(super) fn dequantize(layer: &Layer, scale: f32, bytes: &[u8], out: &mut [u8]) -> Option<()> {
    fn all<T: Copy>(x: &[T], scale: f32, out: &mut [f32])
    where
        f32: From<T>,
    {
        for (out, x) in out.iter_mut().zip(x) {
            *out = f32::from(*x) * scale;
        }
    }
    let out: &mut [f32] = bytes_as_mut(out, len_of(layer.output_shape)?)?;
    match input(layer, bytes, 1)? {
        Integers::I8(x) => all(x, scale, out),
        Integers::U8(x) => all(x, scale, out),
        Integers::I16(x) => all(x, scale, out),
    }
    Some(())
}
