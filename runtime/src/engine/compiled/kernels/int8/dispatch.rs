//! From a SIMD level to the kernel that was compiled for it.

use super::call::{Int8Conv, QuantizedSlice};
use super::col2im::Int8Col2Im;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::element::QuantizedElement;
use super::finish::Finish;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::out::Out;
use super::requantize::Requantizer;
use super::scalar;
use crate::engine::compiled::kernels::isa::SimdLevel;

#[cfg(target_arch = "x86_64")]
mod vectors {
    use super::super::out::{Out, clamp as clamp_with};
    use super::super::simd::x86::{I32x8, I32x16};
    use super::super::tiles::Tiles;
    use super::{Int8Conv, QuantizedElement, Requantizer, SimdLevel};
    use crate::engine::compiled::kernels::isa::Isa;

    #[target_feature(enable = "avx2")]
    unsafe fn avx2<X: QuantizedElement>(call: &Int8Conv<'_, &[X]>, out: Out<'_>) {
        unsafe { Tiles(call).run::<X::Avx2>(out) }
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn avx512<X: QuantizedElement>(call: &Int8Conv<'_, &[X]>, out: Out<'_>) {
        unsafe { Tiles(call).run::<X::Avx512>(out) }
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn vnni<X: QuantizedElement>(call: &Int8Conv<'_, &[X]>, out: Out<'_>) {
        unsafe { Tiles(call).run::<X::Avx512Vnni>(out) }
    }

    /// Runs a convolution; false if the SIMD level has no vectors.
    ///
    /// # Safety
    /// [`Int8Conv::fits`] holds, and `out` is good for all outputs.
    pub(super) unsafe fn tiles<X: QuantizedElement>(
        level: SimdLevel,
        call: &Int8Conv<'_, &[X]>,
        out: Out<'_>,
    ) -> bool {
        // SAFETY: a SIMD level is only made where the processor has its instructions.
        unsafe {
            match level.0 {
                Isa::Avx2 => avx2(call, out),
                Isa::Avx512Vnni if X::VNNI => vnni(call, out),
                Isa::Avx512 | Isa::Avx512Vnni => avx512(call, out),
                _ => return false,
            }
        }
        true
    }

    #[target_feature(enable = "avx2")]
    unsafe fn clamp_avx2(how: &Requantizer<'_>, multiplier: i32, sums: &mut [i32]) {
        unsafe { clamp_with::<I32x8>(how, multiplier, sums) }
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn clamp_avx512(how: &Requantizer<'_>, multiplier: i32, sums: &mut [i32]) {
        unsafe { clamp_with::<I32x16>(how, multiplier, sums) }
    }

    /// Rounds and clamps sums of one channel; false if the SIMD level has no vectors.
    pub(super) fn clamp(
        level: SimdLevel,
        how: &Requantizer<'_>,
        multiplier: i32,
        sums: &mut [i32],
    ) -> bool {
        // SAFETY: as above.
        unsafe {
            match level.0 {
                Isa::Avx2 => clamp_avx2(how, multiplier, sums),
                Isa::Avx512 | Isa::Avx512Vnni => clamp_avx512(how, multiplier, sums),
                _ => return false,
            }
        }
        true
    }
}

#[cfg(target_arch = "aarch64")]
mod vectors {
    use super::super::out::{Out, clamp as clamp_with};
    use super::super::simd::arm::I32x4;
    use super::super::tiles::Tiles;
    use super::{Int8Conv, QuantizedElement, Requantizer, SimdLevel};
    use crate::engine::compiled::kernels::isa::Isa;

    /// A function of its own, so that what becomes of sums does not make two of it.
    unsafe fn neon<X: QuantizedElement>(call: &Int8Conv<'_, &[X]>, out: Out<'_>) {
        unsafe { Tiles(call).run::<X::Neon>(out) }
    }

    #[target_feature(enable = "dotprod")]
    unsafe fn dotprod<X: QuantizedElement>(call: &Int8Conv<'_, &[X]>, out: Out<'_>) {
        unsafe { Tiles(call).run::<X::NeonDotprod>(out) }
    }

    /// Runs a convolution; false if the SIMD level has no vectors.
    ///
    /// # Safety
    /// [`Int8Conv::fits`] holds, and `out` is good for all outputs.
    pub(super) unsafe fn tiles<X: QuantizedElement>(
        level: SimdLevel,
        call: &Int8Conv<'_, &[X]>,
        out: Out<'_>,
    ) -> bool {
        // SAFETY: a SIMD level is only made where the processor has its instructions; NEON is there
        // always.
        unsafe {
            match level.0 {
                Isa::Neon => neon(call, out),
                Isa::NeonDotprod => dotprod(call, out),
                _ => return false,
            }
        }
        true
    }

    /// Rounds and clamps sums of one channel; false if the SIMD level has no vectors.
    pub(super) fn clamp(
        level: SimdLevel,
        how: &Requantizer<'_>,
        multiplier: i32,
        sums: &mut [i32],
    ) -> bool {
        let vectors = matches!(level.0, Isa::Neon | Isa::NeonDotprod);
        if vectors {
            // SAFETY: as above.
            unsafe { clamp_with::<I32x4>(how, multiplier, sums) };
        }
        vectors
    }
}

/// No vectors.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod vectors {
    use super::{Requantizer, SimdLevel};

    pub(super) fn clamp(_: SimdLevel, _: &Requantizer<'_>, _: i32, _: &mut [i32]) -> bool {
        false
    }
}

/// Runs a convolution by vectors; false if the SIMD level has none.
///
/// # Safety
/// [`Int8Conv::fits`] and [`Finish::fits`] hold.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
unsafe fn by_vectors(
    level: SimdLevel,
    call: &Int8Conv<'_, QuantizedSlice<'_>>,
    finish: &mut Finish<'_>,
) -> bool {
    let out = Out::from(finish);
    // SAFETY: `out` is good for all outputs.
    unsafe {
        match call.x {
            QuantizedSlice::I8(x) => vectors::tiles(level, &call.with(x), out),
            QuantizedSlice::U8(x) => vectors::tiles(level, &call.with(x), out),
            QuantizedSlice::I16(x) => vectors::tiles(level, &call.with(x), out),
        }
    }
}

/// There are none.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn by_vectors(
    _: SimdLevel,
    _: &Int8Conv<'_, QuantizedSlice<'_>>,
    _: &mut Finish<'_>,
) -> bool {
    false
}

/// A convolution; `None` if a slice has not the length it should have.
fn run(
    level: SimdLevel,
    call: &Int8Conv<'_, QuantizedSlice<'_>>,
    mut finish: Finish<'_>,
) -> Option<()> {
    if !(call.fits(finish.len()) && finish.fits(call.outputs)) {
        return None;
    }
    // SAFETY: every length has been compared.
    if unsafe { by_vectors(level, call, &mut finish) } {
        return Some(());
    }
    scalar::conv(call, finish)
}

/// A convolution or a dense layer; `None` if a slice has not the length it should have.
pub(in super::super::super) fn int8_conv(
    level: SimdLevel,
    call: &Int8Conv<'_, QuantizedSlice<'_>>,
    how: Requantizer<'_>,
    out: &mut [u8],
) -> Option<()> {
    run(level, call, Finish::Bytes(how, out))
}

/// The sums of a row of input pixels for a convolution with few output channels: `call` is a
/// convolution with a kernel of one pixel, on this row.
pub(in super::super::super) fn int8_col2im_sums(
    level: SimdLevel,
    call: &Int8Conv<'_, QuantizedSlice<'_>>,
    line: &mut [i32],
) -> Option<()> {
    run(level, call, Finish::Sums(line))
}

/// Row `row` of the image of a convolution with few output channels. `lines` holds the kept rows of
/// sums; in `out` the row's first byte stands first, and channels are `plane` bytes apart.
pub(in super::super::super) fn int8_col2im_gather(
    level: SimdLevel,
    call: &Int8Col2Im<'_>,
    lines: &[i32],
    row: usize,
    out: &mut [u8],
    plane: usize,
) -> Option<()> {
    let how = &call.requantizer;
    call.row(lines, row, out, plane, |channel, sums| {
        let multiplier = how.multiplier(channel);
        if !vectors::clamp(level, how, multiplier, sums) {
            for sum in sums {
                *sum = how.clamped(*sum, multiplier);
            }
        }
    })
}
