//! Ways a configuration can be wrong.

use std::path::PathBuf;

use thiserror::Error;

use super::PRESETS;
use super::keys::Key;
use super::settings::{KEYS, find};
use crate::suggest::nearest;

/// One variant for each way a configuration can be wrong. An `origin` is a file, preset or option.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error(
        "there is no preset \"{name}\"{} Presets: {}. For a file of your own: --config FILE",
        preset_meant(.name),
        PRESETS.iter().map(|p| p.name).collect::<Vec<_>>().join(", ")
    )]
    UnknownPreset { name: String },
    #[error("cannot read the configuration {}: {source}", .path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{origin} is not valid TOML: {message}")]
    Syntax {
        origin: String,
        /// The parser's words, with line and column.
        message: String,
    },
    #[error("{origin}: there is no key \"{key}\"; {}", key_meant(.key))]
    UnknownKey { origin: String, key: String },
    /// A key that exists in several sections was given without its section.
    #[error("\"{key}\" could be {}: write the section too", .candidates.join(" or "))]
    AmbiguousKey {
        key: String,
        /// The full names it could mean.
        candidates: Vec<&'static str>,
    },
    #[error("{origin}: {} must be {}, found {found} ({})", .key.path, .key.kind, .key.help)]
    BadValue {
        origin: String,
        key: &'static Key,
        found: String,
    },
    #[error(
        "the key \"{}\" is missing: {} ({}). Set it, or begin the file with preset = \"dcgan\" to take the rest from a preset",
        .key.path, .key.kind, .key.help
    )]
    Missing { key: &'static Key },
    /// `message` says which settings do not go together, why, and what to do.
    #[error("{message}")]
    Conflict { message: String },
    #[error("--set takes KEY=VALUE, such as --set optimizer.batch=32; found \"{text}\"")]
    BadSet { text: String },
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
