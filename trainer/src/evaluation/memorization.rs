//! Whether generated images are copies of training images.

use serde::Serialize;

use super::matrix::{Matrix, ReadRows, count, each_distance};

/// For each image, where the nearest training image is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Nearest {
    pub distances: Vec<f32>,
    pub indices: Vec<u32>,
}

impl Nearest {
    pub(super) fn of(images: &dyn ReadRows, training: &dyn ReadRows, center: &[f64]) -> Self {
        let mut best = vec![(f32::INFINITY, 0_u32); images.rows()];
        let nearer = |best: &mut (f32, u32), _, first: usize, row: &[f32]| {
            for (distance, index) in row.iter().zip(first..) {
                if *distance < best.0 {
                    *best = (*distance, u32::try_from(index).unwrap_or(u32::MAX));
                }
            }
        };
        each_distance(images, training, center, &mut best, nearer);
        let best = best.into_iter().map(|(square, at)| (square.sqrt(), at));
        let (distances, indices) = best.unzip();
        Self { distances, indices }
    }

    pub(super) fn append(&mut self, mut more: Self) {
        self.distances.append(&mut more.distances);
        self.indices.append(&mut more.indices);
    }

    /// As the two rows of a matrix, for the cache; `None` where an index is too large to be exact.
    pub(super) fn to_matrix(&self) -> Option<Matrix> {
        let exact = |index: &u32| (*index < 1 << 24).then_some(*index as f32);
        let indices: Option<Vec<f32>> = self.indices.iter().map(exact).collect();
        let values = [self.distances.clone(), indices?].concat();
        Some(Matrix::new(values, self.distances.len()))
    }

    /// Back from [`Nearest::to_matrix`].
    pub(super) fn from_matrix(matrix: &Matrix) -> Option<Self> {
        let indices = matrix.row(1)?.iter().map(|index| *index as u32).collect();
        Some(Self {
            distances: matrix.row(0)?.to_vec(),
            indices,
        })
    }
}

/// The mean image, in pixels from 0 to 1.
pub(super) fn mean_image(bytes: &[u8], width: usize) -> Vec<f64> {
    let mut sums = vec![0_u64; width];
    for row in bytes.chunks_exact(width.max(1)) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, byte)| *sum += u64::from(*byte));
    }
    let total = (bytes.len() / width.max(1)).max(1) as f64 * 255.0;
    sums.iter().map(|sum| *sum as f64 / total).collect()
}

/// How near generated images come to training images, against how near test images come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Memorization {
    /// Share of generated images nearer to a training image than the nearest 1 % of test images
    /// are. About 0.01 for images that are like new real ones; near 1 for copies.
    pub share: f64,
    /// The 1st percentile of the distances from test to training images.
    pub threshold: f64,
    /// Median distance of the generated images over that of the test images. Under 1: nearer than
    /// new images are.
    pub median_ratio: f64,
}

/// Compares the distances of generated and of test images to their nearest training images.
pub(super) fn memorization(generated: &[f32], test: &[f32]) -> Memorization {
    let threshold = quantile(test, 0.01);
    let nearer = generated.iter().filter(|d| f64::from(**d) < threshold);
    Memorization {
        share: count(nearer.count()) / count(generated.len().max(1)),
        threshold,
        median_ratio: quantile(generated, 0.5) / quantile(test, 0.5).max(f64::MIN_POSITIVE),
    }
}

/// The quantile with linear interpolation between the order statistics, as numpy has it.
fn quantile(values: &[f32], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let place = share * count(sorted.len().saturating_sub(1));
    let below = place.floor() as usize;
    let at = |index: usize| sorted.get(index).copied().map(f64::from);
    let low = at(below).unwrap_or(f64::NAN);
    let high = at(below + 1).unwrap_or(low);
    low + (high - low) * (place - place.floor())
}

/// A generated image and the training image that is nearest to it in pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    /// Number of the generated image.
    pub image: usize,
    /// Its pixels, planar.
    pub pixels: Vec<u8>,
    /// Index of the training image.
    pub training: usize,
    /// Distance between the two, in pixels from 0 to 1.
    pub distance: f32,
}

/// Generated images that are kept for being nearest to training images.
const WORST: usize = 16;

/// The 16 images that are nearest to training images, nearest first, of images that come in parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Worst(pub(super) Vec<Match>);

impl Worst {
    /// Images `first..`, their pixels, `width` to an image, and what is nearest to them.
    pub(super) fn add(&mut self, first: usize, pixels: &[u8], width: usize, nearest: &Nearest) {
        let found = nearest.distances.iter().zip(&nearest.indices);
        let images = pixels.chunks_exact(width.max(1));
        for (image, (pixels, (distance, training))) in (first..).zip(images.zip(found)) {
            let place = self.0.partition_point(|kept| kept.distance <= *distance);
            if place < WORST {
                self.0.truncate(WORST - 1);
                self.0.insert(
                    place,
                    Match {
                        image,
                        pixels: pixels.to_vec(),
                        training: *training as usize,
                        distance: *distance,
                    },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::{ImageRows, random};
    use super::*;

    fn in_features(images: &Matrix, training: &Matrix) -> Nearest {
        Nearest::of(images, training, &training.mean())
    }

    #[test]
    fn copies_are_found_and_named() {
        let training = random(1, 3000, 12);
        let (test, fresh) = (random(2, 500, 12), random(3, 500, 12));
        let copied: Vec<usize> = (0..500).map(|i| i * 5 + 1).collect();
        let copies = training.select(&copied);
        let baseline = in_features(&test, &training);
        let of = |set| memorization(&in_features(set, &training).distances, &baseline.distances);
        let (honest, caught) = (of(&fresh), of(&copies));
        assert!(
            honest.share < 0.05 && (honest.median_ratio - 1.0).abs() < 0.1,
            "{honest:?}"
        );
        assert!(
            caught.share > 0.99 && caught.median_ratio < 0.01,
            "{caught:?}"
        );
        let nearest = in_features(&copies, &training);
        let mut pairs = nearest.indices.iter().zip(&copied);
        assert!(pairs.all(|(found, index)| *found as usize == *index));
        let matrix = nearest.to_matrix().unwrap();
        assert_eq!(Nearest::from_matrix(&matrix).unwrap(), nearest);
    }

    #[test]
    fn quantiles_are_interpolated() {
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0, 2.0], 0.0), 1.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_worst_of_all_parts_come_first_and_no_more_than_sixteen_are_kept() {
        let mut worst = Worst::default();
        let distances = |from: u16| (from..from + 20).map(|i| f32::from(i * 7 % 40));
        for part in [0_u8, 20] {
            let nearest = Nearest {
                distances: distances(part.into()).collect(),
                indices: (0..20).collect(),
            };
            let pixels: Vec<u8> = (part..part + 20).collect();
            worst.add(usize::from(part), &pixels, 1, &nearest);
        }
        let expected: Vec<f32> = (0..16_u8).map(f32::from).collect();
        let found: Vec<f32> = worst.0.iter().map(|worst| worst.distance).collect();
        assert_eq!(found, expected);
        // 7 · 23 mod 40 is 1.
        let second = &worst.0[1];
        assert_eq!((second.image, second.training), (23, 3));
        assert_eq!(second.pixels, [23]);
    }

    #[test]
    fn pixel_distances_are_in_units_of_white() {
        let (images, training) = ([0, 0, 255, 255], [255, 0, 255, 255]);
        let rows = |pixels| ImageRows::of(pixels, 2);
        let mean = mean_image(&training, 2);
        let nearest = Nearest::of(&rows(&images), &rows(&training), &mean);
        assert!((nearest.distances[0] - 1.0).abs() < 1e-6);
        assert!(nearest.distances[1] < 1e-3);
        assert_eq!(nearest.indices, [0, 1]);
    }
}
