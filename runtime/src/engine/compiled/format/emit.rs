//! From a layer to the bytes of its record.

use super::layer::{
    Activation, BinaryKind, Broadcast, BufferRef, Convolution, Coordinates, DType, LAYER_LEN,
    Layer, Op, PadKind,
};
use super::record::{COL2IM_CONV, IMAGE, LATENT, NONE, QUANTIZED_ADD, WORDS, field};
use super::strided::STRIDED;

/// The code of a dtype.
const fn code(dtype: DType) -> u8 {
    match dtype {
        DType::F32 => 0,
        DType::F16 => 1,
        DType::I8 => 2,
        DType::U8 => 3,
        DType::I16 => 4,
    }
}

impl Layer {
    /// Writes the record.
    pub fn emit(&self, record: &mut [u8; LAYER_LEN]) {
        let mut words = [0; WORDS];
        let buffer = |buffer| match buffer {
            BufferRef::None => NONE,
            BufferRef::Latent => LATENT,
            BufferRef::Image => IMAGE,
            BufferRef::Scratch(offset) => offset,
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
    /// Its code and what belongs to it alone.
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
            Self::QuantizedAdd(second) => (QUANTIZED_ADD, few(&[code(second).into()])),
            Self::Strided(kind, words) => (STRIDED + kind as u32, few(&[words])),
        }
    }
}
