//! Whether shapes belong together.

use super::Check;
use crate::engine::compiled::conv_axis::MAX_KERNEL;
use crate::engine::compiled::format::{Convolution, DType, FormatError, Op, PadKind};

/// Largest stride, pad or dilation of a convolution.
const MAX_GEOMETRY: u32 = 1 << 12;

/// Farthest position, in either direction, that a tap may have: it fits 32 bits with a sign, as
/// `usize` and `isize` are on small processors.
const MAX_POSITION: u64 = i32::MAX as u64;
/// Most outputs that kernels take together, beyond the last one.
const TILE: u64 = 64;

/// No tap along axis `i` is farther from the first input position, in 64 bits.
fn last_position(c: Convolution, i: usize, from: u32, to: u32) -> u64 {
    let reach = u64::from(c.kernel[i]) * u64::from(c.dilation[i]) + u64::from(c.pad[i]);
    let outputs = if c.transposed {
        u64::from(to) + TILE
    } else {
        (u64::from(to) + TILE) * u64::from(c.stride[i])
    };
    outputs.max(u64::from(from)) + reach
}

impl Check<'_> {
    pub(super) fn geometry(&self) -> Result<(), FormatError> {
        let (input, output) = (self.layer.input_shape, self.layer.output_shape);
        let same = |holds| self.ensure(holds, "output shape", output.len());
        match self.layer.op {
            Op::Dense => Ok(()),
            Op::Lookup => self.ensure(self.header.classes > 0, "a class", 0),
            Op::Conv(c) | Op::Col2ImConv(c) | Op::GroupConv(c) => self.convolution(c),
            Op::Activate
            | Op::Affine
            | Op::Prelu
            | Op::Binary(..)
            | Op::Quantize(_)
            | Op::Dequantize(_)
            | Op::QuantizedAdd(_)
            | Op::Strided(..) => same(input == output),
            Op::UpsampleConv => same(
                u64::from(output.height) == 2 * u64::from(input.height)
                    && u64::from(output.width) == 2 * u64::from(input.width),
            ),
            Op::Bilinear(_) if self.layer.input_dtype != DType::F32 => same(
                input.channels == output.channels
                    && u64::from(output.height) == 2 * u64::from(input.height)
                    && u64::from(output.width) == 2 * u64::from(input.width),
            ),
            Op::Nearest | Op::Bilinear(_) => same(
                input.channels == output.channels
                    && output.height.is_multiple_of(input.height)
                    && output.width.is_multiple_of(input.width),
            ),
            Op::DepthToSpace(_) => {
                let block = u64::from(output.height.checked_div(input.height).unwrap_or(0));
                same(
                    block > 0
                        && u64::from(output.height) == block * u64::from(input.height)
                        && u64::from(output.width) == block * u64::from(input.width)
                        && u64::from(input.channels) == block * block * u64::from(output.channels),
                )
            }
            Op::Pad([top, left], kind) => {
                let grown = |from: u32, to: u32, before: u32| {
                    let room = match kind {
                        PadKind::Constant(_) | PadKind::Edge => u32::MAX,
                        PadKind::Reflect => from - 1,
                    };
                    let after = u64::from(to).checked_sub(u64::from(from) + u64::from(before));
                    before <= room && after.is_some_and(|after| after <= u64::from(room))
                };
                same(
                    input.channels == output.channels
                        && grown(input.height, output.height, top)
                        && grown(input.width, output.width, left),
                )
            }
            Op::ConcatChannels(at) => same(
                input.height == output.height
                    && input.width == output.width
                    && u64::from(at) + u64::from(input.channels) <= u64::from(output.channels),
            ),
            Op::HwcToChw | Op::ChwToHwc => same(input.len() == output.len()),
        }
    }

    fn convolution(&self, c: Convolution) -> Result<(), FormatError> {
        let (input, output) = (self.layer.input_shape, self.layer.output_shape);
        for i in 0..2 {
            self.ensure(
                (1..=MAX_KERNEL as u32).contains(&c.kernel[i]),
                "kernel",
                c.kernel[i].into(),
            )?;
            self.ensure(
                (1..=MAX_GEOMETRY).contains(&c.stride[i]),
                "stride",
                c.stride[i].into(),
            )?;
            self.ensure(c.pad[i] <= MAX_GEOMETRY, "pad", c.pad[i].into())?;
            self.ensure(
                (1..=MAX_GEOMETRY).contains(&c.dilation[i]),
                "dilation",
                c.dilation[i].into(),
            )?;
        }
        for (i, (from, to)) in [(input.height, output.height), (input.width, output.width)]
            .into_iter()
            .enumerate()
        {
            let last = last_position(c, i, from, to);
            self.ensure(last <= MAX_POSITION, "position of a tap", last)?;
        }
        // Elements from one row that is read to the next.
        let row = u64::from(input.width) * u64::from(input.channels);
        let apart = row.saturating_mul(c.stride[0].max(c.stride[1]).into());
        self.ensure(apart <= MAX_POSITION, "elements between rows", apart)?;
        let grouped = matches!(self.layer.op, Op::GroupConv(_));
        let col2im = matches!(self.layer.op, Op::Col2ImConv(_));
        let ordered = if col2im {
            c.planar || output.channels == 1
        } else {
            !c.planar
        };
        self.ensure(ordered, "order of channels", c.planar.into())?;
        let groups = c.groups;
        let divides = groups > 0 && input.channels % groups == 0 && output.channels % groups == 0;
        self.ensure(divides && (grouped || groups == 1), "groups", groups.into())?;
        // Any output size is run correctly, positions outside the input read as zeros; absurd ones
        // are refused by the places.
        Ok(())
    }
}
