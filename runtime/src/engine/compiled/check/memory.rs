//! Whether weights and buffers lie where they may.

use super::Check;
use crate::engine::compiled::format::{
    BufferRef, DType, FormatError, HwcShape, Op, Requantization, Weights,
};
use crate::engine::compiled::kernels::bytes_as;
use crate::engine::compiled::scratch::second_len;

/// A range of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Range {
    offset: u64,
    len: u64,
}

impl Range {
    fn meets(self, other: Self) -> bool {
        self.offset < other.offset.saturating_add(other.len)
            && other.offset < self.offset.saturating_add(self.len)
    }
}

impl Check<'_> {
    pub(super) fn weights(&self) -> Result<(), FormatError> {
        // What multiplies nothing else has a multiplier for each of two tensors.
        let multipliers = match self.layer.weights {
            Some(weights) => self.tensors(weights)?,
            None => 2,
        };
        if let Some(requantization) = self.layer.requantization {
            self.in_weights("multipliers", requantization.multipliers, 4 * multipliers)?;
            if let Some((offset, bits)) = requantization.table {
                self.in_weights("table", offset, 1 << bits)?;
            }
            if let Op::QuantizedAdd(_) = self.layer.op {
                self.addition(requantization)?;
            }
        }
        Ok(())
    }

    /// Weights and biases; how many there may be of the latter.
    fn tensors(&self, weights: Weights) -> Result<u64, FormatError> {
        let (input, output) = (self.layer.input_shape, self.layer.output_shape);
        let bytes = weights.dtype == DType::I8;
        let inputs = |n: u64| if bytes { n.next_multiple_of(4) } else { n };
        let pad = |n: u64| n.div_ceil(16) * 16;
        let outputs = u64::from(output.channels);
        let (elements, biases) = match self.layer.op {
            Op::Dense => {
                let n = pad(output.len());
                (Some(n * inputs(input.len())), n)
            }
            Op::Conv(c) => {
                let taps = u64::from(c.kernel[0]) * u64::from(c.kernel[1]);
                (
                    (taps * inputs(input.channels.into())).checked_mul(pad(outputs)),
                    pad(outputs),
                )
            }
            Op::Col2ImConv(c) => {
                let taps = u64::from(c.kernel[0]) * u64::from(c.kernel[1]);
                (
                    pad(taps * outputs).checked_mul(inputs(input.channels.into())),
                    pad(outputs),
                )
            }
            Op::GroupConv(c) => {
                let taps = u64::from(c.kernel[0]) * u64::from(c.kernel[1]);
                let inputs = input.channels.checked_div(c.groups).unwrap_or(0);
                ((taps * u64::from(inputs)).checked_mul(outputs), outputs)
            }
            Op::UpsampleConv => (
                (9 * pad(outputs)).checked_mul(input.channels.into()),
                pad(outputs),
            ),
            Op::Affine | Op::Prelu => (Some(outputs), outputs),
            Op::Strided(_, words) => (Some(words.into()), 0),
            Op::Lookup => (output.len().checked_mul(self.header.classes.into()), 0),
            _ => (Some(0), 0),
        };
        let len = elements.and_then(|n| n.checked_mul(weights.dtype.size() as u64));
        self.in_weights("weights", weights.offset, len.unwrap_or(u64::MAX))?;
        if let Some(bias) = weights.bias {
            self.in_weights("biases", bias, 4 * biases)?;
        }
        Ok(biases)
    }

    /// Whether sums of bytes by two multipliers fit 32 bits.
    fn addition(&self, how: Requantization) -> Result<(), FormatError> {
        let half = 1_u32
            .checked_shl(how.shift.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let room = i32::MAX.unsigned_abs().saturating_sub(half) / 255;
        let multipliers = self.weights.get(how.multipliers as usize..);
        let multipliers: Option<&[i32]> = multipliers.and_then(|bytes| bytes_as(bytes, 2));
        let sizes = multipliers.unwrap_or_default().iter();
        let sum = sizes.fold(0_u64, |sum, m| sum + u64::from(m.unsigned_abs()));
        self.ensure(sum <= room.into(), "multipliers of a sum of 32 bits", sum)
    }

    fn in_weights(&self, what: &'static str, offset: u32, len: u64) -> Result<(), FormatError> {
        let offset = u64::from(offset);
        if offset % 4 == 0 && offset.saturating_add(len) <= self.weights.len() as u64 {
            return Ok(());
        }
        Err(FormatError::Range {
            layer: self.index,
            what,
            offset,
            len,
            section: self.weights.len() as u64,
        })
    }

    fn in_scratch(
        &self,
        what: &'static str,
        buffer: BufferRef,
        len: u64,
    ) -> Result<Option<Range>, FormatError> {
        let BufferRef::Scratch(offset) = buffer else {
            return Ok(None);
        };
        let (offset, section) = (u64::from(offset), u64::from(self.header.scratch_len));
        if offset.saturating_add(len) > section {
            return Err(FormatError::Range {
                layer: self.index,
                what,
                offset,
                len,
                section,
            });
        }
        Ok(Some(Range { offset, len }))
    }

    /// Every buffer lies where it may, and nothing is written over that is still read.
    pub(super) fn buffers(&self) -> Result<(), FormatError> {
        let layer = self.layer;
        let (input_shape, output_shape) = (layer.input_shape, layer.output_shape);
        match layer.input {
            BufferRef::Latent => {
                let fits = layer.input_dtype == DType::F32
                    && input_shape == HwcShape::vector(self.header.latent_len);
                self.ensure(fits, "latent", input_shape.len())?;
            }
            BufferRef::None => {
                let none = matches!(layer.op, Op::Lookup | Op::Strided(..));
                self.ensure(none, "input", u64::from(u32::MAX))?;
            }
            BufferRef::Image => return Err(self.error("input", 0)),
            BufferRef::Scratch(_) => {}
        }
        let last = self.index + 1 == self.header.layers as usize;
        match layer.output {
            BufferRef::Image => {
                let image = self.header.shape.len().unwrap_or(0) as u64;
                let dtype = matches!(layer.output_dtype, DType::F32 | DType::U8);
                let whole = !matches!(layer.op, Op::ConcatChannels(_));
                self.ensure(
                    last && dtype && whole && output_shape.len() == image,
                    "image",
                    output_shape.len(),
                )?;
            }
            BufferRef::Scratch(_) => self.ensure(!last, "output of the last layer", 0)?,
            BufferRef::None | BufferRef::Latent => return Err(self.error("output", 0)),
        }
        let input = self.in_scratch("input", layer.input, input_shape.bytes(layer.input_dtype))?;
        let output = self.in_scratch(
            "output",
            layer.output,
            output_shape.bytes(layer.output_dtype),
        )?;
        let second_len = second_len(layer, input_shape.height)
            .ok_or_else(|| self.error("size of sums", u64::MAX))?;
        let second = match (second_len, layer.second) {
            (0, BufferRef::None) => None,
            (1.., BufferRef::Scratch(_)) => {
                self.in_scratch("second input", layer.second, second_len)?
            }
            _ => return Err(self.error("second input", 0)),
        };
        let in_place = matches!(
            layer.op,
            Op::Activate | Op::Affine | Op::Prelu | Op::Binary(..) | Op::QuantizedAdd(_)
        );
        let meet = |a: Option<Range>, b: Option<Range>| a.zip(b).is_some_and(|(a, b)| a.meets(b));
        let over_input = meet(input, output) && !(in_place && input == output);
        if over_input || meet(second, output) || meet(second, input) {
            return Err(FormatError::Overlap { layer: self.index });
        }
        Ok(())
    }
}
