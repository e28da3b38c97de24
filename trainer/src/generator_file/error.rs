//! Why a generator's file is not used.

use std::path::PathBuf;

use dreamlet_runtime::engine::compiled::CompiledError;
use dreamlet_runtime::engine::tract::OnnxError;
use dreamlet_runtime::onnx::OnnxFileError;
use thiserror::Error;

/// Why the bytes of a generator's file are not used.
#[derive(Debug, Error)]
pub enum FileError {
    /// Of an ONNX file.
    #[error("{0}")]
    Onnx(#[from] OnnxError),
    /// Of a compiled model.
    #[error("{0}")]
    Compiled(#[from] CompiledError),
    /// The background on its card cannot be replaced.
    #[error("its card cannot be changed: {0}")]
    Card(String),
}

/// Why no generator could be found at a path, or opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file or folder.
    #[error("cannot open {}: {error}; give an ONNX file, a compiled model or a run folder", path.display())]
    NoModel {
        path: PathBuf,
        #[source]
        error: std::io::Error,
    },
    /// The run has no exported model.
    #[error("{0} has no exported model yet: run `dreamlet export {0}` first", run.display())]
    NotExported { run: PathBuf },
    #[error(
        "{} is a folder but not a run (it has no config.toml): give an ONNX file, a compiled model or a run folder",
        path.display()
    )]
    NotARun { path: PathBuf },
    /// The model file was refused, or does not say all that is needed.
    #[error("{}", refused(path, error))]
    Model {
        path: PathBuf,
        #[source]
        error: FileError,
    },
}

fn refused(path: &std::path::Path, error: &FileError) -> String {
    let path = path.display();
    match error {
        FileError::Onnx(OnnxError::Model(OnnxFileError::Missing { fact, assumption })) => format!(
            "{path} has no card and does not say {fact}: give --{assumption}, see `dreamlet sample --help`"
        ),
        error => format!("{path}: {error}"),
    }
}
