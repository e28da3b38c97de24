//! Convolutions with few output channels: every input pixel times all taps, then each output pixel gathers its sums.

use super::WeightSlice;
use super::activate::activate_all;
use super::micro::{MAX_SUMS, Operands, Sums, multiply};
use super::vector::{Element, Vector};
use crate::engine::compiled::axis::Axis;
use crate::engine::compiled::format::{Activation, BLOCK, padded};

/// A convolution with few output channels and its data.
#[derive(Clone, Copy)]
pub(in super::super) struct FewCall<'a, W> {
    /// Rows and columns.
    pub axes: [Axis; 2],
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Input picture, `[row][column][input channel]`.
    pub x: &'a [f32],
    /// Packed weights, `[block][input channel][16]`.
    pub weights: W,
    /// Biases, one for each output channel, padded to whole blocks.
    pub bias: Option<&'a [f32]>,
    /// What is done to sums.
    pub activation: Activation,
}

impl<'a> FewCall<'a, WeightSlice<'a>> {
    /// The same with weights of one type.
    pub(super) fn with<W>(&self, weights: &'a [W]) -> FewCall<'a, &'a [W]> {
        FewCall {
            axes: self.axes,
            inputs: self.inputs,
            outputs: self.outputs,
            x: self.x,
            bias: self.bias,
            activation: self.activation,
            weights,
        }
    }
}

impl<W> FewCall<'_, W> {
    /// Sums of one input pixel, `[output channel][kernel row][kernel column]`, padded.
    pub(in super::super) fn sums(&self) -> usize {
        padded(self.outputs * self.axes[0].kernel * self.axes[1].kernel)
    }

    /// Numbers of one row of sums.
    pub(in super::super) fn row_len(&self) -> usize {
        self.sums() * self.axes[1].input
    }

    /// Writes row `output` of the picture, [`outputs`](Self::outputs) rows of as many numbers as there are columns; `lines` holds rows of sums, input row `i` at
    /// `i % kept`.
    ///
    /// # Safety
    /// The row exists, all input rows that it reads are in `lines`, `out` is good for as many numbers as a row has in all channels,
    /// `plane` numbers apart.
    #[inline(always)]
    pub(super) unsafe fn gather<V: Vector>(
        &self,
        lines: *const f32,
        kept: usize,
        output: usize,
        out: *mut f32,
        plane: usize,
    ) {
        let [rows, columns] = &self.axes;
        let taps = rows.kernel * columns.kernel;
        let sums = self.sums();
        let (row_phase, q) = (output % rows.phases(), output / rows.phases());
        unsafe {
            for channel in 0..self.outputs {
                let bias = self.bias.map_or(0.0, |bias| *bias.as_ptr().add(channel));
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
                        let line = lines.add(row % kept * self.row_len() + column * sums);
                        for channel in 0..self.outputs {
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
            for channel in 0..self.outputs {
                activate_all::<V>(out.add(channel * plane), columns.output, self.activation);
            }
        }
    }
}

impl<W: Element> FewCall<'_, &[W]> {
    /// Whether the weights and input have the lengths that the geometry asks for.
    pub(super) fn fits(&self) -> bool {
        let [rows, columns] = &self.axes;
        self.x.len() == rows.input * columns.input * self.inputs
            && self.weights.len() == self.inputs * self.sums()
            && self
                .bias
                .is_none_or(|bias| bias.len() == padded(self.outputs))
    }

    /// Writes the sums of input row `row`, [`FewCall::row_len`] numbers.
    ///
    /// # Safety
    /// [`fits`](FewCall::fits) holds, the row exists, `line` is good for its sums, and the processor has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn line<V: Vector>(&self, row: usize, line: *mut f32) {
        let vectors = self.sums() / V::LANES;
        let mut first = 0;
        while first < vectors {
            let left = vectors - first;
            let wide = if V::LANES < BLOCK {
                V::WIDE
            } else {
                left.min(4)
            };
            unsafe {
                match wide {
                    4 if V::WIDE >= 4 => self.vectors::<V, 4>(row, first, line),
                    3 if V::WIDE >= 4 && V::LANES == BLOCK => {
                        self.vectors::<V, 3>(row, first, line)
                    }
                    2 if V::WIDE >= 2 => self.vectors::<V, 2>(row, first, line),
                    _ => self.vectors::<V, 1>(row, first, line),
                }
            }
            first += wide;
        }
    }

    #[inline(always)]
    unsafe fn vectors<V: Vector, const NV: usize>(&self, row: usize, first: usize, line: *mut f32) {
        let columns = &self.axes[1];
        let at = first * V::LANES;
        let block_len = self.inputs * BLOCK;
        let tiles = columns.input.div_ceil(V::PIXELS[NV - 1]).max(1);
        let pixels = columns.input.div_ceil(tiles);
        let mut column = 0;
        while column < columns.input {
            let wide = pixels.min(columns.input - column);
            unsafe {
                let mut sums: Sums<V> = [V::splat(0.0); MAX_SUMS];
                let sums = sums.as_mut_ptr();
                let operands = Operands {
                    x: self
                        .x
                        .as_ptr()
                        .add((row * columns.input + column) * self.inputs),
                    pixel: self.inputs,
                    row: 0,
                    weights: self
                        .weights
                        .as_ptr()
                        .add(at / BLOCK * block_len + at % BLOCK),
                    block: block_len,
                    channels: self.inputs,
                    ahead: core::ptr::null(),
                };
                multiply::<V, W, NV>(1, wide, sums, 0, operands);
                for p in 0..wide {
                    for v in 0..NV {
                        (*sums.add(p * NV + v))
                            .store(line.add((column + p) * self.sums() + at + v * V::LANES));
                    }
                }
            }
            column += wide;
        }
    }
}
