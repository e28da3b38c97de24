//! f32 vectors of WebAssembly.

use core::arch::wasm32::*;

use super::{F32Vector, half, methods};

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
        sqrt(self: Self) -> Self = Self(f32x4_sqrt(self.0));
        power_of_two(self: Self) -> Self =
            Self(i32x4_shl(i32x4_add(i32x4_trunc_sat_f32x4(self.0), i32x4_splat(127)), 23));
    }
}
