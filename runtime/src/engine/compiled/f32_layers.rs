//! f32 layers: from a layer's record to its kernel.

use super::context::{Buffers, Context, f32_weights, len_of};
use super::conv_axis::ConvAxis;
use super::elementwise;
use super::format::{Activation, Broadcast, Convolution, Coordinates, Layer, Op, PadKind, padded};
use super::kernels::{
    self, ConvCall, DenseCall, GroupConvCall, WeightSlice, bytes_as, bytes_as_mut,
};
use super::rows::Rows;

/// Input and output as f32.
fn f32_tensors<'b>(
    layer: &Layer,
    input: &'b [u8],
    output: &'b mut [u8],
) -> Option<(&'b [f32], &'b mut [f32])> {
    let input = bytes_as(input, len_of(layer.input_shape)?)?;
    Some((input, bytes_as_mut(output, len_of(layer.output_shape)?)?))
}

/// A dense layer on `count` vectors that lie one after another.
pub(super) fn dense(
    layer: &Layer,
    context: &Context<'_>,
    input: &[u8],
    count: usize,
    output: &mut [u8],
) -> Option<()> {
    let (inputs, outputs) = (len_of(layer.input_shape)?, len_of(layer.output_shape)?);
    let len = inputs.checked_mul(padded(outputs))?;
    let (weights, bias) = f32_weights(context, layer.weights?, len, padded(outputs))?;
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

/// An f32 convolution with its data; `packed` is the number of its weights.
pub(super) fn conv_call<'a>(
    layer: &Layer,
    c: Convolution,
    context: &Context<'a>,
    input: &'a [u8],
    packed: usize,
) -> Option<ConvCall<'a, WeightSlice<'a>>> {
    let outputs = layer.output_shape.channels as usize;
    let (weights, bias) = f32_weights(context, layer.weights?, packed, padded(outputs))?;
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

/// A convolution of one group.
pub(super) fn conv(
    layer: &Layer,
    c: Convolution,
    context: &Context<'_>,
    buffers: Buffers<'_>,
) -> Option<()> {
    let outputs = padded(layer.output_shape.channels as usize);
    let taps = c.kernel[0] as usize * c.kernel[1] as usize;
    let inputs = layer.input_shape.channels as usize;
    let packed = taps.checked_mul(inputs)?.checked_mul(outputs)?;
    let call = conv_call(layer, c, context, buffers.input, packed)?;
    let out = bytes_as_mut(buffers.output, len_of(layer.output_shape)?)?;
    kernels::conv(context.level, &call, out)
}

/// A convolution in groups.
pub(super) fn group_conv(
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
    let (WeightSlice::F32(weights), bias) = f32_weights(context, layer.weights?, len, outputs)?
    else {
        return None;
    };
    let (x, out) = f32_tensors(layer, buffers.input, buffers.output)?;
    let call = GroupConvCall {
        axes: ConvAxis::pair(&c, layer.input_shape, layer.output_shape),
        groups,
        inputs,
        outputs,
        x,
        weights,
        bias,
    };
    kernels::group_conv(context.level, &call, out)?;
    kernels::activate(context.level, out, layer.activation);
    Some(())
}

/// Operations on each element: the input is brought to the output, and changed there.
pub(super) fn in_place(layer: &Layer, context: &Context<'_>, buffers: Buffers<'_>) -> Option<()> {
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
                f32_weights(context, layer.weights?, channels, channels)?
            else {
                return None;
            };
            elementwise::affine(out, scale, shift);
        }
        Op::Prelu => {
            let (WeightSlice::F32(slopes), _) =
                f32_weights(context, layer.weights?, channels, channels)?
            else {
                return None;
            };
            elementwise::prelu(out, slopes);
        }
        Op::Binary(kind, broadcast) => {
            let len = match broadcast {
                Broadcast::Same => out.len(),
                Broadcast::Channel => channels,
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

/// Bilinear interpolation; of some rows where it doubles with half pixels.
pub(super) fn bilinear(
    layer: &Layer,
    coordinates: Coordinates,
    rows: Rows,
    buffers: Buffers<'_>,
) -> Option<()> {
    let (x, out) = f32_tensors(layer, buffers.input, buffers.output)?;
    let (from, to) = (layer.input_shape, layer.output_shape);
    let doubles =
        rows.outputs == 2 * rows.inputs && to.width / 2 == from.width && to.width % 2 == 0;
    if doubles && coordinates == Coordinates::HalfPixel {
        elementwise::double(x, from, rows, out, true);
    } else {
        elementwise::bilinear(x, from, out, to, coordinates);
    }
    Some(())
}

/// A border around the image.
pub(super) fn pad(
    layer: &Layer,
    before: [u32; 2],
    kind: PadKind,
    buffers: Buffers<'_>,
) -> Option<()> {
    let (x, out) = f32_tensors(layer, buffers.input, buffers.output)?;
    elementwise::pad(x, layer.input_shape, out, layer.output_shape, before, kind);
    Some(())
}
