//! A convolution with few output channels row by row.

use super::context::{Context, F32_LAYERS};
use super::conv_axis::ConvAxis;
use super::f32_layers::conv_call;
use super::format::{Convolution, Layer, padded};
use super::int8_layers::Int8Scanlines;
use super::kernels::{self, Col2ImCall, SimdLevel, bytes_as, bytes_as_mut};
use super::scratch::col2im_rows;

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
}

/// What the elements are.
enum Sums<'a> {
    F32(Col2ImCall<'a>),
    Int8(Int8Scanlines<'a>),
}

impl<'a> Scanlines<'a> {
    /// `x` is the input image.
    pub(super) fn new(
        layer: &Layer,
        c: Convolution,
        context: &Context<'a>,
        x: &'a [u8],
    ) -> Option<Self> {
        let axes = ConvAxis::pair(&c, layer.input_shape, layer.output_shape);
        let kept = col2im_rows(&axes[0]);
        let kind = if layer.requantization.is_some() {
            Sums::Int8(Int8Scanlines::new(layer, c, context, x, kept)?)
        } else if !F32_LAYERS {
            return None;
        } else {
            Sums::F32(f32_sums(layer, c, context, x)?)
        };
        let phases = (0..axes[0].phases()).map(|phase| axes[0].taps(phase));
        let reach = phases
            .filter_map(|taps| taps.iter().map(|tap| tap.offset).max())
            .max()?;
        Some(Self {
            kind,
            level: context.level,
            kept,
            reach,
            done: 0,
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
        let last = (rows.phase_of(row).1 * rows.step()).saturating_add_signed(self.reach);
        while self.done <= last && self.done < rows.input {
            let at = self.done.checked_rem(self.kept)? * line_len;
            let line = lines.get_mut(at..)?.get_mut(..line_len)?;
            match &self.kind {
                Sums::F32(_) if !F32_LAYERS => return None,
                Sums::F32(call) => {
                    kernels::col2im_sums(
                        self.level,
                        call,
                        self.done,
                        bytes_as_mut(line, row_len)?,
                    )?;
                }
                Sums::Int8(rows) => rows.sums(self.level, self.done, line)?,
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
