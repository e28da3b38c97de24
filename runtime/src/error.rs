//! One error for all of the crate.

use core::fmt;

use crate::engine::compiled::FormatError;
use crate::generator::GenerateError;
use crate::image::ImageError;
use crate::latent::WalkError;

/// Whatever can be wrong between a model in flash and pixels: each module's error becomes this one
/// by `?`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The file is no compiled model that can be run.
    Format(FormatError),
    /// A call of an engine is wrong.
    Generate(GenerateError),
    /// A shape, a range, a buffer for pixels.
    Image(ImageError),
    /// A walk through the latent space.
    Walk(WalkError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(error) => error.fmt(f),
            Self::Generate(error) => error.fmt(f),
            Self::Image(error) => error.fmt(f),
            Self::Walk(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}
from!(
    Format(FormatError),
    Generate(GenerateError),
    Image(ImageError),
    Walk(WalkError)
);
