//! Activations.

use super::strided::exp_m1;
use super::vector::F32Vector;
use crate::engine::compiled::format::Activation;

/// One element. Not inlined: it is seldom needed, long, and there are many kernels.
#[inline(never)]
pub(in super::super) fn activate_one(x: f32, activation: Activation) -> f32 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu(slope) => x.max(0.0) + slope * x.min(0.0),
        Activation::Tanh => libm::tanhf(x),
        Activation::Sigmoid => 0.5 * libm::tanhf(0.5 * x) + 0.5,
        Activation::Clip(low, high) => x.max(low).min(high),
        Activation::Softplus => x.max(0.0) + libm::log1pf(libm::expf(-x.abs())),
        Activation::Elu(alpha) => x.max(0.0) + alpha * libm::expm1f(x.min(0.0)),
    }
}

/// tanh as a rational function of degree 13 over 6 on -7.9 to 7.9, where it is 1 to the last bit;
/// the coefficients are those of Eigen's `generic_fast_tanh_float`. Within 5e-7 of tanh.
#[allow(clippy::excessive_precision, reason = "the published coefficients")]
#[inline(always)]
unsafe fn tanh<V: F32Vector>(x: V) -> V {
    unsafe {
        let limit = 7.905_311;
        let x = x.min(V::splat(limit)).max(V::splat(-limit));
        let square = x.mul(x);
        let horner = |coefficients: &[f32]| {
            let mut sum = V::splat(0.0);
            for &coefficient in coefficients {
                sum = V::splat(coefficient).fma(sum, square);
            }
            sum
        };
        let numerator = horner(&[
            -2.760_768_4e-16,
            2.000_187_9e-13,
            -8.604_672e-11,
            5.122_297e-8,
            1.485_722_4e-5,
            6.372_619e-4,
            4.893_524_6e-3,
        ]);
        let denominator = horner(&[
            1.198_258_4e-6,
            1.185_347_06e-4,
            2.268_434_6e-3,
            4.893_525_2e-3,
        ]);
        x.mul(numerator).div(denominator)
    }
}

/// A vector.
#[inline(always)]
pub(super) unsafe fn activate_vector<V: F32Vector>(x: V, activation: Activation) -> V {
    unsafe {
        let zero = V::splat(0.0);
        match activation {
            Activation::None => x,
            Activation::Relu => x.max(zero),
            Activation::LeakyRelu(slope) => x.max(zero).fma(V::splat(slope), x.min(zero)),
            Activation::Tanh => tanh(x),
            Activation::Sigmoid => {
                let half = V::splat(0.5);
                half.fma(half, tanh(x.mul(half)))
            }
            Activation::Clip(low, high) => x.max(V::splat(low)).min(V::splat(high)),
            Activation::Softplus | Activation::Elu(_) => {
                let mut elements = [0.0; 16];
                x.store(elements.as_mut_ptr());
                for element in elements.iter_mut().take(V::LANES) {
                    *element = activate_one(*element, activation);
                }
                V::load(elements.as_ptr())
            }
        }
    }
}

/// Vectors in memory.
///
/// # Safety
/// `x` must be good for `len` elements.
#[inline(always)]
pub(super) unsafe fn activate_all<V: F32Vector>(x: *mut f32, len: usize, activation: Activation) {
    unsafe {
        let mut i = 0;
        // By vectors here alone: in each kernel it would be much code.
        if let Activation::Elu(alpha) = activation {
            for x in core::slice::from_raw_parts_mut(x, len) {
                *x = x.max(0.0) + alpha * exp_m1(x.min(0.0));
            }
            return;
        }
        while i + V::LANES <= len {
            activate_vector(V::load(x.add(i)), activation).store(x.add(i));
            i += V::LANES;
        }
        if i < len {
            let mut rest = [0.0; 16];
            core::ptr::copy_nonoverlapping(x.add(i), rest.as_mut_ptr(), len - i);
            activate_vector(V::load(rest.as_ptr()), activation).store(rest.as_mut_ptr());
            core::ptr::copy_nonoverlapping(rest.as_ptr(), x.add(i), len - i);
        }
    }
}

/// Stores the first `len` elements of a vector.
///
/// # Safety
/// `to` must be good for `len` elements.
#[inline(always)]
pub(super) unsafe fn store_some<V: F32Vector>(vector: V, to: *mut f32, len: usize) {
    unsafe {
        if len >= V::LANES {
            vector.store(to);
        } else {
            let mut elements = [0.0; 16];
            vector.store(elements.as_mut_ptr());
            core::ptr::copy_nonoverlapping(elements.as_ptr(), to, len);
        }
    }
}
