//! What int8 layers multiply with weights.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::simd;

/// Elements that are multiplied with weights, and the vectors that multiply them.
pub(super) trait QuantizedElement: Copy + Default {
    #[cfg(target_arch = "x86_64")]
    type Avx2: simd::Products<Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx512: simd::Products<Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx512Vnni: simd::Products<Self>;
    #[cfg(target_arch = "aarch64")]
    type Neon: simd::Products<Self>;
    #[cfg(target_arch = "aarch64")]
    type NeonDotprod: simd::Products<Self>;
    /// Whether VNNI multiplies them: it has only bytes.
    #[cfg(target_arch = "x86_64")]
    const VNNI: bool;
    /// Whether images of them can be more than a row high: tiles of two rows are left out of the
    /// program where not.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    const TALL: bool;

    /// As 32 bits.
    fn wide(self) -> i32;
}

macro_rules! quantized_element {
    ($element:ty, $vnni:ident, $neon:ident, $bytes:literal) => {
        impl QuantizedElement for $element {
            #[cfg(target_arch = "x86_64")]
            type Avx2 = simd::x86::I32x8;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = simd::x86::I32x16;
            #[cfg(target_arch = "x86_64")]
            type Avx512Vnni = simd::x86::$vnni;
            #[cfg(target_arch = "aarch64")]
            type Neon = simd::arm::$neon;
            #[cfg(target_arch = "aarch64")]
            type NeonDotprod = simd::arm::Dot;
            #[cfg(target_arch = "x86_64")]
            const VNNI: bool = $bytes;
            // Only dense layers read i16 elements.
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            const TALL: bool = $bytes;

            #[inline(always)]
            fn wide(self) -> i32 {
                self.into()
            }
        }
    };
}

quantized_element!(i8, Vnni, Halves, true);
quantized_element!(u8, Vnni, Halves, true);
quantized_element!(i16, I32x16, I32x4, false);
