//! What can go wrong while sampling.

use std::path::PathBuf;

use dreamlet_runtime::image::ImageError;
use dreamlet_runtime::latent::LengthMismatch;
use thiserror::Error;

use super::unknown::{UnknownClass, listed, unknown_direction};
use crate::generator_file::FileError;
use crate::sheet::GridError;

/// What can go wrong while sampling, one variant for each way.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SamplingError {
    #[error(
        "\"{part}\" in \"{text}\" is not a seed: write numbers from 0 to {} and ranges, such as 0-35 or 1,5,9-12",
        u64::MAX
    )]
    Seed { text: String, part: String },
    #[error("the range {first}-{last} goes backwards: write {last}-{first}")]
    SeedRange { first: u64, last: u64 },
    #[error("{found} images are more than {limit} in one call: ask for fewer, and call again")]
    TooMany { limit: u64, found: u64 },
    #[error(
        "\"{text}\" is not an interpolation: write FROM,TO,COUNT with two seeds and at least 2 images, such as 3,8,16"
    )]
    Interpolation { text: String },
    #[error("\"{text}\" is not a truncation: write a number above 0, usually from 0.5 to 2")]
    Truncation { text: String },
    #[error(
        "\"{text}\" is not a move: write DIRECTION=STEP, such as size=2 or 1=-1.5, with the step in standard deviations"
    )]
    Move { text: String },
    #[error(
        "the model has no directions: `dreamlet directions MODEL.onnx --out FILE` writes a copy with them"
    )]
    NoDirections,
    #[error("{}", unknown_direction(asked, names))]
    UnknownDirection { asked: String, names: Vec<String> },
    /// Latents that could not be read or written.
    #[error("{}: {reason}", path.display())]
    LatentsFile { path: PathBuf, reason: String },
    #[error(
        "{}: latent {index} has {found} components, the model takes {expected}: give latents of this model",
        path.display()
    )]
    LatentLength {
        path: PathBuf,
        /// Which latent, from 0.
        index: usize,
        expected: usize,
        found: usize,
    },
    #[error("{0}")]
    Class(UnknownClass),
    /// Latents without seeds for a generator with classes, in none of them.
    #[error(
        "an interpolation or a file of latents stays in one class: give --class and one of {}",
        listed(names)
    )]
    WithoutClass { names: Vec<String> },
    /// The engine failed.
    #[error("{0}")]
    Generate(#[source] FileError),
    #[error("{0}")]
    Image(#[from] ImageError),
    /// Two latent vectors of different lengths; a defect of this program.
    #[error("{0}")]
    Latent(#[from] LengthMismatch),
    #[error("{0}")]
    Grid(#[from] GridError),
    /// The output is neither a PNG file nor a folder.
    #[error(
        "{} is neither a PNG file nor a folder: write NAME.png, NAME.npy, a folder's name, or - for standard output",
        path.display()
    )]
    OutputKind { path: PathBuf },
    #[error("cannot make the folder {}: {error}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        error: std::io::Error,
    },
    #[error("cannot write {}: {error}", path.display())]
    Array {
        path: PathBuf,
        #[source]
        error: std::io::Error,
    },
    #[error("cannot write to standard output: {0}")]
    Stdout(#[source] std::io::Error),
}
