//! What can stop a report.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// One variant for each way a report can end without its file. Whatever else is missing or damaged
/// in a run is said on the page.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ReportError {
    #[error(
        "cannot read {}: {source}; give a run folder, such as runs/00001-glyphs-dcgan",
        path.display()
    )]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "{} is not a run folder: it has neither config.toml nor stats.jsonl, samples or checkpoints; give the folder that \
         `dreamlet train` made",
        path.display()
    )]
    NotARun { path: PathBuf },
    #[error("cannot write {}: {source}; choose another place", path.display())]
    Write { path: PathBuf, source: io::Error },
}
