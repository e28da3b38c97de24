//! f32 vectors of 64-bit ARM.

use core::arch::aarch64::*;

use super::{F32Vector, half, methods};

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
            let elements = [half(*from), half(*from.add(1)), half(*from.add(2)), half(*from.add(3))];
            Self(vld1q_f32(elements.as_ptr()))
        };
        store(self: Self, to: *mut f32) = vst1q_f32(to, self.0);
        fma(self: Self, a: Self, b: Self) -> Self = Self(vfmaq_f32(self.0, a.0, b.0));
        add(self: Self, other: Self) -> Self = Self(vaddq_f32(self.0, other.0));
        mul(self: Self, other: Self) -> Self = Self(vmulq_f32(self.0, other.0));
        div(self: Self, other: Self) -> Self = Self(vdivq_f32(self.0, other.0));
        min(self: Self, other: Self) -> Self = Self(vminq_f32(self.0, other.0));
        max(self: Self, other: Self) -> Self = Self(vmaxq_f32(self.0, other.0));
        sqrt(self: Self) -> Self = Self(vsqrtq_f32(self.0));
        power_of_two(self: Self) -> Self = {
            let biased = vaddq_s32(vcvtq_s32_f32(self.0), vdupq_n_s32(127));
            Self(vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
        };
    }
}
