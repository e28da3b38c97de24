//! The small vector that kernels are written over.

use super::microkernel::TileShape;
use crate::engine::compiled::conv_axis::parts;
use crate::engine::compiled::format::BLOCK;

/// Several f32 side by side.
///
/// # Safety
/// Methods of a type may only run where the processor has its instructions, and inlined into a function that is compiled for them;
/// pointers must be good for [`LANES`](Self::LANES) numbers.
pub(in super::super) trait F32Vector: Copy {
    /// Numbers in a vector, a divisor of 16.
    const LANES: usize;
    /// Most vectors of output channels that a tile has.
    const WIDE: usize;
    /// Pixels of a tile of one row that is 1, 2, 3 or 4 vectors wide: as many as the registers hold.
    const PIXELS: [usize; 4];

    /// Whether [`fma_lane`](Self::fma_lane) is one instruction: then numbers of the input are loaded by fours, of which the first four lanes are taken in
    /// turn, and need not be spread to vectors.
    const BY_LANE: bool = false;

    /// Whether the registers hold a tile's sums.
    fn fits(tile: TileShape) -> bool {
        tile.rows == 1 && tile.pixels <= Self::PIXELS[tile.vectors - 1]
    }

    /// The tile for up to `vectors` vectors of output channels of images (of one phase) of so many rows and columns.
    #[inline(always)]
    fn tile(vectors: usize, _height: usize, width: usize) -> TileShape {
        // At least 1, so that nothing can panic.
        let vectors = vectors.min(Self::WIDE).max(1);
        let tiles = parts(width, Self::PIXELS[vectors - 1]).max(1);
        TileShape {
            rows: 1,
            pixels: parts(width, tiles),
            vectors,
        }
    }

    /// Fetches a line of memory to the cache; the address may be any.
    #[inline(always)]
    unsafe fn prefetch(_address: *const u8) {}

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// From the bits of 16-bit floats.
    unsafe fn load_half(from: *const u16) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self + a * b`, rounded once where the processor does.
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    /// `self + a[LANE] * b`, rounded as [`fma`](Self::fma) does.
    #[inline(always)]
    unsafe fn fma_lane<const LANE: i32>(self, a: Self, b: Self) -> Self {
        let mut numbers = [0.0; BLOCK];
        unsafe {
            a.store(numbers.as_mut_ptr());
            self.fma(Self::splat(numbers[LANE as usize % BLOCK]), b)
        }
    }
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
}

/// Weights that become vectors.
pub(in super::super) trait WeightElement: Copy {
    /// Most rows of a tile: fewer shapes are less code.
    const ROWS: usize;

    unsafe fn vector<V: F32Vector>(from: *const Self) -> V;
}

impl WeightElement for f32 {
    const ROWS: usize = 3;

    #[inline(always)]
    unsafe fn vector<V: F32Vector>(from: *const Self) -> V {
        unsafe { V::load(from) }
    }
}

impl WeightElement for u16 {
    const ROWS: usize = 1;

    #[inline(always)]
    unsafe fn vector<V: F32Vector>(from: *const Self) -> V {
        unsafe { V::load_half(from) }
    }
}

/// The value of a 16-bit float (IEEE 754 binary16).
#[inline(always)]
pub(super) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7FFF);
    // The exponent's bias is 15 in the one and 127 in the other: a multiplication by 2^112 moves it, subnormal numbers too.
    let value = f32::from_bits(magnitude << 13) * f32::from_bits((127 + 112) << 23);
    let value = if magnitude >= 0x7C00 {
        f32::from_bits(0x7F80_0000 | magnitude << 13)
    } else {
        value
    };
    f32::from_bits(value.to_bits() | sign)
}

/// PortableF32x4 numbers without vector instructions by name.
#[derive(Clone, Copy)]
pub(super) struct PortableF32x4([f32; 4]);

impl PortableF32x4 {
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let ([a, b, c, d], [e, g, h, i]) = (self.0, other.0);
        Self([f(a, e), f(b, g), f(c, h), f(d, i)])
    }
}

impl F32Vector for PortableF32x4 {
    const LANES: usize = 4;
    const WIDE: usize = 1;
    const PIXELS: [usize; 4] = [4, 1, 1, 1];

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self([*from, *from.add(1), *from.add(2), *from.add(3)]) }
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        unsafe {
            Self([
                half(*from),
                half(*from.add(1)),
                half(*from.add(2)),
                half(*from.add(3)),
            ])
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        for (i, x) in self.0.into_iter().enumerate() {
            unsafe { *to.add(i) = x };
        }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        let product = a.with(b, |a, b| a * b);
        self.with(product, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.with(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b { a } else { b })
    }
}

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
macro_rules! methods {
    ($($name:ident ( $($arg:ident : $type:ty),* ) $(-> $result:ty)? = $body:expr;)*) => {
        $(#[inline(always)]
        #[allow(unused_unsafe, reason = "of WebAssembly's functions only those that take pointers are unsafe")]
        unsafe fn $name($($arg: $type),*) $(-> $result)? {
            unsafe { $body }
        })*
    };
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use core::arch::x86_64::*;

    use super::{F32Vector, TileShape, parts};

    /// AVX2 with FMA and F16C.
    #[derive(Clone, Copy)]
    pub(in super::super) struct F32x8(__m256);

    impl F32Vector for F32x8 {
        const LANES: usize = 8;
        const WIDE: usize = 2;
        const PIXELS: [usize; 4] = [6, 6, 1, 1];

        methods! {
            splat(x: f32) -> Self = Self(_mm256_set1_ps(x));
            load(from: *const f32) -> Self = Self(_mm256_loadu_ps(from));
            load_half(from: *const u16) -> Self = Self(_mm256_cvtph_ps(_mm_loadu_si128(from.cast())));
            store(self: Self, to: *mut f32) = _mm256_storeu_ps(to, self.0);
            fma(self: Self, a: Self, b: Self) -> Self = Self(_mm256_fmadd_ps(a.0, b.0, self.0));
            add(self: Self, other: Self) -> Self = Self(_mm256_add_ps(self.0, other.0));
            mul(self: Self, other: Self) -> Self = Self(_mm256_mul_ps(self.0, other.0));
            div(self: Self, other: Self) -> Self = Self(_mm256_div_ps(self.0, other.0));
            min(self: Self, other: Self) -> Self = Self(_mm256_min_ps(self.0, other.0));
            max(self: Self, other: Self) -> Self = Self(_mm256_max_ps(self.0, other.0));
        }
    }

    /// AVX-512.
    #[derive(Clone, Copy)]
    pub(in super::super) struct F32x16(__m512);

    impl F32Vector for F32x16 {
        const LANES: usize = 16;
        const WIDE: usize = 4;
        const PIXELS: [usize; 4] = [8, 8, 8, 6];

        #[inline(always)]
        fn fits(tile: TileShape) -> bool {
            match tile.rows {
                1 => tile.pixels <= Self::PIXELS[tile.vectors - 1],
                2 => tile.vectors <= 2 || tile.vectors == 3 && tile.pixels <= 4,
                _ => tile.vectors <= 2,
            }
        }

        /// Measured on layers from 4x4 to 16x16 pixels: many pixels to a tile, so that weights are read seldom, and a shape that the
        /// image is a multiple of.
        #[inline(always)]
        fn tile(vectors: usize, height: usize, width: usize) -> TileShape {
            let (rows, most, vectors) = match (vectors, width) {
                (1, 8) => (3, 4, 1),
                (3 | 5 | 6, 5 | 7) => (1, 7, 3),
                (3 | 5 | 6, ..=8) => (2, 4, 3),
                (3 | 5 | 6, _) => (1, 8, 3),
                (_, ..=2) => (3, 2, vectors.min(2)),
                (_, ..=7) => (2, 7, vectors.min(2)),
                (_, 8) => (3, 4, vectors.min(2)),
                (..=2, _) => (2, 7, vectors),
                _ => (1, 6, 4),
            };
            let tiles = width.div_ceil(most).max(1);
            TileShape {
                rows: height.clamp(1, rows),
                pixels: parts(width, tiles),
                vectors,
            }
        }

        #[inline(always)]
        unsafe fn prefetch(address: *const u8) {
            unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
        }

        methods! {
            splat(x: f32) -> Self = Self(_mm512_set1_ps(x));
            load(from: *const f32) -> Self = Self(_mm512_loadu_ps(from));
            load_half(from: *const u16) -> Self = Self(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast())));
            store(self: Self, to: *mut f32) = _mm512_storeu_ps(to, self.0);
            fma(self: Self, a: Self, b: Self) -> Self = Self(_mm512_fmadd_ps(a.0, b.0, self.0));
            add(self: Self, other: Self) -> Self = Self(_mm512_add_ps(self.0, other.0));
            mul(self: Self, other: Self) -> Self = Self(_mm512_mul_ps(self.0, other.0));
            div(self: Self, other: Self) -> Self = Self(_mm512_div_ps(self.0, other.0));
            min(self: Self, other: Self) -> Self = Self(_mm512_min_ps(self.0, other.0));
            max(self: Self, other: Self) -> Self = Self(_mm512_max_ps(self.0, other.0));
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) mod arm {
    use core::arch::aarch64::*;

    use super::{F32Vector, half};

    /// NEON.
    #[derive(Clone, Copy)]
    pub(in super::super) struct NeonF32x4(float32x4_t);

    impl F32Vector for NeonF32x4 {
        const LANES: usize = 4;
        const WIDE: usize = 4;
        // Beside the sums, a vector of each pixel and the weights are in registers.
        const PIXELS: [usize; 4] = [8, 8, 6, 5];
        const BY_LANE: bool = true;

        #[inline(always)]
        unsafe fn fma_lane<const LANE: i32>(self, a: Self, b: Self) -> Self {
            unsafe { Self(vfmaq_laneq_f32::<LANE>(self.0, b.0, a.0)) }
        }

        methods! {
            splat(x: f32) -> Self = Self(vdupq_n_f32(x));
            load(from: *const f32) -> Self = Self(vld1q_f32(from));
            load_half(from: *const u16) -> Self = {
                let numbers = [half(*from), half(*from.add(1)), half(*from.add(2)), half(*from.add(3))];
                Self(vld1q_f32(numbers.as_ptr()))
            };
            store(self: Self, to: *mut f32) = vst1q_f32(to, self.0);
            fma(self: Self, a: Self, b: Self) -> Self = Self(vfmaq_f32(self.0, a.0, b.0));
            add(self: Self, other: Self) -> Self = Self(vaddq_f32(self.0, other.0));
            mul(self: Self, other: Self) -> Self = Self(vmulq_f32(self.0, other.0));
            div(self: Self, other: Self) -> Self = Self(vdivq_f32(self.0, other.0));
            min(self: Self, other: Self) -> Self = Self(vminq_f32(self.0, other.0));
            max(self: Self, other: Self) -> Self = Self(vmaxq_f32(self.0, other.0));
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod wasm {
    use core::arch::wasm32::*;

    use super::{F32Vector, half};

    /// wasm simd128.
    #[derive(Clone, Copy)]
    pub(in super::super) struct WasmF32x4(v128);

    impl F32Vector for WasmF32x4 {
        const LANES: usize = 4;
        const WIDE: usize = 2;
        const PIXELS: [usize; 4] = [6, 5, 1, 1];

        methods! {
            splat(x: f32) -> Self = Self(f32x4_splat(x));
            load(from: *const f32) -> Self = Self(v128_load(from.cast()));
            load_half(from: *const u16) -> Self =
                Self(f32x4(half(*from), half(*from.add(1)), half(*from.add(2)), half(*from.add(3))));
            store(self: Self, to: *mut f32) = v128_store(to.cast(), self.0);
            fma(self: Self, a: Self, b: Self) -> Self = Self(f32x4_add(self.0, f32x4_mul(a.0, b.0)));
            add(self: Self, other: Self) -> Self = Self(f32x4_add(self.0, other.0));
            mul(self: Self, other: Self) -> Self = Self(f32x4_mul(self.0, other.0));
            div(self: Self, other: Self) -> Self = Self(f32x4_div(self.0, other.0));
            min(self: Self, other: Self) -> Self = Self(f32x4_pmin(self.0, other.0));
            max(self: Self, other: Self) -> Self = Self(f32x4_pmax(self.0, other.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn halves_have_their_values() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x03FF, 6.097_555e-5),
            (0x3555, 0.333_251_95),
            (0x7C00, f32::INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:04x}");
        }
        assert!(half(0x7E00).is_nan());
    }
}
