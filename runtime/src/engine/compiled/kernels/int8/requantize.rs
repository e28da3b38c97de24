//! From 32-bit sums to bytes.

use crate::engine::compiled::format::padded;

/// How the sums of a layer become bytes, see [`Requantization`](crate::engine::compiled::format::Requantization).
#[derive(Clone, Copy)]
pub(in super::super::super) struct Requantizer<'a> {
    /// What the sums of each channel begin with, if not with 0; padded to whole blocks.
    pub(super) bias: Option<&'a [i32]>,
    /// What the sums of each channel are multiplied with, padded likewise.
    pub(super) multipliers: &'a [i32],
    /// By how many bits products are shifted, 1 to 62.
    pub(super) shift: u32,
    /// `2^(shift - 1)`.
    pub(super) half: i64,
    /// The least and the greatest that a rounded number is clamped to.
    pub(super) low: i32,
    pub(super) high: i32,
    /// The byte of each number from `low` to `high`.
    pub(super) table: Option<&'a [u8]>,
}

impl<'a> Requantizer<'a> {
    /// `bias` and `multipliers` are padded to whole blocks; `table` is the table and its bits; `signed` says what the output is where there
    /// is none. `None` if `shift` or `table` are not as the format has them.
    pub(in super::super::super) fn new(
        bias: Option<&'a [i32]>,
        multipliers: &'a [i32],
        shift: u32,
        table: Option<(&'a [u8], u32)>,
        signed: bool,
    ) -> Option<Self> {
        let (low, high) = match table {
            Some((table, bits)) => {
                if !(1..=16).contains(&bits) || table.len() != 1 << bits {
                    return None;
                }
                (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
            }
            None if signed => (-127, 127),
            None => (0, 255),
        };
        Some(Self {
            bias,
            multipliers,
            shift,
            half: 1_i64.checked_shl(shift.checked_sub(1)?)?,
            low,
            high,
            table: table.map(|(table, _)| table),
        })
        .filter(|_| shift < 63)
    }

    /// Whether there is a multiplier, and a bias where there are some, for each of `outputs` channels and their padding.
    pub(super) fn fits(&self, outputs: usize) -> bool {
        self.multipliers.len() == padded(outputs)
            && self.bias.is_none_or(|bias| bias.len() == padded(outputs))
    }

    /// The number that the sum of a channel begins with.
    #[inline(always)]
    pub(super) fn bias(&self, channel: usize) -> i32 {
        self.bias
            .and_then(|bias| bias.get(channel))
            .copied()
            .unwrap_or(0)
    }

    /// What a channel's sums are multiplied with.
    #[inline(always)]
    pub(super) fn multiplier(&self, channel: usize) -> i32 {
        self.multipliers.get(channel).copied().unwrap_or(0)
    }

    /// A sum that has its bias, times its channel's multiplier, rounded and clamped.
    #[inline(always)]
    pub(super) fn clamped(&self, sum: i32, multiplier: i32) -> i32 {
        // Within 2^62 + 2^61.
        let scaled = i64::from(sum) * i64::from(multiplier) + self.half;
        let rounded = scaled >> self.shift;
        rounded.max(self.low.into()).min(self.high.into()) as i32
    }

    /// The byte of a number that has been rounded and clamped.
    #[inline(always)]
    pub(super) fn looked_up(&self, clamped: i32) -> u8 {
        match self.table {
            None => clamped as u8,
            Some(table) => table
                .get(clamped.wrapping_sub(self.low) as usize)
                .copied()
                .unwrap_or(0),
        }
    }
}
