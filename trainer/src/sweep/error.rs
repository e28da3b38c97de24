//! What can be wrong with a sweep.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::ConfigError;
use crate::config::keys::Key;
use crate::data::DataError;

/// One variant for each way a sweep file or a sweep can be wrong. `origin` is the sweep file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum SweepError {
    #[error("{doing} {}: {source}", path.display())]
    File {
        path: PathBuf,
        doing: &'static str,
        source: io::Error,
    },
    #[error("{origin} is not valid TOML: {message}")]
    Syntax { origin: String, message: String },
    #[error(
        "{origin}: there is no key \"{key}\"{} Valid here: {}",
        suggestion(nearest.as_deref()),
        valid.join(", ")
    )]
    UnknownKey {
        origin: String,
        key: String,
        nearest: Option<String>,
        valid: &'static [&'static str],
    },
    #[error("{origin}: the key \"{key}\" is missing; write {help}")]
    Missing {
        origin: String,
        key: &'static str,
        help: &'static str,
    },
    #[error("{origin}: {key} must be {expected}, found {found}")]
    BadValue {
        origin: String,
        key: String,
        expected: String,
        found: String,
    },
    /// A parameter's range reaches beyond what its key allows.
    #[error(
        "{origin}: the range of {} reaches to {found}; the key must be {} ({}): narrow the range",
        key.path, key.kind, key.help
    )]
    OutOfRange {
        origin: String,
        key: &'static Key,
        found: f64,
    },
    /// A kind of range that does not go with the key's type.
    #[error(
        "{origin}: {} is {}, and {found} does not go with that; take {allowed}",
        key.path, key.kind
    )]
    WrongRange {
        origin: String,
        key: &'static Key,
        found: String,
        allowed: &'static str,
    },
    /// The ends of a range are equal or in the wrong order, or a logarithmic range is not above 0.
    #[error("{origin}: the range {found} of {key} {problem}")]
    EmptyRange {
        origin: String,
        key: String,
        found: String,
        problem: &'static str,
    },
    /// A setting that the sweep itself must set.
    #[error("{origin}: {key} cannot be set here: {instead}")]
    Reserved {
        origin: String,
        key: String,
        instead: &'static str,
    },
    #[error("{origin}: {key} is in [set] and in [parameters]; take it out of one of them")]
    Twice { origin: String, key: String },
    /// A setting of the sweep file is not a valid setting of a run.
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(
        "trial {trial} would have {settings}, which is not a valid configuration: {source}. Narrow \
         [parameters], or change [set]"
    )]
    Trial {
        trial: usize,
        settings: String,
        source: ConfigError,
    },
    #[error(
        "{} holds a sweep with another {what}; give this one a folder of its own with --out, or \
         take the change back. Only trials may grow, and [slurm] may change",
        folder.display()
    )]
    Changed { folder: PathBuf, what: &'static str },
    #[error("another process works on the sweep in {}; stop it first", folder.display())]
    Busy { folder: PathBuf },
    #[error(
        "the run {} wrote no metric named \"{metric}\"{}",
        run.display(),
        metrics_there(metric, found)
    )]
    NoMetric {
        metric: String,
        run: PathBuf,
        /// The metrics that the run has.
        found: Vec<String>,
    },
    #[error(
        "{} is damaged: {message}. Remove the file: its trial begins where its run folder stands",
        path.display()
    )]
    Damaged { path: PathBuf, message: String },
    #[error("cannot start {program}: {source}")]
    Launch { program: String, source: io::Error },
    #[error(
        "--launcher slurm takes one --device, as a task sees it (--device cuda); ask for a GPU a task in the sweep file: [slurm] options = [\"--gres=gpu:1\"]"
    )]
    SlurmDevices,
    #[error("{command} failed: {message}")]
    Scheduler { command: String, message: String },
    #[error(
        "there is no trial {found} in {}; `dreamlet sweep` starts the workers itself",
        folder.display()
    )]
    NoTrial { found: usize, folder: PathBuf },
    #[error(
        "none of the {trials} trials gave a value of the metric; the first failed with: {reason}"
    )]
    AllFailed { trials: usize, reason: String },
}

impl SweepError {
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

    pub(crate) fn damaged(path: &Path, message: impl ToString) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            message: message.to_string(),
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"))
}

/// What metrics a run has instead of `metric`.
fn metrics_there(metric: &str, found: &[String]) -> String {
    let near = crate::suggest::nearest(metric, found.iter().map(String::as_str));
    let there = if found.is_empty() {
        "It wrote none at all: make training.log_every smaller, or take metric = \"score\"".into()
    } else {
        format!("It has: score, {}", found.join(", "))
    };
    format!("{} {there}", suggestion(near))
}
