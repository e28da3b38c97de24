//! From bytes to the numbers a net sees, changed at random if that is wanted.

use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::Stream;
use serde::{Deserialize, Serialize};

use super::batches::Batch;
use super::dataset::Dataset;

/// Domain of the augmentation streams; the stream is the image's index, the step is the epoch.
const DOMAIN: &str = "augment";

/// Random changes of training images. What happens to an image depends on the seed, the epoch and the
/// image's index, not on its batch. The default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augment {
    /// Mirror left and right with probability one half.
    pub flip: bool,
    /// Move by up to so many pixels in both directions; the edge's pixels fill the gap.
    pub shift: u32,
}

/// What happens to one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    flip: bool,
    down: i64,
    right: i64,
}

impl Augment {
    fn change(self, seed: u64, epoch: u64, index: u32) -> Change {
        if self == Self::default() {
            return Change {
                flip: false,
                down: 0,
                right: 0,
            };
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

/// Puts the images of `batch` into `out` (cleared first) as N x C x H x W numbers within `range`, and
/// returns the number of images. Indices that are not in the training split are left out.
pub fn gather(
    data: &Dataset,
    batch: &Batch<'_>,
    augment: Augment,
    seed: u64,
    range: PixelRange,
    out: &mut Vec<f32>,
) -> usize {
    let mut table = [0.0f32; 256];
    for (value, byte) in table.iter_mut().zip(0u8..) {
        *value = range.low + (range.high - range.low) * (f32::from(byte) / 255.0);
    }
    let number = |byte: u8| table.get(usize::from(byte)).copied().unwrap_or(range.low);
    out.clear();
    let mut images = 0;
    for index in batch.indices {
        let Some(image) = data.train.image(*index as usize) else {
            continue;
        };
        images += 1;
        let change = augment.change(seed, batch.epoch, *index);
        if !change.flip && change.down == 0 && change.right == 0 {
            out.extend(image.iter().map(|byte| number(*byte)));
            continue;
        }
        let clamp = |at: i64, len: usize| at.clamp(0, len as i64 - 1) as usize;
        let columns: Vec<usize> = (0..data.width as i64)
            .map(|x| clamp(x - change.right, data.width))
            .map(|x| if change.flip { data.width - 1 - x } else { x })
            .collect();
        for plane in image.chunks_exact(data.height.saturating_mul(data.width).max(1)) {
            for y in 0..data.height as i64 {
                let start = clamp(y - change.down, data.height) * data.width;
                let row = plane.get(start..start + data.width).unwrap_or_default();
                let values = columns.iter().filter_map(|x| row.get(*x));
                out.extend(values.map(|byte| number(*byte)));
            }
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::super::dataset::Split;
    use super::*;

    const UNIT: PixelRange = PixelRange {
        low: 0.0,
        high: 255.0,
    };

    /// Forty images of 2 channels, 2 rows, 3 columns; byte = 20 * channel + 10 * row + column.
    fn data() -> Dataset {
        let image = [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32];
        Dataset {
            name: String::new(),
            channels: 2,
            height: 2,
            width: 3,
            classes: Vec::new(),
            train: Split::new(image.repeat(40), None, 12).unwrap(),
            test: Split::new(Vec::new(), None, 12).unwrap(),
            notes: Vec::new(),
            broken: Vec::new(),
        }
    }

    fn run(augment: Augment, seed: u64, epoch: u64, indices: &[u32]) -> Vec<Vec<f32>> {
        let mut out = Vec::new();
        let batch = Batch { epoch, indices };
        let images = gather(&data(), &batch, augment, seed, UNIT, &mut out);
        assert_eq!(images * 12, out.len());
        out.chunks(12).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn without_augmentation_the_numbers_are_the_bytes_in_the_range() {
        let mut out = Vec::new();
        let batch = Batch {
            epoch: 0,
            indices: &[3, 40],
        };
        let range = PixelRange {
            low: -1.0,
            high: 1.0,
        };
        assert_eq!(
            gather(&data(), &batch, Augment::default(), 0, range, &mut out),
            1
        );
        assert_eq!(out[0], -1.0);
        assert_eq!(out[11], -1.0 + 2.0 * (32.0 / 255.0));
    }

    #[test]
    fn about_half_of_the_images_are_mirrored_and_nothing_else_happens() {
        let flip = Augment {
            flip: true,
            shift: 0,
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
            flip: false,
            shift: 1,
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
}
