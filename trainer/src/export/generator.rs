//! The generators that this program trains, as graphs and with their cards.

use burn::module::Module;
use dreamlet_runtime::card::{Card, Latent};
use dreamlet_runtime::image::{PixelRange, Shape};
use dreamlet_runtime::latent::Distribution;
use tract_onnx::pb::ModelProto;

use super::{ExportError, onnx};
use crate::config::Config;
use crate::data::DataSpec;
use crate::nets::Generator;

/// The ONNX graph of a generator, without a card: `latent` `[N, z]` to `image` `[N, C, H, W]`.
///
/// # Errors
/// As [`onnx::trace`].
pub fn graph(generator: &Generator, config: &Config) -> Result<ModelProto, ExportError> {
    onnx::trace(config.model.latent, None, |device, latent, _| {
        generator.valid().to_device(device).forward(latent)
    })
}

/// What a device must know of a generator trained with `config`: the card without author, licence and golden pictures.
///
/// # Errors
/// [`ExportError::Card`] for a picture that no device can show.
pub fn card(config: &Config, name: &str) -> Result<Card, ExportError> {
    let wrong = |field, reason: String| ExportError::Card { field, reason };
    let (low, high) = config.model.output.range();
    let latent = Latent {
        len: config.model.latent,
        distribution: Distribution::Normal,
    };
    let (channels, size) = (config.data.channels, config.data.size);
    let shape =
        Shape::new(channels, size, size).map_err(|error| wrong("image", error.to_string()))?;
    let mut card = Card::new(name, latent, shape, PixelRange { low, high });
    // The set's name and not its path, which says more of the user's disk than of the model.
    card.dataset = config
        .data
        .source
        .parse::<DataSpec>()
        .map_or_else(|_| config.data.source.clone(), |spec| spec.name());
    card.config_hash = config
        .hash()
        .map_err(|error| wrong("config_hash", error.to_string()))?;
    Ok(card)
}
