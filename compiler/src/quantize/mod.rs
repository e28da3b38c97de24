//! Quantization after training: layers that multiply become integer layers.
//!
//! Weights are symmetric bytes with a scale for each output channel, tensors between layers bytes with one scale, found on latents of the
//! seed contract ([`calibrate`]). The latent vector itself is 16-bit. What integers have no layer for stays f32, with conversions around it; and so do,
//! one after another, the layers whose rounding is seen most in the image, until that is near enough to the one of floats.
//!
//! Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference" (2018), sec. 2; Nagel et
//! al., "A white paper on neural network quantization" (2021), sec. 3.

mod calibrate;
mod histogram;
mod insert;
mod layer;
mod lut;
mod pixels;
mod qparams;
mod scheme;
#[cfg(test)]
mod tests;

use core::fmt;

use dreamlet_runtime::card::Card;
use dreamlet_runtime::engine::compiled::format::{DType, Op as Layer};
use half::f16;

use super::CompileError;
use super::emit::emit;
use super::ir::Net;
use super::lower::{Lowered, Step};
use super::memory_plan::plan;
use calibrate::{Seen, calibrate};
use pixels::Images;
use scheme::{Scheme, multiplies};

pub use pixels::PixelError;
pub(super) use pixels::open;

/// How to quantize.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantizeOptions {
    /// Latents that ranges are found on.
    pub calibrate: u32,
    /// The largest mean difference of a pixel to the image of floats, in levels of 255; layers go back to floats until it is kept.
    pub most_error: f64,
    /// At least so many layers go back to floats, the most sensitive first.
    pub float_layers: usize,
}

impl Default for QuantizeOptions {
    fn default() -> Self {
        Self {
            calibrate: 256,
            most_error: 2.0,
            float_layers: 0,
        }
    }
}

/// What became of a layer that multiplies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantizedLayer {
    /// The ONNX node that it comes from.
    pub origin: String,
    /// Whether it multiplies bytes.
    pub integer: bool,
}

/// A quantized model.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// Layers that multiply, in the order in which they run.
    pub layers: Vec<QuantizedLayer>,
    /// How far its images are from those of floats, on latents that ranges were not found on.
    pub error: PixelError,
}

impl fmt::Display for Quantized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let integer = self.layers.iter().filter(|layer| layer.integer).count();
        writeln!(
            f,
            "{integer} of {} layers multiply bytes; pixels differ from the image of floats by {}",
            self.layers.len(),
            self.error
        )?;
        for layer in self.layers.iter().filter(|layer| !layer.integer) {
            writeln!(f, "{} multiplies floats", layer.origin)?;
        }
        Ok(())
    }
}

/// Layers of both kinds, and what is known of them.
pub(super) struct Made {
    pub(super) lowered: Lowered,
    pub(super) quantized: Quantized,
}

/// Quantizes a network that has been lowered as one of floats.
///
/// # Errors
/// [`CompileError`]: a weight that is no number, or a device that refuses what was made, which is a defect.
pub(super) fn quantize(
    net: &Net,
    lowered: &Lowered,
    card: &Card,
    options: QuantizeOptions,
) -> Result<Made, CompileError> {
    let distribution = card.latent.distribution;
    let seen = calibrate(net, distribution, options.calibrate);
    let file = |lowered: &Lowered, number| emit(lowered, &plan(lowered)?, card, number);
    let expected = Images::of(&file(lowered, DType::F32)?)?;
    let trial = Trial {
        lowered,
        card,
        seen: &seen,
    };
    let mut integer: Vec<bool> = lowered.steps.iter().map(multiplies).collect();
    let error = |integer: &[bool]| -> Result<PixelError, CompileError> {
        let made = trial.make(integer)?;
        expected.error(&file(&made, floats(&made))?)
    };
    let mut found = error(&integer)?;
    let mut returned = 0;
    while returned < options.float_layers || !found.within(options.most_error) {
        let mut best: Option<(usize, PixelError)> = None;
        for at in 0..integer.len() {
            if !integer[at] {
                continue;
            }
            integer[at] = false;
            let without = error(&integer)?;
            integer[at] = true;
            if best.is_none_or(|(_, best)| without.mean < best.mean) {
                best = Some((at, without));
            }
        }
        let Some((at, without)) = best else {
            break;
        };
        integer[at] = false;
        found = without;
        returned += 1;
    }
    let layers = lowered.steps.iter().zip(&integer);
    let layers = layers
        .filter(|(step, _)| multiplies(step))
        .map(|(step, &integer)| QuantizedLayer {
            origin: step.origin.clone(),
            integer,
        });
    Ok(Made {
        quantized: Quantized {
            layers: layers.collect(),
            error: found,
        },
        lowered: trial.make(&integer)?,
    })
}

/// What trials share.
struct Trial<'a> {
    lowered: &'a Lowered,
    card: &'a Card,
    seen: &'a [Seen],
}

impl Trial<'_> {
    /// The layers if `integer` are integer ones.
    fn make(&self, integer: &[bool]) -> Result<Lowered, CompileError> {
        let card = self.card;
        let scheme = Scheme::new(
            self.lowered,
            integer,
            self.seen,
            card.latent.distribution,
            card.range,
        );
        insert::insert(self.lowered, integer, &scheme, self.seen)
    }
}

/// The float that is written for the layers of a quantized model that multiply floats: half the flash where all weights allow it.
pub(super) fn floats(lowered: &Lowered) -> DType {
    let fits = |step: &Step| {
        let weights = step.weights.iter().filter(|_| multiplies(step));
        weights
            .flat_map(|weights| &weights.weights)
            .all(|w| w.abs() <= f16::MAX.to_f32())
    };
    if lowered.steps.iter().all(fits) {
        DType::F16
    } else {
        DType::F32
    }
}

/// Whether every number that the image depends on is an integer, so that it is the same on every target.
pub(super) fn exact(lowered: &Lowered) -> bool {
    lowered.steps.iter().all(|step| {
        step.input_dtype != DType::F32 && step.output_dtype != DType::F32
            || matches!(step.op, Layer::Quantize(_) | Layer::Lookup)
    })
}
