//! What can stop a training run.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::keys::ConfigError;
use crate::device::DeviceError;

/// One variant for each way a run can end without its result.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration.
    Config(ConfigError),
    /// The device.
    Device(DeviceError),
    /// The data set.
    Data(crate::data::DataError),
    /// A file of the run.
    File {
        /// Which.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The data set is smaller than one batch.
    TooFewImages {
        /// Images there are.
        found: usize,
        /// Images in a batch.
        batch: usize,
    },
    /// A conditional model on a data set with other classes, or without labels.
    Classes {
        /// Classes the configuration has.
        wanted: usize,
        /// Classes the data set has, 0 without labels.
        found: usize,
    },
    /// The figure that is to pick the best checkpoint needs labels that the data set does not have.
    BestByNeedsLabels {
        /// Its name, the value of `training.best_by`.
        figure: &'static str,
        /// The data set's name.
        data: String,
    },
    /// A loss is NaN or infinite.
    NonFinite {
        /// The step.
        step: u64,
        /// The losses as text.
        losses: String,
        /// The newest checkpoint before it.
        checkpoint: Option<PathBuf>,
    },
    /// A run would go on with other data than those it was trained on.
    OtherData {
        /// The run.
        run: PathBuf,
        /// `data.source`.
        source: String,
        /// What is different.
        difference: String,
    },
    /// The folder is not a run.
    NotARun {
        /// Which.
        path: PathBuf,
        /// What is missing.
        missing: String,
    },
    /// The first stage alone was asked of a run that has no other.
    NoSecondStage {
        /// The run.
        path: PathBuf,
    },
    /// Another process trains in this folder.
    Busy {
        /// Which.
        path: PathBuf,
    },
    /// A checkpoint is damaged.
    Checkpoint {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A run has checkpoints, and none is whole.
    NoWholeCheckpoint {
        /// The run.
        run: PathBuf,
        /// What is wrong with each, the newest first.
        damaged: Vec<String>,
    },
    /// The checkpoint that `best.json` names is damaged or gone.
    BestCheckpoint {
        /// The run.
        run: PathBuf,
        /// Its step.
        step: u64,
        /// What is wrong.
        message: String,
    },
    /// An image could not be made.
    Image(String),
    /// Quality could not be measured.
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
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(e) => e.fmt(f),
            Self::Device(e) => e.fmt(f),
            Self::Data(e) => e.fmt(f),
            Self::File {
                path,
                doing,
                source,
            } => {
                write!(f, "{doing} {}: {source}", path.display())?;
                match source.kind() {
                    io::ErrorKind::StorageFull => {
                        write!(f, "; free some space and go on with --resume")
                    }
                    io::ErrorKind::PermissionDenied => {
                        write!(f, "; choose another folder with --out")
                    }
                    _ => Ok(()),
                }
            }
            Self::TooFewImages { found: found @ ..2, .. } => write!(
                f,
                "the data set has {found} training images: add some, a batch needs two at least"
            ),
            Self::TooFewImages { found, batch } => {
                write!(
                    f,
                    "the data set has {found} training images, fewer than one batch of {batch}; set optimizer.batch to {found} or less, or add images"
                )
            }
            Self::Classes { found: 0, .. } => f.write_str(
                "a conditional model needs labels, and the data set has none: set model.classes=0, or take images in one sub-folder a class",
            ),
            Self::Classes { wanted, found } => write!(
                f,
                "model.classes is {wanted}, and the data set has {found} classes: set model.classes={found}, or 0 for an unconditional model"
            ),
            Self::BestByNeedsLabels { figure, data } => write!(
                f,
                "training.best_by = \"{figure}\" needs a classifier, which is trained on labels of two classes or more in training and test images, and the data set {data} lacks them: take training.best_by=sliced-wasserstein, or put images in one sub-folder a class"
            ),
            Self::NonFinite {
                step,
                losses,
                checkpoint,
            } => {
                write!(
                    f,
                    "the loss is no longer finite at step {step} ({losses}). "
                )?;
                match checkpoint {
                    Some(path) => write!(f, "The last good checkpoint is {}. ", path.display())?,
                    None => write!(f, "There is no checkpoint before it. ")?,
                }
                write!(
                    f,
                    "Begin a new run with a smaller optimizer.learning_rate (halve it first)"
                )
            }
            Self::OtherData {
                run,
                source,
                difference,
            } => {
                let run = run.display();
                write!(
                    f,
                    "the data of {run}, \"{source}\", are not those that it was trained on: {difference}. Bring those back, or begin a new run on the data as they are now: dreamlet train --config {run}/config.toml"
                )
            }
            Self::NotARun { path, missing } => {
                write!(f, "{} is not a run folder: {missing}", path.display())
            }
            Self::NoSecondStage { path } => write!(
                f,
                "{} has one stage only (vae.second_stage is 0): leave --first-stage out",
                path.display()
            ),
            Self::Busy { path } => write!(
                f,
                "another process trains in {}; stop it first",
                path.display()
            ),
            Self::Checkpoint { path, message } => {
                write!(f, "the checkpoint {} is damaged: {message}", path.display())
            }
            Self::NoWholeCheckpoint { run, damaged } => {
                let run = run.display();
                write!(f, "no checkpoint of {run} is whole: {}. Restore the files and resume again, or begin a new run with the same settings: dreamlet train --config {run}/config.toml", damaged.join("; "))
            }
            Self::BestCheckpoint { run, step, message } => write!(
                f,
                "{}/checkpoints/best.json names the checkpoint of step {step}, which cannot be used: {message}. Restore its files, or leave --best out for the newest whole checkpoint",
                run.display()
            ),
            Self::Evaluation(message) => write!(
                f,
                "quality cannot be measured: {message}. Or train without --eval-every"
            ),
            Self::Image(message) => write!(f, "cannot draw the image: {message}"),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<ConfigError> for TrainError {
    fn from(e: ConfigError) -> Self {
        Self::Config(e)
    }
}

impl From<DeviceError> for TrainError {
    fn from(e: DeviceError) -> Self {
        Self::Device(e)
    }
}

impl From<crate::data::DataError> for TrainError {
    fn from(e: crate::data::DataError) -> Self {
        Self::Data(e)
    }
}
