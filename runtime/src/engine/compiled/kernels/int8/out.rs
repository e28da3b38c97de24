//! From vectors of sums to what is written.

use core::mem::MaybeUninit;

use super::finish::Finish;
use super::requantize::Requantizer;
use super::simd::I32Vector;
use crate::engine::compiled::format::BLOCK;

/// Output channels of the widest tile.
const MOST: usize = 4 * BLOCK;

/// What becomes of vectors of sums, and where the first of it is written: a [`Finish`] that kernels
/// may copy.
#[derive(Clone, Copy)]
pub(super) enum Out<'a> {
    /// Bytes.
    Bytes(Requantizer<'a>, *mut u8),
    /// The sums as they are.
    Sums(*mut i32),
}

impl<'a> From<&mut Finish<'a>> for Out<'a> {
    fn from(finish: &mut Finish<'a>) -> Self {
        match finish {
            Finish::Bytes(how, out) => Self::Bytes(*how, out.as_mut_ptr()),
            Finish::Sums(out) => Self::Sums(out.as_mut_ptr()),
        }
    }
}

impl Out<'_> {
    /// What the sums of the channels from `channel` on begin with.
    ///
    /// # Safety
    /// [`Finish::fits`] holds, and the processor has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn first<V: I32Vector>(&self, channel: usize) -> V {
        let bias = match self {
            Self::Bytes(how, _) => how.bias,
            Self::Sums(_) => None,
        };
        match bias {
            // SAFETY: by `fits` there is a bias for each channel and its padding.
            Some(bias) => unsafe { V::load(bias.as_ptr().add(channel)) },
            // SAFETY: the processor has the instructions.
            None => unsafe { V::splat(0) },
        }
    }

    /// Stores the sums of the channels from `channel` on, or the first `len` if there are more,
    /// from number `at` of the output on.
    ///
    /// # Safety
    /// As before, and the output is good for these elements.
    #[inline(always)]
    pub(super) unsafe fn store<V: I32Vector, const NV: usize>(
        &self,
        sums: [V; NV],
        channel: usize,
        at: usize,
        len: usize,
    ) {
        let all = NV * V::LANES;
        unsafe {
            match self {
                Self::Bytes(how, out) if len >= all => how.store(sums, channel, out.add(at)),
                Self::Bytes(how, out) => {
                    let mut bytes = MaybeUninit::<[u8; MOST]>::uninit();
                    let bytes = bytes.as_mut_ptr().cast();
                    how.store(sums, channel, bytes);
                    core::ptr::copy_nonoverlapping(bytes, out.add(at), len);
                }
                Self::Sums(out) if len >= all => store(sums, out.add(at)),
                Self::Sums(out) => {
                    let mut elements = MaybeUninit::<[i32; MOST]>::uninit();
                    let elements = elements.as_mut_ptr().cast();
                    store(sums, elements);
                    core::ptr::copy_nonoverlapping(elements, out.add(at), len);
                }
            }
        }
    }
}

/// Stores vectors one after another.
///
/// # Safety
/// As [`I32Vector`].
#[inline(always)]
unsafe fn store<V: I32Vector, const NV: usize>(vectors: [V; NV], to: *mut i32) {
    for v in 0..NV {
        unsafe { vectors[v].store(to.add(v * V::LANES)) };
    }
}

impl Requantizer<'_> {
    /// Stores the bytes of the sums of the channels from `channel` on.
    ///
    /// # Safety
    /// As [`Out::store`].
    #[inline(always)]
    unsafe fn store<V: I32Vector, const NV: usize>(
        &self,
        sums: [V; NV],
        channel: usize,
        to: *mut u8,
    ) {
        unsafe {
            let mut clamped = sums;
            for v in 0..NV {
                let multipliers = self.multipliers.as_ptr().add(channel + v * V::LANES);
                clamped[v] = sums[v].clamped(V::load(multipliers), self);
            }
            let Some(table) = self.table else {
                for v in 0..NV {
                    clamped[v].store_bytes(to.add(v * V::LANES));
                }
                return;
            };
            for v in 0..NV {
                clamped[v] = clamped[v].sub(V::splat(self.low));
            }
            let mut elements = MaybeUninit::<[i32; MOST]>::uninit();
            let elements = elements.as_mut_ptr().cast::<i32>();
            store(clamped, elements);
            for i in 0..NV * V::LANES {
                // What is clamped lies in the table, which has an entry for each number from `low`
                // to `high`.
                *to.add(i) = *table.as_ptr().add(*elements.add(i) as usize);
            }
        }
    }
}

/// Sums of one channel, rounded and clamped in their place.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn clamp<V: I32Vector>(how: &Requantizer<'_>, multiplier: i32, sums: &mut [i32]) {
    unsafe {
        let multipliers = V::splat(multiplier);
        let mut chunks = sums.chunks_exact_mut(V::LANES);
        for sums in chunks.by_ref() {
            let clamped = V::load(sums.as_ptr()).clamped(multipliers, how);
            clamped.store(sums.as_mut_ptr());
        }
        for sum in chunks.into_remainder() {
            *sum = how.clamped(*sum, multiplier);
        }
    }
}
