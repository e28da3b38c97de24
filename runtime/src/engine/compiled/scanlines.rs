//! A convolution with few output channels row by row.

use super::context::{Context, F32_LAYERS};
use super::conv_axis::ConvAxis;
use super::f32_layers::conv_call;
use super::format::{Convolution, Layer, padded};
use super::int8_layers::Int8Scanlines;
use super::kernels::{self, Col2ImCall, SimdLevel, bytes_as, bytes_as_mut};
use super::rows::Rows;
use super::scratch::{col2im_rows, row_span};

/// A convolution with few output channels that makes one row after another.
pub(super) struct Scanlines<'a> {
    kind: Sums<'a>,
    level: SimdLevel,
    /// Rows of sums that are kept.
    kept: usize,
    /// What is added to an output's row in its phase for the last input row that it reads.
    reach: isize,
    /// Input rows whose sums have been made.
    done: usize,
    /// The first input row that is there.
    first: usize,
}

/// What the elements are.
enum Sums<'a> {
    F32(Col2ImCall<'a>),
    Int8(Int8Scanlines<'a>),
}

impl<'a> Scanlines<'a> {
    /// `x` is the input image, or those of its `rows` that are there; sums of the rows before have
    /// been made.
    pub(super) fn new(
        layer: &Layer,
        c: Convolution,
        rows: Rows,
        context: &Context<'a>,
        x: &'a [u8],
    ) -> Option<Self> {
        let kept = col2im_rows(&c, rows.inputs as u32) as usize;
        // The geometry is that of the whole image, the input what is there.
        let mut axes = ConvAxis::pair(&c, layer.input_shape, layer.output_shape);
        axes[0].input = rows.inputs;
        axes[0].output = rows.outputs;
        let kind = if layer.requantization.is_some() {
            Sums::Int8(Int8Scanlines::new(layer, c, axes, context, x, kept)?)
        } else if !F32_LAYERS {
            return None;
        } else {
            let mut call = f32_sums(layer, c, context, x)?;
            call.0.axes = axes;
            Sums::F32(call)
        };
        Some(Self {
            kind,
            level: context.level,
            kept,
            reach: row_span(&c).1 as isize,
            done: rows.input,
            first: rows.input,
        })
    }

    /// Writes row `row`; rows must come in order. `lines` is scratch memory that stays
    /// untouched in between, see [`col2im_scratch`](super::scratch::col2im_scratch); in `out`
    /// channels are `plane` elements apart.
    pub(super) fn row(
        &mut self,
        row: usize,
        lines: &mut [u8],
        out: &mut [u8],
        plane: usize,
    ) -> Option<()> {
        let (axes, row_len) = match &self.kind {
            Sums::F32(call) => (&call.0.axes, call.row_len()),
            Sums::Int8(rows) => (rows.axes(), rows.row_len()),
        };
        let rows = &axes[0];
        // Sums have four bytes.
        let line_len = row_len.checked_mul(4)?;
        // Of rows that lie wholly in zeros there is no last input row.
        let last = (rows.phase_of(row).1 * rows.step()).checked_add_signed(self.reach);
        while last.is_some_and(|last| self.done <= last) && self.done < rows.input {
            let at = self.done.checked_rem(self.kept)? * line_len;
            let line = lines.get_mut(at..)?.get_mut(..line_len)?;
            let there = self.done - self.first;
            match &self.kind {
                Sums::F32(_) if !F32_LAYERS => return None,
                Sums::F32(call) => {
                    kernels::col2im_sums(self.level, call, there, bytes_as_mut(line, row_len)?)?;
                }
                Sums::Int8(rows) => rows.sums(self.level, there, line)?,
            }
            self.done += 1;
        }
        match &self.kind {
            Sums::F32(_) if !F32_LAYERS => None,
            Sums::F32(call) => {
                let lines = bytes_as(lines, self.kept * row_len)?;
                let len = out.len() / 4;
                let out = bytes_as_mut(out, len)?;
                kernels::col2im_gather(self.level, call, lines, self.kept, row, out, plane)
            }
            Sums::Int8(rows) => rows.gather(self.level, lines, row, out, plane),
        }
    }
}

fn f32_sums<'a>(
    layer: &Layer,
    c: Convolution,
    context: &Context<'a>,
    x: &'a [u8],
) -> Option<Col2ImCall<'a>> {
    let outputs = layer.output_shape.channels as usize;
    let taps = c.kernel[0] as usize * c.kernel[1] as usize;
    let inputs = layer.input_shape.channels as usize;
    let packed = padded(taps.checked_mul(outputs)?).checked_mul(inputs)?;
    conv_call(layer, c, context, x, packed).map(Col2ImCall)
}
