//! The small vector of sums that kernels of bytes are written over.

use super::{Requantizer, Term};

/// Several 32-bit sums side by side, of as many output channels. Everything goes around at 32 bits.
///
/// # Safety
/// Methods of a type may only run where the processor has its instructions, and inlined into a function that is compiled for them;
/// pointers must be good for [`LANES`](Self::LANES) numbers.
pub(super) trait Lanes: Copy {
    /// Sums in a vector, a divisor of 16.
    const LANES: usize;
    /// Most vectors of output channels that a tile has.
    const WIDE: usize;
    /// Pixels of a tile that is 1, 2, 3 or 4 vectors wide: as many as the registers hold.
    const PIXELS: [usize; 4];

    unsafe fn splat(x: i32) -> Self;
    unsafe fn load(from: *const i32) -> Self;
    unsafe fn store(self, to: *mut i32);
    unsafe fn sub(self, other: Self) -> Self;
    /// [`Requantizer::clamped`] of each.
    unsafe fn clamped(self, multipliers: Self, how: &Requantizer<'_>) -> Self;
    /// Stores the low bytes of the first `len` sums, of all if `len` is greater.
    unsafe fn store_bytes(self, to: *mut u8, len: usize);
}

/// Sums of products with numbers of one type.
///
/// # Safety
/// As [`Lanes`].
pub(super) trait Products<X: Term>: Lanes {
    /// Four input channels of a pixel, for all lanes.
    type Four: Copy;
    /// Weights `[16][4]` of as many output channels as there are lanes, made ready.
    type Weights: Copy;
    /// Most vectors of output channels that a tile of such numbers has.
    const MOST: usize = Self::WIDE;
    /// Whether products are those of numbers that are 128 greater.
    const SHIFTED: bool = false;

    unsafe fn weights(from: *const i8) -> Self::Weights;
    unsafe fn four(from: *const X) -> Self::Four;
    unsafe fn add_products(self, four: Self::Four, weights: Self::Weights) -> Self;
    /// Adds what products are too great where they are [`SHIFTED`](Self::SHIFTED).
    #[inline(always)]
    unsafe fn add_excess(self, _: Self::Weights) -> Self {
        self
    }
}

/// Channels 0 and 2, and 1 and 3, of four: what a multiplication of pairs of 16-bit numbers takes, so that both products of a pair belong to
/// the same output channel.
#[derive(Clone, Copy)]
pub(super) struct Pairs<V> {
    even: V,
    odd: V,
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! methods {
    ($($name:ident ( $($arg:ident : $type:ty),* ) $(-> $result:ty)? = $body:expr;)*) => {
        $(#[inline(always)]
        unsafe fn $name($($arg: $type),*) $(-> $result)? {
            unsafe { $body }
        })*
    };
}

/// Four 16-bit numbers as two pairs.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
unsafe fn word_pairs(from: *const i16) -> [i32; 2] {
    let four = unsafe { from.cast::<u64>().read_unaligned() }.to_le();
    let even = four & 0xFFFF | four >> 16 & 0xFFFF_0000;
    let odd = four >> 16 & 0xFFFF | four >> 32 & 0xFFFF_0000;
    [even as i32, odd as i32]
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use core::arch::x86_64::*;

    use super::{Lanes, Pairs, Products, Requantizer, word_pairs};

    /// AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Eight(__m256i);

    impl Eight {
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

    impl Lanes for Eight {
        const LANES: usize = 8;
        const WIDE: usize = 2;
        const PIXELS: [usize; 4] = [8, 4, 1, 1];

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
            store_bytes(self: Self, to: *mut u8, len: usize) = {
                let low = _mm256_and_si256(self.0, _mm256_set1_epi32(255));
                let words = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256::<1>(low));
                let bytes = _mm_packus_epi16(words, words);
                if len >= 8 {
                    _mm_storel_epi64(to.cast(), bytes);
                } else {
                    let mut all = [0_u8; 8];
                    _mm_storel_epi64(all.as_mut_ptr().cast(), bytes);
                    core::ptr::copy_nonoverlapping(all.as_ptr(), to, len);
                }
            };
        }
    }

    impl Eight {
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
    pub(in super::super) struct Sixteen(__m512i);

    impl Sixteen {
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

    impl Lanes for Sixteen {
        const LANES: usize = 16;
        const WIDE: usize = 4;
        const PIXELS: [usize; 4] = [8, 8, 6, 5];

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
            store_bytes(self: Self, to: *mut u8, len: usize) = {
                let bytes = _mm512_cvtepi32_epi8(self.0);
                if len >= 16 {
                    _mm_storeu_si128(to.cast(), bytes);
                } else {
                    _mm_mask_storeu_epi8(to.cast(), (1 << len) - 1, bytes);
                }
            };
        }
    }

    macro_rules! pairs {
        ($vector:ty, $lanes:ty, $load:ident, $splat:ident, $and:ident, $splat16:ident, $shift:ident, $madd:ident, $add:ident) => {
            pairs!(@one $vector, $lanes, $load, $madd, $add, i8, 2, |from| <$vector>::signed($splat(from.cast::<i32>().read_unaligned())));
            pairs!(@one $vector, $lanes, $load, $madd, $add, u8, 2, |from| {
                let bytes = $splat(from.cast::<i32>().read_unaligned());
                Pairs { even: $and(bytes, $splat16(255)), odd: $shift::<8>(bytes) }
            });
            pairs!(@one $vector, $lanes, $load, $madd, $add, i16, <$vector>::WIDE, |from| {
                let [even, odd] = word_pairs(from);
                Pairs { even: $splat(even), odd: $splat(odd) }
            });
        };
        (@one $vector:ty, $lanes:ty, $load:ident, $madd:ident, $add:ident, $x:ty, $most:expr, |$from:ident| $four:expr) => {
            impl Products<$x> for $vector {
                type Four = Pairs<$lanes>;
                type Weights = Pairs<$lanes>;
                // Of processors with AVX-512 few lack VNNI: bytes have fewer shapes of tiles there, which is less code.
                const MOST: usize = $most;

                methods! {
                    weights(from: *const i8) -> Pairs<$lanes> = <$vector>::signed($load(from.cast()));
                    four($from: *const $x) -> Pairs<$lanes> = $four;
                    add_products(self: Self, four: Pairs<$lanes>, weights: Pairs<$lanes>) -> Self = {
                        let even = $madd(four.even, weights.even);
                        let odd = $madd(four.odd, weights.odd);
                        Self($add(self.0, $add(even, odd)))
                    };
                }
            }
        };
    }

    pairs!(
        Eight,
        __m256i,
        _mm256_loadu_si256,
        _mm256_set1_epi32,
        _mm256_and_si256,
        _mm256_set1_epi16,
        _mm256_srli_epi16,
        _mm256_madd_epi16,
        _mm256_add_epi32
    );
    pairs!(
        Sixteen,
        __m512i,
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
    pub(in super::super) struct Vnni(Sixteen);

    impl Lanes for Vnni {
        const LANES: usize = 16;
        const WIDE: usize = 4;
        const PIXELS: [usize; 4] = [8, 8, 8, 6];

        methods! {
            splat(x: i32) -> Self = Self(Sixteen::splat(x));
            load(from: *const i32) -> Self = Self(Sixteen::load(from));
            store(self: Self, to: *mut i32) = self.0.store(to);
            sub(self: Self, other: Self) -> Self = Self(self.0.sub(other.0));
            clamped(self: Self, multipliers: Self, how: &Requantizer<'_>) -> Self =
                Self(self.0.clamped(multipliers.0, how));
            store_bytes(self: Self, to: *mut u8, len: usize) = self.0.store_bytes(to, len);
        }
    }

    /// What makes a signed byte an unsigned one that is 128 greater.
    const SIGNS: i32 = 0x8080_8080_u32 as i32;

    impl Products<u8> for Vnni {
        type Four = __m512i;
        type Weights = __m512i;

        methods! {
            weights(from: *const i8) -> __m512i = _mm512_loadu_si512(from.cast());
            four(from: *const u8) -> __m512i = _mm512_set1_epi32(from.cast::<i32>().read_unaligned());
            add_products(self: Self, four: __m512i, weights: __m512i) -> Self =
                Self(Sixteen(_mm512_dpbusd_epi32(self.0.0, four, weights)));
        }
    }

    impl Products<i8> for Vnni {
        type Four = __m512i;
        type Weights = __m512i;
        const SHIFTED: bool = true;

        methods! {
            weights(from: *const i8) -> __m512i = _mm512_loadu_si512(from.cast());
            four(from: *const i8) -> __m512i = _mm512_set1_epi32(from.cast::<i32>().read_unaligned() ^ SIGNS);
            add_products(self: Self, four: __m512i, weights: __m512i) -> Self =
                Self(Sixteen(_mm512_dpbusd_epi32(self.0.0, four, weights)));
            add_excess(self: Self, weights: __m512i) -> Self =
                Self(Sixteen(_mm512_dpbusd_epi32(self.0.0, _mm512_set1_epi32(SIGNS), weights)));
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) mod arm {
    use core::arch::aarch64::*;

    use super::{Lanes, Pairs, Products, Requantizer, word_pairs};

    /// NEON.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Neon(int32x4_t);

    impl Neon {
        #[inline(always)]
        unsafe fn signed(bytes: int16x8_t) -> Pairs<int16x8_t> {
            unsafe {
                Pairs {
                    even: vshrq_n_s16::<8>(vshlq_n_s16::<8>(bytes)),
                    odd: vshrq_n_s16::<8>(bytes),
                }
            }
        }

        /// 64-bit products, rounded, shifted and clamped.
        #[inline(always)]
        unsafe fn half_clamped(a: int32x2_t, b: int32x2_t, how: &Requantizer<'_>) -> int32x2_t {
            unsafe {
                let sum = vaddq_s64(vmull_s32(a, b), vdupq_n_s64(how.half));
                let q = vshlq_s64(sum, vdupq_n_s64(-i64::from(how.shift)));
                let (low, high) = (vdup_n_s32(how.low), vdup_n_s32(how.high));
                // What 32 bits do not hold is beyond the limits.
                vmin_s32(vmax_s32(vqmovn_s64(q), low), high)
            }
        }

        /// Adds products of bytes, which fit 16 bits.
        #[inline(always)]
        unsafe fn add_byte_products(self, a: int16x8_t, b: int16x8_t) -> Self {
            unsafe { Self(vpadalq_s16(self.0, vmulq_s16(a, b))) }
        }

        #[inline(always)]
        unsafe fn add_word_products(self, a: int16x8_t, b: int16x8_t) -> Self {
            unsafe {
                let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
                Self(vaddq_s32(self.0, vpaddq_s32(low, vmull_high_s16(a, b))))
            }
        }
    }

    impl Lanes for Neon {
        const LANES: usize = 4;
        const WIDE: usize = 4;
        const PIXELS: [usize; 4] = [8, 8, 5, 4];

        methods! {
            splat(x: i32) -> Self = Self(vdupq_n_s32(x));
            load(from: *const i32) -> Self = Self(vld1q_s32(from));
            store(self: Self, to: *mut i32) = vst1q_s32(to, self.0);
            sub(self: Self, other: Self) -> Self = Self(vsubq_s32(self.0, other.0));
            clamped(self: Self, multipliers: Self, how: &Requantizer<'_>) -> Self = {
                let low = Self::half_clamped(vget_low_s32(self.0), vget_low_s32(multipliers.0), how);
                let high = Self::half_clamped(vget_high_s32(self.0), vget_high_s32(multipliers.0), how);
                Self(vcombine_s32(low, high))
            };
            store_bytes(self: Self, to: *mut u8, len: usize) = {
                let mut all = [0_i32; 4];
                vst1q_s32(all.as_mut_ptr(), self.0);
                let bytes = all.map(|number| number as u8);
                core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, len.min(4));
            };
        }
    }

    macro_rules! pairs {
        ($x:ty, $add:ident, |$from:ident| $four:expr) => {
            impl Products<$x> for Neon {
                type Four = Pairs<int16x8_t>;
                type Weights = Pairs<int16x8_t>;

                methods! {
                    weights(from: *const i8) -> Pairs<int16x8_t> =
                        Self::signed(vreinterpretq_s16_s8(vld1q_s8(from)));
                    four($from: *const $x) -> Pairs<int16x8_t> = $four;
                    add_products(self: Self, four: Pairs<int16x8_t>, weights: Pairs<int16x8_t>) -> Self =
                        self.$add(four.even, weights.even).$add(four.odd, weights.odd);
                }
            }
        };
    }

    pairs!(i8, add_byte_products, |from| {
        let bytes = vdupq_n_s32(from.cast::<i32>().read_unaligned());
        Self::signed(vreinterpretq_s16_s32(bytes))
    });
    pairs!(u8, add_byte_products, |from| {
        let bytes = vdupq_n_s32(from.cast::<i32>().read_unaligned());
        let bytes = vreinterpretq_s16_s32(bytes);
        let odd = vshrq_n_u16::<8>(vreinterpretq_u16_s16(bytes));
        Pairs {
            even: vandq_s16(bytes, vdupq_n_s16(255)),
            odd: vreinterpretq_s16_u16(odd),
        }
    });
    pairs!(i16, add_word_products, |from| {
        let [even, odd] = word_pairs(from);
        Pairs {
            even: vreinterpretq_s16_s32(vdupq_n_s32(even)),
            odd: vreinterpretq_s16_s32(vdupq_n_s32(odd)),
        }
    });
}
