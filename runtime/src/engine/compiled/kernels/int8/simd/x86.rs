//! Vectors of x86-64.

use core::arch::x86_64::*;

use super::{I32Vector, Products, Requantizer, load, methods};
use crate::engine::compiled::format::BLOCK;

/// Channels 0 and 2, and 1 and 3, of four: what a multiplication of pairs of 16-bit numbers takes, so that both products of a pair belong to
/// the same output channel.
#[derive(Clone, Copy)]
pub(in super::super) struct Pairs<V> {
    even: V,
    odd: V,
}

/// I32x4 16-bit numbers as two pairs.
#[inline(always)]
unsafe fn word_pairs(from: *const i16) -> [i32; 2] {
    let four = unsafe { from.cast::<u64>().read_unaligned() };
    let even = four & 0xFFFF | four >> 16 & 0xFFFF_0000;
    let odd = four >> 16 & 0xFFFF | four >> 32 & 0xFFFF_0000;
    [even as i32, odd as i32]
}

/// AVX2.
#[derive(Clone, Copy)]
pub(in super::super) struct I32x8(__m256i);

impl I32x8 {
    /// 64-bit products, rounded, shifted and clamped.
    #[inline(always)]
    unsafe fn half_clamped(a: __m256i, b: __m256i, how: &Requantizer<'_>) -> __m256i {
        unsafe {
            let product = _mm256_mul_epi32(a, b);
            // There is no arithmetic shift of 64 bits: numbers are moved to where none is negative, and back.
            let above = how.half.wrapping_add(i64::MIN);
            let count = _mm_cvtsi32_si128(how.shift as i32);
            let moved = _mm256_add_epi64(product, _mm256_set1_epi64x(above));
            let back = _mm256_set1_epi64x(1 << (63 - how.shift));
            let q = _mm256_sub_epi64(_mm256_srl_epi64(moved, count), back);
            let (low, high) = (
                _mm256_set1_epi64x(how.low.into()),
                _mm256_set1_epi64x(how.high.into()),
            );
            let q = _mm256_blendv_epi8(q, low, _mm256_cmpgt_epi64(low, q));
            _mm256_blendv_epi8(q, high, _mm256_cmpgt_epi64(q, high))
        }
    }
}

impl I32Vector for I32x8 {
    const LANES: usize = 8;

    methods! {
        splat(x: i32) -> Self = Self(_mm256_set1_epi32(x));
        load(from: *const i32) -> Self = Self(_mm256_loadu_si256(from.cast()));
        store(self: Self, to: *mut i32) = _mm256_storeu_si256(to.cast(), self.0);
        sub(self: Self, other: Self) -> Self = Self(_mm256_sub_epi32(self.0, other.0));
        clamped(self: Self, multipliers: Self, how: &Requantizer<'_>) -> Self = {
            let even = Self::half_clamped(self.0, multipliers.0, how);
            let (a, b) = (_mm256_srli_epi64::<32>(self.0), _mm256_srli_epi64::<32>(multipliers.0));
            let odd = _mm256_slli_epi64::<32>(Self::half_clamped(a, b, how));
            Self(_mm256_blend_epi32::<0b1010_1010>(even, odd))
        };
        store_bytes(self: Self, to: *mut u8) = {
            let low = _mm256_and_si256(self.0, _mm256_set1_epi32(255));
            let words = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256::<1>(low));
            let bytes = _mm_packus_epi16(words, words);
            _mm_storel_epi64(to.cast(), bytes);
        };
    }
}

impl I32x8 {
    #[inline(always)]
    unsafe fn signed(bytes: __m256i) -> Pairs<__m256i> {
        unsafe {
            Pairs {
                even: _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes)),
                odd: _mm256_srai_epi16::<8>(bytes),
            }
        }
    }
}

/// AVX-512 with BW.
#[derive(Clone, Copy)]
pub(in super::super) struct I32x16(__m512i);

impl I32x16 {
    #[inline(always)]
    unsafe fn signed(bytes: __m512i) -> Pairs<__m512i> {
        unsafe {
            Pairs {
                even: _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(bytes)),
                odd: _mm512_srai_epi16::<8>(bytes),
            }
        }
    }

    #[inline(always)]
    unsafe fn half_clamped(a: __m512i, b: __m512i, how: &Requantizer<'_>) -> __m512i {
        unsafe {
            let sum = _mm512_add_epi64(_mm512_mul_epi32(a, b), _mm512_set1_epi64(how.half));
            let q = _mm512_sra_epi64(sum, _mm_cvtsi32_si128(how.shift as i32));
            let (low, high) = (
                _mm512_set1_epi64(how.low.into()),
                _mm512_set1_epi64(how.high.into()),
            );
            _mm512_min_epi64(_mm512_max_epi64(q, low), high)
        }
    }
}

impl I32Vector for I32x16 {
    const LANES: usize = 16;

    methods! {
        splat(x: i32) -> Self = Self(_mm512_set1_epi32(x));
        load(from: *const i32) -> Self = Self(_mm512_loadu_si512(from.cast()));
        store(self: Self, to: *mut i32) = _mm512_storeu_si512(to.cast(), self.0);
        sub(self: Self, other: Self) -> Self = Self(_mm512_sub_epi32(self.0, other.0));
        clamped(self: Self, multipliers: Self, how: &Requantizer<'_>) -> Self = {
            let even = Self::half_clamped(self.0, multipliers.0, how);
            let (a, b) = (_mm512_srli_epi64::<32>(self.0), _mm512_srli_epi64::<32>(multipliers.0));
            let odd = _mm512_slli_epi64::<32>(Self::half_clamped(a, b, how));
            Self(_mm512_mask_blend_epi32(0xAAAA, even, odd))
        };
        store_bytes(self: Self, to: *mut u8) = _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(self.0));
    }
}

macro_rules! pairs {
    ($vector:ty, $lanes:ty, $wide:expr, $pixels:expr, $load:ident, $splat:ident, $and:ident, $splat16:ident, $shift:ident, $madd:ident, $add:ident) => {
        pairs!(@one $vector, $lanes, 2, $pixels, $load, $madd, $add, i8, |from| <$vector>::signed($splat(from.cast::<i32>().read_unaligned())));
        pairs!(@one $vector, $lanes, 2, $pixels, $load, $madd, $add, u8, |from| {
            let bytes = $splat(from.cast::<i32>().read_unaligned());
            Pairs { even: $and(bytes, $splat16(255)), odd: $shift::<8>(bytes) }
        });
        pairs!(@one $vector, $lanes, $wide, $pixels, $load, $madd, $add, i16, |from| {
            let [even, odd] = word_pairs(from);
            Pairs { even: $splat(even), odd: $splat(odd) }
        });
    };
    (@one $vector:ty, $lanes:ty, $wide:expr, $pixels:expr, $load:ident, $madd:ident, $add:ident, $x:ty, |$from:ident| $four:expr) => {
        impl Products<$x> for $vector {
            type Sums = Self;
            type Inputs = Pairs<$lanes>;
            type Weights = Pairs<$lanes>;
            // Of processors with AVX-512 few lack VNNI: bytes have fewer shapes of tiles there, which is less code.
            const WIDE: usize = $wide;
            const PIXELS: [usize; 4] = $pixels;

            methods! {
                begin(first: Self) -> Self = first;
                end(self: Self) -> Self = self;
                add(self: Self, other: Self) -> Self = Self($add(self.0, other.0));
                weights(from: *const i8) -> Pairs<$lanes> = <$vector>::signed($load(from.cast()));
                inputs<const F: usize>($from: *const $x) -> Pairs<$lanes> = $four;
                add_products<const F: usize>(self: Self, inputs: Pairs<$lanes>, weights: [Pairs<$lanes>; F]) -> Self = {
                    let even = $madd(inputs.even, weights[0].even);
                    let odd = $madd(inputs.odd, weights[0].odd);
                    Self($add(self.0, $add(even, odd)))
                };
            }
        }
    };
}

pairs!(
    I32x8,
    __m256i,
    2,
    [8, 4, 1, 1],
    _mm256_loadu_si256,
    _mm256_set1_epi32,
    _mm256_and_si256,
    _mm256_set1_epi16,
    _mm256_srli_epi16,
    _mm256_madd_epi16,
    _mm256_add_epi32
);
pairs!(
    I32x16,
    __m512i,
    2,
    [8, 8, 1, 1],
    _mm512_loadu_si512,
    _mm512_set1_epi32,
    _mm512_and_si512,
    _mm512_set1_epi16,
    _mm512_srli_epi16,
    _mm512_madd_epi16,
    _mm512_add_epi32
);

/// AVX-512 with VNNI, which multiplies unsigned bytes with signed ones.
#[derive(Clone, Copy)]
pub(in super::super) struct Vnni(__m512i);

/// What makes a signed byte an unsigned one that is 128 greater.
const SIGNS: i32 = 0x8080_8080_u32 as i32;

macro_rules! vnni {
    ($x:ty, $signs:expr, {$($more:tt)*}) => {
        impl Products<$x> for Vnni {
            type Sums = I32x16;
            type Inputs = __m512i;
            type Weights = __m512i;
            const WIDE: usize = 4;
            const PIXELS: [usize; 4] = [8, 8, 8, 6];

            methods! {
                begin(first: I32x16) -> Self = Self(first.0);
                end(self: Self) -> I32x16 = I32x16(self.0);
                add(self: Self, other: Self) -> Self = Self(_mm512_add_epi32(self.0, other.0));
                weights(from: *const i8) -> __m512i = _mm512_loadu_si512(from.cast());
                inputs<const F: usize>(from: *const $x) -> __m512i =
                    _mm512_set1_epi32(from.cast::<i32>().read_unaligned() ^ $signs);
                add_products<const F: usize>(self: Self, inputs: __m512i, weights: [__m512i; F]) -> Self =
                    Self(_mm512_dpbusd_epi32(self.0, inputs, weights[0]));
            }

            $($more)*
        }
    };
}

vnni!(u8, 0, {});
vnni!(i8, SIGNS, {
    const SHIFTED: bool = true;

    #[inline(always)]
    unsafe fn corrected<const NV: usize>(
        sums: [Self; NV],
        weights: *const i8,
        block: usize,
        channels: usize,
    ) -> [Self; NV] {
        unsafe {
            let mut excess = [_mm512_setzero_si512(); NV];
            let mut from = weights;
            for _ in 0..channels / 4 {
                let weights = load::<i8, Self, NV, 1>(from, block);
                for v in 0..NV {
                    let signs = _mm512_set1_epi32(SIGNS);
                    excess[v] = _mm512_dpbusd_epi32(excess[v], signs, weights[v][0]);
                }
                from = from.add(4 * BLOCK);
            }
            let mut corrected = sums;
            for v in 0..NV {
                corrected[v] = Self(_mm512_sub_epi32(sums[v].0, excess[v]));
            }
            corrected
        }
    }
});
