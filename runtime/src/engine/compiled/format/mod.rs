//! The file of a compiled model: what its bytes mean. `docs/reference/dream-format.md` says the
//! same byte by byte.
//!
//! Everything is little-endian. [`Header`] and [`Layer`] are plain values that are parsed from and
//! emitted to bytes; whether they make a model that can be run is for
//! [`Model::new`](super::Model::new) to say.

mod bytes;
mod checksum;
mod emit;
mod error;
mod glance;
mod header;
mod layer;
mod packing;
mod parse;
mod record;
mod row_layer;
mod strided;
#[cfg(feature = "alloc")]
mod strided_emit;
mod trailer;

pub use checksum::checksum;
pub use error::FormatError;
pub use glance::scratch_len;
pub(crate) use glance::{Glance, LeftOut, header_word, left_out, records};
pub(crate) use header::field::{
    CHECKSUM as CHECKSUM_AT, CLASSES as CLASSES_AT, FILE_LEN as FILE_LEN_AT,
    LATENT_LEN as LATENT_LEN_AT,
};
pub use header::{CHECKED_FROM, HEADER_LEN, Header, MAGIC, VERSION};
pub use layer::{
    Activation, BinaryKind, Broadcast, BufferRef, Convolution, Coordinates, DType, HwcShape,
    LAYER_LEN, Layer, Op, PadKind, Requantization, Weights,
};
pub use packing::{ALIGNMENT, BLOCK, padded};
pub(crate) use row_layer::{Bytes, RowKind, RowLayer, RowRule, kept_rows, row_layer, tap_span};
pub use strided::{
    MAX_CONSTANTS, MAX_INSTRUCTIONS, MAX_OPERANDS, MAX_RANK, MapOp, OperandRef, REGISTERS,
    Reduction, StridedKind,
};
pub(crate) use strided::{Parts, SourceCode, Strided, Walk};
#[cfg(feature = "alloc")]
pub use strided_emit::{
    Instruction, Source, StridedError, StridedLayer, StridedOperand, StridedWork, Strides,
};
pub use trailer::{SIGNATURE_LEN, TRAILER_LEN, TRAILER_MAGIC, split_trailer, trailer};
