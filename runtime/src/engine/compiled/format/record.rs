//! A record of the table of layers as bytes.

use super::FormatError;
use super::header::{HEADER_LEN, word};
use super::layer::{
    Activation, BinaryKind, Broadcast, BufferRef, Convolution, Coordinates, DType, HwcShape,
    LAYER_LEN, Layer, Op, PadKind, Requantization, Weights,
};

const WORDS: usize = LAYER_LEN / 4;
/// Number of the operation [`Op::Col2ImConv`].
const COL2IM_CONV: u32 = 3;
/// An offset that is none.
const NONE: u32 = u32::MAX;
const LATENT: u32 = u32::MAX - 1;
const IMAGE: u32 = u32::MAX - 2;

/// Positions of the fields, in words.
mod field {
    pub(super) const OP: usize = 0;
    pub(super) const DTYPES: usize = 1;
    pub(super) const ACTIVATION: usize = 2;
    pub(super) const ACTIVATION_VALUES: usize = 3;
    pub(super) const INPUT: usize = 5;
    pub(super) const SECOND: usize = 6;
    pub(super) const OUTPUT: usize = 7;
    pub(super) const INPUT_SHAPE: usize = 8;
    pub(super) const OUTPUT_SHAPE: usize = 11;
    pub(super) const WEIGHTS: usize = 14;
    pub(super) const BIAS: usize = 15;
    pub(super) const MULTIPLIERS: usize = 16;
    pub(super) const SHIFT: usize = 17;
    pub(super) const TABLE: usize = 18;
    pub(super) const TABLE_BITS: usize = 19;
    /// What belongs to the operation alone.
    pub(super) const VALUES: usize = 20;
}

/// What a row of the image needs to know of the last layer; see [`last`].
pub(crate) struct Last {
    /// Whether it is [`Op::Col2ImConv`].
    pub(crate) col2im: bool,
    /// Bytes of an output element.
    pub(crate) element_size: usize,
}

/// Record number `layer` of the file, in a constant, where [`Layer::parse`] cannot run; nothing is checked. `None` if the file ends before.
pub(crate) const fn last(file: &[u8], layer: usize) -> Option<Last> {
    let begin = HEADER_LEN.saturating_add(layer.saturating_mul(LAYER_LEN));
    let (Some(op), Some(dtypes)) = (
        word(file, begin.saturating_add(4 * field::OP)),
        word(file, begin.saturating_add(4 * field::DTYPES)),
    ) else {
        return None;
    };
    Some(Last {
        col2im: op == COL2IM_CONV,
        element_size: match dtypes >> 8 & 255 {
            0 => 4,
            1 | 4 => 2,
            _ => 1,
        },
    })
}

struct Words {
    layer: usize,
    words: [u32; WORDS],
}

impl Words {
    fn error(&self, field: &'static str, found: u32) -> FormatError {
        FormatError::Layer {
            layer: self.layer,
            field,
            found,
        }
    }

    fn buffer(&self, at: usize, field: &'static str) -> Result<BufferRef, FormatError> {
        match self.words[at] {
            NONE => Ok(BufferRef::None),
            LATENT => Ok(BufferRef::Latent),
            IMAGE => Ok(BufferRef::Image),
            offset if offset % 4 == 0 => Ok(BufferRef::Scratch(offset)),
            offset => Err(self.error(field, offset)),
        }
    }

    fn shape(&self, at: usize) -> HwcShape {
        HwcShape {
            height: self.words[at],
            width: self.words[at + 1],
            channels: self.words[at + 2],
        }
    }

    fn dtype(&self, byte: usize, field: &'static str) -> Result<Option<DType>, FormatError> {
        Ok(Some(match self.words[field::DTYPES].to_le_bytes()[byte] {
            0 => DType::F32,
            1 => DType::F16,
            2 => DType::I8,
            3 => DType::U8,
            4 => DType::I16,
            255 => return Ok(None),
            found => return Err(self.error(field, found.into())),
        }))
    }

    fn some_dtype(&self, byte: usize, field: &'static str) -> Result<DType, FormatError> {
        self.dtype(byte, field)?
            .ok_or_else(|| self.error(field, 255))
    }

    fn value(&self, i: usize) -> u32 {
        self.words[field::VALUES + i]
    }

    fn convolution(&self) -> Result<Convolution, FormatError> {
        let pair = |i| [self.value(i), self.value(i + 1)];
        let flags = self.value(9);
        if flags > 3 {
            return Err(self.error("convolution flags", flags));
        }
        Ok(Convolution {
            kernel: pair(0),
            stride: pair(2),
            pad: pair(4),
            dilation: pair(6),
            groups: self.value(8),
            transposed: flags & 1 != 0,
            planar: flags & 2 != 0,
        })
    }

    fn op(&self) -> Result<Op, FormatError> {
        let float = |i| f32::from_bits(self.value(i));
        Ok(match self.words[field::OP] {
            1 => Op::Dense,
            2 => Op::Conv(self.convolution()?),
            COL2IM_CONV => Op::Col2ImConv(self.convolution()?),
            4 => Op::GroupConv(self.convolution()?),
            5 => Op::Activate,
            6 => Op::Affine,
            7 => Op::Prelu,
            8 => {
                let kind = match self.value(0) {
                    0 => BinaryKind::Add,
                    1 => BinaryKind::Sub,
                    2 => BinaryKind::ReverseSub,
                    3 => BinaryKind::Mul,
                    found => return Err(self.error("operation on two tensors", found)),
                };
                let broadcast = match self.value(1) {
                    0 => Broadcast::Same,
                    1 => Broadcast::Channel,
                    found => return Err(self.error("broadcast", found)),
                };
                Op::Binary(kind, broadcast)
            }
            9 => Op::Nearest,
            10 => Op::Bilinear(match self.value(0) {
                0 => Coordinates::HalfPixel,
                1 => Coordinates::AlignCorners,
                2 => Coordinates::Asymmetric,
                found => return Err(self.error("coordinates", found)),
            }),
            11 => Op::DepthToSpace(match self.value(0) {
                0 => false,
                1 => true,
                found => return Err(self.error("mode", found)),
            }),
            12 => {
                let kind = match self.value(2) {
                    0 => PadKind::Constant(float(3)),
                    1 => PadKind::Reflect,
                    2 => PadKind::Edge,
                    found => return Err(self.error("kind of border", found)),
                };
                Op::Pad([self.value(0), self.value(1)], kind)
            }
            13 => Op::ConcatChannels(self.value(0)),
            14 => Op::HwcToChw,
            15 => Op::ChwToHwc,
            16 => Op::Lookup,
            17 => Op::Quantize(float(0)),
            18 => Op::Dequantize(float(0)),
            19 => Op::UpsampleConv,
            found => return Err(self.error("operation", found)),
        })
    }

    fn activation(&self) -> Result<Activation, FormatError> {
        let value = |i| f32::from_bits(self.words[field::ACTIVATION_VALUES + i]);
        Ok(match self.words[field::ACTIVATION] {
            0 => Activation::None,
            1 => Activation::Relu,
            2 => Activation::LeakyRelu(value(0)),
            3 => Activation::Tanh,
            4 => Activation::Sigmoid,
            5 => Activation::Clip(value(0), value(1)),
            6 => Activation::Softplus,
            7 => Activation::Elu(value(0)),
            found => return Err(self.error("activation", found)),
        })
    }

    fn offset(&self, at: usize) -> Option<u32> {
        Some(self.words[at]).filter(|&offset| offset != NONE)
    }

    fn requantization(&self) -> Result<Option<Requantization>, FormatError> {
        let Some(multipliers) = self.offset(field::MULTIPLIERS) else {
            return Ok(None);
        };
        let shift = self.words[field::SHIFT];
        if !(1..=62).contains(&shift) {
            return Err(self.error("shift", shift));
        }
        let bits = self.words[field::TABLE_BITS];
        let table = self.offset(field::TABLE).map(|offset| (offset, bits));
        if table.is_some() && !(1..=16).contains(&bits) {
            return Err(self.error("bits of the table", bits));
        }
        Ok(Some(Requantization {
            multipliers,
            shift,
            table,
        }))
    }
}

impl Layer {
    /// Reads record number `layer`; checks every field by itself.
    ///
    /// # Errors
    /// [`FormatError::Layer`] names the field.
    pub fn parse(layer: usize, record: &[u8; LAYER_LEN]) -> Result<Self, FormatError> {
        let mut words = Words {
            layer,
            words: [0; WORDS],
        };
        for (word, bytes) in words.words.iter_mut().zip(record.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let weights = match (
            words.dtype(2, "dtype of the weights")?,
            words.offset(field::WEIGHTS),
        ) {
            (Some(dtype), Some(offset)) => Some(Weights {
                dtype,
                offset,
                bias: words.offset(field::BIAS),
            }),
            _ => None,
        };
        Ok(Self {
            op: words.op()?,
            input: words.buffer(field::INPUT, "input")?,
            input_dtype: words.some_dtype(0, "dtype of the input")?,
            input_shape: words.shape(field::INPUT_SHAPE),
            second: words.buffer(field::SECOND, "second input")?,
            output: words.buffer(field::OUTPUT, "output")?,
            output_dtype: words.some_dtype(1, "dtype of the output")?,
            output_shape: words.shape(field::OUTPUT_SHAPE),
            activation: words.activation()?,
            weights,
            requantization: words.requantization()?,
        })
    }

    /// Writes the record.
    pub fn emit(&self, record: &mut [u8; LAYER_LEN]) {
        let mut words = [0; WORDS];
        let buffer = |buffer| match buffer {
            BufferRef::None => NONE,
            BufferRef::Latent => LATENT,
            BufferRef::Image => IMAGE,
            BufferRef::Scratch(offset) => offset,
        };
        let code = |dtype| match dtype {
            DType::F32 => 0,
            DType::F16 => 1,
            DType::I8 => 2,
            DType::U8 => 3,
            DType::I16 => 4,
        };
        words[field::DTYPES] = u32::from_le_bytes([
            code(self.input_dtype),
            code(self.output_dtype),
            self.weights.map_or(255, |weights| code(weights.dtype)),
            0,
        ]);
        let (activation, a, b) = match self.activation {
            Activation::None => (0, 0.0, 0.0),
            Activation::Relu => (1, 0.0, 0.0),
            Activation::LeakyRelu(slope) => (2, slope, 0.0),
            Activation::Tanh => (3, 0.0, 0.0),
            Activation::Sigmoid => (4, 0.0, 0.0),
            Activation::Clip(low, high) => (5, low, high),
            Activation::Softplus => (6, 0.0, 0.0),
            Activation::Elu(alpha) => (7, alpha, 0.0),
        };
        words[field::ACTIVATION] = activation;
        words[field::ACTIVATION_VALUES] = a.to_bits();
        words[field::ACTIVATION_VALUES + 1] = b.to_bits();
        words[field::INPUT] = buffer(self.input);
        words[field::SECOND] = buffer(self.second);
        words[field::OUTPUT] = buffer(self.output);
        for (at, shape) in [
            (field::INPUT_SHAPE, self.input_shape),
            (field::OUTPUT_SHAPE, self.output_shape),
        ] {
            words[at] = shape.height;
            words[at + 1] = shape.width;
            words[at + 2] = shape.channels;
        }
        words[field::WEIGHTS] = self.weights.map_or(NONE, |weights| weights.offset);
        words[field::BIAS] = self
            .weights
            .and_then(|weights| weights.bias)
            .unwrap_or(NONE);
        let requantization = self.requantization;
        words[field::MULTIPLIERS] = requantization.map_or(NONE, |r| r.multipliers);
        words[field::SHIFT] = requantization.map_or(0, |r| r.shift);
        let (table, bits) = requantization.and_then(|r| r.table).unwrap_or((NONE, 0));
        words[field::TABLE] = table;
        words[field::TABLE_BITS] = bits;
        let (op, values) = self.op.op_words();
        words[field::OP] = op;
        for (word, value) in words.iter_mut().skip(field::VALUES).zip(values) {
            *word = value;
        }
        for (bytes, word) in record.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
    }
}

impl Op {
    /// Its number and what belongs to it alone.
    fn op_words(self) -> (u32, [u32; 10]) {
        let few = |values: &[u32]| {
            let mut all = [0; 10];
            for (to, from) in all.iter_mut().zip(values) {
                *to = *from;
            }
            all
        };
        let convolution = |c: Convolution| {
            few(&[
                c.kernel[0],
                c.kernel[1],
                c.stride[0],
                c.stride[1],
                c.pad[0],
                c.pad[1],
                c.dilation[0],
                c.dilation[1],
                c.groups,
                u32::from(c.transposed) | u32::from(c.planar) << 1,
            ])
        };
        match self {
            Self::Dense => (1, few(&[])),
            Self::Conv(c) => (2, convolution(c)),
            Self::Col2ImConv(c) => (COL2IM_CONV, convolution(c)),
            Self::GroupConv(c) => (4, convolution(c)),
            Self::Activate => (5, few(&[])),
            Self::Affine => (6, few(&[])),
            Self::Prelu => (7, few(&[])),
            Self::Binary(kind, broadcast) => {
                let kind = match kind {
                    BinaryKind::Add => 0,
                    BinaryKind::Sub => 1,
                    BinaryKind::ReverseSub => 2,
                    BinaryKind::Mul => 3,
                };
                (8, few(&[kind, u32::from(broadcast == Broadcast::Channel)]))
            }
            Self::Nearest => (9, few(&[])),
            Self::Bilinear(coordinates) => {
                let coordinates = match coordinates {
                    Coordinates::HalfPixel => 0,
                    Coordinates::AlignCorners => 1,
                    Coordinates::Asymmetric => 2,
                };
                (10, few(&[coordinates]))
            }
            Self::DepthToSpace(crd) => (11, few(&[u32::from(crd)])),
            Self::Pad([top, left], kind) => {
                let (kind, value) = match kind {
                    PadKind::Constant(value) => (0, value),
                    PadKind::Reflect => (1, 0.0),
                    PadKind::Edge => (2, 0.0),
                };
                (12, few(&[top, left, kind, value.to_bits()]))
            }
            Self::ConcatChannels(at) => (13, few(&[at])),
            Self::HwcToChw => (14, few(&[])),
            Self::ChwToHwc => (15, few(&[])),
            Self::Lookup => (16, few(&[])),
            Self::Quantize(scale) => (17, few(&[scale.to_bits()])),
            Self::Dequantize(scale) => (18, few(&[scale.to_bits()])),
            Self::UpsampleConv => (19, few(&[])),
        }
    }
}
