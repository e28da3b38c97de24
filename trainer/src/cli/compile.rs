//! `dreamlet compile MODEL.onnx --out model.dream`

use clap::Args;
use dreamlet_compiler::{Precision, cli, compile};

use super::quantized::compile_measured;
use crate::data::DataSpec;
use dreamlet_compiler::cli::CliResult;

/// Arguments of `dreamlet compile`.
#[derive(Debug, Args)]
pub(crate) struct CompileVerbArgs {
    #[command(flatten)]
    compiler: cli::CompileArgs,
    /// Measure the Fréchet distance of an int8 model to these images, and keep layers in f32 where
    /// it is more than 5 % worse than the ONNX file's: glyphs, mnist, fashion-mnist, stacked-mnist, idx:DIR or
    /// folder:DIR
    #[arg(long)]
    data: Option<DataSpec>,
    /// Generated images of the Fréchet distance, and as many test images if there are so many
    #[arg(long, default_value_t = 10_000, requires = "data")]
    samples: usize,
}

/// Compiles and writes, as `dreamlet-compile` does.
pub(crate) fn run(args: &CompileVerbArgs) -> CliResult {
    if args.data.is_some() && args.compiler.precision() != Precision::Int8 {
        return Err("--data is for --precision int8: `dreamlet eval` measures others".into());
    }
    cli::run(&args.compiler, |file, options| match &args.data {
        Some(data) => compile_measured(file, options, data, args.samples),
        None => Ok(compile(file, options)?),
    })
}
