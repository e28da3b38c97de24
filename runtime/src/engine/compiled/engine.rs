//! From a latent vector to an image.

use super::context::Context;
use super::format::{ALIGNMENT, DType};
use super::kernels::{SimdLevel, as_bytes_mut};
use super::model::Model;
use super::run::run;
use crate::generator::{GenerateError, Generator, check_arguments};
use crate::image::{PixelRange, Shape};

/// Runs a [`Model`]. It holds nothing but the model and the processor's [`SimdLevel`]; all memory
/// is the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Engine<'m> {
    pub(super) model: Model<'m>,
    pub(super) level: SimdLevel,
}

impl<'m> Engine<'m> {
    /// An engine with the best instructions of this processor.
    #[must_use]
    pub fn new(model: Model<'m>) -> Self {
        Self::with_simd_level(model, SimdLevel::detect())
    }

    /// An engine with given instructions.
    #[must_use]
    pub const fn with_simd_level(model: Model<'m>, level: SimdLevel) -> Self {
        Self { model, level }
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model<'m> {
        &self.model
    }

    /// The instructions.
    #[must_use]
    pub const fn simd_level(&self) -> SimdLevel {
        self.level
    }

    /// Makes one image. `latent` has [`Model::latent_len`] elements, `scratch` at least
    /// [`Model::scratch_len`] bytes at any address, `image` receives [`Model::image_len`] elements,
    /// CHW, within [`Model::range`].
    ///
    /// # Errors
    /// [`GenerateError`], one variant for each way a call can be wrong; `image` is then
    /// unspecified.
    pub fn generate(
        &self,
        latent: &[f32],
        class: Option<usize>,
        scratch: &mut [u8],
        image: &mut [f32],
    ) -> Result<(), GenerateError> {
        self.check(latent, class, image)?;
        let scratch = self.aligned(scratch)?;
        self.layers(0, latent, class, scratch, image)
    }

    pub(super) fn check(
        &self,
        latent: &[f32],
        class: Option<usize>,
        image: &[f32],
    ) -> Result<(), GenerateError> {
        let model = &self.model;
        check_arguments(
            model.latent_len(),
            model.image_len(),
            model.classes(),
            latent,
            class,
            image,
        )
    }

    /// Scratch memory from the first aligned byte on.
    pub(super) fn aligned<'s>(&self, scratch: &'s mut [u8]) -> Result<&'s mut [u8], GenerateError> {
        let too_short = GenerateError::ScratchLength {
            expected: self.model.scratch_len(),
            found: scratch.len(),
        };
        let skip = scratch.as_ptr().addr().next_multiple_of(ALIGNMENT) - scratch.as_ptr().addr();
        let aligned = scratch.get_mut(skip..).ok_or(too_short)?;
        if aligned.len() < self.model.header().scratch_len as usize {
            return Err(too_short);
        }
        Ok(aligned)
    }

    /// Runs the layers from number `from` on.
    pub(super) fn layers(
        &self,
        from: usize,
        latent: &[f32],
        class: Option<usize>,
        scratch: &mut [u8],
        image: &mut [f32],
    ) -> Result<(), GenerateError> {
        let context = self.context(latent, class);
        let len = image.len();
        let image = as_bytes_mut(image);
        let mut dtype = DType::F32;
        for layer in self.model.layers().skip(from) {
            let layer = layer.map_err(|_| GenerateError::Engine)?;
            run(&layer, &context, scratch, image).ok_or(GenerateError::Engine)?;
            dtype = layer.output_dtype;
        }
        if dtype == DType::U8 {
            u8_to_f32_in_place(image, len, self.model.range());
        }
        Ok(())
    }

    pub(super) fn context<'a>(&self, latent: &'a [f32], class: Option<usize>) -> Context<'a>
    where
        'm: 'a,
    {
        Context {
            weights: self.model.weights(),
            level: self.level,
            latent,
            class: class.unwrap_or(0),
        }
    }
}

/// Makes f32 within `range` of the `len` bytes at the beginning of `image`, which has room for
/// them.
fn u8_to_f32_in_place(image: &mut [u8], len: usize, range: PixelRange) {
    /// Pixels that are read before the first of them is written: enough for vectors.
    const SOME: usize = 16;
    // From the last ones on: what is read has not been written over.
    for first in (0..len).step_by(SOME).rev() {
        let count = SOME.min(len - first);
        let mut pixels = [0; SOME];
        for (to, from) in pixels.iter_mut().zip(image.iter().skip(first).take(count)) {
            *to = *from;
        }
        let values = pixels.map(|pixel| range.from_u8(pixel).to_ne_bytes());
        let bytes = image.get_mut(4 * first..4 * (first + count));
        let to = bytes.unwrap_or_default().as_chunks_mut::<4>().0;
        for (to, value) in to.iter_mut().zip(values) {
            *to = value;
        }
    }
}

/// Makes f32 within `range` of bytes.
pub(super) fn u8_to_f32(pixels: &[u8], elements: &mut [f32], range: PixelRange) {
    // For more than a few images quicker than a division for each pixel.
    let values: [f32; 256] = core::array::from_fn(|byte| range.from_u8(byte as u8));
    for (element, pixel) in elements.iter_mut().zip(pixels) {
        // A byte is always an index.
        *element = values.get(usize::from(*pixel)).copied().unwrap_or_default();
    }
}

/// An engine with its scratch memory: a [`Generator`].
#[derive(Debug)]
pub struct Compiled<'m, 's> {
    engine: Engine<'m>,
    scratch: &'s mut [u8],
}

impl<'m, 's> Compiled<'m, 's> {
    /// `scratch` has at least [`Model::scratch_len`] bytes.
    ///
    /// # Errors
    /// [`GenerateError::ScratchLength`].
    pub fn new(engine: Engine<'m>, scratch: &'s mut [u8]) -> Result<Self, GenerateError> {
        let expected = engine.model.scratch_len();
        if scratch.len() < expected {
            return Err(GenerateError::ScratchLength {
                expected,
                found: scratch.len(),
            });
        }
        Ok(Self { engine, scratch })
    }
}

impl Generator for Compiled<'_, '_> {
    fn latent_len(&self) -> usize {
        self.engine.model.latent_len()
    }
    fn shape(&self) -> Shape {
        self.engine.model.shape()
    }
    fn range(&self) -> PixelRange {
        self.engine.model.range()
    }
    fn classes(&self) -> usize {
        self.engine.model.classes()
    }
    fn generate(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        image: &mut [f32],
    ) -> Result<(), GenerateError> {
        self.engine.generate(latent, class, self.scratch, image)
    }
}
