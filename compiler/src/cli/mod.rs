//! The command line of `dreamlet-compile`, which is that of `dreamlet compile`, too.

mod foreign_model;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::atomic_file::write_atomic;
use crate::{Budget, Compiled, Options, Precision, QuantizeOptions};

pub use foreign_model::{ForeignModelArgs, LatentChoice, parse_range, parse_shape};

/// What to compile, how, and where to write it.
#[derive(Clone, Debug, Args)]
pub struct CompileArgs {
    /// The ONNX file
    model: PathBuf,
    /// Where to write the compiled model; by default beside the ONNX file, ending in `.dream`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the weights are
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
    /// Print what each layer and the whole model cost
    #[arg(long)]
    report: bool,
    /// The most that the model may cost, such as flash=150k,ram=32k,ms=100@rp2350: where it costs
    /// more, nothing is written
    #[arg(long, value_name = "LIMITS@BOARD")]
    budget: Option<Budget>,
    /// Latents that the ranges of an int8 model are found on [default: 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
    calibrate: Option<u32>,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

/// What a program ends with: text that says what, where and what to do.
pub type CliResult = Result<(), Box<dyn Error>>;

impl CompileArgs {
    /// `--precision`.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    fn options(&self) -> Result<Options, Box<dyn Error>> {
        if self.calibrate.is_some() && self.precision != Precision::Int8 {
            return Err(
                "--calibrate is for --precision int8: others have no ranges to find".into(),
            );
        }
        let quantize = QuantizeOptions::default();
        let name = self.model.file_stem().unwrap_or_default();
        Ok(Options {
            precision: self.precision,
            quantize: QuantizeOptions {
                calibrate: self.calibrate.unwrap_or(quantize.calibrate),
                ..quantize
            },
            assumptions: self.foreign.assumptions(),
            name: name.to_string_lossy().into_owned(),
        })
    }

    /// Where to write, which is not where the ONNX file is.
    fn out(&self) -> Result<PathBuf, Box<dyn Error>> {
        let default = || self.model.with_extension("dream");
        let out = self.out.clone().unwrap_or_else(default);
        match (out.canonicalize(), self.model.canonicalize()) {
            (Ok(place), Ok(model)) if place == model => Err(format!(
                "the compiled model would be written over {}: choose another place with --out",
                out.display()
            )
            .into()),
            _ => Ok(out),
        }
    }
}

/// Reads the ONNX file, compiles it with `compile`, writes what that made and says what became of
/// it.
///
/// # Errors
/// Flags that do not go together, a file that cannot be read or written, and those of `compile`.
pub fn run(
    args: &CompileArgs,
    compile: impl FnOnce(&[u8], &Options) -> Result<Compiled, Box<dyn Error>>,
) -> CliResult {
    let options = args.options()?;
    let out = args.out()?;
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", args.model.display());
    let file = dreamlet_onnx::read(&args.model, &options.assumptions.limits)
        .map_err(|error| named(&error))?;
    let compiled = compile(&file, &options).map_err(|error| named(&error))?;
    let over = args.budget.map(|budget| budget.exceeded(&compiled.report));
    if let Some(over) = over.filter(|over| !over.is_empty()) {
        if args.report {
            print(&compiled.report.to_string())?;
        }
        let over = over.join("; ");
        return Err(named(&format!(
            "the compiled model costs more than --budget allows: {over}. Take --precision int8, or train a smaller one: dreamlet train --budget"
        ))
        .into());
    }
    write(&out, &compiled.file)?;
    if args.report {
        print(&compiled.report.to_string())?;
    }
    for note in &compiled.notes {
        eprintln!("note: {note}");
    }
    if let Some(quantized) = &compiled.quantized {
        print(quantized.to_string().trim_end())?;
    }
    print(&format!("{}: {} bytes", out.display(), compiled.file.len()))
}

fn write(out: &Path, file: &[u8]) -> CliResult {
    write_atomic(out, file).map_err(|error| {
        let place = out.display();
        format!("cannot write {place}: {error}; choose another place with --out").into()
    })
}

/// Prints a line to standard output; a closed pipe ends the program quietly instead of panicking.
///
/// # Errors
/// Those of standard output.
pub fn print(text: &str) -> CliResult {
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}
