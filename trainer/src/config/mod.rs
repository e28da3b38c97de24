//! Presets, files and `--set` become one resolved, validated [`Config`].
//!
//! Every setting stands once, in `settings.rs`: its type, its range and what it does. Whatever a
//! person writes is checked against that list before it becomes a struct, so each message can name
//! the key and its range.

mod choices;
mod error;
pub(crate) mod keys;
mod presets;
mod resolve;
mod scheduled;
mod settings;
mod validate;

pub(crate) use choices::{
    AdversarialLoss, BestBy, DiscriminatorNorm, Likelihood, ModelKind, NetKind, OnCollapse,
    OutputActivation, Schedule, Word,
};
pub(crate) use error::ConfigError;
pub use presets::PRESETS;
pub(crate) use presets::preset;
pub(crate) use resolve::is_given;
pub use resolve::{Overrides, Source, resolve};
pub(crate) use resolve::{check_value, from_text, with_limits};
pub(crate) use scheduled::Scheduled;
pub(crate) use settings::{
    Config, DataConfig, GanConfig, ModelConfig, OptimizerConfig, TrainingConfig, VaeConfig,
};
pub(crate) use settings::{KEYS, SECTIONS, find};

use crate::atomic_file::sha256;
use crate::colour::Colour;

impl DataConfig {
    /// The colour under what is transparent.
    /// Channels of images as they are seen, over the background.
    pub(crate) fn seen_channels(&self) -> usize {
        self.channels.min(3)
    }

    pub(crate) fn background(&self) -> Colour {
        self.background.parse().unwrap_or_default()
    }
}

impl ModelConfig {
    /// Feature maps of a convolutional net: at half the image's size, of a residual net at its own.
    pub(crate) fn width(&self) -> usize {
        self.width.unwrap_or(match self.net {
            NetKind::Residual => 32,
            _ => 64,
        })
    }
}

impl OptimizerConfig {
    /// A setting's value at `fraction` of the run, 0 to 1.
    pub(crate) fn at(&self, fraction: f64, setting: Scheduled) -> f64 {
        setting.at(fraction / self.burn_in)
    }
}

impl Config {
    /// The probability of augmentation at `fraction` of the run, where it does not adapt.
    pub(crate) fn augment_at(&self, fraction: f64) -> f64 {
        let gan = self.gan.as_ref();
        gan.map_or(0.0, |gan| self.optimizer.at(fraction, gan.augment))
    }

    /// Widths of the hidden layers of the second stage; `None` where there is none.
    #[must_use]
    pub fn second_hidden(&self) -> Option<&[usize]> {
        let vae = self.vae.as_ref()?;
        (vae.second_stage > 0.0).then_some(vae.second_hidden.as_slice())
    }

    /// The configuration as TOML text, the file `config.toml` of a run.
    ///
    /// # Errors
    /// [`ConfigError::Write`] when it cannot be expressed as TOML.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|e| ConfigError::Write(e.to_string()))
    }

    /// SHA-256 of the resolved TOML, in hexadecimal: the same for the same settings.
    pub fn hash(&self) -> Result<String, ConfigError> {
        Ok(sha256(self.to_toml()?.as_bytes()))
    }
}
