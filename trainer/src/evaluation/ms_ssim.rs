//! How much generated images resemble each other: multi-scale structural similarity over pairs.

use std::collections::HashMap;

use dreamlet_runtime::latent::Stream;
use rayon::prelude::*;

use super::matrix::{count, mean_and_error};
use crate::linalg::add_scaled;

/// Side and standard deviation of the Gaussian window (Wang et al. 2004, section III B).
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;

/// Weights of the scales (Wang et al. 2003, section 3.2).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// (0.01)² and (0.03)², for pixels from 0 to 1.
const C1: f64 = 0.0001;
const C2: f64 = 0.0009;

/// Most pairs.
const PAIRS: usize = 2000;

/// Scales that fit: each halves the image, and the window must fit into the smallest one. 28 pixels
/// have 2, 176 have all 5. 0 for images smaller than the window.
pub(super) fn scales(height: usize, width: usize) -> usize {
    (0..WEIGHTS.len())
        .take_while(|scale| (height.min(width) >> scale) >= WINDOW)
        .count()
}

/// Disjoint random pairs of `images` images.
pub(super) fn pairs(images: usize, seed: u64) -> Vec<[usize; 2]> {
    let mut order: Vec<usize> = (0..images).collect();
    Stream::new(seed, "eval.pairs", 0).shuffle(&mut order);
    let (pairs, _) = order.as_chunks::<2>();
    pairs.iter().take(PAIRS).copied().collect()
}

/// Mean MS-SSIM over pairs (Odena et al. 2017, section 4.2) and its standard error: 1 when all
/// images are the same. Images are planar bytes; channels are averaged. The weights of the scales
/// that fit are brought to a sum of 1. Images come in parts: one is kept until the other of its
/// pair is there.
#[derive(Debug)]
pub(super) struct Similarities {
    shape: [usize; 3],
    /// For each image of a pair, by its number, the number of the pair.
    pair_of: HashMap<usize, usize>,
    waiting: HashMap<usize, Vec<u8>>,
    /// Images seen.
    seen: usize,
    /// In the order of the pairs.
    found: Vec<Option<f64>>,
}

impl Similarities {
    /// For disjoint pairs of images.
    pub(super) fn new(shape: [usize; 3], pairs: &[[usize; 2]]) -> Self {
        let numbers = pairs.iter().enumerate();
        Self {
            shape,
            pair_of: numbers
                .flat_map(|(pair, images)| images.map(|image| (image, pair)))
                .collect(),
            waiting: HashMap::new(),
            seen: 0,
            found: vec![None; pairs.len()],
        }
    }

    /// The next images.
    pub(super) fn add(&mut self, pixels: &[u8]) {
        let [channels, height, width] = self.shape;
        let (length, area) = (channels * height * width, height * width);
        let mut ready = Vec::new();
        for image in pixels.chunks_exact(length.max(1)) {
            if let Some(pair) = self.pair_of.get(&self.seen) {
                if let Some(first) = self.waiting.remove(pair) {
                    ready.push((*pair, first, image));
                } else {
                    self.waiting.insert(*pair, image.to_vec());
                }
            }
            self.seen += 1;
        }
        let found: Vec<(usize, f64)> = ready
            .par_iter()
            .map(|(pair, a, b)| {
                let planes = a.chunks_exact(area).zip(b.chunks_exact(area));
                let sum: f64 = planes.map(|(a, b)| similarity(a, b, height, width)).sum();
                (*pair, sum / count(channels.max(1)))
            })
            .collect();
        for (pair, value) in found {
            self.found[pair] = Some(value);
        }
    }

    /// Mean and standard error over the pairs that were seen whole.
    pub(super) fn mean(&self) -> (f64, f64) {
        mean_and_error(&self.found.iter().flatten().copied().collect::<Vec<_>>())
    }

    /// How many pairs were seen whole.
    pub(super) fn pairs(&self) -> usize {
        self.found.iter().flatten().count()
    }
}

/// MS-SSIM of two planes (Wang et al. 2003, equation 7); terms under 0 count as 0.
fn similarity(a: &[u8], b: &[u8], height: usize, width: usize) -> f64 {
    let plane = |bytes: &[u8]| Plane {
        values: bytes.iter().map(|v| f64::from(*v) / 255.0).collect(),
        width,
    };
    let (mut a, mut b) = (plane(a), plane(b));
    let scales = scales(height, width);
    let total: f64 = WEIGHTS.iter().take(scales).sum();
    let mut product = 1.0;
    for (scale, weight) in WEIGHTS.iter().take(scales).enumerate() {
        let (structure, whole) = terms(&a, &b);
        // Luminance counts at the coarsest scale only.
        let coarsest = scale + 1 == scales;
        let term = if coarsest { whole } else { structure };
        product *= term.max(0.0).powf(weight / total);
        (a, b) = (a.halved(), b.halved());
    }
    product
}

/// Means over the window's positions of the contrast-structure term and of it times the luminance
/// term.
fn terms(a: &Plane, b: &Plane) -> (f64, f64) {
    let window = window();
    let [mean_a, mean_b] = [a.smooth(&window), b.smooth(&window)];
    let [aa, bb, ab] = [a.times(a), b.times(b), a.times(b)].map(|plane| plane.smooth(&window));
    let (mut structure, mut whole, mut positions) = (0.0, 0.0, 0_usize);
    let means = mean_a.values.iter().zip(&mean_b.values);
    let squares = aa.values.iter().zip(&bb.values).zip(&ab.values);
    for ((x, y), ((xx, yy), xy)) in means.zip(squares) {
        let contrast = (2.0 * (xy - x * y) + C2) / (xx - x * x + yy - y * y + C2);
        structure += contrast;
        whole += contrast * (2.0 * x * y + C1) / (x * x + y * y + C1);
        positions += 1;
    }
    let n = count(positions.max(1));
    (structure / n, whole / n)
}

fn window() -> [f64; WINDOW] {
    let window: [f64; WINDOW] = std::array::from_fn(|i| {
        let x = count(i) - count(WINDOW / 2);
        (-x * x / (2.0 * SIGMA * SIGMA)).exp()
    });
    let sum: f64 = window.iter().sum();
    window.map(|weight| weight / sum)
}

/// One channel of an image.
struct Plane {
    values: Vec<f64>,
    width: usize,
}

impl Plane {
    fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    fn times(&self, other: &Self) -> Self {
        let products = self.values.iter().zip(&other.values).map(|(x, y)| x * y);
        Self {
            values: products.collect(),
            width: self.width,
        }
    }

    /// Mean of each 2x2 block; a last odd row or column is left out.
    fn halved(&self) -> Self {
        let width = self.width / 2;
        let rows: Vec<&[f64]> = self.rows().collect();
        let mut values = Vec::with_capacity(width * rows.len() / 2);
        for [above, below] in rows.as_chunks::<2>().0 {
            let [(above, _), (below, _)] = [above, below].map(|row| row.as_chunks::<2>());
            let pairs = above.iter().zip(below);
            values.extend(pairs.map(|([a, b], [c, d])| (a + b + c + d) / 4.0));
        }
        Self { values, width }
    }

    /// The window's mean at each position where it lies inside.
    fn smooth(&self, window: &[f64; WINDOW]) -> Self {
        let weigh = |values: &[f64]| -> f64 { values.iter().zip(window).map(|(v, w)| v * w).sum() };
        let across = |row: &[f64]| -> Vec<f64> { row.windows(WINDOW).map(weigh).collect() };
        let across: Vec<_> = self.rows().map(across).collect();
        let width = self.width.saturating_sub(WINDOW - 1);
        let mut values = Vec::with_capacity(width * across.len());
        for rows in across.windows(WINDOW) {
            let mut sum = vec![0.0; width];
            for (row, weight) in rows.iter().zip(window) {
                add_scaled(&mut sum, row, *weight);
            }
            values.extend(sum);
        }
        Self { values, width }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64) -> Vec<u8> {
        let mut stream = Stream::new(seed, "eval.test", 0);
        (0..28 * 28).map(|_| stream.below(256) as u8).collect()
    }

    fn mean_similarity(pixels: &[u8], shape: [usize; 3], pairs: &[[usize; 2]]) -> (f64, f64) {
        let mut all = Similarities::new(shape, pairs);
        all.add(pixels);
        all.mean()
    }

    #[test]
    fn equal_images_are_at_one_and_noise_is_near_zero() {
        let (a, b) = (noise(1), noise(2));
        assert!((similarity(&a, &a, 28, 28) - 1.0).abs() < 1e-12);
        assert!(similarity(&a, &b, 28, 28) < 0.2);
        let negative: Vec<u8> = a.iter().map(|v| 255 - v).collect();
        assert_eq!(similarity(&a, &negative, 28, 28), 0.0);
    }

    #[test]
    fn two_flat_images_differ_by_luminance_alone() {
        // Only the coarsest scale has luminance: weight 0.2856 of 0.3304.
        let expected =
            ((2.0 * 0.2 * 0.6 + C1) / (0.04 + 0.36 + C1)).powf(0.2856 / (0.0448 + 0.2856));
        let found = similarity(&[51; 784], &[153; 784], 28, 28);
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn as_many_scales_are_used_as_fit() {
        assert_eq!(scales(28, 28), 2);
        assert_eq!(scales(64, 64), 3);
        assert_eq!(scales(176, 176), 5);
        assert_eq!(scales(1000, 10), 0);
    }

    #[test]
    fn pairs_are_disjoint_and_depend_on_the_seed() {
        let all = pairs(101, 3);
        let mut seen: Vec<usize> = all.iter().flatten().copied().collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((all.len(), seen.len()), (50, 100));
        assert_ne!(all, pairs(101, 4));
    }

    #[test]
    fn the_mean_over_pairs_has_its_error() {
        let pixels = [noise(1), noise(1), noise(2), noise(2)].concat();
        let (mean, error) = mean_similarity(&pixels, [1, 28, 28], &[[0, 1], [2, 3]]);
        assert!((mean - 1.0).abs() < 1e-9 && error < 1e-9);
        let pairs = [[0, 2], [1, 3]];
        let mut parts = Similarities::new([1, 28, 28], &pairs);
        let once = mean_similarity(&pixels, [1, 28, 28], &pairs);
        assert!(once.0 < 0.2);
        // One image after the other, which waits for its pair.
        for image in pixels.chunks(28 * 28) {
            parts.add(image);
        }
        assert_eq!((parts.mean(), parts.pairs()), (once, 2));
    }
}
