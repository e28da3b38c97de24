//! A compiled model with its file and its memory, for programs with an operating system.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use std::path::Path;

use super::engine::Engine;
use super::file_bytes::{CompiledError, FileBytes};
use super::format::split_trailer;
use super::kernels::SimdLevel;
use super::limits::ModelLimits;
use super::model::Model;
use super::work::products;
use crate::card::{Card, GoldenMatch};
use crate::generator::{GenerateError, Generator};
use crate::image::{PixelRange, Shape, to_hwc_u8};
use crate::latent::Distribution;

/// Images that a thread makes at once: enough that dense layers read their weights seldom.
const AT_ONCE: usize = 32;

/// Multiplications of a batch from which on threads are begun for it: fewer are done while a thread
/// starts.
const WORTH_A_THREAD: u64 = 20_000_000;

/// A compiled model from a file: a [`Generator`] that allocates when it is opened, and never for an
/// image.
///
/// ```no_run
/// use dreamlet_runtime::engine::compiled::CompiledGenerator;
/// use dreamlet_runtime::generator::Generator;
///
/// let mut generator = CompiledGenerator::open("digits.dream")?;
/// let mut latent = vec![0.0; generator.latent_len()];
/// generator.distribution().fill(42, Some(0.8), &mut latent);
/// let mut image = vec![0.0; generator.image_len()];
/// generator.generate(&latent, None, &mut image)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CompiledGenerator {
    bytes: FileBytes,
    level: SimdLevel,
    /// One for each thread.
    scratch: Vec<Vec<u8>>,
}

impl fmt::Debug for CompiledGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledGenerator")
            .field("bytes", &self.bytes.get().len())
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl CompiledGenerator {
    /// Opens a file: reads it, or with feature `mmap` maps it, so that of a large one only what is
    /// used comes to memory. A mapped file must not be written over while it is in use: replace it
    /// by renaming another, as `dreamlet compile` does.
    ///
    /// # Errors
    /// [`CompiledError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CompiledError> {
        Self::open_with_limits(path, &ModelLimits::DEFAULT)
    }

    /// The same of a file whose images may cost no more than `limits`.
    ///
    /// # Errors
    /// [`CompiledError`].
    pub fn open_with_limits(
        path: impl AsRef<Path>,
        limits: &ModelLimits,
    ) -> Result<Self, CompiledError> {
        let bytes = FileBytes::open(path.as_ref()).map_err(CompiledError::Read)?;
        Self::new(bytes, limits)
    }

    /// A model from memory; the bytes are copied.
    ///
    /// # Errors
    /// [`CompiledError::Format`].
    pub fn from_bytes(file: &[u8]) -> Result<Self, CompiledError> {
        Self::from_bytes_with_limits(file, &ModelLimits::DEFAULT)
    }

    /// The same of a file whose images may cost no more than `limits`.
    ///
    /// # Errors
    /// [`CompiledError::Format`].
    pub fn from_bytes_with_limits(
        file: &[u8],
        limits: &ModelLimits,
    ) -> Result<Self, CompiledError> {
        let copied = FileBytes::filled(file.len(), |bytes| {
            bytes.copy_from_slice(file);
            Ok(())
        });
        Self::new(copied.map_err(CompiledError::Read)?, limits)
    }

    /// The same of a file that must be signed by this key; see
    /// [`Model::new_signed`](super::Model::new_signed).
    ///
    /// # Errors
    /// [`CompiledError::Format`].
    #[cfg(feature = "signed")]
    pub fn from_signed_bytes(
        file: &[u8],
        key: &super::VerifyingKey,
    ) -> Result<Self, CompiledError> {
        Self::from_bytes(key.verified(file).map_err(CompiledError::Format)?)
    }

    fn new(bytes: FileBytes, limits: &ModelLimits) -> Result<Self, CompiledError> {
        let model = Model::with_limits(bytes.get(), limits).map_err(CompiledError::Format)?;
        let rows = Engine::new(model).rows_scratch_len();
        let scratch = vec![vec![0; model.scratch_len().max(rows)]];
        Ok(Self {
            bytes,
            level: SimdLevel::detect(),
            scratch,
        })
    }

    /// Uses these instructions and not the processor's best.
    #[must_use]
    pub fn with_simd_level(mut self, level: SimdLevel) -> Self {
        self.level = level;
        self
    }

    /// Makes batches on so many threads. One image is made on one: it is done before another thread
    /// would have begun.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        let len = self.scratch.first().map_or(0, Vec::len);
        self.scratch.resize_with(threads.max(1), || vec![0; len]);
        self
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> Engine<'_> {
        Engine::with_simd_level(self.model(), self.level)
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> Model<'_> {
        Model::checked(split_trailer(self.bytes.get()).0)
    }

    /// The card, if the file has one.
    ///
    /// # Errors
    /// [`CompiledError::Card`].
    pub fn card(&self) -> Result<Option<Card>, CompiledError> {
        let model = self.model();
        let card = model.card();
        if card.is_empty() {
            return Ok(None);
        }
        let text = core::str::from_utf8(card).unwrap_or_default();
        Card::from_json(text).map(Some).map_err(CompiledError::Card)
    }

    /// What latents are drawn from.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        self.model().distribution()
    }

    /// Elements of an image, `channels * height * width`.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.model().image_len()
    }

    /// Makes one image for each latent vector: `latents` holds `n` of them one after the other,
    /// `images` has room for `n` images in channel, row, column order, and a conditional generator
    /// takes `n` classes. The first call with more than one image allocates scratch memory for
    /// batches.
    ///
    /// # Errors
    /// [`GenerateError`]; `images` is then unspecified.
    pub fn generate_batch(
        &mut self,
        latents: &[f32],
        classes: Option<&[usize]>,
        images: &mut [f32],
    ) -> Result<(), GenerateError> {
        let engine = Engine::with_simd_level(Model::checked(self.bytes.get()), self.level);
        let (latent_len, image_len) = (engine.model().latent_len(), engine.model().image_len());
        let count = latents.len() / latent_len.max(1);
        let each = products(engine.model().layers(), engine.model().weights());
        let threads = if each.saturating_mul(count as u64) < WORTH_A_THREAD {
            1
        } else {
            self.scratch.len().min(count).max(1)
        };
        let share = count.div_ceil(threads).max(1);
        let needed = engine.batch_scratch_len(share.min(AT_ONCE));
        let fits = latents.len() == count * latent_len
            && images.len() == count * image_len
            && classes.is_none_or(|classes| classes.len() == count);
        for scratch in self.scratch.iter_mut().take(threads) {
            if fits && count > 1 && scratch.len() < needed {
                scratch.resize(needed, 0);
            }
        }
        if threads == 1 || !fits {
            let Some(scratch) = self.scratch.first_mut() else {
                return Err(GenerateError::Engine);
            };
            return engine.generate_batch(latents, classes, scratch, images);
        }
        let parts = latents
            .chunks(share * latent_len)
            .zip(images.chunks_mut(share * image_len))
            .zip(&mut self.scratch)
            .enumerate();
        std::thread::scope(|scope| {
            let running: Vec<_> = parts
                .map(|(i, ((latents, images), scratch))| {
                    let classes = classes.and_then(|classes| classes.chunks(share).nth(i));
                    scope.spawn(move || engine.generate_batch(latents, classes, scratch, images))
                })
                .collect();
            running
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or(Err(GenerateError::Engine)))
        })
    }

    /// Makes one image row by row; see [`Engine::generate_rows`].
    ///
    /// # Errors
    /// [`GenerateError`], one variant for each way a call can be wrong.
    pub fn generate_rows(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        row: impl FnMut(usize, &[u8]),
    ) -> Result<(), GenerateError> {
        let engine = Engine::with_simd_level(Model::checked(self.bytes.get()), self.level);
        let scratch = self.scratch.first_mut().ok_or(GenerateError::Engine)?;
        engine.generate_rows(latent, class, scratch, row)
    }

    /// Makes one image as bytes, HWC; see [`Engine::generate_u8`].
    ///
    /// # Errors
    /// As [`Self::generate_rows`], and [`GenerateError::ImageLength`].
    pub fn generate_u8(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        image: &mut [u8],
    ) -> Result<(), GenerateError> {
        let engine = Engine::with_simd_level(Model::checked(self.bytes.get()), self.level);
        let scratch = self.scratch.first_mut().ok_or(GenerateError::Engine)?;
        engine.generate_u8(latent, class, scratch, image)
    }

    /// Makes the card's golden images again and compares them; empty without a card or without
    /// golden images.
    ///
    /// # Errors
    /// [`CompiledError`] if the card cannot be read or an image cannot be made.
    pub fn check_golden(&mut self) -> Result<Vec<GoldenMatch>, CompiledError> {
        let Some(card) = self.card()? else {
            return Ok(Vec::new());
        };
        let shape = self.shape();
        let mut latent = vec![0.0; self.latent_len()];
        let mut image = vec![0.0; self.image_len()];
        let mut bytes = vec![0; self.image_len()];
        let mut results = Vec::new();
        for golden in &card.golden {
            self.distribution().fill(golden.seed, None, &mut latent);
            self.generate(&latent, golden.class, &mut image)?;
            let check = to_hwc_u8(&image, shape, self.range(), &mut bytes);
            check.map_err(|_| GenerateError::Engine)?;
            let found = golden.check(card.tolerance, shape, &bytes);
            results.push(found.map_err(|_| GenerateError::Engine)?);
        }
        Ok(results)
    }
}

impl Generator for CompiledGenerator {
    fn latent_len(&self) -> usize {
        self.model().latent_len()
    }

    fn shape(&self) -> Shape {
        self.model().shape()
    }

    fn range(&self) -> PixelRange {
        self.model().range()
    }

    fn classes(&self) -> usize {
        self.model().classes()
    }

    fn generate(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        image: &mut [f32],
    ) -> Result<(), GenerateError> {
        let engine = Engine::with_simd_level(Model::checked(self.bytes.get()), self.level);
        let Some(scratch) = self.scratch.first_mut() else {
            return Err(GenerateError::Engine);
        };
        engine.generate(latent, class, scratch, image)
    }
}
