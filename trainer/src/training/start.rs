//! A run begins, or goes on from a checkpoint.

use std::path::Path;

use burn::tensor::Device;

use super::checkpoint;
use super::equality::Equality;
use super::error::TrainError;
use super::learner::Learner;
use super::run::{RunFolder, environment, read_config, write_config};
use super::same_data::difference;
use super::sample_sheets;
use super::state::{DataMark, State};
use super::training_loop::{Session, TrainOptions, TrainOutcome};
use crate::atomic_file::write_atomic;
use crate::config::{Config, TrainingConfig};
use crate::data::Dataset;
use crate::device::{OpenDevice, said};
use crate::evaluation::classifiable;
use crate::nets::cpu::simd_width;

/// Trains from the first step in a new run folder under `options.out`.
///
/// # Errors
/// [`TrainError`]; what was trained until the last checkpoint stays.
pub fn train(
    config: &Config,
    data: &Dataset,
    options: &TrainOptions,
) -> Result<TrainOutcome, TrainError> {
    let device = options.device.open()?;
    check_data(config, data)?;
    let state = beginning(config, data, DataMark::of(data));
    let equality = prove(config, data, options, &state, None, &device)?;
    let mut run = RunFolder::create(&options.out, config)?;
    let file = run.path().join("environment.json");
    let environment =
        serde_json::to_vec_pretty(&environment(&device.to_string())).unwrap_or_default();
    write_atomic(&file, &environment).map_err(TrainError::file(&file, "writing"))?;
    sample_sheets::draw_reals(config, data, &run.path().join("reals.png"))?;
    run.log(&format!("new run on {device}"));
    if device.name == "cpu" && simd_width() == 1 {
        run.log("note: this processor has no AVX2 with FMA: training takes many times longer");
    }
    if let Some(equality) = &equality {
        keep(equality, &mut run)?;
    }
    for note in &data.notes {
        run.log(&format!("note: {note}"));
    }
    for file in &data.broken {
        run.log(&format!(
            "skipped: {}: {}",
            file.path.display(),
            file.reason
        ));
    }
    let seen = data.over(config.data.background());
    let data = [data, &seen];
    let session = Session::new(config, data, options, run, &device.device, state)?;
    on(&device, session)
}

/// Trains to the end. What a GPU says when it fails is an error of the run.
fn on(device: &OpenDevice, session: Session<'_>) -> Result<TrainOutcome, TrainError> {
    if !device.is_gpu() {
        return session.go();
    }
    let run = session.run().to_owned();
    said(|| session.go()).unwrap_or_else(|reason| {
        Err(TrainError::DeviceFailed {
            device: device.to_string(),
            reason,
            run,
        })
    })
}

/// Whether `device` computes what the CPU computes, in the first step of `config`.
///
/// # Errors
/// [`TrainError::Unproven`] where it does not work.
pub(crate) fn prove_device(
    config: &Config,
    data: &Dataset,
    device: &OpenDevice,
) -> Result<Equality, TrainError> {
    let state = beginning(config, data, DataMark::of(data));
    Equality::of(config, data, &state, None, device)
}

/// Proves that a GPU computes what the CPU computes; nothing is proven of the CPU.
fn prove(
    config: &Config,
    data: &Dataset,
    options: &TrainOptions,
    state: &State,
    from: Option<&checkpoint::Whole>,
    device: &OpenDevice,
) -> Result<Option<Equality>, TrainError> {
    if !device.is_gpu() {
        return Ok(None);
    }
    let found = Equality::of(config, data, state, from, device)?;
    match found.first_difference() {
        Some(difference) if !options.trust_device => Err(TrainError::Unequal {
            device: device.to_string(),
            difference,
        }),
        Some(difference) => {
            log::warn!("{device} does not compute what the CPU does: {difference}");
            Ok(Some(found))
        }
        None => {
            if !options.quiet {
                log::info!("{found}");
            }
            Ok(Some(found))
        }
    }
}

/// Keeps what was proven in the run's folder.
fn keep(equality: &Equality, run: &mut RunFolder) -> Result<(), TrainError> {
    run.log(&equality.to_string());
    let file = run.path().join("equality.json");
    let text = serde_json::to_vec_pretty(equality).unwrap_or_default();
    write_atomic(&file, &text).map_err(TrainError::file(&file, "writing"))
}

/// Where a run begins.
fn beginning(config: &Config, data: &Dataset, mark: DataMark) -> State {
    State {
        augment: config.augment_at(0.0),
        classes: data.classes.clone(),
        data: Some(mark),
        ..State::default()
    }
}

/// Goes on with the newest whole checkpoint of `path`, bit for bit on the CPU.
///
/// `config` is the run's own configuration, perhaps with other limits, which become the run's.
///
/// # Errors
/// [`TrainError`]. A run without any checkpoint begins again at step 0; one whose checkpoints are
/// all damaged, or whose data are others now, is left as it is.
pub(crate) fn resume(
    path: &Path,
    config: &Config,
    data: &Dataset,
    options: &TrainOptions,
) -> Result<TrainOutcome, TrainError> {
    let device = options.device.open()?;
    let former = read_config(path)?;
    let mut run = RunFolder::open(path)?;
    let usable = |folder: &Path, state: &State| usable(config, data, folder, state);
    let (newest, _) = checkpoint::newest_that(path, usable)?;
    let newest = newest.map(|(whole, ())| whole);
    let mark = DataMark::of(data);
    if let Some((_, state)) = &newest
        && let Some(difference) = difference(state, &mark, data)
    {
        return Err(TrainError::OtherData {
            run: path.to_owned(),
            source_name: config.data.source.clone(),
            difference,
        });
    }
    check_data(config, data)?;
    let equality = match &newest {
        Some(whole) => prove(config, data, options, &whole.1, Some(whole), &device)?,
        None => {
            let state = beginning(config, data, mark.clone());
            prove(config, data, options, &state, None, &device)?
        }
    };
    // Only from here on is anything of the run changed.
    for line in checkpoint::tidy(path, usable)? {
        run.log(&line);
        log::info!("{line}");
    }
    if former != *config {
        write_config(path, config)?;
        run.log(&format!(
            "limits: {}, before: {}",
            limits(&config.training),
            limits(&former.training)
        ));
    }
    let state = if let Some((_, state)) = &newest {
        State {
            data: Some(mark),
            ..state.clone()
        }
    } else {
        let line = format!(
            "{} has no checkpoint: it begins again at step 0",
            path.display()
        );
        run.log(&line);
        log::info!("{line}");
        beginning(config, data, mark)
    };
    run.log(&format!("resumed at step {} on {device}", state.step));
    run.rewind(state.step)?;
    if let Some(equality) = &equality {
        keep(equality, &mut run)?;
    }
    let seen = data.over(config.data.background());
    let data = [data, &seen];
    let mut session = Session::new(config, data, options, run, &device.device, state)?;
    if let Some(newest) = &newest {
        session.load(newest)?;
    }
    on(&device, session)
}

/// Whether a run of `config` on `data` can go on with a checkpoint.
fn usable(config: &Config, data: &Dataset, folder: &Path, state: &State) -> Result<(), TrainError> {
    let (position, images) = (state.position, data.train.len() as u64);
    // Other data are an error of their own, which does not say that the checkpoint is damaged.
    let same = state
        .data
        .as_ref()
        .is_none_or(|mark| mark.train as u64 == images);
    if same && position > images {
        let reason = format!("position is {position}, expected 0 to {images}, the training images");
        return Err(TrainError::checkpoint(folder)(reason));
    }
    match Learner::new(config, &Device::flex().autodiff()) {
        Some(mut learner) => checkpoint::load(folder, state, &mut learner),
        None => Ok(()),
    }
}

/// The limits that there are, in words.
fn limits(t: &TrainingConfig) -> String {
    let all = [
        ("epochs", t.epochs),
        ("steps", t.steps),
        ("seconds", t.seconds),
    ];
    let given = all.iter().filter(|(_, limit)| *limit > 0);
    let words: Vec<String> = given
        .map(|(name, limit)| format!("{limit} {name}"))
        .collect();
    words.join(", ")
}

fn check_data(config: &Config, data: &Dataset) -> Result<(), TrainError> {
    let (wanted, labelled) = (config.model.classes, data.train.labels().is_some());
    let found = if labelled { data.classes.len() } else { 0 };
    if wanted > 0 && wanted != found {
        return Err(TrainError::Classes { wanted, found });
    }
    let best_by = config.training.best_by;
    if best_by.needs_labels() && !classifiable(data) {
        return Err(TrainError::BestByNeedsLabels {
            metric: best_by.name(),
            data: data.name.clone(),
        });
    }
    let (found, batch) = (data.train.len(), config.optimizer.batch);
    if found < batch {
        Err(TrainError::TooFewImages { found, batch })
    } else {
        Ok(())
    }
}
