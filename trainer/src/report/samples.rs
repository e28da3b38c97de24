//! The images a run leaves while it trains: real ones once, generated ones of the same latents again and again.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::image::{PixelRange, Shape, to_hwc_u8};
use dreamlet_runtime::latent::fill_normal;

use super::grid::{grid, save_png};
use crate::config::Config;
use crate::data::Dataset;
use crate::nets::Generator;
use crate::training::classes;

/// Draws the first `count` training images.
///
/// # Errors
/// Why the image could not be drawn or written.
pub fn reals(data: &Dataset, count: u64, path: &Path) -> Result<(), String> {
    let shape = Shape {
        channels: data.channels,
        height: data.height,
        width: data.width,
    };
    let count = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .min(data.train.len());
    let images: Vec<Vec<u8>> = (0..count)
        .filter_map(|i| data.train.image(i))
        .map(|chw| interleave(chw, shape))
        .collect();
    draw(&images, shape, path)
}

/// Draws what `generator` makes of the seeds 0 to `count`, the latents that `dreamlet sample --seeds` uses too, in all classes in
/// turn.
///
/// # Errors
/// Why the image could not be drawn or written.
pub fn fakes(
    generator: &Generator,
    config: &Config,
    count: u64,
    device: &Device,
    path: &Path,
) -> Result<(), String> {
    let z = config.model.latent;
    let shape = Shape {
        channels: config.data.channels,
        height: config.data.size,
        width: config.data.size,
    };
    let (low, high) = config.model.output.range();
    let length = shape.channels * shape.height * shape.width;
    let mut images = Vec::new();
    for first in (0..count).step_by(32) {
        let seeds = first..count.min(first + 32);
        let mut latents = Vec::new();
        for seed in seeds {
            let mut latent = vec![0.0; z];
            fill_normal(seed, None, &mut latent);
            latents.extend(latent);
        }
        let rows = latents.len() / z.max(1);
        let latents = Tensor::from_data(TensorData::new(latents, [rows, z]), device);
        let begin = usize::try_from(first).unwrap_or(0);
        let class = classes(begin, rows, config.model.classes, device);
        let batch = generator.forward(latents, class);
        let values = batch
            .into_data()
            .try_to_vec::<f32>()
            .map_err(|e| format!("{e:?}"))?;
        for chw in values.chunks_exact(length) {
            let mut image = vec![0; length];
            to_hwc_u8(chw, shape, PixelRange { low, high }, &mut image)
                .map_err(|e| e.to_string())?;
            images.push(image);
        }
    }
    draw(&images, shape, path)
}

fn draw(images: &[Vec<u8>], shape: Shape, path: &Path) -> Result<(), String> {
    let sheet = grid(images, shape, None, 2).map_err(|e| e.to_string())?;
    save_png(&sheet, path).map_err(|e| e.to_string())
}

/// Planar bytes (channel, row, column) as row, column, channel.
pub(super) fn interleave(chw: &[u8], shape: Shape) -> Vec<u8> {
    let plane = shape.height * shape.width;
    let byte = |i: usize| {
        chw.get(i % shape.channels * plane + i / shape.channels)
            .copied()
            .unwrap_or(0)
    };
    (0..plane * shape.channels).map(byte).collect()
}
