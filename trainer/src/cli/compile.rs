//! `dreamlet compile MODEL.onnx --out model.dream`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dreamlet_runtime::engine::validate::read;

use super::stranger::StrangerArgs;
use super::{CliResult, print};
use crate::export::compile::{Options, Precision, compile};
use crate::files::write_atomic;

/// Arguments of `dreamlet compile`.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// The ONNX file
    model: PathBuf,
    /// Where to write the compiled model; by default beside the ONNX file, ending in `.dream`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the weights are
    #[arg(long, value_enum, default_value = "f32")]
    precision: PrecisionChoice,
    /// Print what each layer and the whole model cost
    #[arg(long)]
    report: bool,
    #[command(flatten)]
    stranger: StrangerArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PrecisionChoice {
    /// 32-bit floats
    F32,
    /// 16-bit floats: half the flash, for processors that read them
    F16,
}

/// Compiles and writes.
pub(crate) fn run(args: &CompileArgs) -> CliResult {
    let name = args.model.file_stem().unwrap_or_default();
    let options = Options {
        precision: match args.precision {
            PrecisionChoice::F32 => Precision::F32,
            PrecisionChoice::F16 => Precision::F16,
        },
        assumptions: args.stranger.assumptions(),
        name: name.to_string_lossy().into_owned(),
        ..Options::default()
    };
    let file = read(&args.model, &options.limits)?;
    let compiled =
        compile(&file, &options).map_err(|error| format!("{}: {error}", args.model.display()))?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| args.model.with_extension("dream"));
    write_atomic(&out, &compiled.file).map_err(|error| {
        format!(
            "cannot write {}: {error}; choose another place with --out",
            out.display()
        )
    })?;
    if args.report {
        print(&compiled.report.to_string())?;
    }
    let bytes = compiled.file.len();
    print(&format!("{}: {bytes} bytes", out.display()))
}
