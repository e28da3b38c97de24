//! What can stop a training run.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::ConfigError;
use crate::data::DataError;
use crate::device::DeviceError;

/// One variant for each way a run can end without its result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of the run.
    #[error("{doing} {}: {source}{}", path.display(), advice(source))]
    File {
        path: PathBuf,
        doing: &'static str,
        source: io::Error,
    },
    /// The data set is smaller than one batch.
    #[error("the data set has {found} training images{}", too_few(*found, *batch))]
    TooFewImages { found: usize, batch: usize },
    /// A conditional model on a data set with other classes, or without labels (0 are found then).
    #[error("{}", other_classes(*wanted, *found))]
    Classes { wanted: usize, found: usize },
    /// The metric that is to pick the best checkpoint needs labels that the data set does not have.
    #[error(
        "training.best_by = \"{metric}\" needs a classifier, which is trained on labels of two classes or more in training \
         and test images, and the data set {data} lacks them: take training.best_by=sliced-wasserstein, or put images in \
         one sub-folder a class"
    )]
    BestByNeedsLabels { metric: &'static str, data: String },
    /// A generator that is to be learned from.
    #[error("{} cannot be the teacher (gan.teacher): {reason}", file.display())]
    Teacher { file: PathBuf, reason: String },
    /// A loss is NaN or infinite.
    #[error(
        "the loss is no longer finite at step {step} ({losses}). {}. Begin a new run with a smaller \
         optimizer.learning_rate (halve it first)",
        last_good(checkpoint.as_deref())
    )]
    NonFinite {
        step: u64,
        losses: String,
        /// The newest checkpoint before it.
        checkpoint: Option<PathBuf>,
    },
    /// A run would go on with other data than those it was trained on.
    #[error(
        "the data of {0}, \"{source_name}\", are not those that it was trained on: {difference}. Bring those back, or begin \
         a new run on the data as they are now: dreamlet train --config {0}/config.toml",
        run.display()
    )]
    OtherData {
        run: PathBuf,
        source_name: String,
        difference: String,
    },
    #[error("{} is not a run folder: {missing}", path.display())]
    NotARun { path: PathBuf, missing: String },
    /// The first stage alone of a run that has no other.
    #[error(
        "{} has one stage only (vae.second_stage is 0): leave --first-stage out",
        path.display()
    )]
    NoSecondStage { path: PathBuf },
    /// A GPU that computes something else than the CPU.
    #[error(
        "{device} does not compute what the CPU computes, from the same bits: {difference}. What it would train cannot be \
         trusted: take --device cpu, another driver or another build (wgpu, vulkan, cuda), or --trust-device to train all \
         the same"
    )]
    Unequal { device: String, difference: String },
    /// The step that a GPU is proven by does not work.
    #[error("{device} cannot be compared with the CPU: {reason}. Take --device cpu")]
    Unproven { device: String, reason: String },
    /// A GPU that fails while it trains.
    #[error(
        "{device} failed while it trained: {reason}. The checkpoints in {0} are whole: go on with `dreamlet train --resume {0}`, \
         with --device cpu if it fails again; a smaller optimizer.batch takes less of its memory",
        run.display()
    )]
    DeviceFailed {
        device: String,
        reason: String,
        run: PathBuf,
    },
    #[error("another process trains in {}; stop it first", path.display())]
    Busy { path: PathBuf },
    #[error("the checkpoint {} is damaged: {message}", path.display())]
    Checkpoint { path: PathBuf, message: String },
    /// A run has checkpoints, and none is whole; what is wrong with each, the newest first.
    #[error(
        "no checkpoint of {0} is whole: {1}. Restore the files and resume again, or begin a new run with the same settings: \
         dreamlet train --config {0}/config.toml",
        run.display(), damaged.join("; ")
    )]
    NoWholeCheckpoint { run: PathBuf, damaged: Vec<String> },
    /// The checkpoint that `best.json` names is damaged or gone.
    #[error(
        "{}/checkpoints/best.json names the checkpoint of step {step}, which cannot be used: {message}. Restore its files, \
         or leave --best out for the newest whole checkpoint",
        run.display()
    )]
    BestCheckpoint {
        run: PathBuf,
        step: u64,
        message: String,
    },
    #[error("cannot draw the image: {0}")]
    Image(String),
    #[error("quality cannot be measured: {0}. Or train without --eval-every")]
    Evaluation(String),
}

impl TrainError {
    pub(crate) fn file<'p>(
        path: &'p Path,
        doing: &'static str,
    ) -> impl FnOnce(io::Error) -> Self + use<'p> {
        move |source| Self::File {
            path: path.to_owned(),
            doing,
            source,
        }
    }

    pub(crate) fn checkpoint(path: &Path) -> impl Fn(String) -> Self + use<> {
        let path = path.to_owned();
        move |message| Self::Checkpoint {
            path: path.clone(),
            message,
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; free some space and go on with --resume",
        io::ErrorKind::PermissionDenied => "; choose another folder with --out",
        _ => "",
    }
}

fn too_few(found: usize, batch: usize) -> String {
    if found < 2 {
        return ": add some, a batch needs two at least".to_owned();
    }
    format!(
        ", fewer than one batch of {batch}; set optimizer.batch to {found} or less, or add images"
    )
}

fn other_classes(wanted: usize, found: usize) -> String {
    if found == 0 {
        return "a conditional model needs labels, and the data set has none: set model.classes=0, or take images in one \
                sub-folder a class"
            .to_owned();
    }
    format!(
        "model.classes is {wanted}, and the data set has {found} classes: set model.classes={found}, or 0 for an \
         unconditional model"
    )
}

fn last_good(checkpoint: Option<&Path>) -> String {
    match checkpoint {
        Some(path) => format!("The last good checkpoint is {}", path.display()),
        None => "There is no checkpoint before it".to_owned(),
    }
}
