//! `dreamlet bench`: images a second of training, per preset, on this machine.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use clap::Args;

use super::{CliResult, print};
use crate::config::{Config, Overrides, PRESETS, Source, resolve};
use crate::device::DeviceChoice;
use crate::random::{Purpose, stream};
use crate::training::Learner;

/// Arguments of `dreamlet bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Presets to measure; all of them by default
    presets: Vec<String>,
    /// Seconds to train each preset for
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// auto, cpu, ndarray, cuda or vulkan
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// Milliseconds of each step after the warm-up.
struct Timing {
    name: String,
    images_per_step: u64,
    steps: Vec<f64>,
}

pub(crate) fn run(args: &BenchArgs) -> CliResult {
    let (device, device_name) = args.device.open()?;
    let names: Vec<String> = if args.presets.is_empty() {
        PRESETS.iter().map(|p| p.name.to_owned()).collect()
    } else {
        args.presets.clone()
    };
    let configs = names
        .into_iter()
        .map(|name| resolve(&Source::Preset(name), &Overrides::default()));
    let configs = configs.collect::<Result<Vec<Config>, _>>()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if !args.json {
        print(&format!(
            "training steps on {device_name}, {threads} threads, {} s each, after 2 steps of warm-up",
            args.seconds
        ))?;
        print(&format!(
            "{:<14} {:>6} {:>9} {:>9} {:>11}",
            "preset", "batch", "min ms", "median ms", "images/s"
        ))?;
    }
    for config in &configs {
        let t = measure(config, &device, Duration::from_secs(args.seconds.max(1)));
        let (min, median) = (
            t.steps.first().copied().unwrap_or(0.0),
            t.steps.get(t.steps.len() / 2).copied().unwrap_or(0.0),
        );
        #[allow(clippy::cast_precision_loss)]
        let rate = t.images_per_step as f64 * 1000.0 / median.max(1e-9);
        if args.json {
            let line = serde_json::json!({"preset": t.name, "device": device_name, "threads": threads, "batch": config.optimizer.batch,
                "steps": t.steps.len(), "min_ms": min, "median_ms": median, "images_per_second": rate});
            print(&line.to_string())?;
        } else {
            print(&format!(
                "{:<14} {:>6} {min:>9.2} {median:>9.2} {rate:>11.0}",
                t.name, config.optimizer.batch
            ))?;
        }
    }
    Ok(())
}

fn measure(config: &Config, device: &Device, time: Duration) -> Timing {
    let training_device = device.clone().autodiff();
    let (n, side, channels) = (
        config.optimizer.batch,
        config.data.size,
        config.data.channels,
    );
    let mut pixels = vec![0.0; n * channels * side * side];
    stream(0, Purpose::Score, 0).fill_uniform(&mut pixels);
    let batch = || {
        Tensor::<4>::from_data(
            TensorData::new(pixels.clone(), [n, channels, side, side]),
            &training_device,
        )
    };
    let images_per_step = Learner::batches_per_step(config) * n as u64;
    let mut timing = Timing {
        name: config.name.clone(),
        images_per_step,
        steps: Vec::new(),
    };
    let Some(mut learner) = Learner::new(config, &training_device) else {
        return timing;
    };
    let mut begin = Instant::now();
    for step in 0.. {
        let before = Instant::now();
        // Reading the losses waits until the device has done the step.
        let _ = learner.step(step, &mut || batch()).into_data();
        match step {
            0 => {}
            1 => begin = Instant::now(),
            _ => timing.steps.push(before.elapsed().as_secs_f64() * 1000.0),
        }
        if step > 4 && begin.elapsed() >= time {
            break;
        }
    }
    timing.steps.sort_by(f64::total_cmp);
    timing
}
