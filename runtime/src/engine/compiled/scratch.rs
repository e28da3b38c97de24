//! Scratch memory that layers need beside their input and output.

use super::format::{
    BLOCK, Broadcast, Convolution, DType, HwcShape, Layer, Op, kept_rows, tap_span,
};

/// Bytes of a layer's second input or own memory, 0 if it has none; `None` if it overflows. `rows`
/// are those of the whole input, of which the layer may have a part.
pub(super) fn second_len(layer: &Layer, rows: u32) -> Option<u64> {
    let shape = layer.input_shape;
    match layer.op {
        Op::Binary(_, Broadcast::Same) => Some(shape.bytes(DType::F32)),
        Op::Binary(_, Broadcast::Channel) => {
            Some(HwcShape::vector(shape.channels).bytes(DType::F32))
        }
        Op::QuantizedAdd(second) => Some(shape.bytes(second)),
        Op::Col2ImConv(c) => {
            let whole = HwcShape {
                height: rows,
                ..shape
            };
            col2im_scratch(&c, whole, layer.output_shape)
        }
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
    let outputs = output.channels.checked_next_multiple_of(BLOCK as u32)?;
    let differences = input.width.checked_mul(2)?.checked_add(1)?;
    let differences = differences.checked_mul(input.channels)?;
    let products = input.width.checked_mul(6)?.checked_mul(outputs)?;
    let rows = differences.checked_add(products)?;
    let elements = rows.checked_mul(upsample_rows(input))?;
    Some(4 * u64::from(elements.checked_add(input.channels)?))
}

/// Rows of sums that [`Op::Col2ImConv`] keeps.
pub(super) const fn col2im_rows(convolution: &Convolution, rows: u32) -> u32 {
    kept_rows(row_span(convolution), rows)
}

/// The least and the greatest of what is added to an output's row for an input row.
pub(super) const fn row_span(convolution: &Convolution) -> (i32, i32) {
    let axis = [
        convolution.kernel[0],
        convolution.stride[0],
        convolution.pad[0],
        convolution.dilation[0],
    ];
    tap_span(axis, convolution.transposed)
}

/// Bytes of scratch memory that [`Op::Col2ImConv`] needs beside its input and output; `None` if
/// it overflows.
#[must_use]
pub fn col2im_scratch(convolution: &Convolution, input: HwcShape, output: HwcShape) -> Option<u64> {
    let taps = convolution.kernel[0].checked_mul(convolution.kernel[1])?;
    let sums = taps.checked_mul(output.channels)?;
    let elements = sums
        .checked_next_multiple_of(BLOCK as u32)?
        .checked_mul(col2im_rows(convolution, input.height))?
        .checked_mul(input.width)?;
    Some(4 * u64::from(elements))
}
