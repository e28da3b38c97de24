//! What becomes of 32-bit sums.

use super::requantize::Requantizer;

/// What becomes of a sum.
pub(super) trait Finish: Copy {
    /// What is written.
    type Output: Copy;
    /// What the sum of a channel begins with.
    fn first(&self, channel: usize) -> i32;
    /// What is written for it.
    fn output(&self, sum: i32, channel: usize) -> Self::Output;
    /// Whether there is what it needs for so many channels.
    fn fits(&self, outputs: usize) -> bool;
}

impl Finish for Requantizer<'_> {
    type Output = u8;
    #[inline(always)]
    fn first(&self, channel: usize) -> i32 {
        self.bias(channel)
    }
    #[inline(always)]
    fn output(&self, sum: i32, channel: usize) -> u8 {
        self.looked_up(self.clamped(sum, self.multiplier(channel)))
    }
    fn fits(&self, outputs: usize) -> bool {
        self.fits(outputs)
    }
}

/// Sums stay as they are.
#[derive(Clone, Copy)]
pub(super) struct Raw;

impl Finish for Raw {
    type Output = i32;
    #[inline(always)]
    fn first(&self, _: usize) -> i32 {
        0
    }
    #[inline(always)]
    fn output(&self, sum: i32, _: usize) -> i32 {
        sum
    }
    fn fits(&self, _: usize) -> bool {
        true
    }
}
