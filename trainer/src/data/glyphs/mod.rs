//! `--data glyphs`: digits that the program writes itself, the same for everyone.
//!
//! Each digit has several styles of strokes through knots (`skeletons`). A hand shakes, bends,
//! slants and places them (`handwriting`), and `raster` draws them by distance to the line.
//!
//! All randomness comes from one stream per image, all arithmetic is IEEE basic operations and
//! `libm`. So the bytes are the same on every machine, in whichever order images are made.

mod handwriting;
mod raster;
mod skeletons;

use dreamlet_runtime::latent::Stream;

use super::error::DataError;
use super::parallel;
use super::progress::Progress;
use super::raw::{Raw, RawSplit};
use super::shape::Shape;
use crate::atomic_file::try_zeros;

pub(super) const TRAIN: usize = 60_000;

pub(super) const TEST: usize = 10_000;

/// Edge of the images when no size is given. Others are drawn at their size, not resized.
pub(super) const SIZE: usize = 28;

/// The seed of the set. It never changes: metrics of glyphs would not compare any more.
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

/// Draws the set, grey, with the first `train` training images.
pub(super) fn draw(
    train: usize,
    size: usize,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Raw, DataError> {
    let half = |half, count| draw_half(half, count, size, threads, progress);
    Ok(Raw {
        shape: Shape::square(1, size),
        train: half(Half::Train, train)?,
        test: half(Half::Test, TEST)?,
        classes: (0..10).map(|digit: u32| digit.to_string()).collect(),
        notes: Vec::new(),
    })
}

fn draw_half(
    half: Half,
    count: usize,
    size: usize,
    threads: usize,
    progress: &dyn Progress,
) -> Result<RawSplit, DataError> {
    let labels = labels(half, count);
    let image_len = size.saturating_mul(size);
    let len = count.saturating_mul(image_len);
    let mut pixels = try_zeros(len).ok_or(DataError::Memory { needed: len as u64 })?;
    parallel::fill_items(
        &mut pixels,
        image_len,
        threads,
        progress,
        || (handwriting::Writing::default(), Vec::new()),
        |(writing, light), index, image| {
            let digit = labels.get(index).map_or(0, |label| usize::from(*label));
            let mut stream = Stream::new(SEED, half.domain(), index as u64);
            handwriting::write(digit, &mut stream, writing);
            raster::draw(writing, size, light, image);
        },
    );
    Ok(RawSplit {
        pixels,
        labels: Some(labels),
    })
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
