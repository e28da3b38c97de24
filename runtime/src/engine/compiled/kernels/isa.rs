//! Which instructions the processor has.

use core::fmt;

/// A set of vector instructions that this processor has. Only [`SimdLevel::detect`] and
/// [`SimdLevel::available`] make one that is not scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SimdLevel(pub(super) Isa);

#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each instruction set has its own")]
pub(super) enum Isa {
    Scalar,
    Avx2,
    Avx512,
    Avx512Vnni,
    Neon,
    NeonDotprod,
    Simd128,
}

impl SimdLevel {
    /// Instructions that every processor of the target has; no vectors by name.
    pub const SCALAR: Self = Self(Isa::Scalar);

    /// The best SIMD level of this processor: found out while running with feature `std`, else what
    /// the program was compiled for.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::SCALAR)
    }

    /// With vectors of at most 8 elements.
    pub(super) const fn narrow(self) -> Self {
        match self.0 {
            Isa::Avx512 | Isa::Avx512Vnni => Self(Isa::Avx2),
            _ => self,
        }
    }

    /// All SIMD levels of this processor, from scalar to the best.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            (Isa::Scalar, true),
            (Isa::Avx2, avx2()),
            (Isa::Avx512, avx512()),
            (Isa::Avx512Vnni, avx512vnni()),
            (
                Isa::Neon,
                cfg!(all(target_arch = "aarch64", target_feature = "neon")),
            ),
            (Isa::NeonDotprod, neondotprod()),
            (
                Isa::Simd128,
                cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
            ),
        ]
        .into_iter()
        .filter_map(|(kind, here)| here.then_some(Self(kind)))
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Avx512Vnni => "avx512vnni",
            Isa::Neon => "neon",
            Isa::NeonDotprod => "neondotprod",
            Isa::Simd128 => "simd128",
        }
    }
}

impl fmt::Debug for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the processor has AVX2, FMA and F16C.
fn avx2() -> bool {
    #[cfg(all(target_arch = "x86_64", feature = "std", not(miri)))]
    return std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("fma")
        && std::is_x86_feature_detected!("f16c");
    #[cfg(not(all(target_arch = "x86_64", feature = "std", not(miri))))]
    return cfg!(all(
        target_arch = "x86_64",
        not(miri),
        target_feature = "avx2",
        target_feature = "fma",
        target_feature = "f16c"
    ));
}

/// Whether it has AVX-512 (F, BW, DQ and VL) besides.
fn avx512() -> bool {
    #[cfg(all(target_arch = "x86_64", feature = "std", not(miri)))]
    return avx2()
        && std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512vl");
    #[cfg(not(all(target_arch = "x86_64", feature = "std", not(miri))))]
    return avx2()
        && cfg!(all(
            target_feature = "avx512f",
            target_feature = "avx512bw",
            target_feature = "avx512dq",
            target_feature = "avx512vl"
        ));
}

/// Whether it has AVX-512 VNNI besides, for int8 layers.
fn avx512vnni() -> bool {
    #[cfg(all(target_arch = "x86_64", feature = "std", not(miri)))]
    return avx512() && std::is_x86_feature_detected!("avx512vnni");
    #[cfg(not(all(target_arch = "x86_64", feature = "std", not(miri))))]
    return avx512() && cfg!(target_feature = "avx512vnni");
}

/// Whether it has NEON with dot products of signed bytes, for int8 layers.
fn neondotprod() -> bool {
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", feature = "std"))]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(all(target_arch = "aarch64", target_feature = "neon", feature = "std")))]
    return cfg!(all(
        target_arch = "aarch64",
        target_feature = "neon",
        target_feature = "dotprod"
    ));
}
