//! A generator in the engine that its file is for.

use dreamlet_runtime::card::Card;
use dreamlet_runtime::engine::compiled::format::{DType, MAGIC};
use dreamlet_runtime::engine::compiled::{CompiledGenerator, ModelLimits};
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::generator::{GenerateError, Generator};
use dreamlet_runtime::image::{PixelRange, Shape};
use dreamlet_runtime::latent::Distribution;

use super::card_in_file::replace_card;
use super::error::FileError;

/// A generator in the engine that its file is for.
#[derive(Debug)]
pub struct FileGenerator {
    engine: GeneratorEngine,
    card: Option<Card>,
}

#[derive(Debug)]
enum GeneratorEngine {
    Onnx(Box<OnnxGenerator>),
    Compiled(Box<CompiledGenerator>),
}

impl FileGenerator {
    /// A compiled model by its first bytes, an ONNX file otherwise; `assumptions` are for ONNX
    /// files without a card.
    ///
    /// # Errors
    /// [`FileError`] if the file is refused or does not say all that is needed.
    pub(crate) fn from_bytes(file: &[u8], assumptions: &Assumptions) -> Result<Self, FileError> {
        if file.starts_with(&MAGIC) {
            // What compiles with `--max-file` opens with it.
            let work = assumptions.limits.work.saturating_mul(2);
            let limits = ModelLimits {
                work: work.max(ModelLimits::DEFAULT.work),
                ..ModelLimits::DEFAULT
            };
            let compiled = CompiledGenerator::from_bytes_with_limits(file, &limits)?;
            return Ok(Self {
                card: compiled.card()?,
                engine: GeneratorEngine::Compiled(Box::new(compiled)),
            });
        }
        let onnx = OnnxGenerator::from_bytes(file, assumptions)?;
        Ok(Self {
            card: onnx.card().cloned(),
            engine: GeneratorEngine::Onnx(Box::new(onnx)),
        })
    }

    /// Whether its file's output has alpha; of a compiled model not, whose background is a part of
    /// it.
    pub(crate) fn has_alpha(&self) -> bool {
        match &self.engine {
            GeneratorEngine::Onnx(engine) => engine.inspection().alpha.is_some(),
            GeneratorEngine::Compiled(_) => false,
        }
    }

    /// The same generator, which has alpha, over black and over white, from which the alpha follows.
    /// `file` and `assumptions` are those that it was made of.
    ///
    /// # Errors
    /// [`FileError`], as [`FileGenerator::from_bytes`].
    pub(crate) fn over_black_and_white(
        &self,
        file: &[u8],
        assumptions: &Assumptions,
    ) -> Result<[Self; 2], FileError> {
        let over = |colour: u8| {
            let background = Some([colour; 3]);
            let mut assumptions = assumptions.clone();
            assumptions.interface.background = background;
            let Some(mut card) = self.card.clone() else {
                return Self::from_bytes(file, &assumptions);
            };
            card.interface.get_or_insert_default().background = background;
            Self::from_bytes(&replace_card(file, &card)?, &assumptions)
        };
        Ok([over(0)?, over(255)?])
    }

    /// What was assumed of the file, one sentence each.
    pub(crate) fn notes(&self) -> &[String] {
        match &self.engine {
            GeneratorEngine::Onnx(engine) => &engine.inspection().notes,
            GeneratorEngine::Compiled(_) => &[],
        }
    }

    /// The card, if the file has one.
    pub const fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }

    /// Whether it is a compiled model.
    pub const fn is_compiled(&self) -> bool {
        matches!(self.engine, GeneratorEngine::Compiled(_))
    }

    /// Whether it rounds what it computes to integers, in some layers at least.
    pub(crate) fn rounds(&self) -> bool {
        match &self.engine {
            GeneratorEngine::Onnx(_) => false,
            GeneratorEngine::Compiled(engine) => {
                let mut layers = engine.model().layers().flatten();
                layers.any(|layer| matches!(layer.output_dtype, DType::I8 | DType::U8 | DType::I16))
            }
        }
    }

    /// What latents are drawn from.
    pub(crate) fn distribution(&self) -> Distribution {
        match &self.engine {
            GeneratorEngine::Onnx(engine) => engine.distribution(),
            GeneratorEngine::Compiled(engine) => engine.distribution(),
        }
    }

    /// Numbers of an image, `channels * height * width`.
    pub(crate) fn image_len(&self) -> usize {
        match &self.engine {
            GeneratorEngine::Onnx(engine) => engine.image_len(),
            GeneratorEngine::Compiled(engine) => engine.image_len(),
        }
    }

    /// Makes one image for each latent vector, see [`OnnxGenerator::generate_batch`].
    ///
    /// # Errors
    /// [`FileError`]; `images` is then unspecified.
    pub(crate) fn generate_batch(
        &mut self,
        latents: &[f32],
        classes: Option<&[usize]>,
        images: &mut [f32],
    ) -> Result<(), FileError> {
        match &mut self.engine {
            GeneratorEngine::Onnx(engine) => Ok(engine.generate_batch(latents, classes, images)?),
            GeneratorEngine::Compiled(engine) => engine
                .generate_batch(latents, classes, images)
                .map_err(|error| FileError::Compiled(error.into())),
        }
    }

    fn generator(&self) -> &dyn Generator {
        match &self.engine {
            GeneratorEngine::Onnx(engine) => engine.as_ref(),
            GeneratorEngine::Compiled(engine) => engine.as_ref(),
        }
    }
}

impl Generator for FileGenerator {
    fn latent_len(&self) -> usize {
        self.generator().latent_len()
    }

    fn shape(&self) -> Shape {
        self.generator().shape()
    }

    fn range(&self) -> PixelRange {
        self.generator().range()
    }

    fn classes(&self) -> usize {
        self.generator().classes()
    }

    fn generate(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        image: &mut [f32],
    ) -> Result<(), GenerateError> {
        match &mut self.engine {
            GeneratorEngine::Onnx(engine) => engine.generate(latent, class, image),
            GeneratorEngine::Compiled(engine) => engine.generate(latent, class, image),
        }
    }
}
