//! `--data glyphs`: digits that the program writes itself, the same for everyone.
//!
//! Each digit has several styles of strokes through knots (`skeletons`); a hand shakes, bends,
//! slants and places them (`hand`), and `raster` draws them by distance to the line. All
//! randomness comes from one stream per image, and all arithmetic is IEEE basic operations and
//! `libm`, so the bytes are the same on every machine and in every order of making.

mod handwriting;
mod raster;
mod skeletons;

use dreamlet_runtime::latent::Stream;

use super::convert::Shape;
use super::dataset::{Dataset, Split};
use super::error::DataError;
use super::parallel;
use super::progress::Unit;
use super::{LoadOptions, assemble};
use crate::atomic_file::try_zeros;

/// Number of training images.
const TRAIN: usize = 60_000;

/// Number of test images.
const TEST: usize = 10_000;

/// Edge of the images when no size is asked for. Others are drawn at their size, not resized.
const SIZE: usize = 28;

/// The seed of the set. It never changes: figures measured on glyphs would not compare any more.
const SEED: u64 = 0x676c_7970_6873;

/// Which half of the set an image belongs to; the streams of both are apart.
#[derive(Clone, Copy)]
enum Half {
    Train,
    Test,
}

impl Half {
    fn domain(self) -> &'static str {
        match self {
            Half::Train => "glyphs.train",
            Half::Test => "glyphs.test",
        }
    }

    fn label_domain(self) -> &'static str {
        match self {
            Half::Train => "glyphs.trainlab",
            Half::Test => "glyphs.testlab",
        }
    }
}

/// Draws the set.
pub(super) fn load(options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let shape = Shape::square(1, SIZE).wanted(options.size, options.channels)?;
    let train = options.limit.map_or(TRAIN, |limit| limit.min(TRAIN));
    let progress = options.progress;
    progress.start("drawing glyphs", Some((train + TEST) as u64), Unit::Images);
    let halves = draw_half(Half::Train, train, shape, options)
        .and_then(|train| Ok((train, draw_half(Half::Test, TEST, shape, options)?)));
    progress.finish();
    let (train, test) = halves?;
    let classes = (0..10).map(|digit: u32| digit.to_string()).collect();
    Ok(assemble(shape, classes, train, test, Vec::new()))
}

fn draw_half(
    half: Half,
    count: usize,
    shape: Shape,
    options: &LoadOptions<'_>,
) -> Result<Split, DataError> {
    let labels = labels(half, count);
    let len = count.saturating_mul(shape.image_len());
    let mut pixels = try_zeros(len).ok_or(DataError::Memory { needed: len as u64 })?;
    parallel::fill_items(
        &mut pixels,
        shape.image_len(),
        options.threads(),
        options.progress,
        || (handwriting::Writing::default(), Vec::new()),
        |(writing, light), index, image| {
            let digit = labels.get(index).map_or(0, |label| usize::from(*label));
            let mut stream = Stream::new(SEED, half.domain(), index as u64);
            handwriting::write(digit, &mut stream, writing);
            let area = shape.height.saturating_mul(shape.width);
            if let Some((first, rest)) = image.split_at_mut_checked(area) {
                raster::draw(writing, shape.width, light, first);
                for copy in rest.chunks_exact_mut(area.max(1)) {
                    copy.copy_from_slice(first);
                }
            }
        },
    );
    Split::new(pixels, Some(labels), shape.image_len())
}

/// Every ten images in a row are the ten digits in random order, so each prefix is balanced.
fn labels(half: Half, count: usize) -> Vec<u16> {
    let mut labels = Vec::with_capacity(count);
    for block in 0..count.div_ceil(10) as u64 {
        let mut digits: [u16; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        Stream::new(SEED, half.label_domain(), block).shuffle(&mut digits);
        labels.extend(digits);
    }
    labels.truncate(count);
    labels
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
