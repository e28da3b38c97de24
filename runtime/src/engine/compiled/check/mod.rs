//! Whether a layer can be run as it says: done once, so that running needs no further thought.

mod geometry;
mod memory;
mod strided;

use super::context::{F32_LAYERS, STRIDED_LAYERS};
use super::format::{Activation, Coordinates, DType, FormatError, Header, Layer, Op};

/// Most elements of a tensor.
const MAX_LEN: u64 = 1 << 30;
/// What the checks of one layer share.
struct Check<'a> {
    index: usize,
    layer: &'a Layer,
    header: &'a Header,
    weights: &'a [u8],
}

/// Checks layer number `index` of a model: shapes, dtypes, ranges.
pub(super) fn check(
    index: usize,
    layer: &Layer,
    header: &Header,
    weights: &[u8],
) -> Result<(), FormatError> {
    let check = Check {
        index,
        layer,
        header,
        weights,
    };
    check.left_out()?;
    check.version()?;
    check.shapes()?;
    check.activation()?;
    check.dtypes()?;
    check.geometry()?;
    check.sums()?;
    check.weights()?;
    check.buffers()?;
    match layer.op {
        Op::Strided(kind, words) if STRIDED_LAYERS => check.strided(kind, words),
        _ => Ok(()),
    }
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

    /// Layers that make f32 are what feature `f32` adds, strided ones what `strided` adds.
    fn left_out(&self) -> Result<(), FormatError> {
        let feature = match (self.layer.op, self.layer.output_dtype) {
            (Op::Strided(..), _) if !STRIDED_LAYERS => "strided",
            (_, DType::F32) if !F32_LAYERS => "f32",
            _ => return Ok(()),
        };
        Err(FormatError::LeftOut {
            layer: self.index,
            feature,
        })
    }

    /// The file says that it is of a version that has the layer.
    fn version(&self) -> Result<(), FormatError> {
        let version = self.header.version;
        let known = version >= self.layer.version();
        self.ensure(known, "version of the format", version.into())
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
                    "activation of an int8 layer",
                    0,
                )?;
                float || integer
            }
            Op::UpsampleConv => input == F32 && matches!(weights, Some(F32 | F16)) && output == F32,
            Op::GroupConv(_) | Op::Affine | Op::Prelu => {
                input == F32 && weights == Some(F32) && output == F32
            }
            Op::Bilinear(Coordinates::HalfPixel) if bytes(input) => {
                output == input && weights.is_none()
            }
            Op::QuantizedAdd(second) => {
                let all = bytes(input) && bytes(second) && bytes(output);
                all && weights.is_none() && layer.requantization.is_some()
            }
            Op::Activate | Op::Binary(..) | Op::Bilinear(_) | Op::Pad(..) => {
                input == F32 && weights.is_none() && output == F32
            }
            Op::Nearest
            | Op::DepthToSpace(_)
            | Op::ConcatChannels(_)
            | Op::HwcToChw
            | Op::ChwToHwc => input == output && input != F16 && weights.is_none(),
            Op::Strided(..) => input == F32 && weights == Some(F32) && output == F32,
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
        let sums = matches!(
            layer.op,
            Op::Dense | Op::Conv(_) | Op::Col2ImConv(_) | Op::QuantizedAdd(_)
        );
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
}
