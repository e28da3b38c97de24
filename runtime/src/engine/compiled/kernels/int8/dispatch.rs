//! From a level to the kernel that was compiled for it.

use super::{Int8Col2Im, Int8Conv, QuantizedElement, QuantizedSlice, Raw, Requantizer, scalar};
use crate::engine::compiled::kernels::SimdLevel;

#[cfg(target_arch = "x86_64")]
mod vectors {
    pub(super) use super::super::out::FinishVector;
    use super::super::out::{Out, clamp as clamp_with};
    use super::super::simd::x86::{I32x8, I32x16};
    use super::super::tiles::Tiles;
    use super::{Int8Conv, QuantizedElement, Requantizer, SimdLevel};
    use crate::engine::compiled::kernels::isa::Isa;

    type Call<'a, X> = Int8Conv<'a, &'a [X]>;

    #[target_feature(enable = "avx2")]
    unsafe fn avx2<X: QuantizedElement>(call: &Call<'_, X>, out: Out<'_>) {
        unsafe { Tiles(call).run::<X::Avx2>(out) }
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn avx512<X: QuantizedElement>(call: &Call<'_, X>, out: Out<'_>) {
        unsafe { Tiles(call).run::<X::Avx512>(out) }
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn vnni<X: QuantizedElement>(call: &Call<'_, X>, out: Out<'_>) {
        unsafe { Tiles(call).run::<X::Avx512Vnni>(out) }
    }

    /// Runs a convolution; false if the level has no vectors.
    ///
    /// # Safety
    /// [`Int8Conv::fits`] and [`Finish::fits`](super::super::Finish::fits) hold, and `out` is good for all outputs.
    pub(super) unsafe fn conv<X: QuantizedElement, F: FinishVector>(
        level: SimdLevel,
        call: &Call<'_, X>,
        finish: F,
        out: *mut F::Output,
    ) -> bool {
        let out = finish.to(out);
        // SAFETY: a level is only made where the processor has its instructions.
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

    /// Rounds and clamps sums of one channel; false if the level has no vectors.
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
    pub(super) use super::super::out::FinishVector;
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

    /// Runs a convolution; false if the level has no vectors.
    ///
    /// # Safety
    /// [`Int8Conv::fits`] and [`Finish::fits`](super::super::Finish::fits) hold, and `out` is good for all outputs.
    pub(super) unsafe fn conv<X: QuantizedElement, F: FinishVector>(
        level: SimdLevel,
        call: &Int8Conv<'_, &[X]>,
        finish: F,
        out: *mut F::Output,
    ) -> bool {
        let out = finish.to(out);
        // SAFETY: a level is only made where the processor has its instructions, and every one that there are these levels on has NEON.
        unsafe {
            match level.0 {
                Isa::Neon => neon(call, out),
                Isa::NeonDotprod => dotprod(call, out),
                _ => return false,
            }
        }
        true
    }

    /// Rounds and clamps sums of one channel; false if the level has no vectors.
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
    pub(super) use super::super::Finish as FinishVector;
    use super::{Int8Conv, QuantizedElement, Requantizer, SimdLevel};

    pub(super) unsafe fn conv<X: QuantizedElement, F: FinishVector>(
        _: SimdLevel,
        _: &Int8Conv<'_, &[X]>,
        _: F,
        _: *mut F::Output,
    ) -> bool {
        false
    }

    pub(super) fn clamp(_: SimdLevel, _: &Requantizer<'_>, _: i32, _: &mut [i32]) -> bool {
        false
    }
}

use vectors::FinishVector;

/// A convolution; `None` if a slice has not the length it should have.
fn run<X: QuantizedElement, F: FinishVector>(
    level: SimdLevel,
    call: &Int8Conv<'_, &[X]>,
    finish: F,
    out: &mut [F::Output],
) -> Option<()> {
    if !(call.fits(out.len()) && finish.fits(call.outputs)) {
        return None;
    }
    // SAFETY: every length has been compared.
    if unsafe { vectors::conv(level, call, finish, out.as_mut_ptr()) } {
        return Some(());
    }
    scalar::conv(call, finish, out)
}

/// A convolution or a dense layer; `None` if a slice has not the length it should have.
pub(in super::super::super) fn int8_conv(
    level: SimdLevel,
    call: &Int8Conv<'_, QuantizedSlice<'_>>,
    how: Requantizer<'_>,
    out: &mut [u8],
) -> Option<()> {
    match call.x {
        QuantizedSlice::I8(x) => run(level, &call.with(x), how, out),
        QuantizedSlice::U8(x) => run(level, &call.with(x), how, out),
        QuantizedSlice::I16(x) => run(level, &call.with(x), how, out),
    }
}

/// The sums of a row of input pixels for a convolution with few output channels: `call` is a convolution with a kernel of one pixel, on this row.
/// `None` also if it reads 16-bit numbers.
pub(in super::super::super) fn int8_col2im_sums(
    level: SimdLevel,
    call: &Int8Conv<'_, QuantizedSlice<'_>>,
    line: &mut [i32],
) -> Option<()> {
    match call.x {
        QuantizedSlice::I8(x) => run(level, &call.with(x), Raw, line),
        QuantizedSlice::U8(x) => run(level, &call.with(x), Raw, line),
        QuantizedSlice::I16(_) => None,
    }
}

/// Row `row` of the image of a convolution with few output channels. `lines` holds the kept rows of sums; in `out` the row's first byte stands
/// first, and channels are `plane` bytes apart.
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
