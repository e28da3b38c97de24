//! What can go wrong while sampling.

use std::fmt;
use std::path::PathBuf;

use dreamlet_runtime::engine::tract::OnnxError;
use dreamlet_runtime::image::ImageError;
use dreamlet_runtime::latent::LengthMismatch;
use dreamlet_runtime::onnx::OnnxFileError;

use super::class::{UnknownClass, listed};
use super::file::FileError;
use crate::report::grid::GridError;

/// What can go wrong while sampling, one variant for each way.
#[derive(Debug)]
#[non_exhaustive]
pub enum SamplingError {
    /// Not a seed.
    Seed {
        /// The whole text.
        text: String,
        /// The part that is no seed.
        part: String,
    },
    /// A range that goes backwards.
    SeedRange {
        /// Its first seed.
        first: u64,
        /// Its last seed.
        last: u64,
    },
    /// More images than [`MAX_IMAGES`](super::MAX_IMAGES).
    TooMany {
        /// The most.
        limit: u64,
        /// How many were asked for.
        found: u64,
    },
    /// Not an interpolation.
    Interpolation {
        /// The text.
        text: String,
    },
    /// Not a truncation.
    Truncation {
        /// The text.
        text: String,
    },
    /// There is no such file or folder.
    NoModel {
        /// The path.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The run has no exported model.
    NotExported {
        /// The run.
        run: PathBuf,
    },
    /// The folder is not a run.
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// The model file was refused, or does not say all that is needed.
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
    /// The class does not exist.
    Class(UnknownClass),
    /// An interpolation of a generator with classes, in none of them.
    WithoutClass {
        /// The names of the classes.
        names: Vec<String>,
    },
    /// The engine failed.
    Generate(FileError),
    /// The image could not be converted.
    Image(ImageError),
    /// Two latent vectors of different lengths; a defect of this program.
    Latent(LengthMismatch),
    /// A sheet or a file could not be made.
    Grid(GridError),
    /// The output is neither a PNG file nor a folder.
    OutputKind {
        /// Where it should go.
        path: PathBuf,
    },
    /// The folder for the images could not be made.
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Standard output could not be written.
    Stdout(std::io::Error),
}

impl fmt::Display for SamplingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed { text, part } => write!(
                f,
                "\"{part}\" in \"{text}\" is not a seed: write numbers from 0 to {} and ranges, such as 0-35 or 1,5,9-12",
                u64::MAX
            ),
            Self::SeedRange { first, last } => write!(
                f,
                "the range {first}-{last} goes backwards: write {last}-{first}"
            ),
            Self::TooMany { limit, found } => {
                write!(
                    f,
                    "{found} images are more than {limit} in one call: ask for fewer, and call again"
                )
            }
            Self::Interpolation { text } => write!(
                f,
                "\"{text}\" is not an interpolation: write FROM,TO,COUNT with two seeds and at least 2 images, such as 3,8,16"
            ),
            Self::Truncation { text } => {
                write!(
                    f,
                    "\"{text}\" is not a truncation: write a number above 0, usually from 0.5 to 2"
                )
            }
            Self::NoModel { path, error } => {
                write!(
                    f,
                    "cannot open {}: {error}; give an ONNX file, a compiled model or a run folder",
                    path.display()
                )
            }
            Self::NotExported { run } => write!(
                f,
                "{0} has no exported model yet: run `dreamlet export {0}` first",
                run.display()
            ),
            Self::NotARun { path } => write!(
                f,
                "{} is a folder but not a run (it has no config.toml): give an ONNX file, a compiled model or a run folder",
                path.display()
            ),
            Self::Model {
                path,
                error:
                    FileError::Onnx(OnnxError::Model(OnnxFileError::Missing { fact, assumption })),
            } => write!(
                f,
                "{} has no card and does not say {fact}: give --{assumption}, see `dreamlet sample --help`",
                path.display()
            ),
            Self::Model { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Class(error) => write!(f, "{error}"),
            Self::WithoutClass { names } => write!(
                f,
                "an interpolation stays in one class: give --class and one of {}",
                listed(names)
            ),
            Self::Generate(error) => write!(f, "{error}"),
            Self::Image(error) => write!(f, "{error}"),
            Self::Latent(error) => write!(f, "{error}"),
            Self::Grid(error) => write!(f, "{error}"),
            Self::OutputKind { path } => write!(
                f,
                "{} is neither a PNG file nor a folder: write NAME.png, a folder's name, or - for standard output",
                path.display()
            ),
            Self::Folder { path, error } => {
                write!(f, "cannot make the folder {}: {error}", path.display())
            }
            Self::Stdout(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl std::error::Error for SamplingError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoModel { error, .. } | Self::Folder { error, .. } | Self::Stdout(error) => {
                Some(error)
            }
            Self::Model { error, .. } => Some(error),
            Self::Generate(error) => Some(error),
            Self::Image(error) => Some(error),
            Self::Latent(error) => Some(error),
            Self::Grid(error) => Some(error),
            _ => None,
        }
    }
}

impl From<GridError> for SamplingError {
    fn from(error: GridError) -> Self {
        Self::Grid(error)
    }
}

impl From<ImageError> for SamplingError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

impl From<LengthMismatch> for SamplingError {
    fn from(error: LengthMismatch) -> Self {
        Self::Latent(error)
    }
}
