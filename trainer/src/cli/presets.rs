//! `dreamlet presets [NAME]`

use clap::Args;

use crate::config::KEYS;
use crate::config::{ConfigError, PRESETS, preset};
use dreamlet_compiler::cli::{CliResult, print};

/// Arguments of `dreamlet presets`.
#[derive(Debug, Args)]
pub(crate) struct PresetsArgs {
    /// Print this preset's TOML
    name: Option<String>,
    /// List every key with its type, range and meaning
    #[arg(long, conflicts_with = "name")]
    keys: bool,
}

pub(crate) fn run(args: &PresetsArgs) -> CliResult {
    if args.keys {
        for key in KEYS {
            let default = key
                .default
                .map_or_else(String::new, |value| format!(" (default {value})"));
            print(&format!(
                "{:<40} {}; {}{default}",
                key.path, key.help, key.kind
            ))?;
        }
        return Ok(());
    }
    match &args.name {
        None => PRESETS
            .iter()
            .try_for_each(|p| print(&format!("{:<14} {}", p.name, p.summary()))),
        Some(name) => {
            let found =
                preset(name).ok_or_else(|| ConfigError::UnknownPreset { name: name.clone() })?;
            print(found.toml.trim_end())
        }
    }
}
