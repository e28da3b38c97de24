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
mod settings;
mod validate;

pub(crate) use choices::{
    AdversarialLoss, BestBy, DiscriminatorNorm, Likelihood, ModelKind, NetKind, OnCollapse,
    OutputActivation, Schedule,
};
pub(crate) use error::ConfigError;
pub use presets::PRESETS;
pub(crate) use presets::preset;
pub(crate) use resolve::is_given;
pub use resolve::{Overrides, Source, resolve};
pub(crate) use resolve::{check_value, from_text, with_limits};
pub(crate) use settings::{Config, GanConfig, OptimizerConfig, TrainingConfig, VaeConfig};
pub(crate) use settings::{KEYS, SECTIONS, find};

use crate::atomic_file::sha256;

impl Config {
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
