//! The sum of two tensors of bytes.

use super::requantize::Requantizer;

/// Elements that are added before they become bytes.
const SOME: usize = 64;

/// An addition with its data.
pub(in super::super::super) struct Int8Add<'a> {
    /// The second tensor.
    pub other: &'a [u8],
    /// Whether the bytes of each tensor are signed.
    pub signed: [bool; 2],
    /// What the elements of each are multiplied with.
    pub multipliers: [i32; 2],
    /// From the sum to a byte; it has no multipliers and no biases of its own.
    pub requantizer: Requantizer<'a>,
}

/// Adds to the bytes of the first tensor, in place. A plain loop that compilers make vectors of.
pub(in super::super::super) fn int8_add(call: &Int8Add<'_>, out: &mut [u8]) {
    let how = &call.requantizer;
    // A signed byte is `(byte ^ 128) - 128`, an unsigned one `(byte ^ 0) - 0`: one loop for all. A
    // sum that does not fit goes around, and comes back with what is taken off.
    let flips = call.signed.map(|signed| u8::from(signed) << 7);
    let [first, second] = call.multipliers;
    let shift = how.shift;
    let mut begin = how.half as i32;
    for (flip, multiplier) in flips.into_iter().zip(call.multipliers) {
        begin = begin.wrapping_sub(i32::from(flip).wrapping_mul(multiplier));
    }
    let mut sums = [0; SOME];
    for (out, other) in out.chunks_mut(SOME).zip(call.other.chunks(SOME)) {
        for ((sum, a), b) in sums.iter_mut().zip(out.iter()).zip(other) {
            let a = i32::from(a ^ flips[0]).wrapping_mul(first);
            let b = i32::from(b ^ flips[1]).wrapping_mul(second);
            let all = a.wrapping_add(b).wrapping_add(begin);
            *sum = all.wrapping_shr(shift).max(how.low).min(how.high);
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = how.looked_up(sum);
        }
    }
}
