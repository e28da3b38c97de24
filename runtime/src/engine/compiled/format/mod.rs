//! The file of a compiled model: what its bytes mean. `docs/reference/dream-format.md` says the same byte by byte.
//!
//! Everything is little-endian. [`Header`] and [`Layer`] are plain values that are parsed from and emitted to bytes; whether they
//! make a model that can be run is for [`Model::new`](super::Model::new) to say.

mod checksum;
mod error;
mod header;
mod layer;
mod record;

pub use checksum::checksum;
pub use error::FormatError;
pub(crate) use header::Glance;
pub use header::{CHECKED_FROM, HEADER_LEN, Header, MAGIC, VERSION, scratch_len};
pub use layer::{
    Activation, BinaryKind, Broadcast, BufferRef, Convolution, Coordinates, DType, HwcShape,
    LAYER_LEN, Layer, Op, PadKind, Requantization, Weights,
};

/// Alignment of every tensor in the file and of every buffer in scratch memory, in bytes: a cache line, and the widest vector.
pub const ALIGNMENT: usize = 64;

/// Output channels that lie side by side in packed weights, see [`Op::Dense`] and [`Op::Conv`].
pub const BLOCK: usize = 16;

/// `len` rounded up to whole [`BLOCK`]s.
#[must_use]
pub const fn padded(len: usize) -> usize {
    len.div_ceil(BLOCK) * BLOCK
}
