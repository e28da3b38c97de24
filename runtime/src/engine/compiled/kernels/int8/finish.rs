//! What becomes of 32-bit sums.

use super::requantize::Requantizer;

/// What becomes of sums, and where it is written.
pub(super) enum Finish<'a> {
    /// Bytes.
    Bytes(Requantizer<'a>, &'a mut [u8]),
    /// The sums as they are.
    Sums(&'a mut [i32]),
}

impl Finish<'_> {
    /// Whether there is what it needs for so many channels.
    pub(super) fn fits(&self, outputs: usize) -> bool {
        match self {
            Self::Bytes(how, _) => how.fits(outputs),
            Self::Sums(_) => true,
        }
    }

    /// Elements of the output.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Bytes(_, out) => out.len(),
            Self::Sums(out) => out.len(),
        }
    }

    /// What the sums of four channels from `channel` on begin with.
    #[inline(always)]
    pub(super) fn first(&self, channel: usize) -> Option<[i32; 4]> {
        match self {
            Self::Bytes(Requantizer { bias: Some(b), .. }, _) => {
                b.get(channel..)?.first_chunk().copied()
            }
            _ => Some([0; 4]),
        }
    }

    /// Writes the sums of the channels from `channel` on, at most `len`, from number `at` of the
    /// output on.
    #[inline(always)]
    pub(super) fn store(
        &mut self,
        sums: [i32; 4],
        channel: usize,
        at: usize,
        len: usize,
    ) -> Option<()> {
        match self {
            Self::Bytes(how, out) => {
                let multipliers = how.multipliers.get(channel..)?;
                let sums = sums.iter().zip(multipliers).take(len);
                for (to, (sum, multiplier)) in out.get_mut(at..)?.iter_mut().zip(sums) {
                    *to = how.looked_up(how.clamped(*sum, *multiplier));
                }
            }
            Self::Sums(out) => {
                for (to, sum) in out.get_mut(at..)?.iter_mut().zip(sums).take(len) {
                    *to = sum;
                }
            }
        }
        Some(())
    }
}
