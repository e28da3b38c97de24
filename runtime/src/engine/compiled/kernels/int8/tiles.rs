//! Int8 convolutions in tiles of pixels times vectors of output channels. The geometry is that of
//! the f32 convolutions.

use core::mem::MaybeUninit;

use super::call::Int8Conv;
use super::element::QuantizedElement;
use super::microkernel::{
    Int8Operands, MAX_PIXELS, MAX_SUMS, add, int8_multiply, most_pixels, there_is, two_rows,
};
use super::out::Out;
use super::simd::{I32Vector, Products};

use crate::engine::compiled::conv_axis::Taps;
use crate::engine::compiled::format::{BLOCK, padded};

/// Taps whose corrections are kept.
const TAPS: usize = 32;

/// Vectors of zeros.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
unsafe fn nothing<X: QuantizedElement, V: Products<X>, const NV: usize>() -> [V; NV] {
    unsafe { [V::begin(V::Sums::splat(0)); NV] }
}

/// What is [missing](Products::corrected) in sums, tap by tap: found when the first tile needs it,
/// and kept for all tiles of a phase.
struct Missing<V, const NV: usize> {
    /// The tap that each place belongs to. Taps share places where there are more.
    taps: [usize; TAPS],
    sums: [MaybeUninit<[V; NV]>; TAPS],
}

impl<V: Copy, const NV: usize> Missing<V, NV> {
    const fn new() -> Self {
        Self {
            taps: [usize::MAX; TAPS],
            sums: [MaybeUninit::uninit(); TAPS],
        }
    }

    /// What is missing once the operands of tap `tap` are multiplied, and the channels behind them
    /// if there are some.
    ///
    /// # Safety
    /// The weights are there, and the processor has the vector's instructions.
    #[inline(always)]
    unsafe fn of<X: QuantizedElement>(
        &mut self,
        tap: usize,
        o: &Int8Operands<X>,
        rest: bool,
    ) -> [V; NV]
    where
        V: Products<X>,
    {
        unsafe {
            if !V::SHIFTED {
                return nothing();
            }
            let place = tap % TAPS;
            if self.taps[place] != tap {
                let mut sums = V::corrected(nothing(), o.weights, o.block, o.channels);
                if rest {
                    let weights = o.weights.add(o.channels * BLOCK);
                    sums = V::corrected(sums, weights, o.block, 4);
                }
                self.sums[place].write(sums);
                self.taps[place] = tap;
            }
            self.sums[place].assume_init()
        }
    }
}

/// What the tiles of one phase and some output channels share.
struct Int8Phase<'a> {
    channel: usize,
    weights: *const i8,
    block_len: usize,
    row_phase: usize,
    column_phase: usize,
    row_taps: &'a Taps,
    column_taps: &'a Taps,
}

/// A convolution that is run in tiles.
pub(super) struct Tiles<'c, 'a, X>(pub(super) &'c Int8Conv<'a, &'a [X]>);

impl<X: QuantizedElement> Tiles<'_, '_, X> {
    /// Weights of one tap and one block.
    fn tap_len(&self) -> usize {
        self.0.inputs.next_multiple_of(4) * BLOCK
    }

    /// Runs it.
    ///
    /// # Safety
    /// [`Int8Conv::fits`] and [`Finish::fits`](super::finish::Finish::fits) hold, `out` is good for
    /// all outputs, and the processor has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: Products<X>>(&self, out: Out<'_>) {
        let per_block = BLOCK / V::LANES;
        let vectors = padded(self.0.outputs) / BLOCK * per_block;
        let mut first = 0;
        // A vector that holds padding only is left out.
        while first < vectors && first * V::LANES < self.0.outputs {
            let wide = match vectors - first {
                _ if per_block > 1 || V::WIDE < 4 => V::WIDE.min(vectors - first),
                3 | 5 | 6 if X::TALL => 3,
                3 => 2,
                left @ ..=2 => left,
                _ => 4,
            };
            unsafe {
                match wide {
                    4 if V::WIDE >= 4 => self.channels::<V, 4>(first, out),
                    3 if V::WIDE >= 4 && V::LANES == BLOCK && X::TALL => {
                        self.channels::<V, 3>(first, out);
                    }
                    2 if V::WIDE >= 2 => self.channels::<V, 2>(first, out),
                    _ => self.channels::<V, 1>(first, out),
                }
            }
            first += wide;
        }
    }

    /// `NV` vectors of output channels, from vector `first` on.
    #[inline(always)]
    unsafe fn channels<V: Products<X>, const NV: usize>(&self, first: usize, out: Out<'_>) {
        let [rows, columns] = &self.0.axes;
        let channel = first * V::LANES;
        let block_len = rows.kernel * columns.kernel * self.tap_len();
        let at = channel / BLOCK * block_len + channel % BLOCK * 4;
        let mut weights = unsafe { self.0.weights.as_ptr().add(at) };
        if [rows.output, columns.output, block_len] == [1, 1, self.tap_len()]
            && [rows.pad, columns.pad] == [0, 0]
            && self.0.x.len() == self.0.inputs
        {
            return unsafe { self.vector::<V, NV>(channel, weights, out) };
        }
        for row_phase in 0..rows.phases() {
            let row_taps = rows.taps(row_phase);
            for column_phase in 0..columns.phases() {
                let column_taps = columns.taps(column_phase);
                let part = Int8Phase {
                    channel,
                    weights,
                    block_len,
                    row_phase,
                    column_phase,
                    row_taps: &row_taps,
                    column_taps: &column_taps,
                };
                unsafe { self.phase::<V, NV>(&part, out) };
                let taps = row_taps.len() * column_taps.len();
                weights = unsafe { weights.add(taps * self.tap_len()) };
            }
        }
    }

    /// Matrix times vector: a dense layer, whose tile is one pixel with one tap.
    #[inline(always)]
    unsafe fn vector<V: Products<X>, const NV: usize>(
        &self,
        channel: usize,
        weights: *const i8,
        out: Out<'_>,
    ) {
        unsafe {
            let mut sums = [V::begin(V::Sums::splat(0)); NV];
            for v in 0..NV {
                sums[v] = V::begin(out.first(channel + v * V::LANES));
            }
            let mut last = [X::default(); 4 * MAX_PIXELS];
            let whole = self.0.inputs / 4 * 4;
            let mut o = Int8Operands {
                x: self.0.x.as_ptr(),
                pixel: 0,
                row: 0,
                weights,
                block: self.tap_len(),
                channels: whole,
            };
            let mut rest = self.0.inputs - whole;
            loop {
                sums = V::corrected(sums, o.weights, o.block, o.channels);
                let mut tile = [[sums]];
                add(&mut tile, o);
                [[sums]] = tile;
                if rest == 0 {
                    break;
                }
                o = o.last(rest, [1, 1], &mut last);
                rest = 0;
            }
            let mut pixel = [V::Sums::splat(0); NV];
            for v in 0..NV {
                pixel[v] = sums[v].end();
            }
            out.store(pixel, channel, channel, self.0.outputs - channel);
        }
    }

    /// All pixels of a phase, in tiles.
    #[inline(always)]
    unsafe fn phase<V: Products<X>, const NV: usize>(&self, part: &Int8Phase<'_>, out: Out<'_>) {
        let [rows, columns] = &self.0.axes;
        let (height, width) = (
            rows.outputs(part.row_phase),
            columns.outputs(part.column_phase),
        );
        let tiles = width.div_ceil(most_pixels::<X, V>(NV)).max(1);
        let pixels = match width.div_ceil(tiles) {
            // What a wider tile leaves for the last one is seldom worse than a tile of two parts.
            odd @ (3 | 5) if width > odd && !there_is::<X, V>(NV, odd) => odd + 1,
            pixels => pixels,
        };
        let tall = if pixels <= 4 && two_rows::<X, V>(NV) {
            2
        } else {
            1
        };
        let mut missing = Missing::new();
        let mut row = 0;
        while row < height {
            let high = tall.min(height - row);
            let mut column = 0;
            while column < width {
                let wide = pixels.min(width - column);
                let (at, size) = ([row, column], [high, wide]);
                unsafe { self.tile::<V, NV>(part, at, size, &mut missing, out) };
                column += wide;
            }
            row += high;
        }
    }

    /// `size` rows and pixels of a phase, from `at` on.
    #[inline(always)]
    unsafe fn tile<V: Products<X>, const NV: usize>(
        &self,
        part: &Int8Phase<'_>,
        at: [usize; 2],
        size: [usize; 2],
        missing: &mut Missing<V, NV>,
        out: Out<'_>,
    ) {
        let [rows, columns] = &self.0.axes;
        unsafe {
            let mut sums = MaybeUninit::<[V; MAX_SUMS]>::uninit();
            let sums = sums.as_mut_ptr().cast::<V>();
            let sums_row = size[1] * NV;
            for v in 0..NV {
                let first = V::begin(out.first(part.channel + v * V::LANES));
                for p in 0..size[0] * size[1] {
                    *sums.add(p * NV + v) = first;
                }
            }
            let mut weights = part.weights;
            let mut tap = 0;
            for row_tap in part.row_taps.iter() {
                let (top, bottom) = rows.inside(row_tap.offset, at[0], size[0]);
                for column_tap in part.column_taps.iter() {
                    let (left, right) = columns.inside(column_tap.offset, at[1], size[1]);
                    if top < bottom && left < right {
                        let y = ((at[0] + top) * rows.step()).wrapping_add_signed(row_tap.offset);
                        let x = ((at[1] + left) * columns.step())
                            .wrapping_add_signed(column_tap.offset);
                        let whole = self.0.inputs / 4 * 4;
                        let mut operands = Int8Operands {
                            x: self
                                .0
                                .x
                                .as_ptr()
                                .add((y * columns.input + x) * self.0.inputs),
                            pixel: columns.step() * self.0.inputs,
                            row: rows.step() * columns.input * self.0.inputs,
                            weights,
                            block: part.block_len,
                            channels: whole,
                        };
                        let part = [bottom - top, right - left];
                        let sums = sums.add(top * sums_row + left * NV);
                        let mut last = [X::default(); 4 * MAX_PIXELS];
                        // Twice where channels are left that are not four: one call, for the code
                        // of it is long.
                        let mut rest = self.0.inputs - whole;
                        let mut missing = missing.of(tap, &operands, rest > 0);
                        loop {
                            int8_multiply(part, sums, sums_row, operands, &missing);
                            if rest == 0 {
                                break;
                            }
                            operands = operands.last(rest, part, &mut last);
                            missing = nothing();
                            rest = 0;
                        }
                    }
                    weights = weights.add(self.tap_len());
                    tap += 1;
                }
            }
            for r in 0..size[0] {
                let y = (at[0] + r) * rows.phases() + part.row_phase;
                for p in 0..size[1] {
                    let x = (at[1] + p) * columns.phases() + part.column_phase;
                    let to = (y * columns.output + x) * self.0.outputs + part.channel;
                    let mut pixel = [V::Sums::splat(0); NV];
                    for v in 0..NV {
                        pixel[v] = (*sums.add(r * sums_row + p * NV + v)).end();
                    }
                    out.store(pixel, part.channel, to, self.0.outputs - part.channel);
                }
            }
        }
    }
}
