//! From what the loaders give to the data set that nets see: resized, with their channels.

mod cache;
mod files;

use super::convert;
use super::dataset::{Dataset, Split};
use super::error::DataError;
use super::options::LoadOptions;
use super::progress::{Progress, Silent, Unit};
use super::raw::{Raw, RawSplit};
use super::shape::Shape;
use super::spec::DataSpec;
use super::{glyphs, idx_folder, mnist};

/// Loads a data set.
///
/// # Errors
/// [`DataError`], one variant for each way the data or the options can be wrong; its text says what
/// to do.
pub fn load(spec: &DataSpec, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let mut data = match spec {
        DataSpec::Glyphs => fit(draw_glyphs(options)?, options, &Silent)?,
        DataSpec::Mnist => fit(mnist::MNIST.load(options)?, options, options.progress)?,
        DataSpec::FashionMnist => fit(
            mnist::FASHION_MNIST.load(options)?,
            options,
            options.progress,
        )?,
        DataSpec::Idx(folder) => fit(idx_folder::load(folder)?, options, options.progress)?,
        DataSpec::Folder(folder) => files::load(folder, options)?,
    };
    if let Some(limit) = options.limit {
        data.train.truncate(limit);
    }
    data.name = spec.name();
    Ok(data)
}

/// Glyphs are drawn at the size that nets get: they need no resizing, only channels.
fn draw_glyphs(options: &LoadOptions<'_>) -> Result<Raw, DataError> {
    let size = Shape::square(1, glyphs::SIZE)
        .wanted(options.size, options.channels)?
        .width;
    let progress = options.progress;
    let train = glyphs::TRAIN.min(options.limit.unwrap_or(glyphs::TRAIN));
    let images = (train + glyphs::TEST) as u64;
    progress.start("drawing glyphs", Some(images), Unit::Images);
    let drawn = glyphs::draw(train, size, options.threads, progress);
    progress.finish();
    drawn
}

/// Brings a data set to the shape that nets get.
fn fit(
    mut raw: Raw,
    options: &LoadOptions<'_>,
    progress: &dyn Progress,
) -> Result<Dataset, DataError> {
    let shape = raw.shape.wanted(options.size, options.channels)?;
    if let Some(limit) = options.limit {
        raw.train
            .pixels
            .truncate(limit.saturating_mul(raw.shape.image_len()));
        if let Some(labels) = &mut raw.train.labels {
            labels.truncate(limit);
        }
    }
    let split = |half: RawSplit| {
        let pixels = convert::convert(half.pixels, raw.shape, shape, options.threads, progress)?;
        Split::new(pixels, half.labels, shape.image_len())
    };
    Ok(Dataset {
        name: String::new(),
        channels: shape.channels,
        height: shape.height,
        width: shape.width,
        train: split(raw.train)?,
        test: split(raw.test)?,
        classes: raw.classes,
        notes: raw.notes,
        broken: Vec::new(),
    })
}
