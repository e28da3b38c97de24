//! `dreamlet export RUN|CHECKPOINT --out model.onnx`

use std::path::PathBuf;

use clap::Args;

use super::verify;
use crate::export;
use crate::export::verify::VerifyOptions;
use crate::training::saved::{Saved, Which};
use dreamlet_compiler::cli::{CliResult, print};

#[derive(Debug, Default, Args)]
pub(crate) struct ExportArgs {
    /// A run folder, or one of its checkpoints
    #[arg(value_name = "RUN|CHECKPOINT")]
    run: PathBuf,
    /// Where to write the ONNX file; by default into the run's `export` folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Name on the model's card; by default the data set's and the configuration's
    #[arg(long)]
    name: Option<String>,
    /// Author on the model's card
    #[arg(long, default_value = "")]
    author: String,
    /// Licence on the model's card, such as MIT
    #[arg(long, default_value = "")]
    license: String,
    /// Take the checkpoint with the best score instead of the newest
    #[arg(long)]
    best: bool,
    /// Take the generator itself instead of its EMA
    #[arg(long)]
    raw: bool,
    /// Take the first stage alone of a two-stage VAE
    #[arg(long)]
    first_stage: bool,
}

impl ExportArgs {
    pub(crate) fn of(run: PathBuf, out: PathBuf) -> Self {
        Self {
            run,
            out: Some(out),
            ..Self::default()
        }
    }
}

/// Exports and verifies.
pub(crate) fn run(args: &ExportArgs) -> CliResult {
    let which = Which {
        best: args.best,
        raw: args.raw,
        first_stage: args.first_stage,
    };
    let saved = Saved::open(&args.run, which)?;
    let name = args.name.clone().unwrap_or_else(|| saved.name());
    let default = || saved.run.join("export").join(format!("{name}.onnx"));
    let out = args.out.clone().unwrap_or_else(default);
    let mut card = export::generator::card(&saved.config, &saved.state.classes, &name)?;
    card.author.clone_from(&args.author);
    card.license.clone_from(&args.license);
    let model = export::generator::graph(&saved.generator, &saved.config)?;
    card.training = saved.training(export::weights_hash(&model))?;
    export::save(model, card, &out)?;
    print(&format!(
        "{}: {} bytes, from the checkpoint at step {}",
        out.display(),
        std::fs::metadata(&out)?.len(),
        saved.state.step
    ))?;
    verify::verify(&out, Some(&saved), &VerifyOptions::default())
}
