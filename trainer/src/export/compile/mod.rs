//! ONNX file to compiled model: one flat file for the device's engine.
//!
//! ```text
//! file ── validate ── read ──► net ── rewrite ──► net ── lower ──► layers ── plan, pack, emit ──► file
//! ```
//!
//! [`read`] makes a network of a few operations for one picture, `rewrite` folds what can be folded, `lower` chooses the device's layers,
//! `quantize` makes integer layers of them
//! where that is asked for, `plan` places their buffers, `pack` orders the weights, `emit` writes the file. `reference` runs a network by the definitions of its
//! operations, before and after rewriting.

mod emit;
mod error;
#[cfg(test)]
mod executor;
mod half;
mod lower;
mod net;
mod pack;
mod plan;
mod quantize;
mod read;
mod reference;
mod rewrite;
#[cfg(test)]
mod tests;

use dreamlet_runtime::card::{Card, Latent};
use dreamlet_runtime::engine::compiled::format::Number;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::engine::validate::{self, Inspection, Limits, ModelError};
use dreamlet_runtime::generator::Generator as _;
use prost::Message as _;
use tract_onnx::pb::ModelProto;

pub use error::CompileError;
pub use quantize::{PixelError, QuantizeOptions, Quantized, QuantizedLayer};

use super::card::golden;
use lower::Lowered;

/// What the layers' weights are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats, half the bytes; sums are 32-bit floats all the same.
    F16,
    /// Bytes, and bytes between layers: see [`QuantizeOptions`]. Layers that have no integer form stay f32.
    Int8,
}

/// How to compile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What the weights are.
    pub precision: Precision,
    /// How to quantize, for [`Precision::Int8`].
    pub quantize: QuantizeOptions,
    /// What the ONNX file may cost.
    pub limits: Limits,
    /// What is taken as given of a file without a card.
    pub assumptions: Assumptions,
    /// Name on the card of a file without one.
    pub name: String,
}

/// A compiled model.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// The file's bytes.
    pub file: Vec<u8>,
    /// What quantizing did, for [`Precision::Int8`].
    pub quantized: Option<Quantized>,
}

/// Compiles an ONNX file that is in memory. One file with the same options gives the same bytes.
///
/// The card goes into the model as it is; a file without one gets one of what is known, with golden pictures made by tract. The golden pictures
/// of a quantized model are its own: where all layers multiply integers, they are the same bytes on every device.
///
/// # Errors
/// [`CompileError`]: a file that is no generator, a node without a layer, weights beyond the precision.
pub fn compile(file: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    let found = validate::inspect(file, &options.limits)?;
    let facts = options.assumptions.facts(&found)?;
    let model = ModelProto::decode(file).map_err(|_| ModelError::Protobuf {
        offset: 0,
        problem: "a field of the wrong kind, or text that is not UTF-8",
    })?;
    let mut net = read::read(&model, &found, facts.classes)?;
    rewrite::rewrite(&mut net);
    let lowered = lower::lower(&net)?;
    let card = card(file, &found, options)?;
    let (file, quantized) = match options.precision {
        Precision::F32 => (write(&lowered, &card, Number::F32)?, None),
        Precision::F16 => (write(&lowered, &card, Number::F16)?, None),
        Precision::Int8 => {
            let made = quantize::quantize(&net, &lowered, &card, options.quantize)?;
            let file = with_own_golden(&made.lowered, card)?;
            (file, Some(made.quantized))
        }
    };
    Ok(Compiled { file, quantized })
}

fn write(lowered: &Lowered, card: &Card, number: Number) -> Result<Vec<u8>, CompileError> {
    emit::emit(lowered, &plan::plan(lowered)?, card, number)
}

/// Writes a quantized model with golden pictures that it has made itself.
fn with_own_golden(lowered: &Lowered, mut card: Card) -> Result<Vec<u8>, CompileError> {
    let number = quantize::floats(lowered);
    let mut engine = quantize::open(&write(lowered, &card, number)?)?;
    card.golden = golden(&card, |latent, class, image| {
        engine
            .generate(latent, class, image)
            .map_err(|error| error.to_string())
    })
    .map_err(|error| CompileError::Golden {
        reason: error.to_string(),
    })?;
    if quantize::exact(lowered) {
        card.tolerance.levels = 0;
    }
    write(lowered, &card, number)
}

/// The file's card, or one of what is known.
fn card(file: &[u8], found: &Inspection, options: &Options) -> Result<Card, CompileError> {
    if let Some(card) = &found.card {
        return Ok(card.clone());
    }
    let facts = options.assumptions.facts(found)?;
    let latent = Latent {
        len: found.latent_len,
        distribution: facts.distribution,
    };
    let mut card = Card::new(&options.name, latent, facts.shape, facts.range);
    card.classes = (0..facts.classes).map(|class| class.to_string()).collect();
    let failed = |reason: String| CompileError::Golden { reason };
    let mut engine = OnnxGenerator::from_bytes(file, &options.limits, &options.assumptions)
        .map_err(|error| failed(error.to_string()))?;
    card.golden = golden(&card, |latent, class, image| {
        engine
            .generate(latent, class, image)
            .map_err(|error| error.to_string())
    })
    .map_err(|error| failed(error.to_string()))?;
    Ok(card)
}
