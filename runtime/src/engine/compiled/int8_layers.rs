//! Int8 layers: from a layer's record to its kernel, and between f32 and integers.

use super::context::{Buffers, Context, len_of, tensor};
use super::conv_axis::ConvAxis;
use super::elementwise;
use super::format::{Convolution, DType, Layer, padded};
use super::kernels::{
    self, Int8Add, Int8Col2Im, Int8Conv, QuantizedSlice, Requantizer, bytes_as, bytes_as_mut,
};
use super::rows::Rows;

/// What a layer reads for `count` images that lie one after another.
fn input<'a>(layer: &Layer, bytes: &'a [u8], count: usize) -> Option<QuantizedSlice<'a>> {
    let len = len_of(layer.input_shape)?.checked_mul(count)?;
    Some(match layer.input_dtype {
        DType::I8 => QuantizedSlice::I8(bytes_as(bytes, len)?),
        DType::U8 => QuantizedSlice::U8(bytes_as(bytes, len)?),
        DType::I16 => QuantizedSlice::I16(bytes_as(bytes, len)?),
        _ => return None,
    })
}

/// Weights of `taps` taps with `inputs` channels and `outputs` elements each.
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

/// The table of a layer that has one, and its bits.
fn table<'a>(layer: &Layer, context: &Context<'a>) -> Option<Option<(&'a [u8], u32)>> {
    Some(match layer.requantization?.table {
        Some((offset, bits)) => {
            let len = 1_usize.checked_shl(bits)?;
            Some((tensor(context, offset, len)?, bits))
        }
        None => None,
    })
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
    Requantizer::new(
        bias,
        tensor(context, how.multipliers, padded(outputs))?,
        how.shift,
        table(layer, context)?,
        layer.output_dtype == DType::I8,
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
    let call = Int8Conv {
        axes: [ConvAxis::pointwise(1), ConvAxis::pointwise(count)],
        inputs,
        outputs,
        x: input(layer, bytes, count)?,
        weights: weights(layer, context, 1, inputs, outputs)?,
    };
    let requantizer = requantizer(layer, context, outputs)?;
    let out = out.get_mut(..outputs.checked_mul(count)?)?;
    kernels::int8_conv(context.level, &call, requantizer, out)
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
    let call = Int8Conv {
        axes: ConvAxis::pair(&c, layer.input_shape, layer.output_shape),
        inputs,
        outputs,
        x: input(layer, bytes, 1)?,
        weights: weights(layer, context, taps, inputs, outputs)?,
    };
    let requantizer = requantizer(layer, context, outputs)?;
    let out = out.get_mut(..len_of(layer.output_shape)?)?;
    kernels::int8_conv(context.level, &call, requantizer, out)
}

/// A convolution with few output channels, for [`Scanlines`](super::scanlines::Scanlines).
pub(super) struct Int8Scanlines<'a> {
    /// From a pixel to its sums, whatever `x` is.
    pointwise: Int8Conv<'a, QuantizedSlice<'a>>,
    gather: Int8Col2Im<'a>,
}

impl<'a> Int8Scanlines<'a> {
    /// `bytes` are rows of the input image, as many as `layer` has; `axes` are those of the whole
    /// image. `kept` rows of sums are kept.
    pub(super) fn new(
        layer: &Layer,
        c: Convolution,
        axes: [ConvAxis; 2],
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
        Some(Self {
            pointwise: Int8Conv {
                axes: [ConvAxis::pointwise(1), ConvAxis::pointwise(axes[1].input)],
                inputs,
                outputs: sums,
                x: input(layer, bytes, 1)?,
                weights: weights(layer, context, 1, inputs, sums)?,
            },
            gather: Int8Col2Im {
                axes,
                outputs,
                sums,
                kept,
                requantizer: requantizer(layer, context, outputs)?,
            },
        })
    }

    /// Rows and columns.
    pub(super) const fn axes(&self) -> &[ConvAxis; 2] {
        &self.gather.axes
    }

    /// Elements of one row of sums.
    pub(super) const fn row_len(&self) -> usize {
        self.gather.sums * self.gather.axes[1].input
    }

    /// The sums of input row `row`.
    pub(super) fn sums(
        &self,
        level: kernels::SimdLevel,
        row: usize,
        line: &mut [u8],
    ) -> Option<()> {
        let len = self.gather.axes[1].input * self.pointwise.inputs;
        let call = Int8Conv {
            x: self.pointwise.x.part(row.checked_mul(len)?, len)?,
            ..self.pointwise
        };
        kernels::int8_col2im_sums(level, &call, bytes_as_mut(line, self.row_len())?)
    }

    /// Row `row` of the image.
    pub(super) fn gather(
        &self,
        level: kernels::SimdLevel,
        lines: &[u8],
        row: usize,
        out: &mut [u8],
        plane: usize,
    ) -> Option<()> {
        let lines = bytes_as(lines, self.gather.kept.checked_mul(self.row_len())?)?;
        kernels::int8_col2im_gather(level, &self.gather, lines, row, out, plane)
    }
}

/// The sum of two tensors, the first of which is brought to the output and changed there.
pub(super) fn add(
    layer: &Layer,
    second: DType,
    context: &Context<'_>,
    buffers: Buffers<'_>,
) -> Option<()> {
    let len = len_of(layer.output_shape)?;
    let out = buffers.output.get_mut(..len)?;
    if layer.input != layer.output {
        out.copy_from_slice(buffers.input.get(..len)?);
    }
    let how = layer.requantization?;
    let &[first_multiplier, second_multiplier] = tensor(context, how.multipliers, 2)? else {
        return None;
    };
    let call = Int8Add {
        other: buffers.second.get(..len)?,
        signed: [layer.input_dtype == DType::I8, second == DType::I8],
        multipliers: [first_multiplier, second_multiplier],
        requantizer: Requantizer::new(
            None,
            &[],
            how.shift,
            table(layer, context)?,
            layer.output_dtype == DType::I8,
        )?,
    };
    kernels::int8_add(&call, out);
    Some(())
}

/// Bilinear doubling.
pub(super) fn double(layer: &Layer, rows: Rows, buffers: Buffers<'_>) -> Option<()> {
    let from = layer.input_shape;
    let x = buffers.input.get(..len_of(from)?)?;
    let out = buffers.output.get_mut(..len_of(layer.output_shape)?)?;
    elementwise::double(x, from, rows, out, layer.input_dtype == DType::I8);
    Some(())
}

/// The least and the greatest element of a quantized tensor.
const fn limits(dtype: DType) -> (f32, f32) {
    match dtype {
        DType::I8 => (-127.0, 127.0),
        DType::U8 => (0.0, 255.0),
        _ => (-32767.0, 32767.0),
    }
}

/// `x * scale` rounded to nearest, halves away from 0, within `low` and `high`; 0 for NaN.
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

/// f32 to integers.
pub(super) fn quantize(layer: &Layer, scale: f32, bytes: &[u8], out: &mut [u8]) -> Option<()> {
    let len = len_of(layer.input_shape)?;
    let x: &[f32] = bytes_as(bytes, len)?;
    let limits = limits(layer.output_dtype);
    if layer.output_dtype == DType::I16 {
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

/// Integers to f32.
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
        QuantizedSlice::I8(x) => all(x, scale, out),
        QuantizedSlice::U8(x) => all(x, scale, out),
        QuantizedSlice::I16(x) => all(x, scale, out),
    }
    Some(())
}
