//! The model's card: the ONNX file's, or one of what is known; and golden images.

use dreamlet_onnx::reference;
use dreamlet_runtime::card::{Card, Golden, InterfaceCard, Latent, make_golden};
use dreamlet_runtime::engine::compiled::format::DType;
use dreamlet_runtime::generator::Generator as _;
use dreamlet_runtime::onnx::OnnxFile;

use super::emit::write;
use super::error::CompileError;
use super::interpreter;
use super::options::{Options, Precision};
use super::quantize;
use super::steps::Lowered;

/// The file's card, or one of what is known.
///
/// Golden images are the reference's where that is fast enough, else those of the f32 model. A
/// quantized model makes its own later.
pub(crate) fn card(
    file: &OnnxFile,
    lowered: &Lowered,
    options: &Options,
) -> Result<Card, CompileError> {
    if let Some(card) = &file.card {
        return Ok(card.clone());
    }
    let mut card = described(file, options)?;
    if options.precision == Precision::Int8 {
        return Ok(card);
    }
    card.golden = if file.graph.inspection.work <= interpreter::MOST_WORK {
        golden_of_reference(file, &card)?
    } else {
        golden_of(&write(lowered, &card, DType::F32)?, &card)?
    };
    Ok(card)
}

/// A card of what is known of a file without one, without golden images.
fn described(file: &OnnxFile, options: &Options) -> Result<Card, CompileError> {
    let facts = options.assumptions.facts(file)?;
    let latent = Latent {
        len: file.graph.inspection.latent_len,
        distribution: facts.distribution,
    };
    let mut card = Card::new(&options.name, latent, facts.shape, facts.range);
    card.classes = (0..facts.classes).map(|class| class.to_string()).collect();
    let interface = InterfaceCard::from(&options.assumptions.interface);
    card.interface = (interface != InterfaceCard::default()).then_some(interface);
    Ok(card)
}

/// A card for an ONNX file without one: what the graph and the options say, and golden images by
/// the definitions of the operators, where that does not take long.
///
/// # Errors
/// [`CompileError::Model`] for a file that is no generator or does not say all that is needed.
pub fn card_of(file: &[u8], options: &Options) -> Result<Card, CompileError> {
    let file = OnnxFile::from_bytes(file, &options.assumptions)?;
    let mut card = described(&file, options)?;
    if file.graph.inspection.work <= interpreter::MOST_WORK {
        card.golden = golden_of_reference(&file, &card)?;
    }
    Ok(card)
}

fn golden_of_reference(file: &OnnxFile, card: &Card) -> Result<Vec<Golden>, CompileError> {
    golden(card, |latent, class, image| {
        let made = reference::run(&file.graph.graph, latent, class.unwrap_or(0));
        let made = made.ok_or("the graph cannot be computed")?;
        for (to, from) in image.iter_mut().zip(made) {
            *to = from;
        }
        Ok(())
    })
}

/// Writes a quantized model with golden images that it has made itself.
pub(crate) fn with_own_golden(lowered: &Lowered, mut card: Card) -> Result<Vec<u8>, CompileError> {
    let dtype = quantize::f32_weights(lowered);
    card.golden = golden_of(&write(lowered, &card, dtype)?, &card)?;
    if quantize::exact(lowered) {
        card.tolerance.levels = 0;
    }
    write(lowered, &card, dtype)
}

/// Golden images of a compiled model, made by itself.
fn golden_of(file: &[u8], card: &Card) -> Result<Vec<Golden>, CompileError> {
    let mut engine = quantize::open(file)?;
    golden(card, |latent, class, image| {
        engine
            .generate(latent, class, image)
            .map_err(|error| error.to_string())
    })
}

/// [`make_golden`] with this crate's error.
fn golden(
    card: &Card,
    generate: impl FnMut(&[f32], Option<usize>, &mut [f32]) -> Result<(), String>,
) -> Result<Vec<Golden>, CompileError> {
    make_golden(card, generate).map_err(|error| CompileError::Golden {
        reason: error.to_string(),
    })
}
