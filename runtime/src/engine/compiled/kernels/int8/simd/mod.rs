//! The small vectors of sums that kernels of bytes are written over.

#[cfg(target_arch = "aarch64")]
pub(super) mod arm;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

use super::{QuantizedElement, Requantizer};
use crate::engine::compiled::format::BLOCK;

/// Several 32-bit sums side by side, of as many output channels. Everything goes around at 32 bits.
///
/// # Safety
/// Methods of a type may only run where the processor has its instructions, and inlined into a function that is compiled for them;
/// pointers must be good for [`LANES`](Self::LANES) numbers.
pub(super) trait I32Vector: Copy {
    /// Sums in a vector, a divisor of 16.
    const LANES: usize;

    unsafe fn splat(x: i32) -> Self;
    unsafe fn load(from: *const i32) -> Self;
    unsafe fn store(self, to: *mut i32);
    unsafe fn sub(self, other: Self) -> Self;
    /// [`Requantizer::clamped`] of each.
    unsafe fn clamped(self, multipliers: Self, how: &Requantizer<'_>) -> Self;
    /// Stores the low byte of each.
    unsafe fn store_bytes(self, to: *mut u8);
}

/// What sums are while products with numbers of one type are added to them.
///
/// # Safety
/// As [`I32Vector`].
pub(super) trait Products<X: QuantizedElement>: Copy {
    /// The sums that they become.
    type Sums: I32Vector;
    /// Input channels of a pixel, ready for all lanes.
    type Inputs: Copy;
    /// Weights `[16][4]` of as many output channels as there are lanes, made ready.
    type Weights: Copy;
    /// Sums in a vector.
    const LANES: usize = Self::Sums::LANES;
    /// Most vectors of output channels that a tile has.
    const WIDE: usize;
    /// Pixels of a tile that is 1, 2, 3 or 4 vectors wide: as many as the registers hold.
    const PIXELS: [usize; 4];
    /// How many fours of input channels are multiplied together, at most: 1, 2 or 4.
    const FOURS: usize = 1;
    /// Whether what is multiplied is the inputs with something added, so that sums must be [corrected](Self::corrected).
    const SHIFTED: bool = false;

    /// Sums that begin with these.
    unsafe fn begin(first: Self::Sums) -> Self;
    /// What they have become.
    unsafe fn end(self) -> Self::Sums;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn weights(from: *const i8) -> Self::Weights;
    /// `F` fours of channels; `F` is at most [`FOURS`](Self::FOURS).
    unsafe fn inputs<const F: usize>(from: *const X) -> Self::Inputs;
    unsafe fn add_products<const F: usize>(
        self,
        inputs: Self::Inputs,
        weights: [Self::Weights; F],
    ) -> Self;
    /// Adds products of `F` fours of channels of `N` pixels, which are `pixel` numbers apart, and the weights of `NV` vectors, see [`load`].
    #[inline(always)]
    unsafe fn add_tile<const N: usize, const NV: usize, const F: usize>(
        sums: &mut [[Self; NV]; N],
        x: *const X,
        pixel: usize,
        weights: *const i8,
        block: usize,
    ) {
        unsafe {
            let weights = load::<X, Self, NV, F>(weights, block);
            for p in 0..N {
                let inputs = Self::inputs::<F>(x.add(p * pixel));
                for v in 0..NV {
                    sums[p][v] = sums[p][v].add_products(inputs, weights[v]);
                }
            }
        }
    }
    /// `sums` with what is missing in them once products with the weights of `channels` channels are added, see [`load`] for where those are: a
    /// multiple of the sum of these weights, whatever the inputs are.
    #[inline(always)]
    unsafe fn corrected<const NV: usize>(
        sums: [Self; NV],
        _weights: *const i8,
        _block: usize,
        _channels: usize,
    ) -> [Self; NV] {
        sums
    }
}

/// Weights of `F` fours of input channels, `[channel / 4][16][4]`, for `NV` vectors of output channels; `block` is from one block of these to
/// the next.
///
/// # Safety
/// As [`I32Vector`], and the weights are there.
#[inline(always)]
pub(super) unsafe fn load<X: QuantizedElement, V: Products<X>, const NV: usize, const F: usize>(
    from: *const i8,
    block: usize,
) -> [[V::Weights; F]; NV] {
    unsafe {
        let mut weights = [[V::weights(from); F]; NV];
        for f in 0..F {
            for v in 0..NV {
                let channel = v * V::LANES;
                let at = channel / BLOCK * block + channel % BLOCK * 4;
                weights[v][f] = V::weights(from.add(f * 4 * BLOCK + at));
            }
        }
        weights
    }
}

macro_rules! methods {
    ($($name:ident $(<const $f:ident: usize>)? ( $($arg:ident : $type:ty),* ) $(-> $result:ty)? = $body:expr;)*) => {
        $(#[inline(always)]
        #[allow(unused_unsafe, reason = "some only give what they got")]
        unsafe fn $name $(<const $f: usize>)? ($($arg: $type),*) $(-> $result)? {
            unsafe { $body }
        })*
    };
}
use methods;
