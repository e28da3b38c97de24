//! Convolutions of bytes in tiles of pixels times vectors of output channels. The geometry is that of the convolutions of floats.

use core::mem::MaybeUninit;

use super::lanes::{Lanes, Products, load};
use super::{ByteConv, Finish, Raw, Requantizer, Term};
use crate::engine::compiled::axis::Taps;
use crate::engine::compiled::format::{BLOCK, padded};

/// Sums of the largest tile, in vectors.
const MAX_SUMS: usize = 32;

/// Output channels of the widest tile.
const MOST: usize = 4 * BLOCK;

/// Taps whose corrections are kept.
const TAPS: usize = 32;

/// Pixels of the largest tile.
const MAX_PIXELS: usize = 8;

/// What becomes of vectors of sums, and where the first of it is written. One type for both, so that each kernel is in a program once.
#[derive(Clone, Copy)]
pub(super) enum Out<'a> {
    /// Bytes.
    Bytes(Requantizer<'a>, *mut u8),
    /// The sums as they are.
    Sums(*mut i32),
}

/// What becomes of sums, as an [`Out`].
pub(super) trait FinishVector: Finish {
    /// It with the place where it is written.
    fn to<'s>(&'s self, out: *mut Self::Number) -> Out<'s>;
}

impl FinishVector for Requantizer<'_> {
    fn to<'s>(&'s self, out: *mut u8) -> Out<'s> {
        Out::Bytes(*self, out)
    }
}

impl FinishVector for Raw {
    fn to<'s>(&'s self, out: *mut i32) -> Out<'s> {
        Out::Sums(out)
    }
}

impl Out<'_> {
    /// What the sums of the channels from `channel` on begin with.
    ///
    /// # Safety
    /// [`Finish::fits`] holds, and the processor has the vector's instructions.
    #[inline(always)]
    unsafe fn first<V: Lanes>(&self, channel: usize) -> V {
        unsafe {
            match self {
                Self::Bytes(how, _) if let Some(bias) = how.bias => {
                    V::load(bias.as_ptr().add(channel))
                }
                _ => V::splat(0),
            }
        }
    }

    /// Stores the sums of the channels from `channel` on, or the first `len` if there are more, from number `at` of the output on.
    ///
    /// # Safety
    /// As before, and the output is good for these numbers.
    #[inline(always)]
    unsafe fn store<V: Lanes, const NV: usize>(
        &self,
        sums: [V; NV],
        channel: usize,
        at: usize,
        len: usize,
    ) {
        unsafe {
            match self {
                Self::Bytes(how, out) => whole(out.add(at), len, NV * V::LANES, |to| {
                    how.store(sums, channel, to);
                }),
                Self::Sums(out) => whole(out.add(at), len, NV * V::LANES, |to| {
                    for v in 0..NV {
                        sums[v].store(to.add(v * V::LANES));
                    }
                }),
            }
        }
    }
}

/// Has `all` numbers written, and keeps only the first `len` of them if there are more.
///
/// # Safety
/// `to` is good for so many, and there are at most [`MOST`] in all.
#[inline(always)]
unsafe fn whole<T: Copy>(to: *mut T, len: usize, all: usize, write: impl FnOnce(*mut T)) {
    if len >= all {
        return write(to);
    }
    let mut numbers = MaybeUninit::<[T; MOST]>::uninit();
    let from = numbers.as_mut_ptr().cast::<T>();
    write(from);
    unsafe { core::ptr::copy_nonoverlapping(from, to, len) };
}

impl Requantizer<'_> {
    /// Stores the bytes of the sums of the channels from `channel` on.
    ///
    /// # Safety
    /// As [`Out::store`].
    #[inline(always)]
    unsafe fn store<V: Lanes, const NV: usize>(&self, sums: [V; NV], channel: usize, to: *mut u8) {
        unsafe {
            let multipliers = self.multipliers.as_ptr().add(channel);
            let clamped = |v: usize| sums[v].clamped(V::load(multipliers.add(v * V::LANES)), self);
            let Some(table) = self.table else {
                for v in 0..NV {
                    clamped(v).store_bytes(to.add(v * V::LANES));
                }
                return;
            };
            let low = V::splat(self.low);
            let mut numbers = MaybeUninit::<[i32; MOST]>::uninit();
            let numbers = numbers.as_mut_ptr().cast::<i32>();
            for v in 0..NV {
                clamped(v).sub(low).store(numbers.add(v * V::LANES));
            }
            for i in 0..NV * V::LANES {
                // What is clamped lies in the table, which has an entry for each number from `low` to `high`.
                *to.add(i) = *table.as_ptr().add(*numbers.add(i) as usize);
            }
        }
    }
}

/// Sums of one channel, rounded and clamped in their place.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn clamp<V: Lanes>(how: &Requantizer<'_>, multiplier: i32, sums: &mut [i32]) {
    unsafe {
        let multipliers = V::splat(multiplier);
        let mut chunks = sums.chunks_exact_mut(V::LANES);
        for sums in chunks.by_ref() {
            let clamped = V::load(sums.as_ptr()).clamped(multipliers, how);
            clamped.store(sums.as_mut_ptr());
        }
        for sum in chunks.into_remainder() {
            *sum = how.clamped(*sum, multiplier);
        }
    }
}

/// What is multiplied: `rows` x `pixels` vectors of channels with weights `[block][channel / 4][16][4]`.
#[derive(Clone, Copy)]
struct Operands<X> {
    /// First number of the first pixel.
    x: *const X,
    /// Numbers from one pixel to the next.
    pixel: usize,
    /// Numbers from one row of the tile to the next.
    row: usize,
    /// First weight.
    weights: *const i8,
    /// Weights from one block of output channels to the next.
    block: usize,
    /// Input channels, a multiple of 4.
    channels: usize,
}

impl<X: Term> Operands<X> {
    /// The `rest` channels behind those of `self`, filled up with zeros to four in `copy`, of `size` rows and pixels.
    ///
    /// # Safety
    /// These channels and their weights must be there, and at most [`MAX_PIXELS`].
    #[inline(always)]
    unsafe fn last(self, rest: usize, size: [usize; 2], copy: &mut [X; 4 * MAX_PIXELS]) -> Self {
        let to = copy.as_mut_ptr();
        for r in 0..size[0] {
            for p in 0..size[1] {
                unsafe {
                    let from = self.x.add(self.channels + r * self.row + p * self.pixel);
                    core::ptr::copy_nonoverlapping(from, to.add(4 * (r * size[1] + p)), rest);
                }
            }
        }
        Self {
            x: to,
            pixel: 4,
            row: 4 * size[1],
            // Four channels have `4 * BLOCK` weights.
            weights: unsafe { self.weights.add(self.channels * BLOCK) },
            channels: 4,
            ..self
        }
    }
}

/// Adds products of `F` fours of channels at a time, as long as there are so many; what is left.
///
/// # Safety
/// As [`micro`].
#[inline(always)]
unsafe fn add_fours<
    X: Term,
    V: Products<X>,
    const R: usize,
    const N: usize,
    const NV: usize,
    const F: usize,
>(
    sums: &mut [[[V; NV]; N]; R],
    mut o: Operands<X>,
) -> Operands<X> {
    unsafe {
        while F <= V::FOURS && o.channels >= 4 * F {
            let w = load::<X, V, NV, F>(o.weights, o.block);
            for r in 0..R {
                V::add_tile(&mut sums[r], o.x.add(r * o.row), o.pixel, &w);
            }
            o.weights = o.weights.add(F * 4 * BLOCK);
            o.x = o.x.add(F * 4);
            o.channels -= F * 4;
        }
        o
    }
}

/// Adds to the sums of `R` rows of `N` pixels, `NV` vectors each. In `sums`, pixels of a row lie side by side, rows `sums_row` vectors apart.
/// What is [missing](Products::corrected) in those of a pixel comes with them.
///
/// # Safety
/// All that the operands and shapes say must be there.
#[inline(always)]
unsafe fn micro<X: Term, V: Products<X>, const R: usize, const N: usize, const NV: usize>(
    sums: *mut V,
    sums_row: usize,
    o: Operands<X>,
    missing: &[V; NV],
) {
    unsafe {
        let mut a = [[*missing; N]; R];
        for r in 0..R {
            for p in 0..N {
                for v in 0..NV {
                    let sum = *sums.add(r * sums_row + p * NV + v);
                    a[r][p][v] = if V::SHIFTED { sum.add(missing[v]) } else { sum };
                }
            }
        }
        let o = add_fours::<X, V, R, N, NV, 4>(&mut a, o);
        let o = add_fours::<X, V, R, N, NV, 2>(&mut a, o);
        add_fours::<X, V, R, N, NV, 1>(&mut a, o);
        for r in 0..R {
            for p in 0..N {
                for v in 0..NV {
                    *sums.add(r * sums_row + p * NV + v) = a[r][p][v];
                }
            }
        }
    }
}

/// [`micro`] for `rows` of 1 or 2 (2 only for up to 4 pixels) and `pixels` from 1 to [`Products::PIXELS`].
///
/// # Safety
/// As [`micro`].
#[inline(always)]
unsafe fn multiply<X: Term, V: Products<X>, const NV: usize>(
    rows: usize,
    pixels: usize,
    sums: *mut V,
    sums_row: usize,
    o: Operands<X>,
    missing: &[V; NV],
) {
    macro_rules! cases {
        ($($r:literal x $n:literal),*) => {
            match (rows, pixels) {
                $(($r, $n) if $n <= most_pixels::<X, V>(NV) && ($r == 1 || two_rows::<X, V>(NV)) => unsafe {
                    micro::<X, V, $r, $n, NV>(sums, sums_row, o, missing);
                },)*
                _ => {}
            }
        };
    }
    cases!(1 x 1, 1 x 2, 1 x 3, 1 x 4, 1 x 5, 1 x 6, 1 x 7, 1 x 8, 2 x 1, 2 x 2, 2 x 3, 2 x 4);
}

/// Pixels of the widest tile. Dense layers, of which a batch is a row, have few shapes of tiles where they read 16-bit numbers: one of them in a model.
const fn most_pixels<X: Term, V: Products<X>>(vectors: usize) -> usize {
    let most = V::PIXELS[vectors - 1];
    if X::TALL || most < 4 { most } else { 4 }
}

/// Whether there are tiles of two rows and up to four pixels, and the registers hold them.
const fn two_rows<X: Term, V: Products<X>>(vectors: usize) -> bool {
    X::TALL && V::WIDE >= 4 && V::PIXELS[vectors - 1] >= 8 && V::LANES == BLOCK
}

/// Vectors of zeros.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
unsafe fn nothing<X: Term, V: Products<X>, const NV: usize>() -> [V; NV] {
    unsafe { [V::begin(V::Sums::splat(0)); NV] }
}

/// What is [missing](Products::corrected) in sums, tap by tap: found when the first tile needs it, and kept for all tiles of a phase.
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

    /// What is missing once the operands of tap `tap` are multiplied, and the channels behind them if there are some.
    ///
    /// # Safety
    /// The weights are there, and the processor has the vector's instructions.
    #[inline(always)]
    unsafe fn of<X: Term>(&mut self, tap: usize, o: &Operands<X>, rest: bool) -> [V; NV]
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
                    sums = V::corrected(sums, o.weights.add(o.channels * BLOCK), o.block, 4);
                }
                self.sums[place].write(sums);
                self.taps[place] = tap;
            }
            self.sums[place].assume_init()
        }
    }
}

/// What the tiles of one phase and some output channels share.
struct Part<'a> {
    channel: usize,
    weights: *const i8,
    block_len: usize,
    row_phase: usize,
    column_phase: usize,
    row_taps: &'a Taps,
    column_taps: &'a Taps,
}

/// A convolution that is run in tiles.
pub(super) struct Tiles<'c, 'a, X>(pub(super) &'c ByteConv<'a, &'a [X]>);

impl<X: Term> Tiles<'_, '_, X> {
    /// Weights of one tap and one block.
    fn tap_len(&self) -> usize {
        self.0.inputs.next_multiple_of(4) * BLOCK
    }

    /// Runs it.
    ///
    /// # Safety
    /// [`ByteConv::fits`] and [`Finish::fits`] hold, `out` is good for all outputs, and the processor has the vector's instructions.
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
        for row_phase in 0..rows.phases() {
            let row_taps = rows.taps(row_phase);
            for column_phase in 0..columns.phases() {
                let column_taps = columns.taps(column_phase);
                let part = Part {
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

    /// All pixels of a phase, in tiles.
    #[inline(always)]
    unsafe fn phase<V: Products<X>, const NV: usize>(&self, part: &Part<'_>, out: Out<'_>) {
        let [rows, columns] = &self.0.axes;
        let (height, width) = (
            rows.outputs(part.row_phase),
            columns.outputs(part.column_phase),
        );
        let tiles = width.div_ceil(most_pixels::<X, V>(NV)).max(1);
        let pixels = width.div_ceil(tiles);
        let tall = if pixels <= 4 && two_rows::<X, V>(NV) {
            2
        } else {
            1
        };
        let mut missing = Missing::<V, NV>::new();
        let mut row = 0;
        while row < height {
            let high = tall.min(height - row);
            let mut column = 0;
            while column < width {
                let wide = pixels.min(width - column);
                let (at, size) = ([row, column], [high, wide]);
                unsafe { self.tile(part, at, size, &mut missing, out) };
                column += wide;
            }
            row += high;
        }
    }

    /// `size` rows and pixels of a phase, from `at` on.
    #[inline(always)]
    unsafe fn tile<V: Products<X>, const NV: usize>(
        &self,
        part: &Part<'_>,
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
                        let mut operands = Operands {
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
                        let (high, wide) = (bottom - top, right - left);
                        let sums = sums.add(top * sums_row + left * NV);
                        let mut last = [X::default(); 4 * MAX_PIXELS];
                        // Twice where channels are left that are not four: one call, for the code of it is long.
                        let mut rest = self.0.inputs - whole;
                        let mut missing = missing.of::<X>(tap, &operands, rest > 0);
                        loop {
                            multiply(high, wide, sums, sums_row, operands, &missing);
                            if rest == 0 {
                                break;
                            }
                            operands = operands.last(rest, [high, wide], &mut last);
                            missing = nothing();
                            rest = 0;
                        }
                    }
                    tap += 1;
                    weights = weights.add(self.tap_len());
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
