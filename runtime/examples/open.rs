//! Opens an ONNX file by this project's check or by tract alone, and says what came of it: what
//! `scripts/bench/hostile.py` compares.
//!
//! `cargo run --release -p dreamlet-runtime --features tract --example open -- dreamlet|tract FILE`

use std::path::Path;
use std::process::ExitCode;

use dreamlet_onnx::{Limits, inspect, read};
use tract_onnx::onnx;
use tract_onnx::prelude::*;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [engine, path] = arguments.as_slice() else {
        eprintln!("usage: open dreamlet|tract FILE");
        return ExitCode::from(2);
    };
    let path = Path::new(path);
    let opened = match engine.as_str() {
        "dreamlet" => {
            let limits = Limits::default();
            read(path, &limits)
                .and_then(|file| inspect(&file, &limits))
                .map(drop)
                .map_err(|error| error.to_string())
        }
        _ => onnx()
            .model_for_path(path)
            .and_then(|model| model.into_optimized())
            .map(drop)
            .map_err(|error| format!("{error:?}")),
    };
    match opened {
        Ok(()) => println!("opened"),
        Err(reason) => {
            println!("refused: {}", reason.lines().next().unwrap_or_default());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
