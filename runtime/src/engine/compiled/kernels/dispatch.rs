//! From a SIMD level to the kernel that was compiled for it.

use super::activate::activate_all;
use super::col2im::Col2ImCall;
use super::conv::ConvCall;
use super::dense::DenseCall;
use super::group_conv::GroupConvCall;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
use super::isa::Isa;
use super::isa::SimdLevel;
use super::strided::{Multiply, Softmax, StridedCall, Work};
use super::upsample::{Interleave, subtract};
use super::vector::F32Vector;
use super::vector::portable::PortableF32x4;
use super::weights::{WeightElement, WeightSlice};
use crate::engine::compiled::format::Activation;

/// One kernel with its arguments.
trait Kernel {
    /// # Safety
    /// The arguments are valid and the processor has the vector's instructions.
    unsafe fn run<V: F32Vector>(self);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::vector::x86::{F32x8, F32x16};
    use super::Kernel;

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) unsafe fn avx2<K: Kernel>(kernel: K) {
        unsafe { kernel.run::<F32x8>() }
    }

    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) unsafe fn avx512<K: Kernel>(kernel: K) {
        unsafe { kernel.run::<F32x16>() }
    }
}

/// # Safety
/// The kernel's arguments are valid.
unsafe fn run<K: Kernel>(level: SimdLevel, kernel: K) {
    // SAFETY: a SIMD level is only made where the processor has its instructions.
    unsafe {
        match level.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx512Vnni => x86::avx512(kernel),
            _ => run_narrow(level, kernel),
        }
    }
}

/// With vectors of at most 8 elements, where more are not worth their code.
///
/// # Safety
/// The kernel's arguments are valid.
unsafe fn run_narrow<K: Kernel>(level: SimdLevel, kernel: K) {
    // SAFETY: as above; what has AVX-512 has AVX2.
    unsafe {
        match level.0 {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 | Isa::Avx512Vnni => x86::avx2(kernel),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon | Isa::NeonDotprod => kernel.run::<super::vector::arm::NeonF32x4>(),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => kernel.run::<super::vector::wasm::WasmF32x4>(),
            _ => kernel.run::<PortableF32x4>(),
        }
    }
}

struct Dense<'a, W>(DenseCall<'a, &'a [W]>, *mut f32);

impl<W: WeightElement> Kernel for Dense<'_, W> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        unsafe { self.0.run::<V>(self.1) }
    }
}

struct Conv<'a, W>(ConvCall<'a, &'a [W]>, *mut f32);

impl<W: WeightElement> Kernel for Conv<'_, W> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        unsafe { self.0.run::<V>(self.1) }
    }
}

struct GroupConv<'a>(&'a GroupConvCall<'a>, *mut f32);

impl Kernel for GroupConv<'_> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        unsafe { self.0.run::<V>(self.1) }
    }
}

struct Gather<'a> {
    call: Col2ImCall<'a>,
    lines: *const f32,
    kept: usize,
    row: usize,
    out: *mut f32,
    plane: usize,
}

impl Kernel for Gather<'_> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        unsafe {
            self.call
                .gather::<V>(self.lines, self.kept, self.row, self.out, self.plane)
        }
    }
}

struct Activate<'a>(&'a mut [f32], Activation);

impl Kernel for Activate<'_> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        unsafe { activate_all::<V>(self.0.as_mut_ptr(), self.0.len(), self.1) }
    }
}

struct Subtract<'a>(&'a [f32], &'a [f32], &'a mut [f32]);

impl Kernel for Subtract<'_> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        let Self(a, b, out) = self;
        unsafe { subtract::<V>(a.as_ptr(), b.as_ptr(), out.as_mut_ptr(), out.len()) }
    }
}

impl Kernel for (Interleave<'_>, *mut f32) {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        unsafe { self.0.run::<V>(self.1) }
    }
}

struct RunStrided<'a> {
    call: &'a StridedCall<'a>,
    out: &'a mut [f32],
    done: &'a mut Option<()>,
}

impl Kernel for RunStrided<'_> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        *self.done = unsafe { self.call.run::<V>(self.out) };
    }
}

impl Kernel for Multiply<'_> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        unsafe { self.run::<V>() }
    }
}

impl Kernel for Softmax<'_> {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(self) {
        unsafe { self.run::<V>() }
    }
}

/// A dense layer on one vector; `None` if a slice has not the length it should have.
pub(in super::super) fn dense(
    level: SimdLevel,
    call: &DenseCall<'_, WeightSlice<'_>>,
    out: &mut [f32],
) -> Option<()> {
    fn go<W: WeightElement>(
        level: SimdLevel,
        call: DenseCall<'_, &[W]>,
        out: &mut [f32],
    ) -> Option<()> {
        // SAFETY: every length has been compared.
        call.fits(out)
            .then(|| unsafe { run(level, Dense(call, out.as_mut_ptr())) })
    }
    match call.weights {
        WeightSlice::F32(weights) => go(level, call.with(weights), out),
        WeightSlice::F16(weights) => go(level, call.with(weights), out),
    }
}

/// A convolution; `None` if a slice has not the length it should have.
pub(in super::super) fn conv(
    level: SimdLevel,
    call: &ConvCall<'_, WeightSlice<'_>>,
    out: &mut [f32],
) -> Option<()> {
    fn go<W: WeightElement>(
        level: SimdLevel,
        call: ConvCall<'_, &[W]>,
        out: &mut [f32],
    ) -> Option<()> {
        // SAFETY: every length has been compared.
        call.fits(out)
            .then(|| unsafe { run(level, Conv(call, out.as_mut_ptr())) })
    }
    match call.weights {
        WeightSlice::F32(weights) => go(level, call.with(weights), out),
        WeightSlice::F16(weights) => go(level, call.with(weights), out),
    }
}

/// A convolution in groups; `None` if a slice has not the length it should have.
pub(in super::super) fn group_conv(
    level: SimdLevel,
    call: &GroupConvCall<'_>,
    out: &mut [f32],
) -> Option<()> {
    let level = call.level(level);
    // SAFETY: every length has been compared.
    call.fits(out)
        .then(|| unsafe { run(level, GroupConv(call, out.as_mut_ptr())) })
}

/// The sums of input row `row` for a convolution with few output channels; `None` if there is no
/// such row, or a slice has not the length it should have.
pub(in super::super) fn col2im_sums(
    level: SimdLevel,
    call: &Col2ImCall<'_>,
    row: usize,
    line: &mut [f32],
) -> Option<()> {
    conv(level, &call.line(row)?, line)
}

/// Row `row` of the image of a convolution with few output channels. `lines` holds `kept` rows of
/// sums; in `out` the row's first element stands first, and channels are `plane` elements apart.
pub(in super::super) fn col2im_gather(
    level: SimdLevel,
    call: &Col2ImCall<'_>,
    lines: &[f32],
    kept: usize,
    row: usize,
    out: &mut [f32],
    plane: usize,
) -> Option<()> {
    let ConvCall {
        axes: [rows, columns],
        outputs,
        bias,
        ..
    } = &call.0;
    let needed = outputs
        .checked_sub(1)?
        .checked_mul(plane)?
        .checked_add(columns.output)?;
    let bias = bias.is_none_or(|bias| bias.len() >= *outputs);
    let fits = row < rows.output
        && kept > 0
        && lines.len() == kept * call.row_len()
        && out.len() >= needed
        && bias;
    let gather = Gather {
        call: *call,
        lines: lines.as_ptr(),
        kept,
        row,
        out: out.as_mut_ptr(),
        plane,
    };
    // SAFETY: `lines` has a place for every input row and `out` for every element of the row.
    fits.then(|| unsafe { run_narrow(level, gather) })
}

/// An activation on elements.
pub(in super::super) fn activate(level: SimdLevel, elements: &mut [f32], activation: Activation) {
    // SAFETY: the slice is good for its length.
    unsafe { run_narrow(level, Activate(elements, activation)) }
}

/// `out = a - b`, element by element; `None` if they are not equally long.
pub(in super::super) fn difference(
    level: SimdLevel,
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
) -> Option<()> {
    let fits = a.len() == out.len() && b.len() == out.len();
    // SAFETY: all three are as long as `out`.
    fits.then(|| unsafe { run_narrow(level, Subtract(a, b, out)) })
}

/// Every other row of an image from rows of products; `None` if a slice has not the length it
/// should have.
pub(in super::super) fn interleave(
    level: SimdLevel,
    call: Interleave<'_>,
    out: &mut [f32],
) -> Option<()> {
    // SAFETY: every length has been compared.
    call.fits(out)
        .then(|| unsafe { run_narrow(level, (call, out.as_mut_ptr())) })
}

/// A strided layer; `None` if a place is not within its slice, or the words make no layer.
pub(in super::super) fn strided(
    level: SimdLevel,
    call: &StridedCall<'_>,
    out: &mut [f32],
) -> Option<()> {
    if !call.fits(out) {
        return None;
    }
    // SAFETY: every place has been compared with its slice.
    unsafe {
        if call.multiplies() {
            return call.multiply(out, |work| match work {
                Work::Multiply(product) => run(level, product),
                Work::Softmax(softmax) => run(level, softmax),
            });
        }
        let mut done = None;
        let kernel = RunStrided {
            call,
            out,
            done: &mut done,
        };
        // Much code, which is little faster with vectors of 16.
        run_narrow(level, kernel);
        done
    }
}
