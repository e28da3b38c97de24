//! Where the images come from that are evaluated.

use dreamlet_runtime::engine::tract::Assumptions;
use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::image::PixelRange;
use rayon::prelude::*;

use super::error::EvaluationError;
use crate::data::FolderImages;
use crate::generator_file::FileGenerator;

/// Images by number, as planar bytes (channel, row, column).
pub trait ImageSource {
    /// Channels, rows and columns.
    fn shape(&self) -> [usize; 3];
    /// Number of classes of a conditional generator, 0 for none.
    fn classes(&self) -> usize {
        0
    }
    /// How many images there are, `None` where there is no end.
    fn available(&self) -> Option<usize> {
        None
    }
    /// Images `first..first + count`; `classes` has one for each where [`ImageSource::classes`] is not
    /// 0.
    fn images(
        &mut self,
        first: u64,
        count: usize,
        classes: &[usize],
    ) -> Result<Vec<u8>, EvaluationError>;
}

/// A generator's file, ONNX or compiled, in the runtime's engines. Image i is that of seed i, the
/// one that `dreamlet sample --seeds i` draws.
#[derive(Debug)]
pub struct FileSource {
    generators: Vec<FileGenerator>,
}

impl FileSource {
    /// Loads the file once for each thread.
    ///
    /// # Errors
    /// [`EvaluationError::Generate`] if the file is refused or does not say all that is needed.
    pub fn new(file: &[u8], assumptions: &Assumptions) -> Result<Self, EvaluationError> {
        let open = |_| FileGenerator::from_bytes(file, assumptions);
        let generators = (0..rayon::current_num_threads()).map(open);
        let generators: Result<_, _> = generators.collect();
        let generators = generators.map_err(|error| failed(&error))?;
        Ok(Self { generators })
    }

    /// What black and white are by the graph alone; `None` where the file says it itself.
    pub(crate) fn range_of_graph(&self) -> Option<PixelRange> {
        let generator = self.generators.first()?;
        let says = generator.card().is_some() || generator.is_compiled();
        (!says).then(|| generator.range())
    }

    /// What its images with alpha lie over, by the card.
    pub(crate) fn background(&self) -> Option<[u8; 3]> {
        let card = self.generators.first().and_then(FileGenerator::card);
        card.and_then(|card| card.interface.as_ref()?.background)
    }

    /// Names of the classes, as the card has them.
    pub fn class_names(&self) -> &[String] {
        let card = self.generators.first().and_then(FileGenerator::card);
        card.map(|card| card.classes.as_slice()).unwrap_or_default()
    }
}

impl ImageSource for FileSource {
    fn shape(&self) -> [usize; 3] {
        self.generators.first().map_or([0; 3], |g| {
            let shape = g.shape();
            [shape.channels, shape.height, shape.width]
        })
    }

    fn classes(&self) -> usize {
        self.generators.first().map_or(0, Generator::classes)
    }

    fn images(
        &mut self,
        first: u64,
        count: usize,
        classes: &[usize],
    ) -> Result<Vec<u8>, EvaluationError> {
        let share = count.div_ceil(self.generators.len().max(1)).max(1);
        let parts: Result<Vec<Vec<u8>>, EvaluationError> = self
            .generators
            .par_iter_mut()
            .enumerate()
            .map(|(index, generator)| {
                let from = (index * share).min(count);
                let rows = share.min(count - from);
                let seeds = (first + from as u64..).take(rows);
                let classes = classes.get(from..from + rows);
                let latents: Vec<f32> = seeds
                    .flat_map(|seed| {
                        let mut latent = vec![0.0; generator.latent_len()];
                        generator.distribution().fill(seed, None, &mut latent);
                        latent
                    })
                    .collect();
                let mut images = vec![0.0; rows * generator.image_len()];
                generator
                    .generate_batch(&latents, classes, &mut images)
                    .map_err(|error| failed(&error))?;
                let range = generator.range();
                Ok(images.iter().map(|value| range.to_u8(*value)).collect())
            })
            .collect();
        Ok(parts?.concat())
    }
}

fn failed(error: &impl ToString) -> EvaluationError {
    EvaluationError::Generate {
        reason: error.to_string(),
    }
}

/// Training and test images alike, decoded one after the other.
impl ImageSource for FolderImages {
    fn shape(&self) -> [usize; 3] {
        self.shape()
    }

    fn available(&self) -> Option<usize> {
        Some(self.len())
    }

    /// Beyond the last image there are none: the answer is shorter then.
    fn images(
        &mut self,
        first: u64,
        count: usize,
        _: &[usize],
    ) -> Result<Vec<u8>, EvaluationError> {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        if self.given() > first {
            self.rewind();
        }
        self.next_images(first - self.given())?;
        Ok(self.next_images(count)?)
    }
}
