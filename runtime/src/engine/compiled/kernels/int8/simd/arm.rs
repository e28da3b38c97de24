//! Vectors of 64-bit ARM.

use core::arch::aarch64::*;
use core::arch::asm;

use super::{I32Vector, Products, QuantizedElement, Requantizer, load, methods};
use crate::engine::compiled::format::BLOCK;

/// NEON: four whole sums.
#[derive(Clone, Copy)]
pub(in super::super) struct I32x4(int32x4_t);

impl I32Vector for I32x4 {
    const LANES: usize = 4;

    methods! {
        splat(x: i32) -> Self = Self(vdupq_n_s32(x));
        load(from: *const i32) -> Self = Self(vld1q_s32(from));
        store(self: Self, to: *mut i32) = vst1q_s32(to, self.0);
        sub(self: Self, other: Self) -> Self = Self(vsubq_s32(self.0, other.0));
        clamped(self: Self, multipliers: Self, how: &Requantizer<'_>) -> Self = {
            // A shift to the right that rounds adds `half` by itself.
            let shift = vdupq_n_s64(-i64::from(how.shift));
            let low = vmull_s32(vget_low_s32(self.0), vget_low_s32(multipliers.0));
            let high = vmull_high_s32(self.0, multipliers.0);
            // What 32 bits do not hold is beyond the limits.
            let low = vqmovn_s64(vrshlq_s64(low, shift));
            let q = vqmovn_high_s64(low, vrshlq_s64(high, shift));
            Self(vminq_s32(vmaxq_s32(q, vdupq_n_s32(how.low)), vdupq_n_s32(how.high)))
        };
        store_bytes(self: Self, to: *mut u8) = {
            let words = vmovn_s32(self.0);
            let bytes = vreinterpret_u32_s8(vmovn_s16(vcombine_s16(words, words)));
            to.cast::<u32>().write_unaligned(vget_lane_u32::<0>(bytes));
        };
    }
}

/// Adds products of four 16-bit numbers, lanes `$lane` of `$x`, with transposed weights.
macro_rules! add_words {
    ($sums:expr, $x:expr, $weights:expr, $($lane:literal)*) => {{
        let [a, b] = $weights;
        add_words!(@each $sums, $x, [a, a, b, b], $($lane)*)
    }};
    (@each $sums:expr, $x:expr, [$a:expr, $b:expr, $c:expr, $d:expr], $i:literal $j:literal $k:literal $l:literal) => {{
        let sums = vmlal_laneq_s16::<$i>($sums, vget_low_s16($a), $x);
        let sums = vmlal_high_laneq_s16::<$j>(sums, $b, $x);
        let sums = vmlal_laneq_s16::<$k>(sums, vget_low_s16($c), $x);
        vmlal_high_laneq_s16::<$l>(sums, $d, $x)
    }};
}

/// Where the bytes of `[output channel][input channel]` come from in `[input channel][output channel]`, four of each.
const TRANSPOSED: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

impl Products<i16> for I32x4 {
    type Sums = Self;
    type Inputs = int16x8_t;
    /// Of input channels 0 and 1, and 2 and 3.
    type Weights = [int16x8_t; 2];
    const WIDE: usize = 4;
    const PIXELS: [usize; 4] = [8, 8, 5, 4];
    const FOURS: usize = 2;

    methods! {
        begin(first: Self) -> Self = first;
        end(self: Self) -> Self = self;
        add(self: Self, other: Self) -> Self = Self(vaddq_s32(self.0, other.0));
        weights(from: *const i8) -> [int16x8_t; 2] = {
            let bytes = vqtbl1q_s8(vld1q_s8(from), vld1q_u8(TRANSPOSED.as_ptr()));
            [vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)]
        };
        inputs<const F: usize>(from: *const i16) -> int16x8_t = match F {
            1 => vcombine_s16(vld1_s16(from), vdup_n_s16(0)),
            _ => vld1q_s16(from),
        };
        add_products<const F: usize>(self: Self, x: int16x8_t, weights: [[int16x8_t; 2]; F]) -> Self = {
            let sums = add_words!(self.0, x, weights[0], 0 1 2 3);
            Self(match F {
                1 => sums,
                _ => add_words!(sums, x, weights[F - 1], 4 5 6 7),
            })
        };
    }
}

/// `F` fours of bytes.
#[inline(always)]
unsafe fn fours<const F: usize>(from: *const i8) -> int8x16_t {
    unsafe {
        match F {
            1 => vreinterpretq_s8_s32(vdupq_n_s32(from.cast::<i32>().read_unaligned())),
            2 => vcombine_s8(vld1_s8(from), vdup_n_s8(0)),
            _ => vld1q_s8(from),
        }
    }
}

/// NEON: sums of four output channels, each in two halves that lie side by side.
///
/// Two products of signed bytes come together in 16 bits before they are added to a sum. `a * v + b * w` would not fit where all four are -128, but
/// `a * v - b * w` always does: so the second input is its complement, `-1 - b`. Unsigned bytes are signed ones that are 128 less.
#[derive(Clone, Copy)]
pub(in super::super) struct Halves([int32x4_t; 2]);

impl Halves {
    /// `x`, once the sums are there. Compilers would begin with the products of all vectors, for which there are not registers enough.
    #[inline(always)]
    unsafe fn before(self, mut x: int8x16_t) -> int8x16_t {
        let [low, high] = self.0;
        // SAFETY: it has no instructions.
        unsafe {
            asm!(
                "/* {x:v} {low:v} {high:v} */",
                x = inout(vreg) x,
                low = in(vreg) low,
                high = in(vreg) high,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        x
    }

    /// Bytes with these bits inverted in the first four of eight and in the others.
    #[inline(always)]
    unsafe fn inverted(bytes: int8x16_t, first: u8, second: u8) -> int8x16_t {
        let [a, b] = [first, second];
        let bits = u64::from_ne_bytes([a, a, a, a, b, b, b, b]);
        unsafe { veorq_s8(bytes, vreinterpretq_s8_u64(vdupq_n_u64(bits))) }
    }

    /// Fours 0 and 1, or 2 and 3, of what was loaded of a pixel.
    #[inline(always)]
    unsafe fn pair<const HALF: usize>(bytes: int8x16_t) -> [int8x16_t; 2] {
        unsafe {
            let fours = vreinterpretq_s32_s8(bytes);
            let [a, b] = match HALF {
                0 => [vdupq_laneq_s32::<0>(fours), vdupq_laneq_s32::<1>(fours)],
                _ => [vdupq_laneq_s32::<2>(fours), vdupq_laneq_s32::<3>(fours)],
            };
            [vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b)]
        }
    }

    /// Adds products of half of what was loaded of `N` pixels, vector by vector; what was loaded, once the sums are there.
    #[inline(always)]
    unsafe fn add_half<
        X: QuantizedElement,
        const HALF: usize,
        const N: usize,
        const NV: usize,
        const F: usize,
    >(
        sums: &mut [[Self; NV]; N],
        mut bytes: [int8x16_t; N],
        weights: *const i8,
        block: usize,
    ) -> [int8x16_t; N]
    where
        Self: Products<X, Inputs = [int8x16_t; 2]>,
    {
        unsafe {
            let weights = load::<X, Self, NV, F>(weights, block);
            let mut inputs = [[vdupq_n_s8(0); 2]; N];
            for p in 0..N {
                inputs[p] = Self::pair::<HALF>(bytes[p]);
            }
            for v in 0..NV {
                for p in 0..N {
                    sums[p][v] = sums[p][v].add_products(inputs[p], weights[v]);
                    inputs[p][0] = sums[p][v].before(inputs[p][0]);
                }
            }
            for p in 0..N {
                bytes[p] = sums[p][NV - 1].before(bytes[p]);
            }
            bytes
        }
    }
}

/// Products with bytes of type `$x`. Of eight channels the first four are multiplied as `x + $first`, which the bits `$first_bits` make of `x` by being
/// inverted; the other four as `-(x + $second)`, likewise, and what comes of them is subtracted.
macro_rules! halves {
    ($x:ty, $first:literal by $first_bits:literal, $second:literal by $second_bits:literal) => {
        impl Products<$x> for Halves {
            type Sums = I32x4;
            type Inputs = [int8x16_t; 2];
            type Weights = int8x16_t;
            const WIDE: usize = 4;
            const PIXELS: [usize; 4] = [4, 3, 2, 2];
            const FOURS: usize = 4;
            const SHIFTED: bool = true;

            methods! {
                begin(first: I32x4) -> Self = {
                    let zeros = vdupq_n_s32(0);
                    Self([vzip1q_s32(first.0, zeros), vzip2q_s32(first.0, zeros)])
                };
                end(self: Self) -> I32x4 = I32x4(vpaddq_s32(self.0[0], self.0[1]));
                add(self: Self, other: Self) -> Self =
                    Self([vaddq_s32(self.0[0], other.0[0]), vaddq_s32(self.0[1], other.0[1])]);
                weights(from: *const i8) -> int8x16_t = vld1q_s8(from);
                inputs<const F: usize>(from: *const $x) -> [int8x16_t; 2] =
                    Self::pair::<0>(Self::inverted(fours::<F>(from.cast()), $first_bits, $second_bits));
                add_products<const F: usize>(self: Self, inputs: [int8x16_t; 2], weights: [int8x16_t; F]) -> Self = {
                    let ([a, b], w) = (inputs, weights[0]);
                    let (mut low, mut high) = (vmull_s8(vget_low_s8(a), vget_low_s8(w)), vmull_high_s8(a, w));
                    if F > 1 {
                        let w = weights[F - 1];
                        (low, high) = (vmlsl_s8(low, vget_low_s8(b), vget_low_s8(w)), vmlsl_high_s8(high, b, w));
                    }
                    Self([vpadalq_s16(self.0[0], low), vpadalq_s16(self.0[1], high)])
                };
            }

            #[inline(always)]
            unsafe fn add_tile<const N: usize, const NV: usize, const F: usize>(
                sums: &mut [[Self; NV]; N],
                x: *const $x,
                pixel: usize,
                weights: *const i8,
                block: usize,
            ) {
                unsafe {
                    let mut bytes = [vdupq_n_s8(0); N];
                    for p in 0..N {
                        let from = x.add(p * pixel).cast();
                        bytes[p] = Self::inverted(fours::<F>(from), $first_bits, $second_bits);
                    }
                    if F < 4 {
                        Self::add_half::<$x, 0, N, NV, F>(sums, bytes, weights, block);
                    } else {
                        let bytes = Self::add_half::<$x, 0, N, NV, 2>(sums, bytes, weights, block);
                        let weights = weights.add(8 * BLOCK);
                        Self::add_half::<$x, 1, N, NV, 2>(sums, bytes, weights, block);
                    }
                }
            }

            #[inline(always)]
            unsafe fn corrected<const NV: usize>(
                mut sums: [Self; NV],
                weights: *const i8,
                block: usize,
                channels: usize,
            ) -> [Self; NV] {
                unsafe {
                    let mut from = weights;
                    let mut left = channels;
                    while left > 0 {
                        // Of so many weights, pairs of channels fit 16 bits.
                        let some = left.min(512);
                        let mut first = [vdupq_n_s16(0); NV];
                        let mut second = [vdupq_n_s16(0); NV];
                        for _ in 0..some / 8 {
                            let w = load::<$x, Self, NV, 2>(from, block);
                            for v in 0..NV {
                                first[v] = vpadalq_s8(first[v], w[v][0]);
                                second[v] = vpadalq_s8(second[v], w[v][1]);
                            }
                            from = from.add(8 * BLOCK);
                        }
                        if some % 8 > 0 {
                            let w = load::<$x, Self, NV, 1>(from, block);
                            for v in 0..NV {
                                first[v] = vpadalq_s8(first[v], w[v][0]);
                            }
                        }
                        for v in 0..NV {
                            let (a, b) = (first[v], second[v]);
                            let [low, high] = sums[v].0;
                            let low = vmlsl_n_s16(low, vget_low_s16(a), $first);
                            let high = vmlsl_high_n_s16(high, a, $first);
                            sums[v] = Self([
                                vmlsl_n_s16(low, vget_low_s16(b), $second),
                                vmlsl_high_n_s16(high, b, $second),
                            ]);
                        }
                        left -= some;
                    }
                    sums
                }
            }
        }
    };
}

halves!(i8, 0 by 0, 1 by 0xFF);
halves!(u8, -128 by 0x80, -127 by 0x7F);

/// NEON with dot products of signed bytes.
#[derive(Clone, Copy)]
pub(in super::super) struct Dot(int32x4_t);

impl Dot {
    /// Adds to each sum four products of `weights`, with the bytes of lane `lane` of `x`. The standard library has no stable function for it.
    #[inline(always)]
    unsafe fn add_lane(self, weights: int8x16_t, x: int8x16_t, lane: usize) -> Self {
        let mut sums = self.0;
        macro_rules! sdot {
            ($lane:literal) => {
                // SAFETY: registers only; the processor has the instruction, for that is what the type stands for.
                unsafe {
                    asm!(
                        concat!("sdot {s:v}.4s, {w:v}.16b, {x:v}.4b[", $lane, "]"),
                        s = inout(vreg) sums,
                        w = in(vreg) weights,
                        x = in(vreg) x,
                        options(pure, nomem, nostack, preserves_flags),
                    );
                }
            };
        }
        match lane {
            0 => sdot!(0),
            1 => sdot!(1),
            2 => sdot!(2),
            _ => sdot!(3),
        }
        Self(sums)
    }

    #[inline(always)]
    unsafe fn add_lanes<const F: usize>(self, x: int8x16_t, weights: [int8x16_t; F]) -> Self {
        let mut sums = self;
        for f in 0..F {
            sums = unsafe { sums.add_lane(weights[f], x, f) };
        }
        sums
    }

    /// `sums` with 128 times the sum of the weights.
    #[inline(always)]
    unsafe fn add_weights<X: QuantizedElement, const NV: usize>(
        sums: [Self; NV],
        weights: *const i8,
        block: usize,
        channels: usize,
    ) -> [Self; NV]
    where
        Self: Products<X, Weights = int8x16_t>,
    {
        unsafe {
            let mut totals = [Self(vdupq_n_s32(0)); NV];
            let mut from = weights;
            for _ in 0..channels / 4 {
                let w = load::<X, Self, NV, 1>(from, block);
                for v in 0..NV {
                    totals[v] = totals[v].add_lanes(vdupq_n_s8(1), w[v]);
                }
                from = from.add(4 * BLOCK);
            }
            let mut added = sums;
            for v in 0..NV {
                added[v] = Self(vaddq_s32(sums[v].0, vshlq_n_s32::<7>(totals[v].0)));
            }
            added
        }
    }
}

/// Products with numbers of type `$x`; what is multiplied is 128 less where the products are shifted.
macro_rules! dot {
    ($x:ty, $inputs:ty, $shifted:literal, $pixels:expr, |$from:ident| $input:expr, |$sums:ident, $some:pat_param, $weights:ident| $added:expr) => {
        impl Products<$x> for Dot {
            type Sums = I32x4;
            type Inputs = $inputs;
            type Weights = int8x16_t;
            const WIDE: usize = 4;
            const PIXELS: [usize; 4] = $pixels;
            const FOURS: usize = 4;
            const SHIFTED: bool = $shifted;

            methods! {
                begin(first: I32x4) -> Self = Self(first.0);
                end(self: Self) -> I32x4 = I32x4(self.0);
                add(self: Self, other: Self) -> Self = Self(vaddq_s32(self.0, other.0));
                weights(from: *const i8) -> int8x16_t = vld1q_s8(from);
                inputs<const F: usize>($from: *const $x) -> $inputs = $input;
                add_products<const F: usize>(self: Self, inputs: $inputs, $weights: [int8x16_t; F]) -> Self = {
                    let ($sums, $some) = (self, inputs);
                    $added
                };
            }

            #[inline(always)]
            unsafe fn corrected<const NV: usize>(
                sums: [Self; NV],
                weights: *const i8,
                block: usize,
                channels: usize,
            ) -> [Self; NV] {
                if !$shifted {
                    return sums;
                }
                unsafe { Self::add_weights::<$x, NV>(sums, weights, block, channels) }
            }
        }
    };
}

dot!(
    i8,
    int8x16_t,
    false,
    [8, 8, 6, 5],
    |from| fours::<F>(from),
    |sums, x, weights| sums.add_lanes(x, weights)
);
dot!(
    u8,
    int8x16_t,
    true,
    [8, 8, 6, 5],
    |from| veorq_s8(fours::<F>(from.cast()), vdupq_n_s8(i8::MIN)),
    |sums, x, weights| sums.add_lanes(x, weights)
);
// 256 times a signed byte and an unsigned one.
dot!(
    i16,
    [int8x16_t; 2],
    true,
    [8, 6, 4, 4],
    |from| {
        let from = from.cast::<i8>();
        let (a, b) = match F {
            1 => (fours::<2>(from), vdupq_n_s8(0)),
            2 => (vld1q_s8(from), vdupq_n_s8(0)),
            _ => (vld1q_s8(from), vld1q_s8(from.add(16))),
        };
        let low = veorq_s8(vuzp1q_s8(a, b), vdupq_n_s8(i8::MIN));
        [vuzp2q_s8(a, b), low]
    },
    |sums, [high, low], weights| {
        let high = Self(vdupq_n_s32(0)).add_lanes(high, weights);
        let sums = sums.add_lanes(low, weights);
        Self(vaddq_s32(sums.0, vshlq_n_s32::<8>(high.0)))
    }
);
