//! The generators that this program trains, as graphs and with their cards.

use burn::module::Module;
use dreamlet_onnx::Interface;
use dreamlet_onnx::proto::ModelProto;
use dreamlet_runtime::card::{Card, InterfaceCard, Latent};
use dreamlet_runtime::engine::tract::Assumptions;
use dreamlet_runtime::image::{PixelRange, Shape};
use dreamlet_runtime::latent::Distribution;

use super::{ExportError, onnx};
use crate::config::Config;
use crate::data::DataSpec;
use crate::nets::Generator;

/// The ONNX graph of a generator, without a card: `latent` `[N, z]` and, if it is conditional,
/// `class` `[N]`, to `image` `[N, C, H, W]`.
///
/// # Errors
/// As [`onnx::trace`].
pub fn graph(generator: &Generator, config: &Config) -> Result<ModelProto, ExportError> {
    let classes = Some(config.model.classes).filter(|classes| *classes > 0);
    onnx::trace(config.model.latent, classes, |device, latent, class| {
        generator.valid().to_device(device).forward(latent, class)
    })
}

/// What the graph of a generator trained with `config` does not say without a card.
pub fn assumptions(config: &Config) -> Assumptions {
    let (low, high) = config.model.output.range();
    Assumptions {
        interface: Interface {
            background: background(config),
            ..Interface::default()
        },
        classes: Some(config.model.classes).filter(|classes| *classes > 0),
        range: Some(PixelRange { low, high }),
        ..Assumptions::default()
    }
}

/// What lies behind images with alpha, where they have it.
fn background(config: &Config) -> Option<[u8; 3]> {
    (config.data.channels == 4).then(|| config.data.background().0)
}

/// What a device must know of a generator trained with `config`: the card without author, licence
/// and golden images. `classes` are the names of a conditional generator's classes.
///
/// # Errors
/// [`ExportError::Card`] for an image that no device can show.
pub fn card(config: &Config, classes: &[String], name: &str) -> Result<Card, ExportError> {
    let wrong = |field, reason: String| ExportError::Card { field, reason };
    let (low, high) = config.model.output.range();
    let latent = Latent {
        len: config.model.latent,
        distribution: Distribution::Normal,
    };
    let (channels, size) = (config.data.seen_channels(), config.data.size);
    let shape =
        Shape::new(channels, size, size).map_err(|error| wrong("image", error.to_string()))?;
    let mut card = Card::new(name, latent, shape, PixelRange { low, high });
    card.interface = background(config).map(|colour| InterfaceCard {
        background: Some(colour),
        ..InterfaceCard::default()
    });
    // The set's name and not its path, which says more of the user's disk than of the model.
    card.dataset = config
        .data
        .source
        .parse::<DataSpec>()
        .map_or_else(|_| config.data.source.clone(), |spec| spec.name());
    if config.model.classes > 0 {
        card.classes = classes.to_vec();
    }
    card.config_hash = config
        .hash()
        .map_err(|error| wrong("config_hash", error.to_string()))?;
    Ok(card)
}
