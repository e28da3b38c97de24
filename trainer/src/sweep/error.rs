//! What can be wrong with a sweep.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::keys::{ConfigError, Key};
use crate::data::DataError;

/// One variant for each way a sweep file or a sweep can be wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum SweepError {
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The sweep file is not TOML.
    Syntax {
        /// The file.
        origin: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// A key of the sweep file that does not exist.
    UnknownKey {
        /// The file.
        origin: String,
        /// The key as written.
        key: String,
        /// The valid key that looks most like it.
        nearest: Option<&'static str>,
        /// All valid keys at this place.
        valid: &'static [&'static str],
    },
    /// A key that a sweep needs is not there.
    Missing {
        /// The file.
        origin: String,
        /// The key.
        key: &'static str,
        /// What to write.
        help: &'static str,
    },
    /// A value of the wrong type or out of range.
    BadValue {
        /// The file.
        origin: String,
        /// The key.
        key: String,
        /// What it must be.
        expected: String,
        /// What was found there.
        found: String,
    },
    /// A parameter's range reaches beyond what its key allows.
    OutOfRange {
        /// The file.
        origin: String,
        /// The key.
        key: &'static Key,
        /// The end of the range that is not allowed.
        found: f64,
    },
    /// A kind of range that does not go with the key's type.
    WrongRange {
        /// The file.
        origin: String,
        /// The key.
        key: &'static Key,
        /// The range as written.
        found: String,
        /// The ranges that do.
        allowed: &'static str,
    },
    /// The two ends of a range are equal or in the wrong order, or a logarithmic range begins at 0 or below.
    EmptyRange {
        /// The file.
        origin: String,
        /// The key.
        key: String,
        /// The range as written.
        found: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting that the sweep itself must set.
    Reserved {
        /// The file.
        origin: String,
        /// The key.
        key: String,
        /// Who sets it, and where to say so instead.
        instead: &'static str,
    },
    /// A setting that is both fixed and searched.
    Twice {
        /// The file.
        origin: String,
        /// The key.
        key: String,
    },
    /// A setting of the sweep file is not a valid setting of a run.
    Config(ConfigError),
    /// The data set's name.
    Data(DataError),
    /// The settings that a trial drew do not make a valid configuration.
    Trial {
        /// The trial's number.
        trial: usize,
        /// Its settings.
        settings: String,
        /// What is wrong with them.
        source: ConfigError,
    },
    /// The sweep folder holds another sweep.
    Changed {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// Another process works on this sweep.
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A run has no figure of that name.
    NoMetric {
        /// The name.
        metric: String,
        /// The run folder.
        run: PathBuf,
        /// The figures it has.
        found: Vec<String>,
    },
    /// A file of the sweep folder is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A program cannot be started.
    Launch {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The cluster's scheduler refused.
    Scheduler {
        /// The command.
        command: String,
        /// Its words.
        message: String,
    },
    /// The worker was not told which trial is its own.
    NoTrial {
        /// What was found instead.
        found: String,
        /// The sweep folder.
        folder: PathBuf,
    },
    /// No trial came to a figure.
    AllFailed {
        /// How many there were.
        trials: usize,
        /// Why the first one failed.
        reason: String,
    },
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
}

impl fmt::Display for SweepError {
    #[allow(clippy::too_many_lines)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                path,
                doing,
                source,
            } => write!(f, "{doing} {}: {source}", path.display()),
            Self::Syntax { origin, message } => write!(f, "{origin} is not valid TOML: {message}"),
            Self::UnknownKey {
                origin,
                key,
                nearest,
                valid,
            } => {
                write!(f, "{origin}: there is no key \"{key}\"")?;
                if let Some(near) = nearest {
                    write!(f, "; did you mean \"{near}\"?")?;
                }
                write!(f, " Valid here: {}", valid.join(", "))
            }
            Self::Missing { origin, key, help } => {
                write!(f, "{origin}: the key \"{key}\" is missing; write {help}")
            }
            Self::BadValue {
                origin,
                key,
                expected,
                found,
            } => write!(f, "{origin}: {key} must be {expected}, found {found}"),
            Self::OutOfRange { origin, key, found } => write!(
                f,
                "{origin}: the range of {} reaches to {found}; the key must be {} ({}): narrow the range",
                key.path, key.kind, key.help
            ),
            Self::WrongRange {
                origin,
                key,
                found,
                allowed,
            } => write!(
                f,
                "{origin}: {} is {}, and {found} does not go with that; take {allowed}",
                key.path, key.kind
            ),
            Self::EmptyRange {
                origin,
                key,
                found,
                problem,
            } => write!(f, "{origin}: the range {found} of {key} {problem}"),
            Self::Reserved {
                origin,
                key,
                instead,
            } => write!(f, "{origin}: {key} cannot be set here: {instead}"),
            Self::Twice { origin, key } => write!(
                f,
                "{origin}: {key} is in [set] and in [parameters]; take it out of one of them"
            ),
            Self::Config(e) => e.fmt(f),
            Self::Data(e) => e.fmt(f),
            Self::Trial {
                trial,
                settings,
                source,
            } => write!(
                f,
                "trial {trial} would have {settings}, which is not a valid configuration: {source}. Narrow [parameters], or change [set]"
            ),
            Self::Changed { folder, what } => write!(
                f,
                "{} holds a sweep with another {what}; give this one a folder of its own with --out, or take the change back. Only trials may grow, and [slurm] may change",
                folder.display()
            ),
            Self::Busy { folder } => write!(
                f,
                "another process works on the sweep in {}; stop it first",
                folder.display()
            ),
            Self::NoMetric { metric, run, found } => {
                write!(
                    f,
                    "the run {} wrote no figure named \"{metric}\"",
                    run.display()
                )?;
                if let Some(near) = crate::words::nearest(metric, found.iter().map(String::as_str))
                {
                    write!(f, "; did you mean \"{near}\"?")?;
                }
                if found.is_empty() {
                    write!(
                        f,
                        " It wrote none at all: make training.log_every smaller, or take metric = \"score\""
                    )
                } else {
                    write!(f, " It has: score, {}", found.join(", "))
                }
            }
            Self::Damaged { path, message } => write!(
                f,
                "{} is damaged: {message}. Remove the file: its trial begins where its run folder stands",
                path.display()
            ),
            Self::Launch { program, source } => write!(f, "cannot start {program}: {source}"),
            Self::Scheduler { command, message } => write!(f, "{command} failed: {message}"),
            Self::NoTrial { found, folder } => write!(
                f,
                "there is no trial {found} in {}; `dreamlet sweep` starts the workers itself",
                folder.display()
            ),
            Self::AllFailed { trials, reason } => write!(
                f,
                "none of the {trials} trials came to a figure; the first failed with: {reason}"
            ),
        }
    }
}

impl std::error::Error for SweepError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Launch { source, .. } => Some(source),
            Self::Trial { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<ConfigError> for SweepError {
    fn from(e: ConfigError) -> Self {
        Self::Config(e)
    }
}

impl From<DataError> for SweepError {
    fn from(e: DataError) -> Self {
        Self::Data(e)
    }
}
