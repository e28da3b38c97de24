//! `dreamlet prove`: whether a device computes what the CPU computes.

use clap::Args;
use serde_json::json;

use crate::config::{
    AdversarialLoss, Config, ConfigError, DiscriminatorNorm, Likelihood, Overrides, PRESETS,
    Source, Word, resolve,
};
use crate::data::{DataSpec, LoadOptions, load};
use crate::device::{self, DeviceChoice};
use crate::training::prove_device;
use dreamlet_compiler::cli::{CliResult, print};

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// Presets; by default all, and every loss, penalty and likelihood in small nets
    presets: Vec<String>,
    /// cuda, wgpu or vulkan, with a number if there are several (wgpu:1); auto takes the first;
    /// list says what there is
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Change one setting, such as optimizer.batch=32
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ProveArgs) -> CliResult {
    let device = match args.device {
        DeviceChoice::List => return print(&device::list()),
        DeviceChoice::Auto => device::card().map(|(_, card)| card),
        choice => Some(choice.open()?).filter(device::OpenDevice::is_gpu),
    };
    let device = device.ok_or(
        "there is no GPU to compare with the CPU: name one, `dreamlet prove --device list` says what there is",
    )?;
    let cases: Vec<(String, Vec<String>)> = match args.presets.is_empty() {
        true => every_case(),
        false => args
            .presets
            .iter()
            .map(|name| (name.clone(), vec![]))
            .collect(),
    };
    if !args.json {
        print(&format!(
            "one step of each player on {device} against the CPU, from the same bits; largest relative differences"
        ))?;
        print(&format!(
            "{:<52} {:>7} {:>7} {:>9} {:>7} {:>5}",
            "preset and settings", "images", "losses", "gradients", "weights", "s"
        ))?;
    }
    let mut unequal = 0;
    for (name, mut sets) in cases {
        sets.extend(args.set.iter().cloned());
        let config = config(&name, &sets)?;
        let options = LoadOptions {
            limit: Some(2 * config.optimizer.batch),
            size: Some(config.data.size),
            channels: Some(config.data.channels),
            ..LoadOptions::default()
        };
        let data = load(&DataSpec::Glyphs, &options)?;
        let equality = prove_device(&config, &data, &device)?;
        let difference = equality.first_difference();
        unequal += usize::from(difference.is_some());
        if args.json {
            let line = json!({"preset": name, "settings": sets, "difference": difference, "equality": equality});
            print(&line.to_string())?;
            continue;
        }
        let [images, losses, gradients, weights] = equality.largest();
        let words = [&[name][..], &sets].concat().join(" ");
        print(&format!(
            "{words:<52} {images:>7.0e} {losses:>7.0e} {gradients:>9.0e} {weights:>7.0e} {:>5.1}",
            equality.seconds()
        ))?;
        if let Some(difference) = difference {
            print(&format!("    {difference}"))?;
        }
    }
    match unequal {
        0 if args.json => Ok(()),
        0 => print("all equal but for rounding"),
        _ => {
            Err(format!("{device} computes something else than the CPU in {unequal} cases").into())
        }
    }
}

fn config(preset: &str, sets: &[String]) -> Result<Config, ConfigError> {
    let overrides = Overrides {
        sets: sets.to_vec(),
        ..Overrides::default()
    };
    resolve(&Source::Preset(preset.to_owned()), &overrides)
}

/// Height and width above which images are small ones in [`every_case`].
const LARGE: usize = 28;

/// All presets, those of large images with smaller ones, then small nets with each of what their losses may have.
fn every_case() -> Vec<(String, Vec<String>)> {
    // The nets of larger images are the same with more of the same: a software driver would take
    // minutes for each.
    let large = |name| config(name, &[]).is_ok_and(|config| config.data.size > LARGE);
    let presets = PRESETS.iter().map(|preset| {
        let sets = match large(preset.name) {
            true => vec!["data.size=16".to_owned(), "optimizer.batch=8".to_owned()],
            false => vec![],
        };
        (preset.name.to_owned(), sets)
    });
    let choices = |preset, key, words: &[Word]| {
        let case = |word: &Word| (preset, format!("{key}={}", word.name));
        words.iter().map(case).collect::<Vec<_>>()
    };
    let parts = [
        "gan.gradient_penalty=10 gan.discriminator_norm=none",
        "gan.r1=1 gan.r2=1 gan.discriminator_norm=none",
        "gan.augment=1",
        "gan.dropout=0.3 gan.instance_noise=0.1",
        "data.channels=3",
    ];
    let small = [
        choices("dcgan", "gan.loss", AdversarialLoss::WORDS),
        choices("dcgan", "gan.discriminator_norm", DiscriminatorNorm::WORDS),
        parts.map(|sets| ("dcgan", sets.to_owned())).to_vec(),
        choices("vae-conv", "vae.likelihood", Likelihood::WORDS),
    ];
    let small = small.into_iter().flatten().map(|(preset, sets)| {
        let sets = format!("data.size=16 model.width=16 {sets}");
        (
            preset.to_owned(),
            sets.split(' ').map(str::to_owned).collect(),
        )
    });
    presets.chain(small).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_a_valid_configuration() {
        let cases = every_case();
        assert!(cases.len() > PRESETS.len() + 10);
        for (name, sets) in cases {
            config(&name, &sets).unwrap_or_else(|error| panic!("{name} {sets:?}: {error}"));
        }
    }
}
