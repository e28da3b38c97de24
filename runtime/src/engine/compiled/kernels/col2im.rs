//! Convolutions with few output channels: every input pixel times all taps, then each output pixel gathers its sums.

use super::WeightSlice;
use super::activate::activate_all;
use super::conv::ConvCall;
use super::vector::F32Vector;
use crate::engine::compiled::conv_axis::ConvAxis;
use crate::engine::compiled::format::{Activation, padded};

/// A convolution with few output channels and its data: the weights are `[block][input channel][16]` over
/// `[output channel][kernel row][kernel column]`, all else is as in any convolution.
#[derive(Clone, Copy)]
pub(in super::super) struct Col2ImCall<'a>(pub ConvCall<'a, WeightSlice<'a>>);

impl<'a> Col2ImCall<'a> {
    /// The sums of input row `row` as a convolution of single pixels; `None` if there is no such row.
    pub(super) fn line(&self, row: usize) -> Option<ConvCall<'a, WeightSlice<'a>>> {
        let width = self.0.axes[1].input;
        let len = width * self.0.inputs;
        Some(ConvCall {
            axes: [ConvAxis::pointwise(1), ConvAxis::pointwise(width)],
            outputs: self.sums(),
            x: self.0.x.get(row * len..)?.get(..len)?,
            bias: None,
            activation: Activation::None,
            ..self.0
        })
    }

    /// Sums of one input pixel, `[output channel][kernel row][kernel column]`, padded.
    pub(in super::super) fn sums(&self) -> usize {
        padded(self.0.outputs * self.0.axes[0].kernel * self.0.axes[1].kernel)
    }

    /// Numbers of one row of sums.
    pub(in super::super) fn row_len(&self) -> usize {
        self.sums() * self.0.axes[1].input
    }

    /// Writes row `output` of the image, for each output channel as many numbers as there are columns; `lines` holds rows of sums, input row `i` at
    /// `i % kept`.
    ///
    /// # Safety
    /// The row exists, all input rows that it reads are in `lines`, `out` is good for as many numbers as a row has in all channels,
    /// `plane` numbers apart.
    #[inline(always)]
    pub(super) unsafe fn gather<V: F32Vector>(
        &self,
        lines: *const f32,
        kept: usize,
        output: usize,
        out: *mut f32,
        plane: usize,
    ) {
        let ConvCall {
            axes,
            outputs,
            bias,
            activation,
            ..
        } = &self.0;
        let [rows, columns] = axes;
        let taps = rows.kernel * columns.kernel;
        let sums = self.sums();
        let (row_phase, q) = rows.phase_of(output);
        unsafe {
            for channel in 0..*outputs {
                let bias = bias.map_or(0.0, |bias| *bias.as_ptr().add(channel));
                for column in 0..columns.output {
                    *out.add(channel * plane + column) = bias;
                }
            }
            let (phases, step) = (columns.phases(), columns.step());
            for phase in 0..phases {
                for tap in columns.taps(phase).iter() {
                    let (from, to) = columns.inside(tap.offset, 0, columns.outputs(phase));
                    if from >= to {
                        continue;
                    }
                    let column = (from * step).wrapping_add_signed(tap.offset);
                    for row_tap in rows.taps(row_phase).iter() {
                        if rows.inside(row_tap.offset, q, 1) != (0, 1) {
                            continue;
                        }
                        let row = (q * rows.step()).wrapping_add_signed(row_tap.offset);
                        let line = lines.add(row % kept.max(1) * self.row_len() + column * sums);
                        for channel in 0..*outputs {
                            let mut from_sum = line.wrapping_add(
                                channel * taps + row_tap.kernel * columns.kernel + tap.kernel,
                            );
                            let mut to_pixel =
                                out.wrapping_add(channel * plane + from * phases + phase);
                            for _ in from..to {
                                *to_pixel += *from_sum;
                                from_sum = from_sum.wrapping_add(step * sums);
                                to_pixel = to_pixel.wrapping_add(phases);
                            }
                        }
                    }
                }
            }
            for channel in 0..*outputs {
                activate_all::<V>(out.add(channel * plane), columns.output, *activation);
            }
        }
    }
}
