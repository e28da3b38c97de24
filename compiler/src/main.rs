//! The program `dreamlet-compile`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use dreamlet_compiler::cli::{CompileArgs, run};
use dreamlet_compiler::compile;

/// Compile an ONNX image generator into one flat file for devices without an operating system.
#[derive(Debug, Parser)]
#[command(name = "dreamlet-compile", version, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    args: CompileArgs,
}

fn main() -> ExitCode {
    match run(&Cli::parse().args, |file, options| {
        Ok(compile(file, options)?)
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may read standard error any more.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
