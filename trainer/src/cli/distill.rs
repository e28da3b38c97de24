//! `dreamlet distill TEACHER --preset NAME`: a small generator learns a large one's images.

use std::path::PathBuf;

use clap::Args;
use dreamlet_runtime::engine::tract::Assumptions;
use dreamlet_runtime::generator::Generator as _;

use super::train::{RunArgs, begin};
use crate::config::{self, Overrides, Source};
use crate::data::DataSpec;
use crate::generator_file::{open, resolve};
use dreamlet_compiler::cli::CliResult;

#[derive(Debug, Args)]
pub(crate) struct DistillArgs {
    /// What to learn from: an ONNX file, a compiled model, or a run folder with an export
    teacher: PathBuf,
    /// Preset of the student, a GAN; its image size, channels, latents and classes are the teacher's
    #[arg(long, default_value = "pico")]
    preset: String,
    #[command(flatten)]
    run: RunArgs,
}

/// Weight of [`teacher_pixels`](crate::config::GanConfig::teacher_pixels) at first; it fades to 0.
const PIXELS: f64 = 3.0;

pub(crate) fn run(args: &DistillArgs) -> CliResult {
    let source = Source::Preset(args.preset.clone());
    if config::resolve(&source, &Overrides::default())?
        .gan
        .is_none()
    {
        return Err(format!(
            "the student must be a GAN, whose discriminator compares it with the teacher: {} is a VAE; take --preset pico, dcgan or r3-32",
            args.preset
        )
        .into());
    }
    let file = std::path::absolute(resolve(&args.teacher)?)?;
    let teacher = open(&file, &Assumptions::default())?;
    let known = |data: &&str| data.parse::<DataSpec>().is_ok();
    let learned = teacher.card().map(|card| card.dataset.as_str());
    let data = match (&args.run.data, learned.filter(known)) {
        (Some(data), _) => data.clone(),
        (None, Some(data)) => data.to_owned(),
        (None, None) => {
            return Err(format!(
                "say with --data which images {} was trained on, such as --data folder:DIR: the student is measured against them",
                file.display()
            )
            .into());
        }
    };
    let (shape, classes) = (teacher.shape(), teacher.classes());
    let sets = vec![
        format!("data.source={data}"),
        format!("data.size={}", shape.height),
        format!("data.channels={}", shape.channels),
        format!("model.latent={}", teacher.latent_len()),
        format!("model.classes={classes}"),
        format!("gan.teacher={}", file.display()),
        format!("gan.teacher_pixels=[{PIXELS:?}, 0.0]"),
    ];
    begin(&source, sets, &args.run)
}
