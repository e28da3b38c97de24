//! `dreamlet reproduce MODEL.onnx|CARD.json`

use std::path::{Path, PathBuf};

use clap::Args;
use dreamlet_compiler::cli::{CliResult, print};
use dreamlet_onnx::{Limits, read};
use dreamlet_runtime::card::{Card, TrainingCard};
use dreamlet_runtime::engine::compiled::format::MAGIC;
use dreamlet_runtime::onnx::OnnxFile;

use super::stopped::stop_on_signal;
use super::train::{read_data, report};
use crate::config::Config;
use crate::data::{DataSpec, Dataset};
use crate::device::DeviceChoice;
use crate::export::{self, weights_hash};
use crate::training::saved::{Saved, Which};
use crate::training::{self, Ending, TrainOptions, checkpoint, provenance};

type Result<T> = core::result::Result<T, Box<dyn std::error::Error>>;

/// Arguments of `dreamlet reproduce`.
#[derive(Debug, Args)]
pub(crate) struct ReproduceArgs {
    /// An ONNX generator that dreamlet exported, or a card as `dreamlet card` prints it
    #[arg(value_name = "MODEL.onnx|CARD.json")]
    model: PathBuf,
    /// Where the images lie, for a generator of a folder: the card has the folder's name alone
    #[arg(long, value_name = "DATA")]
    data: Option<DataSpec>,
    /// The teacher's file, for a generator that was distilled
    #[arg(long, value_name = "FILE")]
    teacher: Option<PathBuf>,
    /// Folder that holds the run folders
    #[arg(long, default_value = "runs")]
    out: PathBuf,
}

/// Trains the generator again and compares the weights.
pub(crate) fn run(args: &ReproduceArgs) -> CliResult {
    let card = read_card(&args.model)?;
    let model = args.model.display();
    let training = card.training.ok_or_else(|| {
        format!("{model} does not say how it was trained: only exports of dreamlet say it, from version 0.1.0 of December 2026 on")
    })?;
    let config = provenance::config_of(&training, args.data.as_ref(), args.teacher.as_deref())?;
    check_teacher(&training, &config, args.teacher.as_deref())?;
    if config.training.seconds > 0 {
        return Err(format!(
            "{model} was trained by the clock (training.seconds = {}), which nothing repeats: train with --steps or --epochs to have a model that can be made again",
            config.training.seconds
        )
        .into());
    }
    let data = read_data(&config.data.source.parse()?, &config, false)
        .map_err(|error| format!("{error}{}", where_from(&config, args.data.is_some())))?;
    check_data(&training, &data)?;
    for note in notes(&training, &card.trainer_version) {
        log::warn!("note: {note}");
    }
    let options = TrainOptions {
        out: args.out.clone(),
        device: DeviceChoice::Cpu,
        trust_device: false,
        stop: stop_on_signal(),
        quiet: false,
    };
    let outcome = training::train(&config, &data, &options)?;
    if outcome.ending == Ending::Stopped {
        return report(&outcome, &config);
    }
    let which = Which {
        raw: training.raw,
        first_stage: training.first_stage,
        ..Which::default()
    };
    let saved = Saved::open(&checkpoint::folder(&outcome.run, training.step), which)?;
    let graph = export::generator::graph(&saved.generator, &saved.config)?;
    let made = weights_hash(&graph);
    if made == training.weights {
        return print(&format!(
            "the same weights, SHA-256 {made}: {} makes {model}",
            outcome.run.display()
        ));
    }
    Err(differs(&training, &made, &outcome.run).into())
}

/// What was asked for and what came of it, where they are not the same.
fn differs(training: &TrainingCard, made: &str, run: &Path) -> String {
    let here = training::machine();
    let why = match training.machine == here {
        true => "The settings were others, or the run was changed while it went on",
        false => "Processors of other classes round differently",
    };
    format!(
        "other weights: SHA-256 {made}, the card says {}. {why} (made on {}, here {here}). The new ones are in {}",
        training.weights,
        training.machine,
        run.display()
    )
}

/// The card, of a file whose weights are those that it names.
fn read_card(path: &Path) -> Result<Card> {
    let named = |error: &dyn std::error::Error| format!("{}: {error}", path.display());
    let bytes = read(path, &Limits::default()).map_err(|error| named(&error))?;
    if bytes.starts_with(&MAGIC) {
        return Err(format!(
            "{} is a compiled model, which does not say how it was trained: name the ONNX file or the card it was made of",
            path.display()
        )
        .into());
    }
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        let text = std::str::from_utf8(&bytes).map_err(|error| named(&error))?;
        return Ok(Card::from_json(text).map_err(|error| named(&error))?);
    }
    let file = OnnxFile::from_bytes(&bytes, &Default::default()).map_err(|error| named(&error))?;
    let card = file
        .card
        .ok_or_else(|| format!("{} has no card: dreamlet did not export it", path.display()))?;
    let found = export::weights_hash_of_file(&bytes)?;
    match &card.training {
        Some(training) if training.weights != found => Err(format!(
            "the weights of {} are not those its card names: SHA-256 {found}, the card says {}; the file was changed after it was exported",
            path.display(),
            training.weights
        )
        .into()),
        _ => Ok(card),
    }
}

fn check_teacher(training: &TrainingCard, config: &Config, given: Option<&Path>) -> CliResult {
    let name = config.gan.as_ref().map_or("", |gan| gan.teacher.as_str());
    let Some(file) = given else {
        return match training.teacher.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "it was distilled from {name}: say where that file is with --teacher FILE"
            )
            .into()),
        };
    };
    let found = provenance::hash_of_file(file)?;
    match found == training.teacher {
        true => Ok(()),
        false => Err(format!(
            "{} is not the teacher: SHA-256 {found}, the card says {}",
            file.display(),
            training.teacher
        )
        .into()),
    }
}

/// What to do where the data of a card are not found.
fn where_from(config: &Config, given: bool) -> String {
    match config.data.source.parse() {
        Ok(spec @ (DataSpec::Folder(_) | DataSpec::Idx(_))) if !given => format!(
            ". The card has the folder's name alone, {}: say where it is with --data {spec}",
            spec.name()
        ),
        _ => String::new(),
    }
}

fn check_data(training: &TrainingCard, data: &Dataset) -> CliResult {
    let found = data.fingerprint();
    match found == training.data {
        true => Ok(()),
        false => Err(format!(
            "{} is not what it was trained on: SHA-256 of the images and labels {found}, the card says {}",
            data.name, training.data
        )
        .into()),
    }
}

/// What may make the weights others.
fn notes(training: &TrainingCard, version: &str) -> Vec<String> {
    let (now, here) = (env!("CARGO_PKG_VERSION"), training::machine());
    let mut notes = Vec::new();
    if version != now {
        notes.push(format!(
            "it was trained by version {version}, this is {now}: the weights may be others"
        ));
    }
    if training.machine != here {
        notes.push(format!(
            "it was computed on {}, this is {here}: processors of other classes round differently",
            training.machine
        ));
    }
    notes
}
