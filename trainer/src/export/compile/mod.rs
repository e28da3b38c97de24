//! ONNX file to compiled model: one flat file for the device's engine.
//!
//! ```text
//! file ── validate ── read ──► net ── rewrite ──► net ── lower ──► layers ── plan, pack, emit ──► file
//! ```
//!
//! [`read`] makes a network of a few operations for one picture, `rewrite` folds what can be folded, `lower` chooses the device's layers,
//! `plan` places their buffers, `pack` orders the weights, `emit` writes the file. `reference` runs a network by the definitions of its
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

use super::card::golden;

/// What the layers' weights are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats, half the bytes; sums are 32-bit floats all the same.
    F16,
}

/// How to compile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What the weights are.
    pub precision: Precision,
    /// What the ONNX file may cost.
    pub limits: Limits,
    /// What is taken as given of a file without a card.
    pub assumptions: Assumptions,
    /// Name on the card of a file without one.
    pub name: String,
}

/// Compiles an ONNX file that is in memory. One file with the same options gives the same bytes.
///
/// The card goes into the model as it is; a file without one gets one of what is known, with golden pictures made by tract.
///
/// # Errors
/// [`CompileError`]: a file that is no generator, a node without a layer, weights beyond the precision.
pub fn compile(file: &[u8], options: &Options) -> Result<Vec<u8>, CompileError> {
    let found = validate::inspect(file, &options.limits)?;
    let facts = options.assumptions.facts(&found)?;
    let model = ModelProto::decode(file).map_err(|_| ModelError::Protobuf {
        offset: 0,
        problem: "a field of the wrong kind, or text that is not UTF-8",
    })?;
    let mut net = read::read(&model, &found, facts.classes)?;
    rewrite::rewrite(&mut net);
    let lowered = lower::lower(&net)?;
    let plan = plan::plan(&lowered)?;
    let card = card(file, &found, options)?;
    let number = match options.precision {
        Precision::F32 => Number::F32,
        Precision::F16 => Number::F16,
    };
    emit::emit(&lowered, &plan, &card, number)
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
