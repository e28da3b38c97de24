//! How a saved generator was trained, for its card, and back: what trains it again.

use std::path::{Path, PathBuf};

use dreamlet_runtime::card::TrainingCard;

use super::error::TrainError;
use super::saved::Saved;
use crate::atomic_file::{read_regular, sha256};
use crate::config::{Config, ConfigError, from_text};
use crate::data::DataSpec;

impl Saved {
    /// What makes this generator again, whose weights have the SHA-256 `weights`; `None` of a
    /// checkpoint by a version that did not mark its data.
    ///
    /// # Errors
    /// [`TrainError`] where the configuration or the teacher cannot be read.
    pub fn training(&self, weights: String) -> Result<Option<TrainingCard>, TrainError> {
        let Some(data) = &self.state.data else {
            return Ok(None);
        };
        let mut config = self.config.clone();
        let spec = config.data.source.parse::<DataSpec>();
        // The name of a folder and not its path, which says more of the user's disk than of the model.
        config.data.source = match spec {
            Ok(spec @ DataSpec::Folder(_)) => format!("folder:{}", spec.name()),
            Ok(spec @ DataSpec::Idx(_)) => format!("idx:{}", spec.name()),
            _ => config.data.source,
        };
        let mut teacher = String::new();
        if let Some(gan) = config.gan.as_mut().filter(|gan| !gan.teacher.is_empty()) {
            let file = PathBuf::from(&gan.teacher);
            teacher = hash_of_file(&file)?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            gan.teacher = name.into_owned();
        }
        Ok(Some(TrainingCard {
            config: config.to_toml()?,
            step: self.state.step,
            raw: self.which.raw,
            first_stage: self.which.first_stage,
            data: data.fingerprint.clone(),
            teacher,
            machine: self.machine(),
            weights,
        }))
    }

    /// What the run was computed on, as its folder says.
    fn machine(&self) -> String {
        let file = read_regular(&self.run.join("environment.json")).ok();
        let value: Option<serde_json::Value> =
            file.and_then(|file| serde_json::from_slice(&file).ok());
        let machine = value.and_then(|value| Some(value.get("machine")?.as_str()?.to_owned()));
        machine.unwrap_or_else(|| "unknown".to_owned())
    }
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// [`TrainError::File`].
pub(crate) fn hash_of_file(file: &Path) -> Result<String, TrainError> {
    let bytes = read_regular(file).map_err(TrainError::file(file, "reading"))?;
    Ok(sha256(&bytes))
}

/// The configuration of a card, with what lies elsewhere on this machine.
///
/// # Errors
/// [`ConfigError`] for a configuration that this version does not read.
pub(crate) fn config_of(
    training: &TrainingCard,
    data: Option<&DataSpec>,
    teacher: Option<&Path>,
) -> Result<Config, ConfigError> {
    let mut config = from_text("the card's configuration", &training.config)?;
    if let Some(data) = data {
        config.data.source = data.clone().absolute().to_string();
    }
    if let (Some(gan), Some(teacher)) = (config.gan.as_mut(), teacher) {
        gan.teacher = teacher.display().to_string();
    }
    Ok(config)
}
