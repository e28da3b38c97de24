//! The trait that every engine implements: a latent vector in, a picture out.

use crate::image::{PixelRange, Shape};

/// What can be wrong with a call of [`Generator::generate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GenerateError {
    /// The latent vector has another length than the generator's input.
    LatentLength {
        /// Numbers the generator takes.
        expected: usize,
        /// Numbers the caller passed.
        found: usize,
    },
    /// The picture buffer has another length than `channels * height * width`.
    ImageLength {
        /// Numbers the generator writes.
        expected: usize,
        /// Room the caller gave.
        found: usize,
    },
    /// The latent vector holds a NaN or an infinity.
    NonFiniteLatent {
        /// Position of the first such number.
        index: usize,
    },
    /// The generator is conditional and no class was named.
    ClassMissing {
        /// Number of classes to choose from.
        classes: usize,
    },
    /// The class is not one of the generator's (an unconditional one has none).
    ClassOutOfRange {
        /// Number of classes to choose from.
        classes: usize,
        /// The class the caller passed.
        found: usize,
    },
    /// The engine failed; its own words are in its log or its richer error.
    Engine,
}

/// A trained generator, ready to make pictures. `generate` fills the caller's buffer and allocates only
/// where the engine's own documentation says so.
pub trait Generator {
    /// Length of the latent vector.
    fn latent_len(&self) -> usize;
    /// Shape of the picture.
    fn shape(&self) -> Shape;
    /// What the smallest and largest pixel values mean.
    fn range(&self) -> PixelRange;
    /// Number of classes of a conditional generator, 0 for an unconditional one.
    fn classes(&self) -> usize;
    /// Makes one picture: `latent` has [`Self::latent_len`] numbers, `image` receives
    /// `channels * height * width` numbers in channel, row, column order (CHW), within [`Self::range`].
    ///
    /// # Errors
    /// [`GenerateError`], one variant for each way a call can be wrong; `image` is then unspecified.
    fn generate(&mut self, latent: &[f32], class: Option<usize>, image: &mut [f32]) -> Result<(), GenerateError>;
}
