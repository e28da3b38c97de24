//! A compiled model with its file and its memory, for programs with an operating system.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use std::io;
use std::path::Path;

use super::engine::Engine;
use super::format::{ALIGNMENT, FormatError, HwcShape, Layer, Op};
use super::kernels::SimdLevel;
use super::model::Model;
use crate::card::{Card, CardError, GoldenMatch};
use crate::generator::{GenerateError, Generator};
use crate::image::{PixelRange, Shape, to_hwc_u8};
use crate::latent::Distribution;

/// Images that a thread makes at once: enough that dense layers read their weights seldom.
const AT_ONCE: usize = 32;

/// Multiplications of a batch from which on threads are begun for it: fewer are done while a thread starts.
const WORTH_A_THREAD: u64 = 20_000_000;

/// Why a file is not used.
#[derive(Debug)]
#[non_exhaustive]
pub enum CompiledError {
    /// It cannot be read.
    Read(io::Error),
    /// It is no compiled model, or a damaged one.
    Format(FormatError),
    /// Its card cannot be read.
    Card(CardError),
    /// An image was asked for wrongly.
    Call(GenerateError),
}

impl fmt::Display for CompiledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the compiled model cannot be read: {error}"),
            Self::Format(error) => error.fmt(f),
            Self::Card(error) => write!(f, "the compiled model's card: {error}"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CompiledError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Format(error) => Some(error),
            Self::Card(error) => Some(error),
            Self::Call(error) => Some(error),
        }
    }
}

impl From<GenerateError> for CompiledError {
    fn from(error: GenerateError) -> Self {
        Self::Call(error)
    }
}

/// Where the file's bytes are.
enum Bytes {
    /// In memory, from this byte on.
    Owned(Vec<u8>, usize),
    /// Mapped from disk.
    #[cfg(feature = "mmap")]
    Mapped(memmap2::Mmap),
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Owned(bytes, begin) => bytes.get(*begin..).unwrap_or_default(),
            #[cfg(feature = "mmap")]
            Self::Mapped(map) => map,
        }
    }

    /// Memory for so many bytes, aligned, filled by `fill`.
    fn filled(len: usize, fill: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<Self> {
        let room = len
            .checked_add(ALIGNMENT)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; room];
        let begin = bytes.as_ptr().addr().next_multiple_of(ALIGNMENT) - bytes.as_ptr().addr();
        bytes.truncate(begin + len);
        fill(bytes.get_mut(begin..).unwrap_or_default())?;
        Ok(Self::Owned(bytes, begin))
    }

    #[cfg(feature = "mmap")]
    fn open(path: &Path) -> io::Result<Self> {
        super::mmap::map(path).map(Self::Mapped)
    }

    #[cfg(not(feature = "mmap"))]
    fn open(path: &Path) -> io::Result<Self> {
        use std::io::Read as _;
        let mut file = std::fs::File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        Self::filled(len, |bytes| file.read_exact(bytes))
    }
}

/// A compiled model from a file: a [`Generator`] that allocates when it is opened, and never for an image.
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
    bytes: Bytes,
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
    /// Opens a file: reads it, or with feature `mmap` maps it, so that of a large one only what is used comes to memory.
    /// A mapped file must not be written over while it is in use: replace it by renaming another, as `dreamlet compile` does.
    ///
    /// # Errors
    /// [`CompiledError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CompiledError> {
        Self::new(Bytes::open(path.as_ref()).map_err(CompiledError::Read)?)
    }

    /// A model from memory; the bytes are copied.
    ///
    /// # Errors
    /// [`CompiledError::Format`].
    pub fn from_bytes(file: &[u8]) -> Result<Self, CompiledError> {
        let copied = Bytes::filled(file.len(), |bytes| {
            bytes.copy_from_slice(file);
            Ok(())
        });
        Self::new(copied.map_err(CompiledError::Read)?)
    }

    fn new(bytes: Bytes) -> Result<Self, CompiledError> {
        let model = Model::new(bytes.get()).map_err(CompiledError::Format)?;
        let scratch = vec![vec![0; model.scratch_len()]];
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

    /// Makes batches on so many threads. One image is made on one: it is done before another thread would have begun.
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
        Model::checked(self.bytes.get())
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

    /// Numbers of an image, `channels * height * width`.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.model().image_len()
    }

    /// Makes one image for each latent vector: `latents` holds `n` of them one after the other, `images` has room for `n` images in
    /// channel, row, column order, and a conditional generator takes `n` classes. The first call with more than one image allocates scratch
    /// memory for batches.
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
        let threads = if products(engine.model()).saturating_mul(count as u64) < WORTH_A_THREAD {
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

    /// Makes the card's golden images again and compares them; empty without a card or without golden images.
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

/// Multiplications of one image in dense layers and convolutions, padding included.
fn products(model: &Model<'_>) -> u64 {
    let of = |layer: &Layer| {
        let pixels = |shape: HwcShape| u64::from(shape.height) * u64::from(shape.width);
        let (from, to) = (layer.input_shape, layer.output_shape);
        match layer.op {
            Op::Dense => from.len().saturating_mul(to.len()),
            Op::Conv(c) | Op::Col2ImConv(c) | Op::GroupConv(c) => {
                let places = if c.transposed {
                    pixels(from)
                } else {
                    pixels(to)
                };
                let taps = u64::from(c.kernel[0]) * u64::from(c.kernel[1]);
                let each =
                    u64::from(from.channels) * u64::from(to.channels) / u64::from(c.groups.max(1));
                places.saturating_mul(taps).saturating_mul(each)
            }
            Op::UpsampleConv => pixels(from)
                .saturating_mul(9 * u64::from(from.channels))
                .saturating_mul(to.channels.into()),
            _ => 0,
        }
    };
    let layers = model.layers().flatten();
    layers.fold(0, |sum, layer| sum.saturating_add(of(&layer)))
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
