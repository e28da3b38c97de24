//! `dreamlet verify MODEL.onnx [--run RUN]`

use std::path::{Path, PathBuf};

use clap::Args;
use dreamlet_compiler::cli::ForeignModelArgs;

use crate::export::verify::{Burn, VerifyOptions};
use crate::training::saved::{Saved, Which};
use dreamlet_compiler::cli::{CliResult, print};

/// Arguments of `dreamlet verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The ONNX file
    model: PathBuf,
    /// The run (or checkpoint) it was exported from: its generator is compared too
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// Compare with the run's best checkpoint instead of its newest
    #[arg(long, requires = "run")]
    best: bool,
    /// Compare with the generator itself instead of its EMA
    #[arg(long, requires = "run")]
    raw: bool,
    /// Compare with the first stage alone of a two-stage VAE
    #[arg(long, requires = "run")]
    first_stage: bool,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

pub(crate) fn run(args: &VerifyArgs) -> CliResult {
    let saved = args
        .run
        .as_ref()
        .map(|path| {
            let which = Which {
                best: args.best,
                raw: args.raw,
                first_stage: args.first_stage,
            };
            Saved::open(path, which)
        })
        .transpose()?;
    let options = VerifyOptions {
        assumptions: args.foreign.assumptions(),
        ..VerifyOptions::default()
    };
    verify(&args.model, saved.as_ref(), &options)
}

/// Prints the largest difference of each pair of engines; an error when one is above the tolerance.
pub(crate) fn verify(model: &Path, saved: Option<&Saved>, options: &VerifyOptions) -> CliResult {
    let mut burn = saved.map(|saved| {
        move |latents: &[f32], classes: Option<&[i64]>, rows: usize| {
            saved.generate(latents, classes, rows)
        }
    });
    let burn = burn.as_mut().map(|f| f as Burn<'_>);
    let report = crate::export::verify::verify(model, burn, options)?;
    print(report.to_string().trim_end())
}
