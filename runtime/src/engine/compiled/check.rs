//! Whether a layer can be run as it says: done once, so that running needs no further thought.

use super::F32_LAYERS;
use super::conv_axis::{ConvAxis, MAX_KERNEL};
use super::format::{
    Activation, Broadcast, BufferRef, Convolution, DType, FormatError, Header, HwcShape, Layer, Op,
    PadKind, padded,
};

/// Most numbers of a tensor.
const MAX_LEN: u64 = 1 << 30;
/// Largest stride, pad or dilation of a convolution.
const MAX_GEOMETRY: u32 = 1 << 12;

/// What the checks of one layer share.
struct Check<'a> {
    index: usize,
    layer: &'a Layer,
    header: &'a Header,
    weights_len: u64,
}

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

/// Checks layer number `index` of a model: shapes, numbers, ranges.
pub(super) fn check(
    index: usize,
    layer: &Layer,
    header: &Header,
    weights_len: usize,
) -> Result<(), FormatError> {
    let check = Check {
        index,
        layer,
        header,
        weights_len: weights_len as u64,
    };
    check.left_out()?;
    check.shapes()?;
    check.activation()?;
    check.dtypes()?;
    check.geometry()?;
    check.sums()?;
    check.weights()?;
    check.buffers()
}

impl Check<'_> {
    fn error(&self, field: &'static str, found: u64) -> FormatError {
        FormatError::Layer {
            layer: self.index,
            field,
            found: u32::try_from(found).unwrap_or(u32::MAX),
        }
    }

    fn ensure(&self, holds: bool, field: &'static str, found: u64) -> Result<(), FormatError> {
        if holds {
            Ok(())
        } else {
            Err(self.error(field, found))
        }
    }

    /// Layers that make floats are what feature `floats` adds.
    fn left_out(&self) -> Result<(), FormatError> {
        if F32_LAYERS || self.layer.output_dtype != DType::F32 {
            return Ok(());
        }
        Err(FormatError::LeftOut {
            layer: self.index,
            feature: "f32",
        })
    }

    fn shapes(&self) -> Result<(), FormatError> {
        for (shape, field) in [
            (self.layer.input_shape, "input size"),
            (self.layer.output_shape, "output size"),
        ] {
            let len = shape.len();
            self.ensure((1..=MAX_LEN).contains(&len), field, len)?;
        }
        Ok(())
    }

    fn activation(&self) -> Result<(), FormatError> {
        let finite = match self.layer.activation {
            Activation::LeakyRelu(a) | Activation::Elu(a) => a.is_finite(),
            Activation::Clip(low, high) => low <= high,
            _ => true,
        };
        self.ensure(finite, "activation's value", 0)
    }

    fn dtypes(&self) -> Result<(), FormatError> {
        use DType::{F16, F32, I8, I16, U8};
        let layer = self.layer;
        let weights = layer.weights.map(|weights| weights.dtype);
        let (input, output) = (layer.input_dtype, layer.output_dtype);
        let bytes = |dtype| matches!(dtype, I8 | U8);
        let fits = match layer.op {
            Op::Dense | Op::Conv(_) | Op::Col2ImConv(_) => {
                let float = input == F32 && matches!(weights, Some(F32 | F16)) && output == F32;
                let sums = bytes(input) || input == I16 && layer.op == Op::Dense;
                let integer = sums && weights == Some(I8) && bytes(output);
                self.ensure(integer == layer.requantization.is_some(), "multipliers", 0)?;
                self.ensure(
                    !integer || layer.activation == Activation::None,
                    "activation of bytes",
                    0,
                )?;
                float || integer
            }
            Op::UpsampleConv => input == F32 && matches!(weights, Some(F32 | F16)) && output == F32,
            Op::GroupConv(_) | Op::Affine | Op::Prelu => {
                input == F32 && weights == Some(F32) && output == F32
            }
            Op::Activate | Op::Binary(..) | Op::Bilinear(_) | Op::Pad(..) => {
                input == F32 && weights.is_none() && output == F32
            }
            Op::Nearest
            | Op::DepthToSpace(_)
            | Op::ConcatChannels(_)
            | Op::HwcToChw
            | Op::ChwToHwc => input == output && input != F16 && weights.is_none(),
            Op::Lookup => weights == Some(output) && matches!(output, F32 | I16 | I8),
            Op::Quantize(scale) => {
                input == F32
                    && (bytes(output) || output == I16)
                    && weights.is_none()
                    && scale.is_finite()
            }
            Op::Dequantize(scale) => {
                output == F32
                    && (bytes(input) || input == I16)
                    && weights.is_none()
                    && scale.is_finite()
            }
        };
        self.ensure(fits, "dtypes that do not go together", 0)?;
        let sums = matches!(layer.op, Op::Dense | Op::Conv(_) | Op::Col2ImConv(_));
        self.ensure(sums || layer.requantization.is_none(), "multipliers", 0)?;
        let activates = matches!(
            layer.op,
            Op::Dense
                | Op::Conv(_)
                | Op::Col2ImConv(_)
                | Op::GroupConv(_)
                | Op::UpsampleConv
                | Op::Activate
                | Op::Affine
                | Op::Binary(..)
        );
        self.ensure(
            activates || layer.activation == Activation::None,
            "activation",
            0,
        )
    }

    fn geometry(&self) -> Result<(), FormatError> {
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
            | Op::Dequantize(_) => same(input == output),
            Op::UpsampleConv => same(
                u64::from(output.height) == 2 * u64::from(input.height)
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
        // Any output size is run correctly, positions outside the input read as zeros; absurd ones are refused by the places.
        Ok(())
    }

    /// Sums of integers stay within 32 bits, whatever the input is.
    fn sums(&self) -> Result<(), FormatError> {
        let most = match self.layer.input_dtype {
            DType::I8 => 127,
            DType::U8 => 255,
            _ => 32767,
        };
        let terms = match self.layer.op {
            Op::Dense => self.layer.input_shape.len(),
            Op::Conv(c) | Op::Col2ImConv(c) => {
                let taps = u64::from(c.kernel[0]) * u64::from(c.kernel[1]);
                taps.saturating_mul(self.layer.input_shape.channels.into())
            }
            _ => 0,
        };
        let fits = terms.saturating_mul(most * 127) <= i32::MAX as u64;
        let integer = self.layer.requantization.is_some();
        self.ensure(fits || !integer, "products in a sum of 32 bits", terms)
    }

    fn weights(&self) -> Result<(), FormatError> {
        let (input, output) = (self.layer.input_shape, self.layer.output_shape);
        let Some(weights) = self.layer.weights else {
            return Ok(());
        };
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
            Op::Lookup => (output.len().checked_mul(self.header.classes.into()), 0),
            _ => (Some(0), 0),
        };
        let len = elements.and_then(|n| n.checked_mul(weights.dtype.size() as u64));
        self.in_weights("weights", weights.offset, len.unwrap_or(u64::MAX))?;
        if let Some(bias) = weights.bias {
            self.in_weights("biases", bias, 4 * biases)?;
        }
        if let Some(requantization) = self.layer.requantization {
            self.in_weights("multipliers", requantization.multipliers, 4 * biases)?;
            if let Some((offset, bits)) = requantization.table {
                self.in_weights("table", offset, 1 << bits)?;
            }
        }
        Ok(())
    }

    fn in_weights(&self, what: &'static str, offset: u32, len: u64) -> Result<(), FormatError> {
        let offset = u64::from(offset);
        if offset % 4 == 0 && offset.saturating_add(len) <= self.weights_len {
            return Ok(());
        }
        Err(FormatError::Range {
            layer: self.index,
            what,
            offset,
            len,
            section: self.weights_len,
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
    fn buffers(&self) -> Result<(), FormatError> {
        let layer = self.layer;
        let (input_shape, output_shape) = (layer.input_shape, layer.output_shape);
        match layer.input {
            BufferRef::Latent => {
                let fits = layer.input_dtype == DType::F32
                    && input_shape == HwcShape::vector(self.header.latent_len);
                self.ensure(fits, "latent", input_shape.len())?;
            }
            BufferRef::None => self.ensure(layer.op == Op::Lookup, "input", u64::from(u32::MAX))?,
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
        let second_len = second_len(layer).ok_or_else(|| self.error("size of sums", u64::MAX))?;
        let second = match (second_len, layer.second) {
            (0, BufferRef::None) => None,
            (1.., BufferRef::Scratch(_)) => {
                self.in_scratch("second input", layer.second, second_len)?
            }
            _ => return Err(self.error("second input", 0)),
        };
        let in_place = matches!(
            layer.op,
            Op::Activate | Op::Affine | Op::Prelu | Op::Binary(..)
        );
        let meet = |a: Option<Range>, b: Option<Range>| a.zip(b).is_some_and(|(a, b)| a.meets(b));
        let over_input = meet(input, output) && !(in_place && input == output);
        if over_input || meet(second, output) || meet(second, input) {
            return Err(FormatError::Overlap { layer: self.index });
        }
        Ok(())
    }
}

/// Bytes of a layer's second input or own memory, 0 if it has none; `None` if there is no such number.
pub(super) fn second_len(layer: &Layer) -> Option<u64> {
    let shape = layer.input_shape;
    match layer.op {
        Op::Binary(_, Broadcast::Same) => Some(shape.bytes(DType::F32)),
        Op::Binary(_, Broadcast::Channel) => {
            Some(HwcShape::vector(shape.channels).bytes(DType::F32))
        }
        Op::Col2ImConv(c) => col2im_scratch(&c, shape, layer.output_shape),
        Op::UpsampleConv => upsample_scratch(shape, layer.output_shape),
        _ => Some(0),
    }
}

/// Most input rows that [`Op::UpsampleConv`] takes at once: as many as have 16 pixels.
pub(super) fn upsample_rows(input: HwcShape) -> u32 {
    16u32
        .checked_div(input.width)
        .unwrap_or(1)
        .clamp(1, input.height.max(1))
}

/// Bytes of scratch memory that [`Op::UpsampleConv`] needs beside its input and output; `None` if there is no such number.
///
/// For each of the rows that it takes at once: the differences between columns, one more than there are columns, those between rows,
/// and six products of each pixel; and one pixel.
#[must_use]
pub fn upsample_scratch(input: HwcShape, output: HwcShape) -> Option<u64> {
    let (width, channels) = (u64::from(input.width), u64::from(input.channels));
    let outputs = padded(usize::try_from(output.channels).ok()?) as u64;
    let differences = (2 * width + 1).checked_mul(channels)?;
    let products = (6 * width).checked_mul(outputs)?;
    let rows = differences.checked_add(products)?;
    rows.checked_mul(upsample_rows(input).into())?
        .checked_add(channels)?
        .checked_mul(4)
}

/// Rows of sums that [`Op::Col2ImConv`] keeps.
pub(super) fn col2im_rows(axis: &ConvAxis) -> usize {
    let (mut least, mut most) = (isize::MAX, isize::MIN);
    for phase in 0..axis.phases() {
        for tap in axis.taps(phase).iter() {
            least = least.min(tap.offset);
            most = most.max(tap.offset);
        }
    }
    let span = most.saturating_sub(least).saturating_add(1).max(1);
    span.unsigned_abs().min(axis.input.max(1))
}

/// Bytes of scratch memory that [`Op::Col2ImConv`] needs beside its input and output; `None` if there is no such number.
#[must_use]
pub fn col2im_scratch(convolution: &Convolution, input: HwcShape, output: HwcShape) -> Option<u64> {
    let [rows, _] = ConvAxis::pair(convolution, input, output);
    let taps = u64::from(convolution.kernel[0]) * u64::from(convolution.kernel[1]);
    let sums = padded(usize::try_from(taps.checked_mul(output.channels.into())?).ok()?) as u64;
    sums.checked_mul(col2im_rows(&rows) as u64)?
        .checked_mul(input.width.into())?
        .checked_mul(4)
}
