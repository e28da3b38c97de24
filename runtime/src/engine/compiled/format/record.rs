//! Where a record of the table of layers has its fields, and codes that are used more than once.

use super::layer::LAYER_LEN;

/// 32-bit words of a record.
pub(super) const WORDS: usize = LAYER_LEN / 4;
/// Code of the operation [`Op::Col2ImConv`](super::Op::Col2ImConv).
pub(super) const COL2IM_CONV: u32 = 3;
/// Code of the operation [`Op::QuantizedAdd`](super::Op::QuantizedAdd).
pub(super) const QUANTIZED_ADD: u32 = 26;
/// An offset that is none.
pub(super) const NONE: u32 = u32::MAX;
pub(super) const LATENT: u32 = u32::MAX - 1;
pub(super) const IMAGE: u32 = u32::MAX - 2;

/// The words of a record; also in constants.
pub(super) const fn words_of(record: &[u8; LAYER_LEN]) -> [u32; WORDS] {
    let bytes = record.as_chunks::<4>().0;
    let mut words = [0; WORDS];
    let mut i = 0;
    while i < words.len() && i < bytes.len() {
        words[i] = u32::from_le_bytes(bytes[i]);
        i += 1;
    }
    words
}

/// Where the fields begin, in words.
pub(super) mod field {
    pub(in super::super) const OP: usize = 0;
    pub(in super::super) const DTYPES: usize = 1;
    pub(in super::super) const ACTIVATION: usize = 2;
    pub(in super::super) const ACTIVATION_VALUES: usize = 3;
    pub(in super::super) const INPUT: usize = 5;
    pub(in super::super) const SECOND: usize = 6;
    pub(in super::super) const OUTPUT: usize = 7;
    pub(in super::super) const INPUT_SHAPE: usize = 8;
    pub(in super::super) const OUTPUT_SHAPE: usize = 11;
    pub(in super::super) const WEIGHTS: usize = 14;
    pub(in super::super) const BIAS: usize = 15;
    pub(in super::super) const MULTIPLIERS: usize = 16;
    pub(in super::super) const SHIFT: usize = 17;
    pub(in super::super) const TABLE: usize = 18;
    pub(in super::super) const TABLE_BITS: usize = 19;
    /// What belongs to the operation alone.
    pub(in super::super) const VALUES: usize = 20;
}
