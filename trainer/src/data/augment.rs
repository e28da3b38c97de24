//! From bytes to the pixel values a net sees, augmented where that is wanted.

use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::Stream;
use serde::{Deserialize, Serialize};

use super::batches::BatchIndices;
use super::dataset::Dataset;

/// Domain of the augmentation streams; the stream is the image's index, the step is the epoch.
const DOMAIN: &str = "augment";

/// The same for what is white in a binarized image.
const BINARIZATION: &str = "binarize";

/// Random changes of training images. What happens to an image depends on the seed, the epoch and
/// the image's index, not on its batch. The default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Augment {
    /// Mirror left and right with probability one half.
    pub flip: bool,
    /// Move by up to so many pixels in both directions; the edge's pixels fill the gap.
    pub shift: u32,
    /// Make each pixel white with its grey value as probability, else black, anew in each epoch
    /// (Burda et al. 2016, section 5).
    pub binarize: bool,
}

/// What happens to one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Change {
    flip: bool,
    down: i64,
    right: i64,
}

impl Augment {
    fn change(self, seed: u64, epoch: u64, index: u32) -> Change {
        if !self.flip && self.shift == 0 {
            return Change::default();
        }
        let mut stream = Stream::at(seed, DOMAIN, u64::from(index), epoch);
        // Drawn always, so that one setting does not change what the other does.
        let flip = stream.below(2) == 1;
        let span = (self.shift as usize).saturating_mul(2).saturating_add(1);
        let mut shift = || stream.below(span) as i64 - i64::from(self.shift);
        Change {
            flip: flip && self.flip,
            down: shift(),
            right: shift(),
        }
    }
}

/// The value of a byte in `range`: `low` for 0, `high` for 255 and evenly between.
#[must_use]
pub(crate) fn value_of_byte(range: PixelRange, byte: u8) -> f32 {
    range.low + (range.high - range.low) * (f32::from(byte) / 255.0)
}

/// Puts the images of `batch` into `out` (cleared first) as NCHW values within `range`,
/// and returns the number of images. Indices that are not in the training split are left out.
pub(crate) fn gather(
    data: &Dataset,
    batch: &BatchIndices<'_>,
    augment: Augment,
    seed: u64,
    range: PixelRange,
    out: &mut Vec<f32>,
) -> usize {
    let table: [f32; 256] = std::array::from_fn(|byte| value_of_byte(range, byte as u8));
    let number = |byte: u8| table[usize::from(byte)];
    out.clear();
    let mut images = 0;
    for index in batch.indices {
        let Some(image) = data.train.image(*index as usize) else {
            continue;
        };
        images += 1;
        let begin = out.len();
        let change = augment.change(seed, batch.epoch, *index);
        if change == Change::default() {
            out.extend(image.iter().map(|byte| number(*byte)));
        } else {
            let image = changed(image, [data.height, data.width], change);
            out.extend(image.into_iter().map(number));
        }
        if augment.binarize {
            let mut stream = Stream::at(seed, BINARIZATION, u64::from(*index), batch.epoch);
            for value in out.iter_mut().skip(begin) {
                // Uniform values are above 0 and reach 1: black stays black, white stays white.
                let share = (*value - range.low) / (range.high - range.low);
                let white = stream.uniform() <= share;
                *value = if white { range.high } else { range.low };
            }
        }
    }
    images
}

/// The bytes of an image, mirrored and moved.
fn changed(image: &[u8], [height, width]: [usize; 2], change: Change) -> Vec<u8> {
    let clamp = |at: i64, len: usize| at.clamp(0, len as i64 - 1) as usize;
    let columns: Vec<usize> = (0..width as i64)
        .map(|x| clamp(x - change.right, width))
        .map(|x| if change.flip { width - 1 - x } else { x })
        .collect();
    let mut out = Vec::with_capacity(image.len());
    for plane in image.chunks_exact(height.saturating_mul(width).max(1)) {
        for y in 0..height as i64 {
            let start = clamp(y - change.down, height) * width;
            let row = plane.get(start..start + width).unwrap_or_default();
            out.extend(columns.iter().filter_map(|x| row.get(*x)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::dataset::Split;
    use super::*;

    const BYTES: PixelRange = PixelRange {
        low: 0.0,
        high: 255.0,
    };

    /// Forty images of 2 channels, 2 rows, 3 columns; byte = 20 * channel + 10 * row + column.
    fn data() -> Dataset {
        let image = [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32];
        Dataset {
            channels: 2,
            height: 2,
            width: 3,
            train: Split::new(image.repeat(40), None, 12).unwrap(),
            ..Dataset::default()
        }
    }

    fn run(augment: Augment, seed: u64, epoch: u64, indices: &[u32]) -> Vec<Vec<f32>> {
        let mut out = Vec::new();
        let batch = BatchIndices { epoch, indices };
        let images = gather(&data(), &batch, augment, seed, BYTES, &mut out);
        assert_eq!(images * 12, out.len());
        out.chunks(12).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn without_augmentation_the_numbers_are_the_bytes_in_the_range() {
        let mut out = Vec::new();
        let batch = BatchIndices {
            epoch: 0,
            indices: &[3, 40],
        };
        let plain = Augment::default();
        let images = gather(&data(), &batch, plain, 0, PixelRange::SIGNED, &mut out);
        assert_eq!(images, 1);
        assert_eq!(out[0], -1.0);
        assert_eq!(out[11], -1.0 + 2.0 * (32.0 / 255.0));
    }

    #[test]
    fn about_half_of_the_images_are_mirrored_and_nothing_else_happens() {
        let flip = Augment {
            flip: true,
            ..Augment::default()
        };
        let all: Vec<u32> = (0..40).collect();
        let plain = &run(Augment::default(), 1, 0, &[0])[0];
        let mirrored: Vec<f32> = [2, 1, 0, 12, 11, 10, 22, 21, 20, 32, 31, 30]
            .map(|b| b as f32)
            .to_vec();
        let images = run(flip, 1, 0, &all);
        let count = images.iter().filter(|i| **i == mirrored).count();
        assert_eq!(count + images.iter().filter(|i| *i == plain).count(), 40);
        assert!((10..=30).contains(&count), "{count}");
    }

    #[test]
    fn shifts_reach_every_place_and_repeat_the_edge() {
        let shift = Augment {
            shift: 1,
            ..Augment::default()
        };
        let mut seen = std::collections::BTreeSet::new();
        for epoch in 0..20 {
            for image in run(shift, 2, epoch, &[0, 1, 2, 3]) {
                let first: Vec<i32> = image[..6].iter().map(|v| *v as i32).collect();
                seen.insert(first);
            }
        }
        assert_eq!(seen.len(), 9);
        // Down and right by one: the first row and column are there twice.
        assert!(seen.contains(&vec![0, 0, 1, 0, 0, 1]));
    }

    #[test]
    fn what_happens_depends_on_seed_epoch_and_image_only() {
        let both = Augment {
            flip: true,
            shift: 1,
            binarize: false,
        };
        let all: Vec<u32> = (0..40).collect();
        let reversed: Vec<u32> = (0..40).rev().collect();
        let mut backwards = run(both, 3, 5, &reversed);
        backwards.reverse();
        let images = run(both, 3, 5, &all);
        assert_eq!(images, backwards);
        assert_ne!(images, run(both, 3, 6, &all));
        assert_ne!(images, run(both, 4, 5, &all));
    }

    #[test]
    fn binarized_pixels_are_black_or_white_with_the_grey_value_as_probability() {
        let mut data = data();
        let image = [0, 255, 51, 51, 51, 51, 204, 204, 204, 204, 204, 204];
        data.train = Split::new(image.repeat(40), None, 12).unwrap();
        let binarize = Augment {
            binarize: true,
            ..Augment::default()
        };
        let indices: Vec<u32> = (0..40).collect();
        let run = |epoch: u64, indices: &[u32]| {
            let (batch, mut out) = (BatchIndices { epoch, indices }, Vec::new());
            gather(&data, &batch, binarize, 4, PixelRange::SIGNED, &mut out);
            out
        };
        let (mut dark, mut light) = (0, 0);
        for epoch in 0..50 {
            let out = run(epoch, &indices);
            assert!(out.iter().all(|v| *v == -1.0 || *v == 1.0));
            for image in out.chunks(12) {
                assert_eq!(image[..2], [-1.0, 1.0]);
                dark += image[2..6].iter().filter(|v| **v > 0.0).count();
                light += image[6..].iter().filter(|v| **v > 0.0).count();
            }
        }
        // 8000 pixels of 1/5 and 12,000 of 4/5; five standard deviations.
        assert!((dark as f64 - 1600.0).abs() < 180.0, "{dark}");
        assert!((light as f64 - 9600.0).abs() < 220.0, "{light}");
        // By epoch and image, whatever the batch.
        assert_ne!(run(0, &[3]), run(1, &[3]));
        assert_eq!(run(0, &[7, 3])[12..], run(0, &indices)[36..48]);
    }
}
