//! `dreamlet card MODEL.onnx|MODEL.dream`

use std::path::PathBuf;

use clap::Args;
use dreamlet_onnx::{Limits, read};
use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::engine::compiled::format::MAGIC;

use dreamlet_runtime::onnx::OnnxFile;

use dreamlet_compiler::cli::{CliResult, print};

#[derive(Debug, Args)]
pub(crate) struct CardArgs {
    /// The ONNX file or compiled model
    model: PathBuf,
}

/// Prints the card in the file's metadata as JSON.
pub(crate) fn run(args: &CardArgs) -> CliResult {
    let limits = Limits::default();
    let named = |error: &dyn std::error::Error| format!("{}: {error}", args.model.display());
    let file = read(&args.model, &limits).map_err(|error| named(&error))?;
    let card = if file.starts_with(&MAGIC) {
        let model = CompiledGenerator::from_bytes(&file).map_err(|error| named(&error))?;
        model.card().map_err(|error| named(&error))?
    } else {
        let file = OnnxFile::from_bytes(&file, &limits).map_err(|error| named(&error))?;
        file.card
    };
    let card = card.ok_or_else(|| {
        format!(
            "{} has no card: dreamlet did not export it. `dreamlet sample` takes the facts it lacks as flags",
            args.model.display()
        )
    })?;
    let value: serde_json::Value = serde_json::from_str(&card.to_json()?)?;
    print(&serde_json::to_string_pretty(&value)?)
}
