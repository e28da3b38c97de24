//! From the bytes of a record to a layer.

use super::error::FormatError;
use super::layer::{
    Activation, BinaryKind, Broadcast, BufferRef, Convolution, Coordinates, DType, HwcShape,
    LAYER_LEN, Layer, Op, PadKind, Requantization, Weights,
};
use super::record::{COL2IM_CONV, IMAGE, LATENT, NONE, QUANTIZED_ADD, WORDS, field, words_of};
use super::strided::{STRIDED, StridedKind};

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
            QUANTIZED_ADD => Op::QuantizedAdd(match self.value(0) {
                2 => DType::I8,
                3 => DType::U8,
                found => return Err(self.error("dtype of the second input", found)),
            }),
            found => {
                let kind = found.checked_sub(STRIDED);
                match kind.and_then(|kind| StridedKind::ALL.get(kind as usize)) {
                    Some(kind) => Op::Strided(*kind, self.value(0)),
                    None => return Err(self.error("operation", found)),
                }
            }
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
        let words = Words {
            layer,
            words: words_of(record),
        };
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
}
