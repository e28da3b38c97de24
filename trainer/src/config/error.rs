//! Ways a configuration can be wrong.

use std::path::PathBuf;

use thiserror::Error;

use super::PRESETS;
use super::keys::Key;
use super::settings::{KEYS, find};
use crate::suggest::nearest;

/// One variant for each way a configuration can be wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error(
        "there is no preset \"{name}\"{} Presets: {}. For a file of your own: --config FILE",
        preset_meant(.name),
        PRESETS.iter().map(|p| p.name).collect::<Vec<_>>().join(", ")
    )]
    UnknownPreset {
        /// The name as written.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", .path.display())]
    Read {
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not TOML.
    #[error("{origin} is not valid TOML: {message}")]
    Syntax {
        /// File, preset or option.
        origin: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// A key that does not exist.
    #[error("{origin}: there is no key \"{key}\"; {}", key_meant(.key))]
    UnknownKey {
        /// File, preset or option.
        origin: String,
        /// The key as written.
        key: String,
    },
    /// A key that exists in several sections was given without its section.
    #[error("\"{key}\" could be {}: write the section too", .candidates.join(" or "))]
    AmbiguousKey {
        /// The key as written.
        key: String,
        /// The full names it could mean.
        candidates: Vec<&'static str>,
    },
    /// The value has the wrong type or is out of range.
    #[error("{origin}: {} must be {}, found {found} ({})", .key.path, .key.kind, .key.help)]
    BadValue {
        /// File, preset or option.
        origin: String,
        key: &'static Key,
        /// What was found there.
        found: String,
    },
    /// A key that the configuration needs is not there.
    #[error(
        "the key \"{}\" is missing: {} ({}). Set it, or begin the file with preset = \"dcgan\" to take the rest from a preset",
        .key.path, .key.kind, .key.help
    )]
    Missing { key: &'static Key },
    /// Two settings do not go together: which, why and what to do.
    #[error("{message}")]
    Conflict {
        /// Which, why and what to do.
        message: String,
    },
    /// `--set` without `=`.
    #[error("--set takes KEY=VALUE, such as --set optimizer.batch=32; found \"{text}\"")]
    BadSet {
        /// The option as written.
        text: String,
    },
    /// The configuration cannot be written as TOML.
    #[error("the configuration cannot be written as TOML: {0}")]
    Write(String),
}

fn preset_meant(name: &str) -> String {
    match nearest(name, PRESETS.iter().map(|p| p.name)) {
        Some(near) => format!("; did you mean \"{near}\"?"),
        None => ".".to_owned(),
    }
}

/// The key that was probably meant: by its full name, else by its last part.
fn key_meant(written: &str) -> String {
    let last = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let paths = || KEYS.iter().map(|k| k.path);
    let near = nearest(written, paths()).or_else(|| {
        let short = nearest(written.rsplit('.').next()?, paths().map(last))?;
        paths().find(|path| last(path) == short)
    });
    match near.and_then(find) {
        Some(k) => format!("the nearest is \"{}\" ({}): {}", k.path, k.kind, k.help),
        None => "`dreamlet presets --keys` lists them".to_owned(),
    }
}
