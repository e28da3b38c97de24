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

use super::dataset::{Dataset, Split};
use super::error::DataError;
use super::parallel::make_images;
use super::progress::Progress;

pub(super) const TRAIN: usize = 60_000;

pub(super) const TEST: usize = 10_000;

/// Edge of the images when no size is given. Others are drawn at their size, not resized.
pub(super) const SIZE: usize = 28;

/// The seed of the set. It never changes: metrics of glyphs would not compare any more.
const SEED: u64 = 0x676c_7970_6873;

/// Draws the set, grey, with the first `train` training images. The streams of both halves are
/// apart.
pub(super) fn draw(
    train: usize,
    size: usize,
    progress: &dyn Progress,
) -> Result<Dataset, DataError> {
    let draw = |half: &str, count: usize| {
        let labels = labels(&format!("glyphs.{half}lab"), count);
        let domain = format!("glyphs.{half}");
        let image_len = size.saturating_mul(size);
        let (pixels, _) = make_images(count, image_len, progress, |index, image| {
            let mut stream = Stream::new(SEED, &domain, index as u64);
            let writing = handwriting::write(labels[index].into(), &mut stream);
            raster::draw(&writing, size, image);
        })?;
        Split::new(pixels, Some(labels), image_len)
    };
    Ok(Dataset {
        channels: 1,
        height: size,
        width: size,
        train: draw("train", train)?,
        test: draw("test", TEST)?,
        classes: (0..10).map(|digit: u32| digit.to_string()).collect(),
        ..Dataset::default()
    })
}

/// Every ten images in a row are the ten digits in random order, so each prefix is balanced.
fn labels(domain: &str, count: usize) -> Vec<u16> {
    let mut labels = Vec::with_capacity(count);
    for block in 0..count.div_ceil(10) as u64 {
        let mut digits: [u16; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        Stream::new(SEED, domain, block).shuffle(&mut digits);
        labels.extend(digits);
    }
    labels.truncate(count);
    labels
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
