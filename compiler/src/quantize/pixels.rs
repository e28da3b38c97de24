//! How far the images of a quantized model are from those of the f32 model.

use core::fmt;

use dreamlet_runtime::engine::compiled::{CompiledError, CompiledGenerator, ModelLimits};
use dreamlet_runtime::generator::Generator;

use super::calibrate::latent;
use crate::CompileError;

/// The seed of the first latent that ranges are not found on; the others follow.
const HELD_OUT_SEED: u64 = 1 << 33;
/// Images that are compared.
const IMAGES: u64 = 256;
/// Most bytes of all of them: fewer images are compared of large ones.
const BYTES: usize = 1 << 26;

/// Differences of 8-bit pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelError {
    /// The mean of absolute differences, in levels of 255.
    pub mean: f64,
    /// The largest difference, in levels of 255.
    pub most: u8,
    /// Images that were compared.
    pub images: u64,
}

impl PixelError {
    /// Whether the mean is at most so many levels.
    pub(super) fn within(&self, mean: f64) -> bool {
        self.mean <= mean
    }
}

impl fmt::Display for PixelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} levels of 255 in the mean, {} at most, over {} images",
            self.mean, self.most, self.images
        )
    }
}

/// Images of held-out latents, 8-bit, one after another.
pub(super) struct Images {
    count: u64,
    pixels: Vec<u8>,
}

impl Images {
    /// Those of a compiled model.
    ///
    /// # Errors
    /// [`CompileError::Format`] if the device would refuse the model, [`CompileError::Golden`] if
    /// it makes no image.
    pub(super) fn of(file: &[u8]) -> Result<Self, CompileError> {
        let mut generator = open(file)?;
        let (classes, range) = (generator.classes(), generator.range());
        let (distribution, size) = (generator.distribution(), generator.latent_len());
        let fit = (BYTES / generator.image_len().max(1)) as u64;
        let count = IMAGES.min(fit).max(1);
        let mut latents = vec![0.0; size * count as usize];
        let mut chosen = Vec::new();
        for (i, vector) in (0..count).zip(latents.chunks_mut(size.max(1))) {
            chosen.push(latent(distribution, HELD_OUT_SEED, i, classes, vector));
        }
        let mut images = vec![0.0; generator.image_len() * count as usize];
        let chosen = Some(chosen.as_slice()).filter(|_| classes > 0);
        generator
            .generate_batch(&latents, chosen, &mut images)
            .map_err(|error| CompileError::Golden {
                reason: error.to_string(),
            })?;
        Ok(Self {
            count,
            pixels: images.iter().map(|&x| range.to_u8(x)).collect(),
        })
    }

    /// How far another model's images are from these.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(super) fn error(&self, file: &[u8]) -> Result<PixelError, CompileError> {
        let found = Self::of(file)?;
        let pairs = self.pixels.iter().zip(&found.pixels);
        let differences = pairs.map(|(a, b)| a.abs_diff(*b));
        let (mut sum, mut most) = (0, 0);
        for difference in differences {
            sum += u64::from(difference);
            most = most.max(difference);
        }
        Ok(PixelError {
            mean: sum as f64 / self.pixels.len().max(1) as f64,
            most,
            images: self.count,
        })
    }
}

/// A model as the device has it.
pub(crate) fn open(file: &[u8]) -> Result<CompiledGenerator, CompileError> {
    let generator =
        CompiledGenerator::from_bytes_with_limits(file, &ModelLimits::NONE).map_err(|error| {
            match error {
                CompiledError::Format(error) => CompileError::Format(error),
                other => CompileError::Golden {
                    reason: other.to_string(),
                },
            }
        })?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(generator.with_threads(threads))
}
