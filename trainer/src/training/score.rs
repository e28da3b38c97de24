//! The score that picks the best checkpoint: cheap enough for every checkpoint, comparable within one run only.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::learner::{Batch, Learner};
use crate::config::Config;
use crate::random::{Purpose, normals, stream};

/// Images on each side of a score.
pub(crate) const IMAGES: usize = 512;
const PROJECTIONS: u64 = 128;

/// The score and its name. A VAE: the negative evidence lower bound on the first 512 test images, in nats. A GAN: the
/// sliced Wasserstein distance (Rabin et al. 2011) between 512 images and 512 test images in pixels from 0
/// to 1, mean over 128 random directions. `test` is `[N, C, H, W]` in the range of the generator.
#[must_use]
pub(crate) fn score(learner: &Learner, config: &Config, test: &Batch, device: &Device) -> Score {
    if let Some(bound) = learner.negative_bound(test.clone(), 0) {
        return Score {
            value: bound,
            name: "negative ELBO on test images, nats",
            variety: None,
        };
    }
    let [rows, channels, height, width] = test.pixels.dims();
    let generator = learner.generator();
    let mut fakes = Vec::new();
    let mut done = 0;
    while done < rows {
        let n = (rows - done).min(64);
        let latent = normals(
            config.training.seed,
            Purpose::Score,
            done as u64,
            n,
            config.model.latent,
            device,
        );
        fakes.extend(
            generator
                .forward(latent, classes(done, n, config.model.classes, device))
                .into_data()
                .try_to_vec::<f32>()
                .unwrap_or_default(),
        );
        done += n;
    }
    let reals = test
        .pixels
        .to_data()
        .try_to_vec::<f32>()
        .unwrap_or_default();
    let (low, high) = config.model.output.range();
    let distance = sliced_wasserstein(
        &reals,
        &fakes,
        channels * height * width,
        config.training.seed,
    );
    let image = channels * height * width;
    Score {
        value: distance / f64::from(high - low),
        name: "sliced Wasserstein distance to test images, pixels 0..1",
        variety: Some(spread(&fakes, image) / spread(&reals, image).max(1e-9)),
    }
}

/// How good a model is at a checkpoint.
pub(crate) struct Score {
    /// Smaller is better.
    pub(crate) value: f64,
    /// What it is.
    pub(crate) name: &'static str,
    /// How different generated images are from each other, as a share of how different real ones are; for GANs.
    pub(crate) variety: Option<f64>,
}

/// Mean Euclidean distance between one image and the next.
#[allow(clippy::cast_precision_loss)]
fn spread(images: &[f32], len: usize) -> f64 {
    let pairs = images
        .chunks_exact(len.max(1))
        .zip(images.chunks_exact(len.max(1)).skip(1));
    let (mut total, mut count) = (0.0, 0_usize);
    for (a, b) in pairs {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        total += squares.sum::<f64>().sqrt();
        count += 1;
    }
    total / count.max(1) as f64
}

/// The classes of images number `first` and on, `[count]`: all of them in turn; `None` where there are none.
#[must_use]
pub(crate) fn classes(
    first: usize,
    count: usize,
    classes: usize,
    device: &Device,
) -> Option<Tensor<1, Int>> {
    (classes > 0).then(|| {
        let values: Vec<i64> = (first..first + count)
            .map(|i| i64::try_from(i % classes).unwrap_or(0))
            .collect();
        Tensor::from_data(TensorData::new(values, [count]), device)
    })
}

/// Mean over random unit directions of the Wasserstein-1 distance between projections. Both sets have rows of
/// `dimensions` numbers; rows beyond the shorter set are left out.
fn sliced_wasserstein(a: &[f32], b: &[f32], dimensions: usize, seed: u64) -> f64 {
    let rows = (a.len() / dimensions.max(1)).min(b.len() / dimensions.max(1));
    if rows == 0 {
        return f64::INFINITY;
    }
    let mut total = 0.0;
    let mut direction = vec![0.0_f32; dimensions];
    for index in 0..PROJECTIONS {
        stream(seed, Purpose::Score, (1 << 40) + index).fill_normal(&mut direction);
        let norm = direction
            .iter()
            .map(|v| f64::from(*v).powi(2))
            .sum::<f64>()
            .sqrt();
        let project = |set: &[f32]| {
            let mut out: Vec<f64> = set
                .chunks_exact(dimensions)
                .take(rows)
                .map(|row| {
                    row.iter()
                        .zip(&direction)
                        .map(|(x, d)| f64::from(*x) * f64::from(*d))
                        .sum::<f64>()
                        / norm
                })
                .collect();
            out.sort_by(f64::total_cmp);
            out
        };
        let (p, q) = (project(a), project(b));
        #[allow(clippy::cast_precision_loss)]
        let mean = p.iter().zip(&q).map(|(x, y)| (x - y).abs()).sum::<f64>() / rows as f64;
        total += mean;
    }
    #[allow(clippy::cast_precision_loss)]
    let directions = PROJECTIONS as f64;
    total / directions
}

/// Test images as a tensor in the generator's range.
#[must_use]
pub(crate) fn tensor(
    pixels: &[u8],
    shape: [usize; 4],
    range: (f32, f32),
    device: &Device,
) -> Tensor<4> {
    let (low, high) = range;
    let scale = (high - low) / 255.0;
    let values: Vec<f32> = pixels.iter().map(|&p| f32::from(p) * scale + low).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_images_have_no_spread() {
        assert_eq!(spread(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0], 2), 0.0);
        assert_eq!(spread(&[0.0, 0.0, 3.0, 4.0], 2), 5.0);
    }

    #[test]
    fn the_distance_of_a_shift_is_its_projection_and_of_equal_sets_zero() {
        let mut a = vec![0.0_f32; 64 * 50];
        stream(1, Purpose::Score, 0).fill_normal(&mut a);
        assert_eq!(sliced_wasserstein(&a, &a, 64, 0), 0.0);
        // A shift by c in every coordinate moves a projection by c·Σdᵢ/‖d‖, about N(0, c²): its mean size is c·√(2/π).
        let b: Vec<f32> = a.iter().map(|v| v + 0.125).collect();
        let found = sliced_wasserstein(&a, &b, 64, 0);
        let expected = 0.125 * (2.0 / std::f64::consts::PI).sqrt();
        assert!((found - expected).abs() < 0.02, "{found} {expected}");
    }
}
