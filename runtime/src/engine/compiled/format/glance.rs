//! What sizes of memory depend on, read in constants, where [`Header::parse`](super::Header::parse)
//! cannot run.

use super::bytes::word;
use super::header::{HEADER_LEN, MAGIC, field};
use super::layer::LAYER_LEN;
use super::packing::ALIGNMENT;
use super::record;
use super::row_layer::size_of_code;
use super::strided::STRIDED;
use crate::image::Shape;

/// Scratch bytes that [`Engine::generate`](crate::engine::compiled::Engine::generate) needs for the
/// model in `file`, room to align them included; 0 if `file` is no compiled model. To size a
/// static:
///
/// ```
/// # mod firmware {
/// # use dreamlet_runtime::engine::compiled::scratch_len;
/// # const DIGITS: &[u8] = &[];
/// static mut SCRATCH: [u8; scratch_len(DIGITS)] = [0; scratch_len(DIGITS)];
/// # }
/// ```
#[must_use]
pub const fn scratch_len(file: &[u8]) -> usize {
    match Glance::new(file) {
        Some(glance) => glance.scratch_len.saturating_add(ALIGNMENT - 1),
        None => 0,
    }
}

/// What sizes of memory depend on, in a constant: nothing is checked but the magic.
pub(crate) struct Glance {
    pub(crate) scratch_len: usize,
    pub(crate) shape: Shape,
    pub(crate) layers: usize,
    /// Bytes of an element that the last layer makes.
    pub(crate) element_size: usize,
}

impl Glance {
    /// `None` if `file` is no compiled model.
    pub(crate) const fn new(file: &[u8]) -> Option<Self> {
        let Some(magic) = file.first_chunk::<8>() else {
            return None;
        };
        if u64::from_le_bytes(*magic) != u64::from_le_bytes(MAGIC) {
            return None;
        }
        let (Some(scratch_len), Some(channels), Some(height), Some(width), Some(layers)) = (
            word(file, field::SCRATCH_LEN),
            word(file, field::CHANNELS),
            word(file, field::HEIGHT),
            word(file, field::WIDTH),
            word(file, field::LAYERS),
        ) else {
            return None;
        };
        let last = (layers as usize).saturating_sub(1);
        let begin = HEADER_LEN.saturating_add(last.saturating_mul(LAYER_LEN));
        let Some(dtypes) = word(file, begin.saturating_add(4 * record::field::DTYPES)) else {
            return None;
        };
        Some(Self {
            scratch_len: scratch_len as usize,
            shape: Shape {
                channels: channels as usize,
                height: height as usize,
                width: width as usize,
            },
            layers: layers as usize,
            element_size: size_of_code(dtypes >> 8 & 255) as usize,
        })
    }

    /// Bytes of so many rows as the last layer makes them.
    pub(crate) const fn frame_len(&self, rows: usize) -> usize {
        self.row_len()
            .saturating_mul(rows)
            .saturating_mul(self.element_size)
    }

    /// Bytes of one row of pixels.
    pub(crate) const fn row_len(&self) -> usize {
        self.shape.channels.saturating_mul(self.shape.width)
    }
}

/// The table of layers of a file of so many bytes; nothing where it ends before.
pub(crate) const fn records(file: &[u8]) -> &[u8] {
    match file.split_at_checked(HEADER_LEN) {
        Some((_, records)) => records,
        None => &[],
    }
}

/// A word of the header; 0 where the file ends before.
pub(crate) const fn header_word(file: &[u8], at: usize) -> usize {
    match word(file, at) {
        Some(word) => word as usize,
        None => 0,
    }
}

/// What a build can lack for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    F32,
    Strided,
}

/// What this build lacks for the layers of a file, in constants.
pub(crate) const fn left_out(file: &[u8]) -> Option<LeftOut> {
    let mut layer = 0;
    while layer < header_word(file, field::LAYERS) {
        let begin = HEADER_LEN.saturating_add(layer.saturating_mul(LAYER_LEN));
        let (Some(op), Some(dtypes)) = (
            word(file, begin.saturating_add(4 * record::field::OP)),
            word(file, begin.saturating_add(4 * record::field::DTYPES)),
        ) else {
            return None;
        };
        // Codes from the first strided one on are strided, but that of sums of int8.
        if op >= STRIDED && op != record::QUANTIZED_ADD && !cfg!(feature = "strided") {
            return Some(LeftOut::Strided);
        }
        if dtypes >> 8 & 255 == 0 && !cfg!(feature = "f32") {
            return Some(LeftOut::F32);
        }
        layer += 1;
    }
    None
}
