//! The first image of a fresh process: how long it takes, and what memory.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::generator::Generator;
use serde::{Deserialize, Serialize};

use super::allocations::allocations;
use super::engines::{open_onnxruntime, open_tract};
use crate::export::verify::ImageEngine as _;

/// What a fresh process took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cold {
    /// Milliseconds from the file's path to a generator.
    pub load_ms: f64,
    /// Milliseconds for the first image.
    pub first_ms: f64,
    /// Most memory that the process had, in KiB, beyond what it had before it loaded the file; 0
    /// where the system does not say.
    pub peak_kib: u64,
    /// Allocations of an image after the first, by Rust code; `None` for an engine that is written
    /// in another language, or where the program's allocator does not count.
    pub allocations: Option<u64>,
}

/// Loads `file` in `engine` (`compiled`, `tract` or `onnxruntime`) and makes one image.
pub(crate) fn here(engine: &str, file: &Path) -> Result<Cold, String> {
    let before = peak_kib();
    let begin = Instant::now();
    let read = || std::fs::read(file).map_err(|error| error.to_string());
    let (loaded, done, allocations) = match engine {
        "compiled" => {
            let generator = CompiledGenerator::open(file);
            images(&mut generator.map_err(|error| error.to_string())?, begin)?
        }
        "tract" => {
            let generator = open_tract(&read()?);
            images(&mut generator.map_err(|error| error.to_string())?, begin)?
        }
        "onnxruntime" => {
            let session = open_onnxruntime(&read()?, 1);
            let mut session = session.map_err(|error| error.to_string())?;
            let loaded = begin.elapsed();
            let latent = vec![LATENT; session.latent_len()];
            session.run(&latent, session.conditional().then_some(&[0][..]), 1)?;
            (loaded, begin.elapsed(), None)
        }
        other => return Err(format!("no engine {other}: compiled, tract or onnxruntime")),
    };
    Ok(Cold {
        load_ms: loaded.as_secs_f64() * 1e3,
        first_ms: (done - loaded).as_secs_f64() * 1e3,
        peak_kib: peak_kib().saturating_sub(before),
        allocations,
    })
}

/// Every element of the first latent vector.
const LATENT: f32 = 0.1;

/// The first image, and what the second one allocates: when the generator was loaded and when the
/// first image was done since `begin`, and the allocations. A conditional generator makes
/// images of class 0.
fn images(
    generator: &mut dyn Generator,
    begin: Instant,
) -> Result<(Duration, Duration, Option<u64>), String> {
    let loaded = begin.elapsed();
    let latent = vec![LATENT; generator.latent_len()];
    let class = (generator.classes() > 0).then_some(0);
    let mut image = vec![0.0; generator.shape().len().unwrap_or(0)];
    let mut pixels = || {
        generator
            .generate(&latent, class, &mut image)
            .map_err(|error| error.to_string())
    };
    pixels()?;
    let done = begin.elapsed();
    let (made, count) = allocations(pixels);
    made?;
    Ok((loaded, done, count))
}

/// The same in a process of its own.
pub(crate) fn apart(engine: &str, file: &Path) -> Result<Cold, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(["bench", "--cold", engine])
        .arg(file)
        .output()
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// The most memory that this process has had, by Linux's account.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
