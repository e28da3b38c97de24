//! `dreamlet train PRESET|--config FILE|--resume RUN`

use std::path::{Path, PathBuf};
use std::time::Duration;

use burn::tensor::Device;
use clap::Args;

use super::budget::fit;
use super::choose::choose;
use super::stopped::{stop_on_signal, stopped};
use crate::benchmark::training::steps;
use crate::config::{Config, Overrides, Source, is_given, resolve, with_limits};
use crate::data::{Bar, DataSpec, Dataset, LoadOptions, load, survey};
use crate::device::{self, DeviceChoice};
use crate::training::{self, Ending, TrainError, TrainOptions, TrainOutcome};
use dreamlet_compiler::Budget;
use dreamlet_compiler::cli::{CliResult, print};

/// `dreamlet train` and nothing else, for tasks that run it.
#[derive(Debug, clap::Parser)]
#[command(name = "dreamlet")]
pub(crate) enum TrainVerb {
    /// Train a preset or a configuration file, or go on with a run
    Train(TrainArgs),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").args(["preset", "config", "resume"]))]
pub(crate) struct TrainArgs {
    /// A preset; `dreamlet presets` lists them. For a folder of images one is chosen if none is given
    preset: Option<String>,
    /// A TOML file instead of a preset
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on with a run folder, bit for bit on the CPU
    #[arg(long, value_name = "RUN", conflicts_with_all = ["data", "set", "seed", "size", "channels", "out", "budget", "eval_every", "best_by", "patience", "on_collapse"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
}

/// How a run is trained, whatever it begins with.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// glyphs (built in), mnist, fashion-mnist, stacked-mnist, idx:DIR or folder:DIR, where DIR may be a ZIP or TAR
    /// archive of images
    #[arg(long)]
    pub(super) data: Option<String>,
    /// Height and width in pixels, a multiple of 4 from 16 to 128
    #[arg(long)]
    size: Option<usize>,
    /// 1 for grey, 3 for RGB, 4 for RGB and alpha
    #[arg(long)]
    channels: Option<usize>,
    /// Folder that holds the run folders
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// Change one setting, such as optimizer.batch=32
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Choose the largest nets that fit, such as flash=150k,ram=32k,ms=100@rp2350; `dreamlet boards`
    /// lists the boards
    #[arg(long, value_name = "LIMITS@BOARD")]
    budget: Option<Budget>,
    /// Passes over the data
    #[arg(long)]
    epochs: Option<u64>,
    /// Generator steps
    #[arg(long)]
    steps: Option<u64>,
    /// Wall-clock time, such as 90s, 10m or 2h
    #[arg(long, value_parser = parse_time)]
    time: Option<u64>,
    /// Fixes initialization, shuffling and latents
    #[arg(long)]
    seed: Option<u64>,
    /// auto, cpu, ndarray, cuda, wgpu or vulkan; wgpu:1 is the second GPU; list says what there is
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Train on a GPU that does not compute what the CPU computes
    #[arg(long)]
    trust_device: bool,
    /// Steps between two measurements of quality, for metrics.jsonl; they pick the best checkpoint
    #[arg(long, value_name = "STEPS")]
    eval_every: Option<u64>,
    /// Metric of a measurement that picks the best checkpoint: auto, frechet, kernel,
    /// inception-score, recall, coverage, sliced-wasserstein, class-accuracy or likelihood
    #[arg(long, value_name = "NAME")]
    best_by: Option<String>,
    /// End after so many measurements without a better one
    #[arg(long, value_name = "COUNT")]
    patience: Option<u64>,
    /// ignore, stop or rollback: what to do when all images of a GAN are alike
    #[arg(long, value_name = "WHAT")]
    on_collapse: Option<String>,
    /// Decode a folder's images afresh and keep no copy of their pixels
    #[arg(long)]
    no_cache: bool,
    /// Print the resolved configuration and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Seconds from `90`, `90s`, `10m`, `2h` or `1h30m`.
fn parse_time(text: &str) -> Result<u64, String> {
    let seconds = |part: &str| {
        let unit = match part.chars().next_back()? {
            'm' => 60,
            'h' => 3600,
            _ => 1,
        };
        let number: u64 = part.trim_end_matches(['s', 'm', 'h']).parse().ok()?;
        number.checked_mul(unit)
    };
    let mut parts = text.split_inclusive(|c: char| !c.is_ascii_digit());
    let total = parts.try_fold(0_u64, |total, part| total.checked_add(seconds(part)?));
    let wrong = || format!("\"{text}\" is not a time; write 90s, 10m, 2h or 1h30m");
    total.filter(|total| *total > 0).ok_or_else(wrong)
}

pub(crate) fn run(args: &TrainArgs) -> CliResult {
    if args.run.device == DeviceChoice::List {
        return print(&device::list());
    }
    let source = match (&args.config, &args.preset, &args.resume) {
        (Some(file), ..) => Source::File(file.clone()),
        (_, Some(preset), _) => Source::Preset(preset.clone()),
        (.., Some(run)) => return go_on(run, &args.run),
        (None, None, None) => return begin_chosen(&args.run),
    };
    begin(&source, Vec::new(), &args.run)
}

/// Goes on with a run.
fn go_on(run: &Path, args: &RunArgs) -> CliResult {
    let own = training::run::read_config(run)?;
    let config = with_limits(own, args.epochs, args.steps, args.time)?;
    if args.dry_run {
        return print(config.to_toml()?.trim_end());
    }
    args.device.open()?;
    let data = read_data(&config.data.source.parse()?, &config, args.no_cache)?;
    train(args, &config, |options| {
        training::resume(run, &config, &data, options)
    })
}

/// Begins a run with `source`, changed first by `sets`, then by the arguments.
pub(super) fn begin(source: &Source, sets: Vec<String>, args: &RunArgs) -> CliResult {
    let Some((config, data)) = prepare(source, sets, args)? else {
        return Ok(());
    };
    train(args, &config, |options| {
        training::train(&config, &data, options)
    })
}

/// Begins a run where only a folder of images is given; says what is trained and why.
fn begin_chosen(args: &RunArgs) -> CliResult {
    let spec: Option<DataSpec> = args.data.as_deref().map(str::parse).transpose()?;
    let Some(DataSpec::Folder(folder)) = spec else {
        return Err("say what to train: a preset (`dreamlet presets` lists them), --config FILE or --resume RUN; for --data folder:DIR a preset is chosen".into());
    };
    let chosen = choose(&survey(&folder)?, args.size, args.channels);
    for reason in &chosen.reasons {
        log::info!("{reason}");
    }
    let source = Source::Preset(chosen.preset.to_owned());
    let Some((config, data)) = prepare(&source, chosen.sets, args)? else {
        return Ok(());
    };
    log::info!("{}", expected_time(args.device, &config)?);
    train(args, &config, |options| {
        training::train(&config, &data, options)
    })
}

/// The configuration of a new run, and its data; `None` if it was only to be printed.
fn prepare(
    source: &Source,
    mut sets: Vec<String>,
    args: &RunArgs,
) -> Result<Option<(Config, Dataset)>, Box<dyn std::error::Error>> {
    sets.extend_from_slice(&args.set);
    sets.extend(args.size.map(|n| format!("data.size={n}")));
    sets.extend(args.channels.map(|n| format!("data.channels={n}")));
    sets.extend(args.eval_every.map(|n| format!("training.eval_every={n}")));
    let best_by = args.best_by.as_ref();
    sets.extend(best_by.map(|name| format!("training.best_by={name}")));
    sets.extend(args.patience.map(|n| format!("training.patience={n}")));
    let on_collapse = args.on_collapse.as_ref();
    sets.extend(on_collapse.map(|w| format!("training.on_collapse={w}")));
    let overrides = Overrides {
        sets,
        data: args.data.clone(),
        epochs: args.epochs,
        steps: args.steps,
        seconds: args.time,
        seed: args.seed,
    };
    let classes_given = is_given(source, &overrides, "model.classes")?;
    let mut config = resolve(source, &overrides)?;
    if let Some(budget) = &args.budget {
        config = fit(config, budget)?;
    }
    // What is printed is what a run would use: it may depend on the data.
    let by_data = !classes_given && config.model.classes > 0;
    if args.dry_run && !by_data {
        print(config.to_toml()?.trim_end())?;
        return Ok(None);
    }
    args.device.open()?;
    // The run may go on from another working folder.
    let spec = config.data.source.parse::<DataSpec>()?.absolute();
    config.data.source = spec.to_string();
    let data = read_data(&spec, &config, args.no_cache)?;
    if by_data {
        take_classes(&mut config, &data);
    }
    if args.dry_run {
        print(config.to_toml()?.trim_end())?;
        return Ok(None);
    }
    Ok(Some((config, data)))
}

/// Trains by `run` on the device that was asked for, and says what came of it.
fn train(
    args: &RunArgs,
    config: &Config,
    run: impl Fn(&TrainOptions) -> Result<TrainOutcome, TrainError>,
) -> CliResult {
    let stop = stop_on_signal();
    let outcome = on_device(args.device, config, |device| {
        run(&TrainOptions {
            out: args.out.clone(),
            device,
            trust_device: args.trust_device,
            stop: stop.clone(),
            quiet: false,
        })
    })?;
    report(&outcome, config)
}

/// How long a run will take, from some steps of it.
fn expected_time(
    device: DeviceChoice,
    config: &Config,
) -> Result<String, Box<dyn std::error::Error>> {
    let device = match device {
        DeviceChoice::Auto => DeviceChoice::Cpu,
        device => device,
    };
    let times = steps(config, &device.open()?.device, Duration::from_secs(2));
    let step = times.map_or(f64::INFINITY, |times| times.median());
    let all = step * config.training.steps as f64;
    Ok(format!(
        "a step takes {:.0} ms: {} steps take about {}; --time 30m ends earlier, --steps goes on longer",
        1e3 * step,
        config.training.steps,
        training::clock(Duration::try_from_secs_f64(all).unwrap_or(Duration::MAX))
    ))
}

/// Trains on `choice`; of `auto`, on a GPU where that is faster than the CPU and computes the same.
pub(crate) fn on_device(
    choice: DeviceChoice,
    config: &Config,
    train: impl Fn(DeviceChoice) -> Result<TrainOutcome, TrainError>,
) -> Result<TrainOutcome, TrainError> {
    let card = device::card().filter(|_| choice == DeviceChoice::Auto);
    let Some((gpu, card)) = card else {
        return train(choice);
    };
    let step = |device: &Device| {
        let times = device::said(|| steps(config, device, Duration::from_secs(1)));
        times.map(|times| times.map_or(f64::INFINITY, |times| times.median()))
    };
    let on_cpu = step(&Device::flex()).unwrap_or(f64::INFINITY);
    let why = match step(&card.device) {
        Err(reason) => reason,
        Ok(seconds) => {
            let [gpu_ms, cpu_ms] = [seconds, on_cpu].map(|seconds| seconds * 1e3);
            let times = format!("a step takes {gpu_ms:.1} ms, on the CPU {cpu_ms:.1} ms");
            if seconds >= on_cpu {
                times
            } else {
                log::info!("training on {card}: {times}");
                match train(gpu) {
                    // Nothing of a run was written yet.
                    Err(e @ (TrainError::Unequal { .. } | TrainError::Unproven { .. })) => {
                        e.to_string()
                    }
                    trained => return trained,
                }
            }
        }
    };
    log::warn!("training on the CPU, not on {card}: {why}");
    train(DeviceChoice::Cpu)
}

/// A preset for images by class says how many classes its own data set has; other data have others.
fn take_classes(config: &mut Config, data: &Dataset) {
    let (preset, found) = (config.model.classes, data.classes.len());
    if preset > 0 && data.train.labels().is_some() && found > 0 && found != preset {
        log::info!("model.classes is {found}, as many as the data set has");
        config.model.classes = found;
    }
}

/// Broken files that are named on the terminal.
const BROKEN_SHOWN: usize = 5;

/// Loads what a configuration names and says what it found.
pub(crate) fn read_data(
    spec: &DataSpec,
    config: &Config,
    no_cache: bool,
) -> Result<Dataset, TrainError> {
    let bar = Bar::default();
    let options = LoadOptions {
        size: Some(config.data.size),
        channels: Some(config.data.channels),
        background: config.data.background(),
        no_cache,
        progress: &bar,
        ..LoadOptions::default()
    };
    let data = load(spec, &options)?;
    for note in &data.notes {
        log::warn!("note: {note}");
    }
    for file in data.broken.iter().take(BROKEN_SHOWN) {
        log::info!("  {}: {}", file.path.display(), file.reason);
    }
    if data.broken.len() > BROKEN_SHOWN {
        log::info!(
            "  and {} more; the run's log.txt has them all",
            data.broken.len() - BROKEN_SHOWN
        );
    }
    log::info!(
        "{}: {} training and {} test images, {}x{}x{}",
        data.name,
        data.train.len(),
        data.test.len(),
        data.channels,
        data.height,
        data.width
    );
    Ok(data)
}

/// How far a run came.
pub(crate) fn summary(outcome: &TrainOutcome) -> String {
    let (run, state) = (outcome.run.display(), &outcome.state);
    let took = training::clock(Duration::from_secs_f64(state.seconds.max(0.0)));
    format!(
        "{run}: {} steps, {} images in {took}",
        state.step, state.images
    )
}

/// Says where everything is and what comes next.
pub(crate) fn report(outcome: &TrainOutcome, config: &Config) -> CliResult {
    let run = outcome.run.display();
    let next = match outcome.ending {
        Ending::Stopped => format!("stopped; go on with: dreamlet train --resume {run}"),
        Ending::Collapsed => format!(
            "the generator collapsed; look at {run}/samples and {run}/log.txt, then begin again with other settings, or export the best checkpoint: dreamlet export {run} --best --out model.onnx"
        ),
        Ending::Patience => format!(
            "no better for as long as it was to wait; the best: dreamlet export {run} --best --out model.onnx"
        ),
        Ending::Finished if outcome.steps == 0 => at_its_limit(outcome, config),
        Ending::Finished => {
            format!("look at {run}/samples, then: dreamlet export {run} --out model.onnx")
        }
    };
    let mut text = summary(outcome) + "\n";
    if let Some(found) = &outcome.latent_use {
        text += &format!("{}\n", training::latent_use::in_words(found));
    }
    text += &next;
    match outcome.ending {
        Ending::Stopped => stopped(&text),
        _ => print(&text),
    }
}

/// What to do with a run that had come to its limit before it was to go on.
fn at_its_limit(outcome: &TrainOutcome, config: &Config) -> String {
    let (run, state, t) = (outcome.run.display(), &outcome.state, &config.training);
    let (limit, more) = if t.seconds > 0 && state.seconds >= t.seconds as f64 {
        let more = format!("--time {}s", t.seconds.saturating_mul(2));
        (format!("training.seconds = {}", t.seconds), more)
    } else {
        let limit = match (t.steps, t.epochs) {
            (0, epochs) => format!("training.epochs = {epochs}"),
            (steps, _) => format!("training.steps = {steps}"),
        };
        let more = format!("--steps {}", state.step.saturating_mul(2));
        (limit, more)
    };
    format!(
        "nothing was trained: the run had come to its limit, {limit}; go on with a higher one, such as: dreamlet train --resume {run} {more}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presets_classes_are_the_datas() {
        let small = LoadOptions {
            limit: Some(64),
            size: Some(16),
            ..LoadOptions::default()
        };
        let mut data = load(&DataSpec::Glyphs, &small).unwrap();
        data.classes.truncate(3);
        for (preset, classes) in [("cgan", 3), ("dcgan", 0)] {
            let preset = Source::Preset(preset.to_owned());
            let mut config = resolve(&preset, &Overrides::default()).unwrap();
            take_classes(&mut config, &data);
            assert_eq!(config.model.classes, classes);
        }
    }

    #[test]
    fn times_are_read_and_nonsense_is_refused() {
        let times = [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200)];
        for (text, seconds) in times.into_iter().chain([("1h30m", 5400)]) {
            assert_eq!(parse_time(text), Ok(seconds));
        }
        let large = ["99999999999999999999h", "9999999999999999h"];
        for text in ["", "0", "m", "10d", "-1"].into_iter().chain(large) {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
