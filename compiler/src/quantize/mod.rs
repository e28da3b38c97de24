//! Quantization after training: layers that multiply become int8 layers.
//!
//! Weights are symmetric int8 with a scale for each output channel. Tensors between layers are
//! 8-bit with one scale, found on latents of the seed contract ([`calibrate`]). The latent vector
//! is int16.
//!
//! What has no int8 layer stays f32, with conversions around it. So do, one after another, the
//! layers whose rounding is seen most, until the image is near enough to the f32 model's.
//!
//! Jacob et al., "Quantization and training of neural networks for efficient
//! integer-arithmetic-only inference" (2018), sec. 2; Nagel et al., "A white paper on neural
//! network quantization" (2021), sec. 3.

mod calibrate;
mod histogram;
mod insert;
mod layer;
mod lut;
mod pixels;
mod qparams;
mod scheme;

use core::fmt;

use dreamlet_runtime::card::Card;
use dreamlet_runtime::engine::compiled::format::{DType, Op as Layer};
use half::f16;

use super::CompileError;
use super::emit::write;
use super::ir::Net;
use super::options::QuantizeOptions;
use super::steps::{Lowered, Step};
use calibrate::{Seen, calibrate};
use pixels::Images;
use scheme::{Scheme, adds, multiplies};

pub use pixels::PixelError;
pub(super) use pixels::open;

/// What became of a layer that multiplies, or adds int8 tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantizedLayer {
    /// The ONNX node that it comes from.
    pub origin: String,
    /// Whether it is int8.
    pub int8: bool,
}

/// A quantized model.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// Layers that multiply or add int8 tensors, in the order in which they run.
    pub layers: Vec<QuantizedLayer>,
    /// How far its images are from the f32 model's, on latents that ranges were not found on.
    pub error: PixelError,
}

impl Quantized {
    /// Those that stayed f32.
    #[must_use]
    pub fn f32_layers(&self) -> usize {
        self.layers.iter().filter(|layer| !layer.int8).count()
    }
}

impl fmt::Display for Quantized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let int8 = self.layers.len() - self.f32_layers();
        writeln!(
            f,
            "{int8} of {} layers are int8; pixels differ from the f32 model's by {}",
            self.layers.len(),
            self.error
        )?;
        for layer in self.layers.iter().filter(|layer| !layer.int8) {
            writeln!(f, "{} stays f32", layer.origin)?;
        }
        Ok(())
    }
}

/// Layers of both kinds, and what is known of them.
pub(super) struct Made {
    pub(super) lowered: Lowered,
    pub(super) quantized: Quantized,
}

/// Quantizes a network that has been lowered to f32 layers.
///
/// # Errors
/// [`CompileError`]: a weight that is NaN or infinite, or a device that refuses what was made,
/// which is a defect.
pub(super) fn quantize(
    net: &Net,
    lowered: &Lowered,
    card: &Card,
    options: QuantizeOptions,
) -> Result<Made, CompileError> {
    let distribution = card.latent.distribution;
    let seen = calibrate(net, distribution, options.calibrate);
    let expected = Images::of(&write(lowered, card, DType::F32)?)?;
    let trial = Trial {
        lowered,
        card,
        seen: &seen,
    };
    let computes = |step: &Step| multiplies(step) || adds(step).is_some();
    let can: Vec<bool> = lowered.steps.iter().map(computes).collect();
    // Sums of what is f32 anyway stay as they are.
    let can = trial.scheme(&can).integer;
    let mut int8 = can.clone();
    let error = |int8: &[bool]| -> Result<PixelError, CompileError> {
        let made = trial.make(int8)?;
        expected.error(&write(&made, card, f32_weights(&made))?)
    };
    let mut found = error(&int8)?;
    let mut returned = 0;
    while returned < options.f32_layers || !found.within(options.most_error) {
        let mut best: Option<(usize, PixelError)> = None;
        let is_sum = |at: usize| adds(&lowered.steps[at]).is_some();
        let sums_left = (0..int8.len()).any(|at| int8[at] && is_sum(at));
        for at in 0..int8.len() {
            // Sums go back first: they have no weights that grow.
            if !int8[at] || sums_left && !is_sum(at) {
                continue;
            }
            int8[at] = false;
            let without = error(&int8)?;
            int8[at] = true;
            if best.is_none_or(|(_, best)| without.mean < best.mean) {
                best = Some((at, without));
            }
        }
        let Some((at, without)) = best else {
            break;
        };
        int8[at] = false;
        found = without;
        returned += 1;
    }
    let int8 = trial.scheme(&int8).integer;
    let layers = lowered.steps.iter().zip(&can).zip(&int8);
    let layers = layers
        .filter(|((_, can), _)| **can)
        .map(|((step, _), &int8)| QuantizedLayer {
            origin: step.origin.clone(),
            int8,
        });
    Ok(Made {
        quantized: Quantized {
            layers: layers.collect(),
            error: found,
        },
        lowered: trial.make(&int8)?,
    })
}

/// What trials share.
struct Trial<'a> {
    lowered: &'a Lowered,
    card: &'a Card,
    seen: &'a [Seen],
}

impl Trial<'_> {
    /// The layers if `int8` says which are int8.
    fn make(&self, int8: &[bool]) -> Result<Lowered, CompileError> {
        insert::insert(self.lowered, &self.scheme(int8), self.seen)
    }

    /// The formats then.
    fn scheme(&self, int8: &[bool]) -> Scheme {
        let card = self.card;
        let distribution = card.latent.distribution;
        Scheme::new(self.lowered, int8, self.seen, distribution, card.range)
    }
}

/// The dtype of the weights that stay floats in a quantized model: half the flash where all weights
/// allow it.
pub(super) fn f32_weights(lowered: &Lowered) -> DType {
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

/// Whether every element that the image depends on is an integer, so that it is the same on every
/// target.
pub(super) fn exact(lowered: &Lowered) -> bool {
    lowered.steps.iter().all(|step| {
        step.input_dtype != DType::F32 && step.output_dtype != DType::F32
            || matches!(step.op, Layer::Quantize(_) | Layer::Lookup)
    })
}
