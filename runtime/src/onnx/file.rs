//! A file that has passed the check, with its card.

use alloc::format;
use alloc::string::{String, ToString};

use dreamlet_onnx::{CheckedGraph, Inspection, Interface, Model, ModelError};

use super::assumptions::Assumptions;
use crate::card::{CARD_KEY, Card, CardError};
use crate::image::Shape;

/// An ONNX file that has passed the check.
#[derive(Clone, Debug, PartialEq)]
pub struct OnnxFile {
    /// The checked graph.
    pub graph: CheckedGraph,
    /// The card, if the file has one; it agrees with the graph.
    pub card: Option<Card>,
}

impl OnnxFile {
    /// Decodes and checks a file that is in memory, and reads its card. What the card says of inputs
    /// and output goes before what `said` does.
    ///
    /// # Errors
    /// [`OnnxFileError`] with the first thing that is wrong.
    pub fn from_bytes(file: &[u8], said: &Assumptions) -> Result<Self, OnnxFileError> {
        let limits = &said.limits;
        let model = Model::decode(file, limits)?;
        let card = model.metadata(CARD_KEY)?.map(Card::from_json);
        let card = card.transpose()?;
        let written = card.as_ref().and_then(|card| {
            let interface = card.interface.as_ref()?.interface();
            let Shape {
                channels,
                height,
                width,
            } = card.image;
            Some(interface.map(|interface| Interface {
                shape: Some([channels, height, width]),
                ..interface
            }))
        });
        let written = written.transpose()?;
        let range = card.as_ref().map(|card| card.range).or(said.range);
        let interface = Interface {
            range: range.map(|range| (range.low, range.high)),
            ..written.unwrap_or_else(|| said.interface.clone())
        };
        let graph = model.check(limits, &interface)?;
        if let Some(card) = &card {
            agree(card, &graph.inspection)?;
        }
        Ok(Self { graph, card })
    }
}

/// What can be wrong with an ONNX file of a generator.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxFileError {
    /// The check refused the file.
    #[error(transparent)]
    Graph(#[from] ModelError),
    /// The card in the metadata is broken.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The card contradicts the graph.
    #[error("the card says {field} is {card}, the graph says {graph}: export the file again")]
    CardMismatch {
        /// The card's field.
        field: &'static str,
        /// What the card says.
        card: String,
        /// What the graph says.
        graph: String,
    },
    /// Something that neither the file nor the caller says.
    #[error("the file does not say {fact}: give --{assumption}")]
    Missing {
        /// The fact.
        fact: &'static str,
        /// The field of [`Assumptions`] that gives it.
        assumption: &'static str,
    },
}

/// Checks the card against the graph.
fn agree(card: &Card, found: &Inspection) -> Result<(), OnnxFileError> {
    let mismatch = |field, card: String, graph: String| {
        Err(OnnxFileError::CardMismatch { field, card, graph })
    };
    if card.latent.len != found.latent_len {
        return mismatch(
            "latent.len",
            card.latent.len.to_string(),
            found.latent_len.to_string(),
        );
    }
    let image = [card.image.channels, card.image.height, card.image.width];
    let flat = card
        .image
        .len()
        .is_some_and(|len| found.output_dims == [len]);
    if found.output_dims != image && !flat {
        return mismatch(
            "image",
            format!("{image:?}"),
            format!("{:?}", found.output_dims),
        );
    }
    let classes = card.classes.len();
    let input = if found.conditional { "with" } else { "without" };
    if (classes > 0) != found.conditional || found.class_rows.is_some_and(|rows| rows < classes) {
        let rows = found
            .class_rows
            .map_or_else(String::new, |rows| format!(" and room for {rows}"));
        return mismatch(
            "classes",
            classes.to_string(),
            format!("{input} a class input{rows}"),
        );
    }
    Ok(())
}
