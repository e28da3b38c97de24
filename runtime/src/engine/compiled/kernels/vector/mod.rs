//! The small vector that kernels are written over.

#[cfg(target_arch = "aarch64")]
pub(super) mod arm;
pub(super) mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod wasm;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

use crate::engine::compiled::conv_axis::parts;
use crate::engine::compiled::format::BLOCK;

/// The shape of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct TileShape {
    /// Rows.
    pub rows: usize,
    /// Pixels of a row.
    pub pixels: usize,
    /// Vectors of output channels.
    pub vectors: usize,
}

/// Several f32 side by side.
///
/// # Safety
/// Methods of a type may only run where the processor has its instructions, and inlined into a
/// function that is compiled for them; pointers must be good for [`LANES`](Self::LANES) elements.
pub(in super::super) trait F32Vector: Copy {
    /// Elements in a vector, a divisor of 16.
    const LANES: usize;
    /// Most vectors of output channels that a tile has.
    const WIDE: usize;
    /// Pixels of a tile of one row that is 1, 2, 3 or 4 vectors wide: as many as the registers
    /// hold.
    const PIXELS: [usize; 4];

    /// Whether [`fma_lane`](Self::fma_lane) is one instruction: then elements of the input are
    /// loaded by fours, of which the first four lanes are taken in turn, and need not be spread to
    /// vectors.
    const BY_LANE: bool = false;

    /// Whether the registers hold a tile's sums.
    fn fits(tile: TileShape) -> bool {
        tile.rows == 1 && tile.pixels <= Self::PIXELS[tile.vectors - 1]
    }

    /// The tile for up to `vectors` vectors of output channels of images (of one phase) of so many
    /// rows and columns.
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
    /// From the bits of f16.
    unsafe fn load_half(from: *const u16) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self + a * b`, rounded once where the processor does.
    unsafe fn fma(self, a: Self, b: Self) -> Self;
    /// `self + a[LANE] * b`, rounded as [`fma`](Self::fma) does.
    #[inline(always)]
    unsafe fn fma_lane<const LANE: i32>(self, a: Self, b: Self) -> Self {
        let mut elements = [0.0; BLOCK];
        unsafe {
            a.store(elements.as_mut_ptr());
            self.fma(Self::splat(elements[LANE as usize % BLOCK]), b)
        }
    }
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// 2 to the power of this, which is an integer from -126 to 127.
    unsafe fn power_of_two(self) -> Self;
}

/// The value of an f16 (IEEE 754 binary16).
#[inline(always)]
pub(super) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7FFF);
    // The exponent's bias is 15 in the one and 127 in the other: a multiplication by 2^112 moves
    // it, subnormal elements too.
    let value = f32::from_bits(magnitude << 13) * f32::from_bits((127 + 112) << 23);
    let value = if magnitude >= 0x7C00 {
        f32::from_bits(0x7F80_0000 | magnitude << 13)
    } else {
        value
    };
    f32::from_bits(value.to_bits() | sign)
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
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
use methods;

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
