//! Runs one layer.

use super::context::{Buffers, Context, F32_LAYERS, STRIDED_LAYERS, buffers, len_of};
use super::elementwise;
use super::f32_layers;
use super::format::{Convolution, DType, Layer, Op};
use super::int8_layers;
use super::kernels::{Pod, bytes_as, bytes_as_mut};
use super::rows::Rows;
use super::scanlines::Scanlines;
use super::strided::strided;
use super::upsample::upsample;

/// Runs `layer`. `image` is the image, `channels * height * width` elements of the last layer's
/// kind; `None` is what a checked model does not lead to.
pub(super) fn run(
    layer: &Layer,
    context: &Context<'_>,
    scratch: &mut [u8],
    image: &mut [u8],
) -> Option<()> {
    run_rows(layer, Rows::all(layer), context, scratch, image)
}

/// Runs a layer that has been cut to some rows. Of a convolution with few output channels all rows
/// before must have been made.
pub(super) fn run_rows(
    layer: &Layer,
    rows: Rows,
    context: &Context<'_>,
    scratch: &mut [u8],
    image: &mut [u8],
) -> Option<()> {
    let buffers = buffers(layer, rows, context, scratch, image)?;
    match layer.op {
        Op::Dense => dense(layer, context, buffers.input, 1, buffers.output),
        Op::Conv(c) if layer.requantization.is_some() => {
            int8_layers::conv(layer, c, context, buffers.input, buffers.output)
        }
        Op::Col2ImConv(c) => col2im_conv(layer, c, rows, context, buffers),
        Op::Nearest | Op::DepthToSpace(_) | Op::ConcatChannels(_) | Op::HwcToChw | Op::ChwToHwc => {
            match layer.input_dtype.size() {
                4 if F32_LAYERS => move_elements::<f32>(layer, buffers),
                2 => move_elements::<u16>(layer, buffers),
                _ => move_elements::<u8>(layer, buffers),
            }
        }
        Op::Lookup => lookup(layer, context, buffers.output),
        Op::Quantize(scale) => int8_layers::quantize(layer, scale, buffers.input, buffers.output),
        Op::QuantizedAdd(second) => int8_layers::add(layer, second, context, buffers),
        Op::Bilinear(_) if layer.input_dtype != DType::F32 => {
            int8_layers::double(layer, rows, buffers)
        }
        // All others make f32.
        _ if !F32_LAYERS => None,
        Op::Conv(c) => f32_layers::conv(layer, c, context, buffers),
        Op::GroupConv(c) => f32_layers::group_conv(layer, c, context, buffers),
        Op::UpsampleConv => upsample(layer, context, buffers),
        Op::Activate | Op::Affine | Op::Prelu | Op::Binary(..) => {
            f32_layers::in_place(layer, context, buffers)
        }
        Op::Strided(..) if !STRIDED_LAYERS => None,
        Op::Strided(kind, words) => strided(layer, kind, words, context, scratch, image),
        Op::Bilinear(coordinates) => f32_layers::bilinear(layer, coordinates, rows, buffers),
        Op::Pad(before, kind) => f32_layers::pad(layer, before, kind, buffers),
        Op::Dequantize(scale) => {
            int8_layers::dequantize(layer, scale, buffers.input, buffers.output)
        }
    }
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
        int8_layers::dense(layer, context, input, count, output)
    } else if F32_LAYERS {
        f32_layers::dense(layer, context, input, count, output)
    } else {
        None
    }
}

/// A convolution with few output channels.
fn col2im_conv(
    layer: &Layer,
    c: Convolution,
    rows: Rows,
    context: &Context<'_>,
    buffers: Buffers<'_>,
) -> Option<()> {
    let mut lines = Scanlines::new(layer, c, rows, context, buffers.input)?;
    let (height, width) = (
        layer.output_shape.height as usize,
        layer.output_shape.width as usize,
    );
    let size = layer.output_dtype.size();
    for row in 0..height {
        let out = buffers.output.get_mut(row * width * size..)?;
        lines.row(rows.output + row, buffers.second, out, height * width)?;
    }
    Some(())
}

/// Layers that only move elements.
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

/// The row of the class.
fn lookup(layer: &Layer, context: &Context<'_>, output: &mut [u8]) -> Option<()> {
    let len = len_of(layer.output_shape)?.checked_mul(layer.output_dtype.size())?;
    let from = (layer.weights?.offset as usize).checked_add(context.class.checked_mul(len)?)?;
    let row = context.weights.get(from..from.checked_add(len)?)?;
    output.get_mut(..len)?.copy_from_slice(row);
    Some(())
}
