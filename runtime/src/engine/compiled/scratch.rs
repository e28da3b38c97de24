//! Scratch memory that layers need beside their input and output.

use super::conv_axis::ConvAxis;
use super::format::{Broadcast, Convolution, DType, HwcShape, Layer, Op, padded};

/// Bytes of a layer's second input or own memory, 0 if it has none; `None` if it overflows.
pub(super) fn second_len(layer: &Layer) -> Option<u64> {
    let shape = layer.input_shape;
    match layer.op {
        Op::Binary(_, Broadcast::Same) => Some(shape.bytes(DType::F32)),
        Op::Binary(_, Broadcast::Channel) => {
            Some(HwcShape::vector(shape.channels).bytes(DType::F32))
        }
        Op::Col2ImConv(c) => col2im_scratch(&c, shape, layer.output_shape),
        Op::UpsampleConv => upsample_scratch(shape, layer.output_shape),
        _ => Some(0),
    }
}

/// Most input rows that [`Op::UpsampleConv`] takes at once: as many as have 16 pixels.
pub(super) fn upsample_rows(input: HwcShape) -> u32 {
    16u32
        .checked_div(input.width)
        .unwrap_or(1)
        .clamp(1, input.height.max(1))
}

/// Bytes of scratch memory that [`Op::UpsampleConv`] needs beside its input and output; `None` if
/// it overflows.
///
/// For each of the rows that it takes at once: the differences between columns, one more than there
/// are columns, those between rows, and six products of each pixel; and one pixel.
#[must_use]
pub fn upsample_scratch(input: HwcShape, output: HwcShape) -> Option<u64> {
    let (width, channels) = (u64::from(input.width), u64::from(input.channels));
    let outputs = padded(usize::try_from(output.channels).ok()?) as u64;
    let differences = (2 * width + 1).checked_mul(channels)?;
    let products = (6 * width).checked_mul(outputs)?;
    let rows = differences.checked_add(products)?;
    rows.checked_mul(upsample_rows(input).into())?
        .checked_add(channels)?
        .checked_mul(4)
}

/// Rows of sums that [`Op::Col2ImConv`] keeps.
pub(super) fn col2im_rows(axis: &ConvAxis) -> usize {
    let (mut least, mut most) = (isize::MAX, isize::MIN);
    for phase in 0..axis.phases() {
        for tap in axis.taps(phase).iter() {
            least = least.min(tap.offset);
            most = most.max(tap.offset);
        }
    }
    let span = most.saturating_sub(least).saturating_add(1).max(1);
    span.unsigned_abs().min(axis.input.max(1))
}

/// Bytes of scratch memory that [`Op::Col2ImConv`] needs beside its input and output; `None` if
/// it overflows.
#[must_use]
pub fn col2im_scratch(convolution: &Convolution, input: HwcShape, output: HwcShape) -> Option<u64> {
    let [rows, _] = ConvAxis::pair(convolution, input, output);
    let taps = u64::from(convolution.kernel[0]) * u64::from(convolution.kernel[1]);
    let sums = padded(usize::try_from(taps.checked_mul(output.channels.into())?).ok()?) as u64;
    sums.checked_mul(col2im_rows(&rows) as u64)?
        .checked_mul(input.width.into())?
        .checked_mul(4)
}
