//! How tensors lie in memory.

/// Alignment of every tensor in the file and of every buffer in scratch memory, in bytes: a cache
/// line, and the widest vector.
pub const ALIGNMENT: usize = 64;

/// Output channels that lie side by side in packed weights, see [`Op::Dense`](super::Op::Dense) and
/// [`Op::Conv`](super::Op::Conv).
pub const BLOCK: usize = 16;

/// `len` rounded up to whole [`BLOCK`]s.
#[must_use]
pub const fn padded(len: usize) -> usize {
    len.div_ceil(BLOCK) * BLOCK
}
