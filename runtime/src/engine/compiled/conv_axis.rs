//! One axis of a convolution: which taps an output position has, and what they read.

use super::format::{Convolution, HwcShape};

/// Longest kernel on an axis.
pub const MAX_KERNEL: usize = 32;

/// One axis of a convolution or transposed convolution.
///
/// Outputs are taken in [`phases`](Self::phases): phase `r` has the outputs `r`, `r + phases`, `r + 2 * phases`, … A convolution has one phase, a
/// transposed one as many as its stride (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4): within a
/// phase all outputs have the same taps. The output number `q` of a phase reads, by tap `t`, the input position
/// `q * step + taps[t].offset`, or nothing if the input has no such position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvAxis {
    /// Positions of the input.
    pub input: usize,
    /// Positions of the output.
    pub output: usize,
    /// Taps of the kernel.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
    /// Zeros before the input; of a transposed convolution, outputs that are cut off.
    pub pad: usize,
    /// Distance between taps.
    pub dilation: usize,
    /// Whether the convolution is transposed.
    pub transposed: bool,
}

/// One tap of a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tap {
    /// Position in the kernel.
    pub kernel: usize,
    /// What is added to an output's position for the input's.
    pub offset: isize,
}

/// The taps of a phase, in the order of their position in the kernel: both positions grow or shrink by the same steps from one to the next.
#[derive(Clone, Copy, Debug)]
pub struct Taps {
    first: Tap,
    kernel_step: usize,
    offset_step: isize,
    len: usize,
}

impl Taps {
    /// Number of taps.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the phase has none: its outputs are the biases.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The taps.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Tap> + use<> {
        let Self {
            first,
            kernel_step,
            offset_step,
            len,
        } = *self;
        (0..len).map(move |i| Tap {
            kernel: first.kernel + i * kernel_step,
            offset: first.offset + i as isize * offset_step,
        })
    }
}

impl ConvAxis {
    /// An axis of so many positions along which every output reads its own position.
    #[must_use]
    pub const fn pointwise(len: usize) -> Self {
        Self {
            input: len,
            output: len,
            kernel: 1,
            stride: 1,
            pad: 0,
            dilation: 1,
            transposed: false,
        }
    }

    /// Rows and columns of a convolution.
    #[must_use]
    pub fn pair(convolution: &Convolution, input: HwcShape, output: HwcShape) -> [Self; 2] {
        let sides = [(input.height, output.height), (input.width, output.width)];
        let axis = |i: usize, (input, output): (u32, u32)| Self {
            input: input as usize,
            output: output as usize,
            kernel: convolution.kernel[i] as usize,
            stride: convolution.stride[i] as usize,
            pad: convolution.pad[i] as usize,
            dilation: convolution.dilation[i] as usize,
            transposed: convolution.transposed,
        };
        [axis(0, sides[0]), axis(1, sides[1])]
    }

    /// Number of phases, at least 1.
    #[must_use]
    pub fn phases(&self) -> usize {
        if self.transposed {
            self.stride.max(1)
        } else {
            1
        }
    }

    /// Outputs of phase `phase`.
    #[must_use]
    pub fn outputs(&self, phase: usize) -> usize {
        parts(self.output.saturating_sub(phase), self.phases())
    }

    /// The phase of output `position`, and its number within the phase.
    #[must_use]
    pub fn phase_of(&self, position: usize) -> (usize, usize) {
        let phases = self.phases();
        (
            position.checked_rem(phases).unwrap_or(0),
            position.checked_div(phases).unwrap_or(position),
        )
    }

    /// Input positions from one output of a phase to the next, at least 1.
    #[must_use]
    pub fn step(&self) -> usize {
        if self.transposed {
            1
        } else {
            self.stride.max(1)
        }
    }

    /// The taps of phase `phase`.
    #[must_use]
    pub fn taps(&self, phase: usize) -> Taps {
        if !self.transposed {
            return Taps {
                first: Tap {
                    kernel: 0,
                    offset: -(self.pad as isize),
                },
                kernel_step: 1,
                offset_step: self.dilation as isize,
                len: self.kernel,
            };
        }
        // In 32 bits, because divisions of 64 take their time.
        let stride = (self.stride as i32).max(1);
        // The position that output `phase` and tap `kernel` meet, times the stride.
        let distance =
            |kernel: usize| (phase + self.pad) as isize - (kernel * self.dilation) as isize;
        let divided = |distance: isize| (distance as i32).checked_div(stride).unwrap_or(0) as isize;
        let mut meets = (0..self.kernel)
            .filter(|&kernel| (distance(kernel) as i32).checked_rem(stride) == Some(0));
        let Some(kernel) = meets.next() else {
            return Taps {
                first: Tap::default(),
                kernel_step: 1,
                offset_step: 0,
                len: 0,
            };
        };
        let kernel_step = meets.next().map_or(self.kernel, |next| next - kernel);
        Taps {
            first: Tap {
                kernel,
                offset: divided(distance(kernel)),
            },
            kernel_step,
            offset_step: -divided((kernel_step * self.dilation) as isize),
            len: parts(self.kernel - kernel, kernel_step),
        }
    }

    /// Of `len` outputs of a phase from output `first` on, those whose input position by `offset` exists: from and to, counted from `first`.
    #[must_use]
    pub fn inside(&self, offset: isize, first: usize, len: usize) -> (usize, usize) {
        let step = self.step();
        if step == 1 {
            let begin = (offset.saturating_neg().max(0) as usize)
                .saturating_sub(first)
                .min(len);
            let end = ((self.input as isize - offset).max(0) as usize)
                .saturating_sub(first)
                .min(len);
            return (begin, end.max(begin));
        }
        // The least q with q * step + offset >= 0, and the least with q * step + offset >= input.
        let begin = if offset < 0 {
            parts(offset.unsigned_abs(), step)
        } else {
            0
        };
        let room = self.input as isize - offset;
        let end = if room > 0 {
            parts(room.unsigned_abs(), step)
        } else {
            0
        };
        let from = begin.saturating_sub(first).min(len);
        let to = end.saturating_sub(first).min(len);
        (from, to.max(from))
    }
}

/// `len / size` rounded up; 0 for a size of 0, which a checked model has not. [`usize::div_ceil`] would be a way into a panic that compilers
/// do not always see to be closed.
pub(super) fn parts(len: usize, size: usize) -> usize {
    match (len.checked_div(size), len.checked_rem(size)) {
        (Some(whole), Some(rest)) => whole + usize::from(rest > 0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every product of the convolution's definition is found once, and no other.
    #[test]
    fn phases_and_taps_cover_the_definition() {
        for transposed in [false, true] {
            for (input, kernel, stride, pad, dilation, extra) in [
                (7, 4, 2, 1, 1, 0),
                (5, 3, 1, 1, 1, 0),
                (6, 3, 2, 1, 1, 1),
                (8, 5, 2, 2, 1, 1),
                (4, 2, 3, 0, 2, 1),
                (9, 3, 2, 2, 2, 0),
                (3, 1, 4, 0, 1, 0),
            ] {
                let reach = (kernel - 1) * dilation + 1;
                let output = if transposed {
                    (input - 1) * stride + reach + extra - 2 * pad
                } else {
                    (input + 2 * pad - reach) / stride + 1
                };
                let axis = ConvAxis {
                    input,
                    output,
                    kernel,
                    stride,
                    pad,
                    dilation,
                    transposed,
                };
                let mut found = std::vec::Vec::new();
                for phase in 0..axis.phases() {
                    for tap in axis.taps(phase).iter() {
                        let outputs = axis.outputs(phase);
                        for first in 0..outputs {
                            let (from, to) = axis.inside(tap.offset, first, outputs - first);
                            for q in (first + from..first + to).take(usize::from(from == 0)) {
                                let read = (q * axis.step()) as isize + tap.offset;
                                found.push((q * axis.phases() + phase, tap.kernel, read));
                            }
                        }
                    }
                }
                let mut expected = std::vec::Vec::new();
                for o in 0..output {
                    for k in 0..kernel {
                        for i in 0..input {
                            let meets = if transposed {
                                i * stride + k * dilation == o + pad
                            } else {
                                o * stride + k * dilation == i + pad
                            };
                            if meets {
                                expected.push((o, k, i as isize));
                            }
                        }
                    }
                }
                found.sort_unstable();
                expected.sort_unstable();
                assert_eq!(found, expected, "{axis:?}");
            }
        }
    }
}
