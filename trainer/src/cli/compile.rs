//! `dreamlet compile MODEL.onnx --out model.dream`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dreamlet_onnx::read;

use super::foreign_model::ForeignModelArgs;
use super::quantized::compile_measured;
use super::{CliResult, print};
use crate::atomic_file::write_atomic;
use crate::data::DataSpec;
use dreamlet_compiler::{Options, Precision, QuantizeOptions, compile};

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
    /// Latents that the ranges of an int8 model are found on [default: 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
    calibrate: Option<u32>,
    /// Measure the Fréchet distance of an int8 model to these images, and keep layers in floats where it is more than 5 % worse than the ONNX
    /// file's: glyphs, mnist, fashion-mnist, idx:DIR or folder:DIR
    #[arg(long)]
    data: Option<DataSpec>,
    /// Generated images of the Fréchet distance, and as many test images if there are so many
    #[arg(long, default_value_t = 10_000, requires = "data")]
    samples: usize,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PrecisionChoice {
    /// 32-bit floats
    F32,
    /// 16-bit floats: half the flash, for processors that read them
    F16,
    /// Bytes: a quarter of the flash, and integer arithmetic
    Int8,
}

/// Compiles and writes.
pub(crate) fn run(args: &CompileArgs) -> CliResult {
    let named = |error: &dyn std::error::Error| format!("{}: {error}", args.model.display());
    let name = args.model.file_stem().unwrap_or_default();
    let options = Options {
        precision: match args.precision {
            PrecisionChoice::F32 => Precision::F32,
            PrecisionChoice::F16 => Precision::F16,
            PrecisionChoice::Int8 => Precision::Int8,
        },
        quantize: QuantizeOptions {
            calibrate: args
                .calibrate
                .unwrap_or(QuantizeOptions::default().calibrate),
            ..QuantizeOptions::default()
        },
        assumptions: args.foreign.assumptions(),
        name: name.to_string_lossy().into_owned(),
        ..Options::default()
    };
    if args.calibrate.is_some() && options.precision != Precision::Int8 {
        return Err("--calibrate is for --precision int8: others have no ranges to find".into());
    }
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| args.model.with_extension("dream"));
    let is_the_model = |place: &Path| match (place.canonicalize(), args.model.canonicalize()) {
        (Ok(place), Ok(model)) => place == model,
        _ => false,
    };
    if is_the_model(&out) {
        return Err(format!(
            "the compiled model would be written over {}: choose another place with --out",
            out.display()
        )
        .into());
    }
    let file = read(&args.model, &options.limits).map_err(|error| named(&error))?;
    let compiled = match (&args.data, options.precision) {
        (Some(data), Precision::Int8) => {
            compile_measured(&file, &options, data, args.samples).map_err(|e| named(e.as_ref()))?
        }
        (Some(_), _) => {
            return Err("--data is for --precision int8: `dreamlet eval` measures others".into());
        }
        (None, _) => compile(&file, &options).map_err(|e| named(&e))?,
    };
    write_atomic(&out, &compiled.file).map_err(|error| {
        format!(
            "cannot write {}: {error}; choose another place with --out",
            out.display()
        )
    })?;
    if args.report {
        print(&compiled.report.to_string())?;
    }
    if let Some(quantized) = &compiled.quantized {
        print(quantized.to_string().trim_end())?;
    }
    let bytes = compiled.file.len();
    print(&format!("{}: {bytes} bytes", out.display()))
}
