//! The images a run leaves while it trains: real ones once, generated ones of the same latents
//! again and again.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::image::Shape;
use dreamlet_runtime::latent::fill_normal;

use super::batch::{classes_in_turn, range};
use super::error::TrainError;
use crate::config::Config;
use crate::data::Dataset;
use crate::nets::Generator;
use crate::sheet::{chw_to_hwc, grid, save_png};

/// Images in `samples/` and `reals.png`.
const IMAGES: usize = 64;
/// Images that are generated together.
const BATCH: usize = 32;

/// Draws the first training images.
pub(super) fn draw_reals(config: &Config, data: &Dataset, path: &Path) -> Result<(), TrainError> {
    let images = (0..IMAGES.min(data.train.len())).filter_map(|i| data.train.image(i));
    draw(images, config, path)
}

/// Draws generated images into `samples/`.
pub(super) struct SampleSheets<'a> {
    config: &'a Config,
    folder: PathBuf,
    device: Device,
}

impl<'a> SampleSheets<'a> {
    pub(super) fn new(config: &'a Config, run: &Path, device: Device) -> Self {
        Self {
            config,
            folder: run.join("samples"),
            device,
        }
    }

    /// Draws what `generator` makes of the seeds from 0 on, the latents that
    /// `dreamlet sample --seeds` uses too, in all classes in turn.
    pub(super) fn draw(&self, generator: &Generator, step: u64) -> Result<(), TrainError> {
        let data = &self.config.data;
        let (z, classes) = (self.config.model.latent, self.config.model.classes);
        let length = data.channels * data.size * data.size;
        let range = range(self.config);
        let mut images: Vec<u8> = Vec::new();
        for first in (0..IMAGES).step_by(BATCH) {
            let mut latents = vec![0.0; BATCH * z];
            for (seed, latent) in (first as u64..).zip(latents.chunks_exact_mut(z.max(1))) {
                fill_normal(seed, None, latent);
            }
            let latents = Tensor::from_data(TensorData::new(latents, [BATCH, z]), &self.device);
            let class = classes_in_turn(first, BATCH, classes, &self.device);
            let values = generator.forward(latents, class).into_data();
            let values = values
                .try_to_vec::<f32>()
                .map_err(|e| TrainError::Image(format!("{e:?}")))?;
            images.extend(values.iter().map(|value| range.to_u8(*value)));
        }
        let path = self.folder.join(format!("{step:06}.png"));
        draw(images.chunks_exact(length), self.config, &path)
    }
}

/// Draws planar images, over the background if they have alpha.
fn draw<'b>(
    images: impl Iterator<Item = &'b [u8]>,
    config: &Config,
    path: &Path,
) -> Result<(), TrainError> {
    let data = &config.data;
    let shape = Shape {
        channels: data.seen_channels(),
        height: data.size,
        width: data.size,
    };
    let seen = |chw| chw_to_hwc(&data.background().under(chw, data.channels), shape);
    let images: Vec<Vec<u8>> = images.map(seen).collect();
    let sheet = grid(&images, shape, None, 2);
    sheet
        .and_then(|sheet| save_png(&sheet, path))
        .map_err(|e| TrainError::Image(e.to_string()))
}
