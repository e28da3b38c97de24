//! What can stop a report.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// One variant for each way a report can end without its file. Whatever else is missing or damaged in a run is said on the page.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReportError {
    /// There is no such folder, or it cannot be read.
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder has nothing of a run in it.
    NotARun {
        /// Which.
        path: PathBuf,
    },
    /// A file could not be written.
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path, source } => write!(
                f,
                "cannot read {}: {source}; give a run folder, such as runs/00001-glyphs-dcgan",
                path.display()
            ),
            Self::NotARun { path } => write!(
                f,
                "{} is not a run folder: it has neither config.toml nor stats.jsonl, samples or checkpoints; give the folder \
                 that `dreamlet train` made",
                path.display()
            ),
            Self::Write { path, source } => write!(
                f,
                "cannot write {}: {source}; choose another place",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ReportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Folder { source, .. } | Self::Write { source, .. } => Some(source),
            Self::NotARun { .. } => None,
        }
    }
}
