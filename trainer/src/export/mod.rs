//! From a trained generator to a file that devices sample: ONNX, its card, and the check that every
//! engine makes the same images from it.
//!
//! [`generator`] takes what a run has trained, [`onnx::trace`] records its forward pass and writes
//! it as ONNX, [`card`] describes it in the file's metadata, [`verify`] runs the file through
//! several engines.

pub(crate) mod card;
mod error;
pub mod generator;
pub(crate) mod onnx;
pub(crate) mod verify;

use std::path::Path;

use dreamlet_onnx::proto::{Message as _, ModelProto};
use dreamlet_runtime::card::{Card, make_golden};
use dreamlet_runtime::engine::tract::{Assumptions, OnnxError, OnnxGenerator};
use dreamlet_runtime::generator::Generator as _;

use crate::atomic_file::{sha256, write_atomic};

pub(crate) use error::ExportError;

/// Writes `model` with `card` to `path`, whole or not at all, and gives back the card as it was
/// written: with the golden images that tract makes from the file, and the version of this program.
///
/// # Errors
/// [`ExportError::Card`] where the card does not fit the graph or tract cannot run it;
/// [`ExportError::Write`].
pub fn save(mut model: ModelProto, mut card: Card, path: &Path) -> Result<Card, ExportError> {
    let wrong = |error: OnnxError| ExportError::Card {
        field: "golden",
        reason: error.to_string(),
    };
    card.golden.clear();
    card.trainer_version = env!("CARGO_PKG_VERSION").into();
    card::attach(&mut model, &card)?;
    let file = onnx::to_bytes(&model);
    let mut engine = OnnxGenerator::from_bytes(&file, &Assumptions::default()).map_err(wrong)?;
    card.golden = make_golden(&card, |latent, class, image| {
        engine
            .generate(latent, class, image)
            .map_err(|error| error.to_string())
    })
    .map_err(|error| ExportError::Card {
        field: "golden",
        reason: error.to_string(),
    })?;
    card::write(&mut model, &card)?;
    write_atomic(path, &onnx::to_bytes(&model)).map_err(|error| ExportError::Write {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })?;
    Ok(card)
}

/// SHA-256 of a model's weights, in hexadecimal: of the name, the dimensions and the bytes of each, in their order.
#[must_use]
pub(crate) fn weights_hash(model: &ModelProto) -> String {
    let weights = model.graph.iter().flat_map(|graph| &graph.initializer);
    let mut bytes = Vec::new();
    for tensor in weights {
        // A field of a length before each part: no two models give the same bytes.
        for part in [tensor.name.as_bytes(), tensor.raw_data.as_slice()] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes.extend((tensor.dims.len() as u64).to_le_bytes());
        bytes.extend(tensor.dims.iter().flat_map(|dim| dim.to_le_bytes()));
    }
    sha256(&bytes)
}

/// [`weights_hash`] of an ONNX file.
///
/// # Errors
/// What is wrong in a file that is not one.
pub(crate) fn weights_hash_of_file(file: &[u8]) -> Result<String, String> {
    let model = ModelProto::decode(file).map_err(|error| format!("it is no ONNX file: {error}"))?;
    Ok(weights_hash(&model))
}
