//! The score that picks the best checkpoint: cheap enough for every checkpoint, comparable within
//! one run only.

use burn::tensor::Device;
use dreamlet_runtime::image::PixelRange;

use super::batch::{Batch, classes_in_turn, range};
use super::learner::Learner;
use crate::config::Config;
use crate::evaluation::{Matrix, sliced_wasserstein, unit_directions};
use crate::random::{Purpose, normals, stream};

/// Images on each side of a score.
pub(crate) const IMAGES: usize = 512;
/// Images that are generated together.
const BATCH: usize = 64;

/// The score and its name. A VAE: the negative evidence lower bound on the first 512 test images,
/// in nats. A GAN: the sliced Wasserstein distance (Rabin et al. 2011) between 512 images and 512
/// test images in pixels from 0 to 1, mean over 128 random directions. `test` is `[N, C, H, W]` in
/// the range of the generator.
pub(crate) fn score(learner: &Learner, config: &Config, test: &Batch, device: &Device) -> Score {
    if let Some(vae) = learner.vae() {
        return Score {
            value: vae.negative_bound(test.clone(), 0),
            name: "negative ELBO on test images, nats",
            variety: None,
        };
    }
    let [rows, channels, height, width] = test.pixels.dims();
    let (generator, model) = (learner.generator(), &config.model);
    let seed = config.training.seed;
    let mut fakes = Vec::new();
    for done in (0..rows).step_by(BATCH) {
        let n = (rows - done).min(BATCH);
        let latent = normals(seed, Purpose::Score, done as u64, n, model.latent, device);
        let classes = classes_in_turn(done, n, model.classes, device);
        let made = generator.forward(latent, classes).into_data();
        fakes.extend(made.try_to_vec::<f32>().unwrap_or_default());
    }
    let reals = test.pixels.to_data().try_to_vec::<f32>();
    let image = channels * height * width;
    let reals = Matrix::new(reals.unwrap_or_default(), image);
    let fakes = Matrix::new(fakes, image);
    let distance = if rows == 0 {
        f64::INFINITY
    } else {
        let directions = |index| stream(seed, Purpose::Score, (1 << 40) + index);
        sliced_wasserstein(&reals, &fakes, &unit_directions(image, directions))
    };
    let PixelRange { low, high } = range(config);
    Score {
        value: distance / f64::from(high - low),
        name: "sliced Wasserstein distance to test images, pixels 0..1",
        variety: Some(mean_step(&fakes) / mean_step(&reals).max(1e-9)),
    }
}

/// How good a model is at a checkpoint.
pub(crate) struct Score {
    /// Smaller is better.
    pub(crate) value: f64,
    pub(crate) name: &'static str,
    /// How different generated images are from each other, as a share of how different real ones
    /// are; for GANs.
    pub(crate) variety: Option<f64>,
}

/// Mean Euclidean distance between one image and the next.
fn mean_step(images: &Matrix) -> f64 {
    let (mut total, mut count) = (0.0, 0_usize);
    for (a, b) in images.iter().zip(images.iter().skip(1)) {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        total += squares.sum::<f64>().sqrt();
        count += 1;
    }
    total / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_images_have_no_distance_to_the_next() {
        let mean_step = |values: &[f32]| mean_step(&Matrix::new(values.to_vec(), 2));
        assert_eq!(mean_step(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0]), 0.0);
        assert_eq!(mean_step(&[0.0, 0.0, 3.0, 4.0]), 5.0);
    }

    #[test]
    fn the_distance_of_a_shift_is_its_projection_and_of_equal_sets_zero() {
        let mut a = vec![0.0_f32; 64 * 50];
        stream(1, Purpose::Score, 0).fill_normal(&mut a);
        let directions = |index| stream(0, Purpose::Score, (1 << 40) + index);
        let distance = |a: &[f32], b: &[f32]| {
            let rows = |values: &[f32]| Matrix::new(values.to_vec(), 64);
            sliced_wasserstein(&rows(a), &rows(b), &unit_directions(64, directions))
        };
        assert_eq!(distance(&a, &a), 0.0);
        // A shift by c in every coordinate moves a projection by c·Σdᵢ/‖d‖, about N(0, c²): its
        // mean size is c·√(2/π).
        let b: Vec<f32> = a.iter().map(|v| v + 0.125).collect();
        let found = distance(&a, &b);
        let expected = 0.125 * (2.0 / std::f64::consts::PI).sqrt();
        assert!((found - expected).abs() < 0.02, "{found} {expected}");
    }
}
