//! What can be wrong with an image and its buffers.

use crate::error_messages::error_messages;

/// Largest height and width that [`Shape::new`](super::Shape::new) accepts.
pub const MAX_SIDE: usize = 16_384;

/// What can be wrong with a shape, a pixel range or a buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ImageError {
    /// Neither grey nor red, green, blue.
    Channels {
        /// Channels requested.
        found: usize,
    },
    /// A height or width of 0 or above [`MAX_SIDE`].
    Side {
        /// Rows or columns requested.
        found: usize,
    },
    /// The number of values does not fit a `usize`.
    TooLarge,
    /// The ends of a pixel range are equal, not finite, or too close or too far apart.
    Range {
        /// The value meant as black.
        low: f32,
        /// The value meant as white.
        high: f32,
    },
    /// The image or row that is read has the wrong length.
    Input {
        /// Values needed.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// The buffer that is written has the wrong length.
    Output {
        /// Room needed.
        expected: usize,
        /// Room given.
        found: usize,
    },
    /// The scratch buffer of an error-diffusing dither has the wrong length.
    Scratch {
        /// Elements needed.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// A row beyond the image.
    Row {
        /// Rows of the image.
        height: usize,
        /// Row requested.
        found: usize,
    },
    /// An image cannot be enlarged by 0.
    Factor,
    /// Dithering needs 2 to 256 levels.
    Levels {
        /// Levels requested.
        found: usize,
    },
}

error_messages! { ImageError:
    Self::Channels { found } => "an image has 1 or 3 channels, found {found}";
    Self::Side { found } => "an image has 1 to {MAX_SIDE} rows and columns, found {found}";
    Self::TooLarge => "the image has more values than this machine can count";
    Self::Range { low, high } =>
        "the pixel range {low} to {high} is not one: give two finite, different numbers";
    Self::Input { expected, found } =>
        "the image or row to read has {found} values, expected {expected}";
    Self::Output { expected, found } =>
        "the buffer to write has room for {found} values, expected exactly {expected}";
    Self::Scratch { expected, found } =>
        "the dither's row buffer has room for {found} elements, expected exactly {expected}";
    Self::Row { height, found } => "there is no row {found} in an image of {height} rows";
    Self::Factor => "an image can be enlarged by 1 or more, found 0";
    Self::Levels { found } => "dithering makes 2 to 256 levels, found {found}";
}

/// `Ok` if an input of `found` values has the `expected` length.
pub(crate) const fn input(expected: usize, found: usize) -> Result<(), ImageError> {
    if expected == found {
        Ok(())
    } else {
        Err(ImageError::Input { expected, found })
    }
}

/// `Ok` if an output of `found` values has the `expected` length.
pub(crate) const fn output(expected: usize, found: usize) -> Result<(), ImageError> {
    if expected == found {
        Ok(())
    } else {
        Err(ImageError::Output { expected, found })
    }
}
