//! What can be wrong with a card.

use alloc::string::String;
use core::fmt;

use crate::image::ImageError;

/// What can be wrong with a [`Card`](super::Card).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CardError {
    /// The JSON text is too long.
    TooLong {
        /// Most bytes that are read.
        limit: usize,
        /// Bytes of the text.
        found: usize,
    },
    /// Not JSON, or a field is missing or has the wrong type.
    Json {
        /// Line of the text, from 1.
        line: usize,
        /// Column of the text.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// A format that this version does not know.
    Format {
        /// The newest format it knows.
        newest: u32,
        /// The card's.
        found: u32,
    },
    /// A latent vector of no components or too many.
    LatentLength {
        /// Most components.
        limit: usize,
        /// The card's.
        found: usize,
    },
    /// An impossible image shape or pixel range.
    Image(ImageError),
    /// Too many classes.
    Classes {
        /// Most classes.
        limit: usize,
        /// The card's.
        found: usize,
    },
    /// A tolerance that is negative or not finite.
    Tolerance {
        /// The card's.
        found: f32,
    },
    /// A golden image names a class the generator does not have, or none where it must.
    GoldenClass {
        /// Which golden image, from 0.
        index: usize,
        /// Number of classes of the generator.
        classes: usize,
        /// The class it names.
        found: Option<usize>,
    },
    /// A golden image's hash is not 64 lower-case hexadecimal digits.
    GoldenHash {
        /// Which golden image, from 0.
        index: usize,
    },
    /// A golden image's mean is not between 0 and 255.
    GoldenMean {
        /// Which golden image, from 0.
        index: usize,
        /// The mean it gives.
        found: f32,
    },
    /// A golden image's fingerprint has the wrong length for the image's shape.
    GoldenFingerprint {
        /// Which golden image, from 0.
        index: usize,
        /// Block means needed.
        expected: usize,
        /// Block means given.
        found: usize,
    },
    /// An engine failed at a golden image.
    MakeGolden {
        /// The seed of the image.
        seed: u64,
        /// The engine's words.
        reason: String,
    },
}

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, found } => write!(
                f,
                "the card is {found} bytes of JSON, at most {limit} are read"
            ),
            Self::Json {
                line,
                column,
                message,
            } => {
                write!(
                    f,
                    "the card cannot be read at line {line}, column {column}: {message}"
                )
            }
            Self::Format { newest, found } => {
                write!(
                    f,
                    "the card has format {found}, this version reads 1 to {newest}: update dreamlet-runtime"
                )
            }
            Self::LatentLength { limit, found } => {
                write!(
                    f,
                    "the card's latent vector has {found} components, expected 1 to {limit}"
                )
            }
            Self::MakeGolden { seed, reason } => write!(f, "seed {seed}: {reason}"),
            Self::Image(error) => write!(f, "the card's image: {error}"),
            Self::Classes { limit, found } => write!(
                f,
                "the card names {found} classes, at most {limit} are possible"
            ),
            Self::Tolerance { found } => {
                write!(
                    f,
                    "the card's tolerance max_abs is {found}, expected a finite number, 0 or more"
                )
            }
            Self::GoldenClass {
                index, classes: 0, ..
            } => {
                write!(
                    f,
                    "golden image {index} names a class, but the generator is unconditional"
                )
            }
            Self::GoldenClass {
                index,
                classes,
                found: Some(found),
            } => {
                write!(
                    f,
                    "golden image {index} names class {found}, but there are {classes}"
                )
            }
            Self::GoldenClass {
                index,
                classes,
                found: None,
            } => {
                write!(
                    f,
                    "golden image {index} names no class, but the generator has {classes}"
                )
            }
            Self::GoldenHash { index } => {
                write!(
                    f,
                    "golden image {index}: sha256 is not 64 lower-case hexadecimal digits"
                )
            }
            Self::GoldenMean { index, found } => {
                write!(
                    f,
                    "golden image {index}: mean is {found}, expected 0 to 255"
                )
            }
            Self::GoldenFingerprint {
                index,
                expected,
                found,
            } => {
                write!(
                    f,
                    "golden image {index}: the fingerprint has {found} block means, expected {expected}"
                )
            }
        }
    }
}

impl core::error::Error for CardError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Image(error) => Some(error),
            _ => None,
        }
    }
}
