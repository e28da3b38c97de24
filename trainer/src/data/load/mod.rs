//! From what the loaders give to the data set that nets see: resized, with their channels.

mod cache;
mod files;

use super::convert::convert;
use super::dataset::Dataset;
use super::error::DataError;
use super::options::LoadOptions;
use super::progress::{Silent, Unit};
use super::shape::{image_len, wanted};
use super::spec::DataSpec;
use super::{glyphs, idx_folder, mnist, stacked};

/// Loads a data set.
///
/// # Errors
/// [`DataError`], one variant for each way the data or the options can be wrong; its text says what
/// to do.
pub fn load(spec: &DataSpec, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let mut progress = options.progress;
    if options.channels == Some(4) && !matches!(spec, DataSpec::Folder(_)) {
        return Err(DataError::NoAlpha { name: spec.name() });
    }
    let mut data = match spec {
        DataSpec::Glyphs => {
            // They are drawn at the size that nets get: what is left to do takes no time.
            progress = &Silent;
            draw_glyphs(options)?
        }
        DataSpec::Mnist | DataSpec::StackedMnist => mnist::MNIST.load(options)?,
        DataSpec::FashionMnist => mnist::FASHION_MNIST.load(options)?,
        DataSpec::Idx(folder) => idx_folder::load(folder)?,
        DataSpec::Folder(folder) => files::load(folder, options)?,
    };
    let stacked = *spec == DataSpec::StackedMnist;
    if let Some(limit) = options.limit.filter(|_| !stacked) {
        data.train.truncate(limit);
    }
    let channels = match options.channels {
        Some(found) if stacked && found != stacked::DIGITS => {
            return Err(DataError::StackedChannels { found });
        }
        _ if stacked => Some(1),
        channels => channels,
    };
    let from = data.shape();
    let to = wanted(from, options.size, channels)?;
    for split in [&mut data.train, &mut data.test] {
        *split = std::mem::take(split)
            .with_pixels(image_len(to), |pixels| convert(pixels, from, to, progress))?;
    }
    [data.channels, data.height, data.width] = to;
    if stacked {
        data.name = DataSpec::Mnist.name();
        data = stacked::of(data)?;
        data.train.truncate(options.limit.unwrap_or(usize::MAX));
    }
    data.name = spec.name();
    Ok(data)
}

fn draw_glyphs(options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let own = [1, glyphs::SIZE, glyphs::SIZE];
    let [_, size, _] = wanted(own, options.size, options.channels)?;
    let progress = options.progress;
    let train = glyphs::TRAIN.min(options.limit.unwrap_or(glyphs::TRAIN));
    let images = (train + glyphs::TEST) as u64;
    progress.during("drawing glyphs", Some(images), Unit::Images, || {
        glyphs::draw(train, size, progress)
    })
}

#[cfg(test)]
#[path = "alpha_tests.rs"]
mod tests;
