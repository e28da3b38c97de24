//! What layers run with: the context that all of one image share, their buffers and their weights.

use super::format::{BufferRef, DType, HwcShape, Layer, Weights};
use super::kernels::{Pod, SimdLevel, WeightSlice, as_bytes, bytes_as};
use super::rows::Rows;
use super::scratch::second_len;

/// Whether f32 layers can be run. What stands behind it is always type-checked, and linked only
/// where it holds.
pub(super) const F32_LAYERS: bool = cfg!(feature = "f32");
/// The same for strided layers.
pub(super) const STRIDED_LAYERS: bool = cfg!(feature = "strided");

/// What all layers of one image share.
pub(super) struct Context<'a> {
    /// The model's section of weights.
    pub(super) weights: &'a [u8],
    /// The processor's instructions.
    pub(super) level: SimdLevel,
    /// The caller's latent vector.
    pub(super) latent: &'a [f32],
    /// The class of a conditional image.
    pub(super) class: usize,
}

/// Bytes that a layer reads and writes.
pub(super) struct Buffers<'a> {
    pub(super) input: &'a [u8],
    pub(super) second: &'a mut [u8],
    pub(super) output: &'a mut [u8],
}

/// Takes a layer's buffers from scratch memory, the latent vector and the image. Of an operation in
/// place the input is empty, and the output holds it. `rows` says which rows are there.
pub(super) fn buffers<'a>(
    layer: &Layer,
    rows: Rows,
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
    let second = range(layer.second, second_len(layer, rows.inputs as u32)?);
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

/// Elements of a tensor.
pub(super) fn len_of(shape: HwcShape) -> Option<usize> {
    usize::try_from(shape.len()).ok()
}

/// `len` elements of the section of weights, from byte `offset` on.
pub(super) fn tensor<'a, T: Pod>(
    context: &Context<'a>,
    offset: u32,
    len: usize,
) -> Option<&'a [T]> {
    bytes_as(context.weights.get(offset as usize..)?, len)
}

/// Weights of an f32 layer, `len` of them, and `biases` biases.
pub(super) fn f32_weights<'a>(
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
