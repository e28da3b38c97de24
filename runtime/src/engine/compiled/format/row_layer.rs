//! What running a layer for a few rows at a time needs to know of it, read in constants, where
//! [`Layer::parse`](super::Layer::parse) cannot run.

use super::layer::LAYER_LEN;
use super::packing::BLOCK;
use super::record::{COL2IM_CONV, IMAGE, QUANTIZED_ADD, field, words_of};

/// Which input rows an output row reads.
#[derive(Clone, Copy)]
pub(crate) enum RowKind {
    /// All, or it is not known.
    Other,
    /// The one of the same number.
    Same,
    /// The same, of an image whose channels are written after one another.
    Planar,
    /// Those under a kernel.
    Conv,
    /// Those of a transposed convolution.
    Transposed,
    /// One row for [`RowRule::stride`] of them.
    Blocks,
    /// The nearest of half as many, and the one beside it.
    Double,
    /// Those of a convolution with few output channels, once each.
    Sums,
}

/// Which input rows the rows of a layer read.
#[derive(Clone, Copy)]
pub(crate) struct RowRule {
    pub(crate) kind: RowKind,
    /// Whether its tensors are vectors here, whatever rows they have.
    pub(crate) flat: bool,
    /// Input rows.
    pub(crate) rows: u16,
    /// Rows from the first tap to the last; of [`RowKind::Sums`] how far rows read ahead.
    pub(crate) reach: u16,
    /// At least 1, as [`Self::phases`].
    pub(crate) stride: u16,
    /// Rows of zeros; of [`RowKind::Sums`] how far rows stay behind.
    pub(crate) pad: u16,
    /// Rows that [`RowKind::Sums`] makes of the same input rows.
    pub(crate) phases: u16,
}

/// Bytes of scratch memory.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Bytes {
    pub(crate) const NONE: Self = Self { from: 0, to: 0 };

    /// `len` bytes at a buffer; none if that is not in scratch memory.
    const fn at(buffer: u32, len: u32) -> Self {
        if buffer >= IMAGE {
            return Self::NONE;
        }
        Self {
            from: buffer,
            to: buffer.saturating_add(len),
        }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.to <= self.from
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Both, and what is between them.
    pub(crate) const fn and(mut self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if !other.is_empty() && other.from < self.from {
            self.from = other.from;
        }
        if other.to > self.to {
            self.to = other.to;
        }
        self
    }
}

/// A layer, as far as its rows depend on it. Nothing is checked.
#[derive(Clone, Copy)]
pub(crate) struct RowLayer {
    pub(crate) rule: RowRule,
    /// Output rows.
    pub(crate) rows: u16,
    /// Channels of the image that it may be the last layer of; 0 if it makes no image.
    pub(crate) channels: u32,
    /// What it reads.
    pub(crate) reads: [Bytes; 2],
    /// What it writes.
    pub(crate) writes: Bytes,
    /// Memory of its own; without an end where its size is not known.
    pub(crate) own: Bytes,
}

impl RowLayer {
    pub(crate) const NONE: Self = Self {
        rule: RowRule {
            kind: RowKind::Other,
            flat: false,
            rows: 0,
            reach: 0,
            stride: 1,
            pad: 0,
            phases: 1,
        },
        rows: 0,
        channels: 0,
        reads: [Bytes::NONE; 2],
        writes: Bytes::NONE,
        own: Bytes::NONE,
    };

    /// Whether it can be run for rows by itself, as the last layer of an image of so many channels
    /// or before it.
    pub(crate) const fn fits(&self, last: bool, channels: usize) -> bool {
        match self.rule.kind {
            RowKind::Other => false,
            _ if last => self.channels as usize == channels,
            RowKind::Planar | RowKind::Sums => false,
            _ => self.channels == 0,
        }
    }
}

/// The least and the greatest of what is added to an output's row for an input row, over all taps
/// and phases. Nothing but zeros for a geometry that no checked model has.
pub(crate) const fn tap_span(
    [kernel, stride, pad, dilation]: [u32; 4],
    transposed: bool,
) -> (i32, i32) {
    if kernel == 0 || kernel > 64 || (stride | pad | dilation) > u16::MAX as u32 {
        return (0, 0);
    }
    let (stride, pad) = (stride as i32, pad as i32);
    let reach = ((kernel - 1) * dilation) as i32 - pad;
    if !transposed {
        return (-pad, reach);
    }
    // The phase that a tap is of is what it is beyond a multiple of the stride.
    match (
        reach.checked_div_euclid(stride),
        (-pad).checked_div_euclid(stride),
    ) {
        (Some(last), Some(first)) => (-last, -first),
        _ => (0, 0),
    }
}

/// Rows of sums that are kept of a span of taps.
pub(crate) const fn kept_rows((least, most): (i32, i32), rows: u32) -> u32 {
    let span = (most - least + 1) as u32;
    let kept = if span < rows { span } else { rows };
    if kept > 1 { kept } else { 1 }
}

/// Record number `layer` of a table of layers.
pub(crate) const fn row_layer(records: &[u8], layer: usize) -> RowLayer {
    let mut row = RowLayer::NONE;
    let Some((_, record)) = records.split_at_checked(layer.saturating_mul(LAYER_LEN)) else {
        return row;
    };
    let Some(record) = record.first_chunk() else {
        return row;
    };
    let words = words_of(record);
    let input_size = size_of_code(words[field::DTYPES] & 255);
    let output_size = size_of_code(words[field::DTYPES] >> 8 & 255);
    let (height, width, channels) = (
        words[field::INPUT_SHAPE],
        words[field::INPUT_SHAPE + 1],
        words[field::INPUT_SHAPE + 2],
    );
    let (to_height, to_width, to_channels) = (
        words[field::OUTPUT_SHAPE],
        words[field::OUTPUT_SHAPE + 1],
        words[field::OUTPUT_SHAPE + 2],
    );
    let (input, second, output) = (
        words[field::INPUT],
        words[field::SECOND],
        words[field::OUTPUT],
    );
    let elements = product(height, width, channels);
    row.reads[0] = Bytes::at(input, elements.saturating_mul(input_size));
    let written = product(to_height, to_width, to_channels);
    row.writes = Bytes::at(output, written.saturating_mul(output_size));
    let vector = height == 1 && width == 1;
    let value = field::VALUES;
    let axis = [
        words[value],
        words[value + 2],
        words[value + 4],
        words[value + 6],
    ];
    let transposed = words[value + 9] & 1 == 1;
    let block = match to_height.checked_div(height) {
        Some(block) => block,
        None => 0,
    };
    let mut kind = RowKind::Other;
    let mut flat = false;
    let (mut reach, mut stride, mut pad, mut phases) = (0, 1, 0, 1);
    let (mut rows, mut image_channels) = (to_height, 1);
    match words[field::OP] {
        2 | 4 => {
            kind = if transposed {
                RowKind::Transposed
            } else {
                RowKind::Conv
            };
            reach = axis[0].saturating_sub(1).saturating_mul(axis[3]);
            stride = axis[1];
            pad = axis[2];
        }
        COL2IM_CONV => {
            let span = tap_span(axis, transposed);
            kind = RowKind::Sums;
            image_channels = to_channels;
            if span.1 > 0 {
                reach = span.1 as u32;
            } else {
                pad = -span.1 as u32;
            }
            if transposed {
                phases = axis[1];
            } else {
                stride = axis[1];
            }
            let sums = product(axis[0], words[value + 1], to_channels);
            let sums = sums.div_ceil(BLOCK as u32).saturating_mul(4 * BLOCK as u32);
            row.own = Bytes::at(second, product(sums, kept_rows(span, height), width));
        }
        5 | 17 | 18 => {
            kind = RowKind::Same;
            flat = vector;
        }
        6 | 7 if !vector => kind = RowKind::Same,
        8 if words[value + 1] == 0 => {
            kind = RowKind::Same;
            flat = vector;
            row.reads[1] = Bytes::at(second, elements.saturating_mul(4));
        }
        8 => row.reads[1] = Bytes::at(second, channels.saturating_mul(4)),
        QUANTIZED_ADD => {
            kind = RowKind::Same;
            flat = vector;
            row.reads[1] = Bytes::at(second, elements);
        }
        9 | 11 if block > 0 => {
            kind = RowKind::Blocks;
            stride = block;
        }
        10 if words[value] == 0 && block == 2 && to_width / 2 == width => kind = RowKind::Double,
        14 => {
            kind = RowKind::Planar;
            rows = height;
            image_channels = channels;
        }
        19 => row.own = Bytes::at(second, u32::MAX),
        _ => {}
    }
    if output == IMAGE {
        row.channels = image_channels;
    }
    let small = (height | rows | reach | stride | pad | phases) <= u16::MAX as u32;
    if small && stride > 0 && phases > 0 && input < IMAGE {
        row.rows = rows as u16;
        row.rule = RowRule {
            kind,
            flat,
            rows: height as u16,
            reach: reach as u16,
            stride: stride as u16,
            pad: pad as u16,
            phases: phases as u16,
        };
    }
    row
}

const fn product(a: u32, b: u32, c: u32) -> u32 {
    a.saturating_mul(b).saturating_mul(c)
}

/// Bytes of an element, by the code of its dtype.
pub(super) const fn size_of_code(code: u32) -> u32 {
    match code {
        0 => 4,
        1 | 4 => 2,
        _ => 1,
    }
}
