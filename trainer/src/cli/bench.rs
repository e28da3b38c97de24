//! `dreamlet bench`: training steps of the presets, and images from generators, on this machine.

use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::share;
use crate::benchmark::cold::{self, Cold};
use crate::benchmark::floor::Floor;
use crate::benchmark::sampling::{self, EngineTimes};
use crate::benchmark::training;
use crate::config::{Config, Overrides, PRESETS, Source, resolve};
use crate::device::{self, DeviceChoice};
use crate::export::{generator, onnx};
use crate::generator_file::with_card;
use crate::nets::Generator;
use dreamlet_compiler::cli::{CliResult, ForeignModelArgs, print};
use dreamlet_compiler::{Options, card_of};
use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::onnx::{Assumptions, OnnxFile};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Presets, for their training steps and their generators, or ONNX files; all presets by
    /// default
    #[arg(value_name = "PRESET|MODEL.onnx")]
    what: Vec<String>,
    /// Measure only this
    #[arg(long)]
    only: Option<Part>,
    /// Seconds for each line
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// auto, cpu, ndarray, cuda, wgpu or vulkan, for training
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Change one setting of the presets, such as optimizer.batch=32
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Load the file in this engine (compiled, tract, onnxruntime), make one image, say what it
    /// took: what `bench` runs in a process of its own
    #[arg(long, hide = true)]
    cold: Option<String>,
    /// One JSON object a line instead of tables
    #[arg(long)]
    json: bool,
    /// Only a line about this machine to post: board, processor, model, times, memory, version
    #[arg(long, conflicts_with_all = ["json", "only"], requires = "what")]
    share: bool,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Training steps
    Training,
    /// Images
    Sampling,
}

pub(crate) fn run(args: &BenchArgs) -> CliResult {
    if args.device == DeviceChoice::List {
        return print(&device::list());
    }
    if let (Some(engine), [file]) = (&args.cold, args.what.as_slice()) {
        let cold = cold::here(engine, Path::new(file))?;
        return print(&serde_json::to_string(&cold)?);
    }
    let is_file = |what: &&str| Path::new(what).extension().is_some_and(|e| e == "onnx");
    let what = args.what.iter().map(String::as_str);
    let (files, mut names): (Vec<_>, Vec<_>) = what.partition(is_file);
    if args.what.is_empty() {
        names.extend(PRESETS.iter().map(|p| p.name));
    }
    let overrides = Overrides {
        sets: args.set.clone(),
        ..Overrides::default()
    };
    let preset = |name: &str| resolve(&Source::Preset(name.to_owned()), &overrides);
    let configs: Vec<Config> = names.into_iter().map(preset).collect::<Result<_, _>>()?;
    if let (Some(Part::Training), Some(file)) = (args.only, files.first()) {
        let why = "only makes images, it is not trained: leave it out, or --only";
        return Err(format!("{file} {why}").into());
    }
    if !args.share && args.only != Some(Part::Sampling) && !configs.is_empty() {
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
    let device = args.device.open()?;
    let device_name = device.to_string();
    let threads = rayon::current_num_threads();
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
        let Some(times) = training::steps(config, &device.device, time(args)) else {
            continue;
        };
        let batch = config.optimizer.batch;
        let images = crate::training::Learner::batches_per_step(config) * batch as u64;
        let (median, min) = (times.median() * 1e3, times.min() * 1e3);
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

fn bench_sampling(args: &BenchArgs, configs: &[Config], files: &[&str]) -> CliResult {
    let mut missing = None;
    let mut models = Vec::new();
    for config in configs {
        let net = Generator::new(config, &burn::tensor::Device::flex());
        let model = onnx::to_bytes(&generator::graph(&net, config)?);
        models.push((config.name.clone(), model));
    }
    for file in files {
        let path = Path::new(file);
        let assumptions = args.foreign.assumptions();
        let model = dreamlet_onnx::read(path, &assumptions.limits);
        let mut model = model.map_err(|error| format!("{file}: {error}"))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if assumptions != Assumptions::default() {
            model =
                described(model, assumptions, &name).map_err(|error| format!("{file}: {error}"))?;
        }
        models.push((name.into_owned(), model));
    }
    if !args.json && !args.share {
        print(&format!(
            "\nimages: engines in turns, {} s at each batch; a preset's generator has its initial weights. f32, f16 and int8 are compiled.",
            args.seconds
        ))?;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for (name, model) in models {
        let floor = Floor::measure(model.len());
        let report = sampling::images(&model, time(args), threads, &floor)?;
        let cold = measured_cold(&model, &report)?;
        if args.share {
            share::print_row(&name, &report, &cold)?;
            continue;
        }
        show(args, &name, &report)?;
        show_cold(args, &name, &model, &report, &cold)?;
        missing = report.missing.or(missing);
    }
    if let Some(reason) = missing.filter(|_| !args.share) {
        log::warn!("without onnxruntime: {reason}");
    }
    Ok(())
}

/// The file with a card of what the flags say, which every engine reads.
fn described(
    model: Vec<u8>,
    assumptions: Assumptions,
    name: &str,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    if OnnxFile::from_bytes(&model, &assumptions)?.card.is_some() {
        return Ok(model);
    }
    let options = Options {
        // What the pixels are does not change the time.
        assumptions: Assumptions {
            range: assumptions.range.or(Some(PixelRange::UNIT)),
            ..assumptions
        },
        name: name.to_owned(),
        ..Options::default()
    };
    let card = card_of(&model, &options)?;
    Ok(with_card(model, &card)?)
}

fn show(args: &BenchArgs, name: &str, report: &EngineTimes) -> CliResult {
    if !args.json {
        print(&format!(
            "\n{name}: the floor, {:.1} µs, is what an image's multiplications in f32 take at this machine's peak, or reading its weights",
            report.floor * 1e6
        ))?;
        print(&format!(
            "{:<12} {:>7} {:>5} {:>11} {:>10} {:>11} {:>7} {:>15}",
            "engine",
            "threads",
            "batch",
            "median µs",
            "min µs",
            "µs/image",
            "/floor",
            "/onnxruntime"
        ))?;
    }
    for row in &report.rows {
        let (median, min) = (row.times.median() * 1e6, row.times.min() * 1e6);
        let each = median / row.batch as f64;
        let of_floor = each / (report.floor * 1e6);
        let peer = report.rows.iter().find(|peer| {
            peer.engine == "onnxruntime" && (peer.threads, peer.batch) == (row.threads, row.batch)
        });
        let ratio = peer.map(|peer| row.times.median() / peer.times.median());
        print(&if args.json {
            json!({"sampling": name, "engine": row.engine, "threads": row.threads, "batch": row.batch,
                "calls": row.times.count(), "median_us": median, "min_us": min, "median_us_per_image": each,
                "floor_us": report.floor * 1e6, "ratio_to_onnxruntime": ratio})
            .to_string()
        } else {
            format!(
                "{:<12} {:>7} {:>5} {median:>11.1} {min:>10.1} {each:>11.2} {of_floor:>7.2} {:>15}",
                row.engine,
                row.threads,
                row.batch,
                ratio.map_or("-".into(), |ratio| format!("{ratio:.2}"))
            )
        })?;
    }
    Ok(())
}

/// Sizes, and the first image of fresh processes.
fn show_cold(
    args: &BenchArgs,
    name: &str,
    model: &[u8],
    report: &EngineTimes,
    cold: &[Cold],
) -> CliResult {
    if !args.json {
        print(&format!(
            "{:<12} {:>11} {:>11} {:>9} {:>17} {:>12} {:>21}",
            "engine",
            "file KiB",
            "scratch KiB",
            "load ms",
            "first image ms",
            "memory KiB",
            "allocations/image"
        ))?;
    }
    for (loaded, cold) in report.loaded.iter().zip(cold) {
        let (engine, scratch) = (loaded.engine, loaded.scratch);
        let file = loaded.compiled.as_ref().map_or(model.len(), Vec::len);
        print(&if args.json {
            json!({"cold": name, "engine": engine, "file_bytes": file, "scratch_bytes": scratch, "load_ms": cold.load_ms,
                "first_ms": cold.first_ms, "peak_kib": cold.peak_kib, "allocations_per_image": cold.allocations})
            .to_string()
        } else {
            format!(
                "{engine:<12} {:>11.1} {:>11} {:>9.2} {:>17.2} {:>12} {:>21}",
                file as f64 / 1024.0,
                scratch.map_or("-".into(), |bytes| format!("{:.1}", bytes as f64 / 1024.0)),
                cold.load_ms,
                cold.first_ms,
                cold.peak_kib,
                cold.allocations
                    .map_or("-".into(), |count| count.to_string())
            )
        })?;
    }
    Ok(())
}

/// The first image of a fresh process for each engine.
fn measured_cold(
    model: &[u8],
    report: &EngineTimes,
) -> Result<Vec<Cold>, Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("dreamlet-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = cold_starts(&folder, model, report);
    std::fs::remove_dir_all(&folder)?;
    measured
}

/// Files for the processes in `folder`.
fn cold_starts(
    folder: &Path,
    model: &[u8],
    report: &EngineTimes,
) -> Result<Vec<Cold>, Box<dyn std::error::Error>> {
    let path = folder.join("model");
    let mut all = Vec::new();
    for loaded in &report.loaded {
        let (engine, bytes) = match &loaded.compiled {
            Some(bytes) => ("compiled", bytes.as_slice()),
            None => (loaded.engine, model),
        };
        std::fs::write(&path, bytes)?;
        all.push(cold::apart(engine, &path)?);
    }
    Ok(all)
}
