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

use dreamlet_onnx::proto::ModelProto;
use dreamlet_runtime::card::{Card, make_golden};
use dreamlet_runtime::engine::tract::{Assumptions, OnnxError, OnnxGenerator};
use dreamlet_runtime::generator::Generator as _;

use crate::atomic_file::write_atomic;

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
