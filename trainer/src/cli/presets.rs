//! `dreamlet presets [NAME]`

use clap::Args;

use crate::config::{ConfigError, KEYS, PRESETS, preset};
use dreamlet_compiler::cli::{CliResult, print};

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
            let default = key.default.map(|value| format!(" (default {value})"));
            let default = default.unwrap_or_default();
            let line = format!("{:<40} {}; {}{default}", key.path, key.help, key.kind);
            print(&line)?;
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
