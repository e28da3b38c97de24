//! Runs one layer.

use super::F32_LAYERS;
use super::check::second_len;
use super::conv_axis::ConvAxis;
use super::elementwise;
use super::format::{Activation, BufferRef, Convolution, DType, Layer, Op, Weights, padded};
use super::int8_layers;
use super::kernels::{
    self, ConvCall, DenseCall, Pod, SimdLevel, WeightSlice, as_bytes, bytes_as, bytes_as_mut,
};
use super::scanlines::Scanlines;
use super::upsample::upsample;

/// What all layers of one image share.
pub(super) struct Context<'a> {
    /// The model's section of weights.
    pub(super) weights: &'a [u8],
    /// The processor's instructions.
    pub(super) level: SimdLevel,
    /// The caller's latent vector.
    pub(super) latent: &'a [f32],
    /// The class asked for.
    pub(super) class: usize,
}

/// Bytes that a layer reads and writes.
pub(super) struct Buffers<'a> {
    pub(super) input: &'a [u8],
    pub(super) second: &'a mut [u8],
    pub(super) output: &'a mut [u8],
}

/// Takes a layer's buffers from scratch memory, the latent vector and the image. Of an operation in place the input is empty, and the output holds it.
pub(super) fn buffers<'a>(
    layer: &Layer,
    context: &Context<'a>,
    scratch: &'a mut [u8],
    image: &'a mut [u8],
) -> Option<Buffers<'a>> {
    let range = |buffer: BufferRef, len: u64| match buffer {
        BufferRef::Scratch(offset) => {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            offset as usize..(offset as usize).saturating_add(len)
        }
        _ => 0..0,
    };
    let input = range(layer.input, layer.input_shape.bytes(layer.input_dtype));
    let output = range(layer.output, layer.output_shape.bytes(layer.output_dtype));
    let second = range(layer.second, second_len(layer)?);
    let in_place = layer.input == layer.output && !output.is_empty();
    let input = if in_place { 0..0 } else { input };
    let [input, second, output] = scratch.get_disjoint_mut([input, second, output]).ok()?;
    let input: &[u8] = match layer.input {
        BufferRef::Latent => as_bytes(context.latent),
        _ => input,
    };
    let output = if layer.output == BufferRef::Image {
        image
    } else {
        output
    };
    Some(Buffers {
        input,
        second,
        output,
    })
}

/// Runs `layer`. `image` is the image, `channels * height * width` numbers of the last layer's kind; `None` is what a checked model
/// does not lead to.
pub(super) fn run(
    layer: &Layer,
    context: &Context<'_>,
    scratch: &mut [u8],
    image: &mut [u8],
) -> Option<()> {
    let buffers = buffers(layer, context, scratch, image)?;
    match layer.op {
        Op::Dense => dense(layer, context, buffers.input, 1, buffers.output),
        Op::Conv(c) if layer.requantization.is_some() => {
            int8_layers::conv(layer, c, context, buffers.input, buffers.output)
        }
        Op::Col2ImConv(c) => col2im_conv(layer, c, context, buffers),
        Op::Nearest | Op::DepthToSpace(_) | Op::ConcatChannels(_) | Op::HwcToChw | Op::ChwToHwc => {
            match layer.input_dtype.size() {
                4 if F32_LAYERS => move_elements::<f32>(layer, buffers),
                2 => move_elements::<u16>(layer, buffers),
                _ => move_elements::<u8>(layer, buffers),
            }
        }
        Op::Lookup => lookup(layer, context, buffers.output),
        Op::Quantize(scale) => int8_layers::quantize(layer, scale, buffers.input, buffers.output),
        // All others make floats.
        _ if !F32_LAYERS => None,
        Op::Conv(c) => conv(layer, c, context, buffers),
        Op::GroupConv(c) => group_conv(layer, c, context, buffers),
        Op::UpsampleConv => upsample(layer, context, buffers),
        Op::Activate | Op::Affine | Op::Prelu | Op::Binary(..) => in_place(layer, context, buffers),
        Op::Bilinear(coordinates) => {
            let (x, out) = f32_tensors(layer, buffers.input, buffers.output)?;
            elementwise::bilinear(x, layer.input_shape, out, layer.output_shape, coordinates);
            Some(())
        }
        Op::Pad(before, kind) => {
            let (x, out) = f32_tensors(layer, buffers.input, buffers.output)?;
            elementwise::pad(x, layer.input_shape, out, layer.output_shape, before, kind);
            Some(())
        }
        Op::Dequantize(scale) => {
            int8_layers::dequantize(layer, scale, buffers.input, buffers.output)
        }
    }
}

pub(super) fn len_of(shape: super::format::HwcShape) -> Option<usize> {
    usize::try_from(shape.len()).ok()
}

/// Input and output as floats.
fn f32_tensors<'b>(
    layer: &Layer,
    input: &'b [u8],
    output: &'b mut [u8],
) -> Option<(&'b [f32], &'b mut [f32])> {
    let input = bytes_as(input, len_of(layer.input_shape)?)?;
    Some((input, bytes_as_mut(output, len_of(layer.output_shape)?)?))
}

/// `len` numbers of the section of weights, from byte `offset` on.
pub(super) fn tensor<'a, T: Pod>(
    context: &Context<'a>,
    offset: u32,
    len: usize,
) -> Option<&'a [T]> {
    bytes_as(context.weights.get(offset as usize..)?, len)
}

/// Weights of `len` numbers, and `biases` biases.
pub(super) fn weights<'a>(
    context: &Context<'a>,
    weights: Weights,
    len: usize,
    biases: usize,
) -> Option<(WeightSlice<'a>, Option<&'a [f32]>)> {
    let slice = match weights.dtype {
        DType::F32 => WeightSlice::F32(tensor(context, weights.offset, len)?),
        DType::F16 => WeightSlice::F16(tensor(context, weights.offset, len)?),
        _ => return None,
    };
    let bias = match weights.bias {
        Some(offset) => Some(tensor(context, offset, biases)?),
        None => None,
    };
    Some((slice, bias))
}

/// A dense layer on `count` vectors that lie one after another.
pub(super) fn dense(
    layer: &Layer,
    context: &Context<'_>,
    input: &[u8],
    count: usize,
    output: &mut [u8],
) -> Option<()> {
    if layer.requantization.is_some() {
        return int8_layers::dense(layer, context, input, count, output);
    }
    if !F32_LAYERS {
        return None;
    }
    let (inputs, outputs) = (len_of(layer.input_shape)?, len_of(layer.output_shape)?);
    let len = inputs.checked_mul(padded(outputs))?;
    let (weights, bias) = weights(context, layer.weights?, len, padded(outputs))?;
    let x = bytes_as(input, inputs.checked_mul(count)?)?;
    let out = bytes_as_mut(output, outputs.checked_mul(count)?)?;
    let activation = layer.activation;
    if count == 1 {
        let call = DenseCall {
            inputs,
            outputs,
            x,
            weights,
            bias,
            activation,
        };
        return kernels::dense(context.level, &call, out);
    }
    // Several vectors are the pixels of an image: each weight that is read serves several of them.
    let axes = [ConvAxis::pointwise(1), ConvAxis::pointwise(count)];
    kernels::conv(
        context.level,
        &ConvCall {
            axes,
            inputs,
            outputs,
            x,
            weights,
            bias,
            activation,
        },
        out,
    )
}

/// A convolution of floats with its data; `packed` is the number of its weights.
pub(super) fn conv_call<'a>(
    layer: &Layer,
    c: Convolution,
    context: &Context<'a>,
    input: &'a [u8],
    packed: usize,
) -> Option<ConvCall<'a, WeightSlice<'a>>> {
    let outputs = layer.output_shape.channels as usize;
    let (weights, bias) = weights(context, layer.weights?, packed, padded(outputs))?;
    Some(ConvCall {
        axes: ConvAxis::pair(&c, layer.input_shape, layer.output_shape),
        inputs: layer.input_shape.channels as usize,
        outputs,
        x: bytes_as(input, len_of(layer.input_shape)?)?,
        weights,
        bias,
        activation: layer.activation,
    })
}

fn conv(layer: &Layer, c: Convolution, context: &Context<'_>, buffers: Buffers<'_>) -> Option<()> {
    let outputs = padded(layer.output_shape.channels as usize);
    let taps = c.kernel[0] as usize * c.kernel[1] as usize;
    let inputs = layer.input_shape.channels as usize;
    let packed = taps.checked_mul(inputs)?.checked_mul(outputs)?;
    let call = conv_call(layer, c, context, buffers.input, packed)?;
    let out = bytes_as_mut(buffers.output, len_of(layer.output_shape)?)?;
    kernels::conv(context.level, &call, out)
}

fn col2im_conv(
    layer: &Layer,
    c: Convolution,
    context: &Context<'_>,
    buffers: Buffers<'_>,
) -> Option<()> {
    let mut rows = Scanlines::new(layer, c, context, buffers.input)?;
    let (height, width) = (
        layer.output_shape.height as usize,
        layer.output_shape.width as usize,
    );
    let size = layer.output_dtype.size();
    for row in 0..height {
        let out = buffers.output.get_mut(row * width * size..)?;
        rows.row(row, buffers.second, out, height * width)?;
    }
    Some(())
}

fn group_conv(
    layer: &Layer,
    c: Convolution,
    context: &Context<'_>,
    buffers: Buffers<'_>,
) -> Option<()> {
    let (inputs, outputs) = (
        layer.input_shape.channels as usize,
        layer.output_shape.channels as usize,
    );
    let groups = c.groups as usize;
    let taps = c.kernel[0] as usize * c.kernel[1] as usize;
    let len = taps
        .checked_mul(inputs / groups.max(1))?
        .checked_mul(outputs)?;
    let (WeightSlice::F32(weights), bias) = weights(context, layer.weights?, len, outputs)? else {
        return None;
    };
    let axes = ConvAxis::pair(&c, layer.input_shape, layer.output_shape);
    let (x, out) = f32_tensors(layer, buffers.input, buffers.output)?;
    elementwise::GroupConv {
        axes,
        groups,
        inputs,
        outputs,
        weights,
        bias,
    }
    .run(x, layer.input_shape, out, layer.output_shape);
    kernels::activate(context.level, out, layer.activation);
    Some(())
}

/// Operations on each number: the input is brought to the output, and changed there.
fn in_place(layer: &Layer, context: &Context<'_>, buffers: Buffers<'_>) -> Option<()> {
    let out: &mut [f32] = bytes_as_mut(buffers.output, len_of(layer.output_shape)?)?;
    if layer.input != layer.output {
        let x: &[f32] = bytes_as(buffers.input, out.len())?;
        for (out, x) in out.iter_mut().zip(x) {
            *out = *x;
        }
    }
    let channels = layer.output_shape.channels as usize;
    match layer.op {
        Op::Affine => {
            let (WeightSlice::F32(scale), shift) =
                weights(context, layer.weights?, channels, channels)?
            else {
                return None;
            };
            elementwise::affine(out, scale, shift);
        }
        Op::Prelu => {
            let (WeightSlice::F32(slopes), _) =
                weights(context, layer.weights?, channels, channels)?
            else {
                return None;
            };
            elementwise::prelu(out, slopes);
        }
        Op::Binary(kind, broadcast) => {
            let len = match broadcast {
                super::format::Broadcast::Same => out.len(),
                super::format::Broadcast::Channel => channels,
            };
            elementwise::binary(out, bytes_as(buffers.second, len)?, kind, broadcast);
        }
        _ => {}
    }
    if layer.activation != Activation::None {
        kernels::activate(context.level, out, layer.activation);
    }
    Some(())
}

/// Layers that only move numbers.
fn move_elements<T: Pod>(layer: &Layer, buffers: Buffers<'_>) -> Option<()> {
    let (from, to) = (layer.input_shape, layer.output_shape);
    let x: &[T] = bytes_as(buffers.input, len_of(from)?)?;
    let out: &mut [T] = bytes_as_mut(buffers.output, len_of(to)?)?;
    match layer.op {
        Op::Nearest => elementwise::nearest(x, from, out, to),
        Op::DepthToSpace(crd) => elementwise::depth_to_space(x, from, out, to, crd),
        Op::ConcatChannels(at) => elementwise::concat_channels(
            x,
            from.channels as usize,
            out,
            to.channels as usize,
            at as usize,
        ),
        Op::HwcToChw => elementwise::hwc_to_chw(x, from, out),
        Op::ChwToHwc => elementwise::chw_to_hwc(x, to, out),
        _ => return None,
    }
    Some(())
}

/// The row of the class asked for.
fn lookup(layer: &Layer, context: &Context<'_>, output: &mut [u8]) -> Option<()> {
    let len = len_of(layer.output_shape)?.checked_mul(layer.output_dtype.size())?;
    let from = (layer.weights?.offset as usize).checked_add(context.class.checked_mul(len)?)?;
    let row = context.weights.get(from..from.checked_add(len)?)?;
    output.get_mut(..len)?.copy_from_slice(row);
    Some(())
}
