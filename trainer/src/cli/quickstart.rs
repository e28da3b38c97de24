//! `dreamlet quickstart`: the whole path on the built-in data in about two minutes.

use std::path::PathBuf;

use clap::Args;

use super::export::{self, ExportArgs};
use super::sample::{self, SampleArgs};
use super::stopped::stop_on_signal;
use super::train::{on_device, read_data, report, summary};
use crate::config::{Overrides, Source, resolve};
use crate::device::DeviceChoice;
use crate::training::{self, Ending, TrainOptions};
use dreamlet_compiler::cli::{CliResult, print};

#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// Folder that holds the run folders
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// Seconds of training
    #[arg(long, default_value_t = 75, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Preset to train
    #[arg(long, default_value = "vae-dense")]
    preset: String,
}

pub(crate) fn run(args: &QuickstartArgs) -> CliResult {
    let overrides = Overrides {
        seconds: Some(args.seconds),
        ..Overrides::default()
    };
    let mut config = resolve(&Source::Preset(args.preset.clone()), &overrides)?;
    "quickstart".clone_into(&mut config.name);
    print(&format!(
        "1. train {} on the built-in glyphs for {} s",
        args.preset, args.seconds
    ))?;
    let data = read_data(&config.data.source.parse()?, &config, false)?;
    let stop = stop_on_signal();
    let outcome = on_device(DeviceChoice::Auto, &config, |device| {
        let options = TrainOptions {
            out: args.out.clone(),
            device,
            trust_device: false,
            stop: stop.clone(),
            quiet: false,
        };
        training::train(&config, &data, &options)
    })?;
    if outcome.ending == Ending::Finished {
        print(&summary(&outcome))?;
    } else {
        report(&outcome, &config)?;
    }
    let model = outcome.run.join("export/model.onnx");
    print(&format!("2. export {}", model.display()))?;
    export::run(&ExportArgs::of(outcome.run.clone(), model.clone()))?;
    let grid = outcome.run.join("quickstart.png");
    print("3. sample it with the device runtime")?;
    sample::run(&SampleArgs::of(model.clone(), grid.clone())?)?;
    print(&format!("done: {} and {}", model.display(), grid.display()))
}
