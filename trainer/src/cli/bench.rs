//! `dreamlet bench`: training steps of the presets, and pictures from generators, on this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{CliResult, print};
use crate::benchmark::sampling::{self, Report};
use crate::benchmark::training;
use crate::config::{Config, Overrides, PRESETS, Source, resolve};
use crate::device::DeviceChoice;
use crate::export::{generator, onnx};
use crate::nets::Generator;

/// Arguments of `dreamlet bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Presets, for their training steps and their generators, or ONNX files; all presets by default
    #[arg(value_name = "PRESET|MODEL.onnx")]
    what: Vec<String>,
    /// Measure only this
    #[arg(long)]
    only: Option<Part>,
    /// Seconds for each line
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// auto, cpu, ndarray, cuda or vulkan, for training
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// One JSON object a line instead of tables
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Training steps
    Training,
    /// Pictures
    Sampling,
}

pub(crate) fn run(args: &BenchArgs) -> CliResult {
    let (files, names): (Vec<_>, Vec<_>) = args
        .what
        .iter()
        .partition(|what| Path::new(what).extension().is_some_and(|e| e == "onnx"));
    let names: Vec<String> = if args.what.is_empty() {
        PRESETS.iter().map(|p| p.name.to_owned()).collect()
    } else {
        names.into_iter().cloned().collect()
    };
    let configs = names
        .into_iter()
        .map(|name| resolve(&Source::Preset(name), &Overrides::default()))
        .collect::<Result<Vec<Config>, _>>()?;
    if args.only != Some(Part::Sampling) && !configs.is_empty() {
        bench_training(args, &configs)?;
    }
    if args.only != Some(Part::Training) {
        bench_sampling(args, &configs, &files)?;
    }
    Ok(())
}

fn time(args: &BenchArgs) -> Duration {
    Duration::from_secs(args.seconds.max(1))
}

fn bench_training(args: &BenchArgs, configs: &[Config]) -> CliResult {
    let (device, device_name) = args.device.open()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if !args.json {
        print(&format!(
            "training steps on {device_name}, {threads} threads, {} s each, after {} steps of warm-up",
            args.seconds,
            training::WARM_UP
        ))?;
        print(&format!(
            "{:<14} {:>6} {:>9} {:>9} {:>11}",
            "preset", "batch", "median ms", "min ms", "images/s"
        ))?;
    }
    for config in configs {
        let Some(times) = training::steps(config, &device, time(args)) else {
            continue;
        };
        let batch = config.optimizer.batch;
        let images = crate::training::Learner::batches_per_step(config) * batch as u64;
        let (median, min) = (times.median() * 1e3, times.min() * 1e3);
        #[allow(clippy::cast_precision_loss)]
        let rate = images as f64 / times.median();
        print(&if args.json {
            json!({"training": config.name, "device": device_name, "threads": threads, "batch": batch,
                "steps": times.count(), "median_ms": median, "min_ms": min, "images_per_second": rate})
            .to_string()
        } else {
            format!(
                "{:<14} {batch:>6} {median:>9.2} {min:>9.2} {rate:>11.0}",
                config.name
            )
        })?;
    }
    Ok(())
}

fn bench_sampling(args: &BenchArgs, configs: &[Config], files: &[&String]) -> CliResult {
    if !args.json {
        print(&format!(
            "\none thread, {} s each, engines in turns; a preset's generator has its initial weights",
            args.seconds
        ))?;
        print(&format!(
            "{:<28} {:>5} {:<12} {:>10} {:>10} {:>13}",
            "generator", "batch", "engine", "median µs", "min µs", "µs/picture"
        ))?;
    }
    let mut missing = None;
    for config in configs {
        let net = Generator::new(config, &burn::tensor::Device::flex());
        let model = onnx::to_bytes(&generator::graph(&net, config)?);
        let report = sampling::pictures(&model, time(args))?;
        show(args, &config.name, &report)?;
        missing = report.missing.or(missing);
    }
    for file in files {
        let path = PathBuf::from(file);
        let limits = dreamlet_runtime::engine::validate::Limits::default();
        let model = dreamlet_runtime::engine::validate::read(&path, &limits)?;
        let report = sampling::pictures(&model, time(args))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        show(args, &name, &report)?;
        missing = report.missing.or(missing);
    }
    if let Some(reason) = missing {
        eprintln!("without onnxruntime: {reason}");
    }
    Ok(())
}

fn show(args: &BenchArgs, name: &str, report: &Report) -> CliResult {
    for row in &report.rows {
        let (median, min) = (row.times.median() * 1e6, row.times.min() * 1e6);
        #[allow(clippy::cast_precision_loss)]
        let each = median / row.batch as f64;
        print(&if args.json {
            json!({"sampling": name, "engine": row.engine, "batch": row.batch, "calls": row.times.count(),
                "median_us": median, "min_us": min, "median_us_per_picture": each})
            .to_string()
        } else {
            format!(
                "{name:<28} {:>5} {:<12} {median:>10.1} {min:>10.1} {each:>13.2}",
                row.batch, row.engine
            )
        })?;
    }
    Ok(())
}
