//! `dreamlet card MODEL.onnx|MODEL.dream`

use std::path::{Path, PathBuf};

use clap::Args;
use dreamlet_compiler::cli::{CliResult, ForeignModelArgs, print};
use dreamlet_compiler::{Options, atomic_file::write_atomic, card_of};
use dreamlet_onnx::read;
use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::engine::compiled::format::MAGIC;
use dreamlet_runtime::onnx::OnnxFile;

use super::hub;
use crate::generator_file::with_card;

/// Arguments of `dreamlet card`.
#[derive(Debug, Args)]
pub(crate) struct CardArgs {
    /// The ONNX file or compiled model
    model: PathBuf,
    /// Write a copy of an ONNX file without a card, with one of what these flags say
    #[arg(long, value_name = "FILE")]
    set: Option<PathBuf>,
    /// Write a folder for a model hub: README, models, preview, licence
    #[arg(long, value_name = "DIR", conflicts_with = "set")]
    hub: Option<PathBuf>,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

/// Prints the card in the file's metadata as JSON, after writing one where that is asked for.
pub(crate) fn run(args: &CardArgs) -> CliResult {
    let assumptions = args.foreign.assumptions();
    let named = |error: &dyn std::error::Error| format!("{}: {error}", args.model.display());
    let file = read(&args.model, &assumptions.limits).map_err(|error| named(&error))?;
    let card = if file.starts_with(&MAGIC) {
        let model = CompiledGenerator::from_bytes(&file).map_err(|error| named(&error))?;
        model.card().map_err(|error| named(&error))?
    } else {
        let file = OnnxFile::from_bytes(&file, &assumptions).map_err(|error| named(&error))?;
        file.card
    };
    let card = match (card, &args.set) {
        (Some(_), Some(_)) => {
            return Err(format!(
                "{} has a card already, which `dreamlet card` without --set prints",
                args.model.display()
            )
            .into());
        }
        (None, Some(out)) => {
            let name = args.model.file_stem().unwrap_or_default();
            let options = Options {
                assumptions,
                name: name.to_string_lossy().into_owned(),
                ..Options::default()
            };
            let card = card_of(&file, &options).map_err(|error| named(&error))?;
            write(out, &args.model, &with_card(file.clone(), &card)?)?;
            card
        }
        (Some(card), None) => card,
        (None, None) => {
            return Err(format!(
                "{} has no card: dreamlet did not export it. `dreamlet card {0} --set FILE` writes a copy with one",
                args.model.display()
            )
            .into());
        }
    };
    if let Some(folder) = &args.hub {
        return hub::write(
            folder,
            &args.model,
            &file,
            &card,
            &args.foreign.assumptions(),
        );
    }
    let value: serde_json::Value = serde_json::from_str(&card.to_json()?)?;
    print(&serde_json::to_string_pretty(&value)?)
}

/// Writes the file with its card beside the model.
pub(super) fn write(out: &Path, model: &Path, file: &[u8]) -> CliResult {
    let same = out.canonicalize().ok().zip(model.canonicalize().ok());
    if same.is_some_and(|(out, model)| out == model) {
        return Err(format!(
            "{} is the model, which would be written over: name another file",
            out.display()
        )
        .into());
    }
    write_atomic(out, file).map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    Ok(())
}
