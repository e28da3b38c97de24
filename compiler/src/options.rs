//! How to compile.

use dreamlet_runtime::onnx::Assumptions;

/// What the layers' weights are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats: half the flash, for processors that read them. Sums are f32 all the same.
    F16,
    /// 8-bit integers, between layers too: a quarter of the flash. Layers without an int8 form stay
    /// f32.
    Int8,
}

/// How to compile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What the weights are.
    pub precision: Precision,
    /// How to quantize, for [`Precision::Int8`].
    pub quantize: QuantizeOptions,
    /// What is taken as given of a file without a card, and what the file may cost.
    pub assumptions: Assumptions,
    /// Name on the card of a file without one.
    pub name: String,
}

/// How to quantize.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantizeOptions {
    /// Latents that ranges are found on.
    pub calibrate: u32,
    /// The largest mean difference of a pixel to the f32 model's, in levels of 255; layers go back
    /// to f32 until it is kept.
    pub most_error: f64,
    /// At least so many layers go back to f32, the most sensitive first.
    pub f32_layers: usize,
}

impl Default for QuantizeOptions {
    fn default() -> Self {
        Self {
            calibrate: 256,
            most_error: 2.0,
            f32_layers: 0,
        }
    }
}
