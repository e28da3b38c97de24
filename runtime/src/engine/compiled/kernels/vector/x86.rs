//! f32 vectors of x86-64.

use core::arch::x86_64::*;

use super::{F32Vector, TileShape, methods};
use crate::engine::compiled::conv_axis::parts;

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
        sqrt(self: Self) -> Self = Self(_mm256_sqrt_ps(self.0));
        power_of_two(self: Self) -> Self = {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
        };
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

    /// Measured on layers from 4x4 to 16x16 pixels: many pixels to a tile, so that weights are
    /// read seldom, and a shape that the image is a multiple of.
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
        sqrt(self: Self) -> Self = Self(_mm512_sqrt_ps(self.0));
        power_of_two(self: Self) -> Self = {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased)))
        };
    }
}
