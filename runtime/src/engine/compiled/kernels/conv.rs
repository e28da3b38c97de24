//! Convolutions and transposed convolutions of one group, HWC.

use super::activate::{activate_vector, store_some};
use super::microkernel::{MAX_SUMS, Operands, Sums, multiply};
use super::vector::{F32Vector, TileShape};
use super::weights::{WeightElement, WeightSlice};
use crate::engine::compiled::conv_axis::{ConvAxis, Taps};
use crate::engine::compiled::format::{Activation, BLOCK, padded};

/// A convolution with its data.
#[derive(Clone, Copy)]
pub(in super::super) struct ConvCall<'a, W> {
    /// Rows and columns.
    pub axes: [ConvAxis; 2],
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Input image, `[row][column][input channel]`.
    pub x: &'a [f32],
    /// Packed weights.
    pub weights: W,
    /// Biases, one for each output channel, padded to whole blocks.
    pub bias: Option<&'a [f32]>,
    /// What is done to sums.
    pub activation: Activation,
}

impl<'a> ConvCall<'a, WeightSlice<'a>> {
    /// The same with weights of one type.
    pub(super) fn with<W>(&self, weights: &'a [W]) -> ConvCall<'a, &'a [W]> {
        ConvCall {
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

impl<W: WeightElement> ConvCall<'_, &[W]> {
    /// Whether all slices have the lengths that the geometry asks for.
    pub(super) fn fits(&self, out: &[f32]) -> bool {
        let [rows, columns] = &self.axes;
        let taps = rows.kernel * columns.kernel;
        self.x.len() == rows.input * columns.input * self.inputs
            && out.len() == rows.output * columns.output * self.outputs
            && self.weights.len() == taps * self.inputs * padded(self.outputs)
            && self
                .bias
                .is_none_or(|bias| bias.len() == padded(self.outputs))
    }

    /// Runs it.
    ///
    /// # Safety
    /// [`fits`](Self::fits) holds, and the processor has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: F32Vector>(&self, out: *mut f32) {
        let per_block = BLOCK / V::LANES;
        // Of vectors that hold padding only, none is computed.
        let vectors = self
            .outputs
            .div_ceil(V::LANES)
            .next_multiple_of(V::WIDE.min(per_block));
        let [height, width] = [self.axes[0].outputs(0), self.axes[1].outputs(0)];
        let mut first = 0;
        while first < vectors {
            let mut tile = V::tile(vectors - first, height, width);
            tile.rows = tile.rows.min(W::ROWS);
            unsafe {
                match tile.vectors {
                    4 if V::WIDE >= 4 => self.channels::<V, 4>(first, tile, out),
                    3 if V::WIDE >= 4 && V::LANES == BLOCK => {
                        self.channels::<V, 3>(first, tile, out)
                    }
                    2 if V::WIDE >= 2 => self.channels::<V, 2>(first, tile, out),
                    _ => self.channels::<V, 1>(first, tile, out),
                }
            }
            first += tile.vectors;
        }
    }

    /// `NV` vectors of output channels, from vector `first` on.
    #[inline(always)]
    unsafe fn channels<V: F32Vector, const NV: usize>(
        &self,
        first: usize,
        tile: TileShape,
        out: *mut f32,
    ) {
        let [rows, columns] = &self.axes;
        let channel = first * V::LANES;
        let block_len = rows.kernel * columns.kernel * self.inputs * BLOCK;
        let mut weights = unsafe {
            self.weights
                .as_ptr()
                .add(channel / BLOCK * block_len + channel % BLOCK)
        };
        for row_phase in 0..rows.phases() {
            let row_taps = rows.taps(row_phase);
            for column_phase in 0..columns.phases() {
                let column_taps = columns.taps(column_phase);
                let part = ConvPhase::<W> {
                    channel,
                    weights,
                    block_len,
                    len: row_taps.len() * column_taps.len() * self.inputs * BLOCK,
                    row_phase,
                    column_phase,
                    row_taps: &row_taps,
                    column_taps: &column_taps,
                };
                weights = weights.wrapping_add(part.len);
                unsafe { self.phase::<V, NV>(&part, tile, out) };
            }
        }
    }

    /// All pixels of a phase, in tiles.
    #[inline(always)]
    unsafe fn phase<V: F32Vector, const NV: usize>(
        &self,
        part: &ConvPhase<'_, W>,
        tile: TileShape,
        out: *mut f32,
    ) {
        let [rows, columns] = &self.axes;
        let (height, width) = (
            rows.outputs(part.row_phase),
            columns.outputs(part.column_phase),
        );
        let blocks = (NV * V::LANES).div_ceil(BLOCK);
        let mut tiles = 0;
        let mut row = 0;
        while row < height {
            let high = tile.rows.min(height - row);
            let mut column = 0;
            while column < width {
                let wide = tile.pixels.min(width - column);
                // While the first tiles are computed, the weights of the next phase are fetched,
                // block by block.
                let ahead = if tiles < blocks {
                    part.len + tiles * part.block_len
                } else {
                    0
                };
                unsafe { self.tile::<V, NV>(part, [row, column], [high, wide], ahead, out) };
                column += wide;
                tiles += 1;
            }
            row += high;
        }
    }

    /// `size` rows and pixels of a phase, from `at` on.
    #[inline(always)]
    unsafe fn tile<V: F32Vector, const NV: usize>(
        &self,
        part: &ConvPhase<'_, W>,
        at: [usize; 2],
        size: [usize; 2],
        ahead: usize,
        out: *mut f32,
    ) {
        let [rows, columns] = &self.axes;
        unsafe {
            let mut sums: Sums<V> = [V::splat(0.0); MAX_SUMS];
            let sums = sums.as_mut_ptr();
            let sums_row = size[1] * NV;
            if let Some(bias) = self.bias {
                for v in 0..NV {
                    let bias = V::load(bias.as_ptr().add(part.channel + v * V::LANES));
                    for p in 0..size[0] * size[1] {
                        *sums.add(p * NV + v) = bias;
                    }
                }
            }
            let mut weights = part.weights;
            for row_tap in part.row_taps.iter() {
                let (top, bottom) = rows.inside(row_tap.offset, at[0], size[0]);
                for column_tap in part.column_taps.iter() {
                    let (left, right) = columns.inside(column_tap.offset, at[1], size[1]);
                    if top < bottom && left < right {
                        let y = ((at[0] + top) * rows.step()).wrapping_add_signed(row_tap.offset);
                        let x = ((at[1] + left) * columns.step())
                            .wrapping_add_signed(column_tap.offset);
                        let operands = Operands {
                            x: self.x.as_ptr().add((y * columns.input + x) * self.inputs),
                            pixel: columns.step() * self.inputs,
                            row: rows.step() * columns.input * self.inputs,
                            weights,
                            block: part.block_len,
                            channels: self.inputs,
                            ahead: weights.wrapping_add(ahead),
                        };
                        let sums = sums.add(top * sums_row + left * NV);
                        multiply::<V, W, NV>(bottom - top, right - left, sums, sums_row, operands);
                    }
                    weights = weights.add(self.inputs * BLOCK);
                }
            }
            for r in 0..size[0] {
                let y = (at[0] + r) * rows.phases() + part.row_phase;
                for p in 0..size[1] {
                    let x = (at[1] + p) * columns.phases() + part.column_phase;
                    let to = out.add((y * columns.output + x) * self.outputs + part.channel);
                    for v in 0..NV {
                        let offset = v * V::LANES;
                        if part.channel + offset < self.outputs {
                            let sum = *sums.add(r * sums_row + p * NV + v);
                            let left = self.outputs - part.channel - offset;
                            store_some(activate_vector(sum, self.activation), to.add(offset), left);
                        }
                    }
                }
            }
        }
    }
}

/// What the tiles of one phase and some output channels share.
struct ConvPhase<'a, W> {
    channel: usize,
    weights: *const W,
    block_len: usize,
    /// Weights of the phase in a block.
    len: usize,
    row_phase: usize,
    column_phase: usize,
    row_taps: &'a Taps,
    column_taps: &'a Taps,
}
