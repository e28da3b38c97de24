//! Convolutions with few output channels: from the sums of input pixels to a row of the image.

use super::Requantizer;
use crate::engine::compiled::conv_axis::ConvAxis;

/// Columns that are summed together.
const COLUMNS: usize = 64;

/// Where the sums of a convolution with few output channels are, and what becomes of them.
#[derive(Clone, Copy)]
pub(in super::super::super) struct Int8Col2Im<'a> {
    /// Rows and columns.
    pub axes: [ConvAxis; 2],
    /// Output channels.
    pub outputs: usize,
    /// Sums of one input pixel, `[output channel][kernel row][kernel column]`, padded.
    pub sums: usize,
    /// Rows of sums that are kept, input row `i` at `i % kept`.
    pub kept: usize,
    /// How sums become bytes.
    pub requantizer: Requantizer<'a>,
}

impl Int8Col2Im<'_> {
    /// Writes row `output` of the image from the kept rows of sums in `lines`; in `out` the row's first byte stands first, and channels are
    /// `plane` bytes apart. `clamp` rounds and clamps the sums of a channel. `None` if a slice is too short for the geometry.
    pub(super) fn row(
        &self,
        lines: &[i32],
        output: usize,
        out: &mut [u8],
        plane: usize,
        clamp: impl Fn(usize, &mut [i32]),
    ) -> Option<()> {
        let [rows, columns] = &self.axes;
        let line_len = self.sums * columns.input;
        let (row_phase, q) = rows.phase_of(output);
        let row_taps = rows.taps(row_phase);
        for column_phase in 0..columns.phases() {
            let column_taps = columns.taps(column_phase);
            let outputs = columns.outputs(column_phase);
            for first in (0..outputs).step_by(COLUMNS) {
                let len = COLUMNS.min(outputs - first);
                for channel in 0..self.outputs {
                    let mut buffer = [0; COLUMNS];
                    let sums = buffer.get_mut(..len)?;
                    sums.fill(self.requantizer.bias(channel));
                    for row_tap in row_taps.iter() {
                        let y = (q * rows.step()).wrapping_add_signed(row_tap.offset);
                        if y >= rows.input {
                            continue;
                        }
                        let at = y.checked_rem(self.kept)?.checked_mul(line_len)?;
                        let line = lines.get(at..)?.get(..line_len)?;
                        let kernel = (channel * rows.kernel + row_tap.kernel) * columns.kernel;
                        for tap in column_taps.iter() {
                            let (from, to) = columns.inside(tap.offset, first, len);
                            let x =
                                ((first + from) * columns.step()).wrapping_add_signed(tap.offset);
                            let Some(some) = sums.get_mut(from..to).filter(|sums| !sums.is_empty())
                            else {
                                continue;
                            };
                            let terms = line
                                .get(x * self.sums + kernel + tap.kernel..)?
                                .iter()
                                .step_by(columns.step().saturating_mul(self.sums).max(1));
                            for (sum, term) in some.iter_mut().zip(terms) {
                                *sum = sum.wrapping_add(*term);
                            }
                        }
                    }
                    clamp(channel, sums);
                    let at = channel * plane + first * columns.phases() + column_phase;
                    let numbers = out.get_mut(at..)?.iter_mut();
                    let numbers = numbers.step_by(columns.phases().max(1));
                    for (number, sum) in numbers.zip(sums.iter()) {
                        *number = self.requantizer.looked_up(*sum);
                    }
                }
            }
        }
        Some(())
    }
}
