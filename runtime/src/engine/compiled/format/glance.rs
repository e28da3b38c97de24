//! What sizes of memory depend on, read in constants, where [`Header::parse`](super::Header::parse)
//! cannot run.

use super::bytes::word;
use super::header::{HEADER_LEN, MAGIC, field};
use super::layer::LAYER_LEN;
use super::packing::ALIGNMENT;
use super::record;
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
    pub(crate) last: Last,
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
        let Some(last) = last(file, (layers as usize).saturating_sub(1)) else {
            return None;
        };
        Some(Self {
            scratch_len: scratch_len as usize,
            shape: Shape {
                channels: channels as usize,
                height: height as usize,
                width: width as usize,
            },
            last,
        })
    }
}

/// What a row of the image needs to know of the last layer; see [`last`].
pub(crate) struct Last {
    /// Whether it is [`Op::Col2ImConv`](super::Op::Col2ImConv).
    pub(crate) col2im: bool,
    /// Bytes of an output element.
    pub(crate) element_size: usize,
}

/// Record number `layer` of the file, in a constant, where [`Layer::parse`](super::Layer::parse)
/// cannot run; nothing is checked. `None` if the file ends before.
pub(crate) const fn last(file: &[u8], layer: usize) -> Option<Last> {
    let begin = HEADER_LEN.saturating_add(layer.saturating_mul(LAYER_LEN));
    let (Some(op), Some(dtypes)) = (
        word(file, begin.saturating_add(4 * record::field::OP)),
        word(file, begin.saturating_add(4 * record::field::DTYPES)),
    ) else {
        return None;
    };
    Some(Last {
        col2im: op == record::COL2IM_CONV,
        element_size: match dtypes >> 8 & 255 {
            0 => 4,
            1 | 4 => 2,
            _ => 1,
        },
    })
}
