//! The trait that every engine implements: a latent vector in, an image out.

use crate::error_messages::error_messages;
use crate::image::{PixelRange, Shape};

/// What can be wrong with a call of [`Generator::generate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GenerateError {
    /// The latent vector has another length than the generator's input.
    LatentLength {
        /// Elements the generator takes.
        expected: usize,
        /// Elements the caller passed.
        found: usize,
    },
    /// The image buffer has another length than `channels * height * width`.
    ImageLength {
        /// Elements the generator writes.
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
    /// Another number of classes than of images was passed.
    ClassCount {
        /// Images requested.
        expected: usize,
        /// Classes passed.
        found: usize,
    },
    /// The scratch memory is too small.
    ScratchLength {
        /// Bytes the engine needs.
        expected: usize,
        /// Bytes the caller gave.
        found: usize,
    },
    /// The engine failed; its own words are in its log or its richer error.
    Engine,
}

error_messages! { GenerateError:
    Self::LatentLength { expected, found } =>
        "the generator takes {expected} latent elements, found {found}: size the vector by latent_len()";
    Self::ImageLength { expected, found } =>
        "the image has {expected} values, the buffer {found}: size it by shape().len()";
    Self::NonFiniteLatent { index } => "latent element {index} is NaN or infinite";
    Self::ClassMissing { classes } =>
        "the generator is conditional: name one of its {classes} classes, 0 to {}", classes.saturating_sub(1);
    Self::ClassOutOfRange { classes: 0, found } =>
        "class {found} was passed, but the generator is unconditional: pass no class";
    Self::ClassOutOfRange { classes, found } =>
        "class {found} does not exist: the generator has {classes}, 0 to {}", classes.saturating_sub(1);
    Self::ClassCount { expected, found } => "{expected} images need as many classes, found {found}";
    Self::ScratchLength { expected, found } =>
        "the engine needs {expected} bytes of scratch memory, found {found}: size it by scratch_len(), for rows and bytes by rows_scratch_len()";
    Self::Engine => "the engine failed: ask it for its own error";
}

/// Checks the arguments of [`Generator::generate`] against what `generator` says of itself; engines
/// call it first.
///
/// # Errors
/// [`GenerateError`], one variant for each way a call can be wrong.
pub fn check_call<G: Generator + ?Sized>(
    generator: &G,
    latent: &[f32],
    class: Option<usize>,
    image: &[f32],
) -> Result<(), GenerateError> {
    let image_len = generator.shape().len().ok_or(GenerateError::Engine)?;
    check_arguments(
        generator.latent_len(),
        image_len,
        generator.classes(),
        latent,
        class,
        image,
    )
}

/// [`check_call`] by what a generator says of itself.
pub(crate) fn check_arguments(
    latent_len: usize,
    image_len: usize,
    classes: usize,
    latent: &[f32],
    class: Option<usize>,
    image: &[f32],
) -> Result<(), GenerateError> {
    // In this order: what is wrong with the vector's length is told first.
    let input = check_input(latent_len, classes, latent, class);
    if let Err(GenerateError::LatentLength { .. }) = input {
        return input;
    }
    if image.len() != image_len {
        return Err(GenerateError::ImageLength {
            expected: image_len,
            found: image.len(),
        });
    }
    input
}

/// The same without an image.
pub(crate) fn check_input(
    latent_len: usize,
    classes: usize,
    latent: &[f32],
    class: Option<usize>,
) -> Result<(), GenerateError> {
    if latent.len() != latent_len {
        return Err(GenerateError::LatentLength {
            expected: latent_len,
            found: latent.len(),
        });
    }
    if let Some(index) = latent.iter().position(|x| !x.is_finite()) {
        return Err(GenerateError::NonFiniteLatent { index });
    }
    match (classes, class) {
        (0, None) => Ok(()),
        (classes, None) => Err(GenerateError::ClassMissing { classes }),
        (classes, Some(found)) if found >= classes => {
            Err(GenerateError::ClassOutOfRange { classes, found })
        }
        (_, Some(_)) => Ok(()),
    }
}

/// A trained generator, ready to make images. `generate` fills the caller's buffer and allocates
/// only where the engine's own documentation says so.
pub trait Generator {
    /// Length of the latent vector.
    fn latent_len(&self) -> usize;
    /// Shape of the image.
    fn shape(&self) -> Shape;
    /// What the smallest and largest pixel values mean.
    fn range(&self) -> PixelRange;
    /// Number of classes of a conditional generator, 0 for an unconditional one.
    fn classes(&self) -> usize;
    /// Makes one image: `latent` has [`Self::latent_len`] numbers, `image` receives
    /// `channels * height * width` numbers in channel, row, column order (CHW), within
    /// [`Self::range`].
    ///
    /// # Errors
    /// [`GenerateError`], one variant for each way a call can be wrong; `image` is then
    /// unspecified.
    fn generate(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        image: &mut [f32],
    ) -> Result<(), GenerateError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(usize);

    impl Generator for Fake {
        fn latent_len(&self) -> usize {
            2
        }
        fn shape(&self) -> Shape {
            Shape {
                channels: 1,
                height: 1,
                width: 3,
            }
        }
        fn range(&self) -> PixelRange {
            PixelRange::UNIT
        }
        fn classes(&self) -> usize {
            self.0
        }
        fn generate(
            &mut self,
            latent: &[f32],
            class: Option<usize>,
            image: &mut [f32],
        ) -> Result<(), GenerateError> {
            check_call(self, latent, class, image)
        }
    }

    #[test]
    fn every_way_a_call_can_be_wrong_is_told_apart() {
        let call = |classes, latent: &[f32], class, len: usize| {
            Fake(classes).generate(latent, class, &mut [0.0; 9][..len])
        };
        assert_eq!(call(0, &[0.0; 2], None, 3), Ok(()));
        assert_eq!(call(4, &[0.0; 2], Some(3), 3), Ok(()));
        assert_eq!(
            call(0, &[0.0; 3], None, 3),
            Err(GenerateError::LatentLength {
                expected: 2,
                found: 3
            })
        );
        assert_eq!(
            call(0, &[0.0; 2], None, 4),
            Err(GenerateError::ImageLength {
                expected: 3,
                found: 4
            })
        );
        assert_eq!(
            call(0, &[0.0, f32::NAN], None, 3),
            Err(GenerateError::NonFiniteLatent { index: 1 })
        );
        assert_eq!(
            call(4, &[0.0; 2], None, 3),
            Err(GenerateError::ClassMissing { classes: 4 })
        );
        assert_eq!(
            call(4, &[0.0; 2], Some(4), 3),
            Err(GenerateError::ClassOutOfRange {
                classes: 4,
                found: 4
            })
        );
        assert_eq!(
            call(0, &[0.0; 2], Some(0), 3),
            Err(GenerateError::ClassOutOfRange {
                classes: 0,
                found: 0
            })
        );
    }
}
