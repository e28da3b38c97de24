//! No vectors by name: what the compiler makes of four elements.

use super::{F32Vector, half};

/// Four f32, without vector instructions by name.
#[derive(Clone, Copy)]
pub(in super::super) struct PortableF32x4([f32; 4]);

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
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        self.with(self, |a, _| libm::sqrtf(a))
    }
    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        // In the lowest bits of the sum stands the integer.
        const MAGIC: f32 = 12_582_912.0;
        self.with(self, |n, _| {
            f32::from_bits(((n + MAGIC).to_bits() << 23).wrapping_add(127 << 23))
        })
    }
}
