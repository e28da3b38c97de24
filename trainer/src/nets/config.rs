//! What a net must know of a configuration, and no more.

use super::init::Scheme;
use crate::config::{Config, DiscriminatorNorm, ModelKind, NetKind, OutputActivation};

/// What the nets of a run have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct NetConfig {
    /// Dense, transposed or resizing convolutions.
    pub kind: NetKind,
    pub channels: usize,
    /// Height and width of an image.
    pub size: usize,
    /// Classes of a conditional net; 0 for an unconditional one.
    pub classes: usize,
    /// Widths of the hidden layers, from the latent side.
    pub hidden: Vec<usize>,
    /// Feature maps at half the image's size.
    pub width: usize,
    /// Seed of the initial weights.
    pub seed: u64,
}

/// What a [`Generator`](super::Generator) is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorConfig {
    /// What it has in common with the other net.
    pub net: NetConfig,
    /// Length of the latent vector.
    pub latent: usize,
    pub scheme: Scheme,
    pub output: OutputActivation,
    /// Widths of the hidden layers of a second stage, where there is one.
    pub second_stage: Option<Vec<usize>>,
}

/// What a [`Discriminator`](super::Discriminator) is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DiscriminatorConfig {
    /// What it has in common with the other net.
    pub net: NetConfig,
    /// What keeps its layers in bounds.
    pub norm: DiscriminatorNorm,
    /// Convolutional nets: width of the hidden layer before the logit; 0 for none.
    pub last_hidden: usize,
}

/// What an [`Encoder`](super::Encoder) is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EncoderConfig {
    /// What it has in common with the other net.
    pub net: NetConfig,
    /// Length of the latent vector.
    pub latent: usize,
    /// Widths of the hidden layers of a second stage, where there is one, from the latent side.
    pub second_stage: Option<Vec<usize>>,
}

/// What a [`Classifier`](super::Classifier) is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClassifierConfig {
    pub channels: usize,
    /// Height and width of an image.
    pub size: usize,
    pub classes: usize,
    /// Seed of the initial weights.
    pub seed: u64,
}

impl From<&Config> for NetConfig {
    fn from(config: &Config) -> Self {
        Self {
            kind: config.model.net,
            channels: config.data.channels,
            size: config.data.size,
            classes: config.model.classes,
            hidden: config.model.hidden.clone(),
            width: config.model.width.unwrap_or(64),
            seed: config.training.seed,
        }
    }
}

impl From<&Config> for GeneratorConfig {
    fn from(config: &Config) -> Self {
        Self {
            net: config.into(),
            latent: config.model.latent,
            scheme: match config.model.kind {
                ModelKind::Gan => Scheme::Dcgan,
                ModelKind::Vae => Scheme::FanIn,
            },
            output: config.model.output,
            second_stage: config.second_hidden().map(<[usize]>::to_vec),
        }
    }
}

impl From<&Config> for DiscriminatorConfig {
    fn from(config: &Config) -> Self {
        let gan = config.gan.as_ref();
        Self {
            net: config.into(),
            norm: gan.map_or(DiscriminatorNorm::Batch, |gan| gan.discriminator_norm),
            last_hidden: gan.map_or(0, |gan| gan.discriminator_hidden),
        }
    }
}

impl From<&Config> for EncoderConfig {
    fn from(config: &Config) -> Self {
        Self {
            net: config.into(),
            latent: config.model.latent,
            second_stage: config.second_hidden().map(<[usize]>::to_vec),
        }
    }
}
