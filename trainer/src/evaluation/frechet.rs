//! The Fréchet distance between Gaussians fitted to two sets of features.

use rayon::prelude::*;

use super::matrix::{Matrix, count};
use crate::linalg::{Square, add_scaled, trace_of_root};

/// Mean and covariance of a set of features.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gaussian {
    mean: Vec<f64>,
    covariance: Square,
}

/// Rows of features that are worked on at once: of the sum, a row each is read again for every
/// feature.
const ROWS: usize = 256;

/// A [`Gaussian`] in the making, of features that come in parts and need not be kept. Each part's
/// own mean and scatter are joined to those before it (Chan, Golub and LeVeque 1979), which loses
/// nothing where the mean is large beside the deviation.
#[derive(Clone, Debug)]
pub(super) struct GaussianFit {
    rows: usize,
    mean: Vec<f64>,
    /// Sum of the products of deviations from the mean; symmetric, of which the part right of the
    /// diagonal and the diagonal are kept.
    scatter: Square,
}

impl GaussianFit {
    /// Of no rows yet, with `width` features.
    pub(super) fn new(width: usize) -> Self {
        Self {
            rows: 0,
            mean: vec![0.0; width],
            scatter: Square::zeros(width),
        }
    }

    /// Takes the rows of `features` in, in double precision. Rows of another width than the first
    /// are no features of the same kind: they are left out.
    pub(super) fn add(&mut self, features: &Matrix) {
        let width = self.mean.len();
        if features.width() != width {
            return;
        }
        for part in features.values().chunks(ROWS * width.max(1)) {
            self.add_part(part);
        }
    }

    fn add_part(&mut self, part: &[f32]) {
        let width = self.mean.len().max(1);
        let rows = part.len() / width;
        let mut mean = vec![0.0; width];
        let mut centered: Vec<f64> = part.iter().map(|value| f64::from(*value)).collect();
        for row in centered.chunks_exact(width) {
            add_scaled(&mut mean, row, 1.0 / count(rows));
        }
        for row in centered.chunks_exact_mut(width) {
            row.iter_mut().zip(&mean).for_each(|(v, mean)| *v -= mean);
        }
        let (before, new) = (count(self.rows), count(rows));
        let shift: Vec<f64> = mean.iter().zip(&self.mean).map(|(a, b)| a - b).collect();
        let joined = before * new / (before + new);
        let sums = self.scatter.values.par_chunks_mut(width);
        sums.enumerate().for_each(|(i, out)| {
            let out = &mut out[i..];
            for row in centered.chunks_exact(width) {
                add_scaled(out, &row[i..], row[i]);
            }
            add_scaled(out, &shift[i..], shift[i] * joined);
        });
        add_scaled(&mut self.mean, &shift, new / (before + new));
        self.rows += rows;
    }

    /// The Gaussian of the rows so far; the covariance is the unbiased one, over n − 1. It needs
    /// two rows.
    pub(super) fn gaussian(&self) -> Gaussian {
        let width = self.mean.len();
        let scale = 1.0 / count(self.rows.saturating_sub(1).max(1));
        let mut covariance = Square::zeros(width);
        for i in 0..width {
            for j in i..width {
                let value = self.scatter.values[i * width + j] * scale;
                covariance.values[i * width + j] = value;
                covariance.values[j * width + i] = value;
            }
        }
        Gaussian {
            mean: self.mean.clone(),
            covariance,
        }
    }
}

impl Gaussian {
    /// Of the rows of `features`, as [`GaussianFit`] has it.
    pub(super) fn of(features: &Matrix) -> Self {
        let mut fit = GaussianFit::new(features.width());
        fit.add(features);
        fit.gaussian()
    }

    /// The Fréchet distance d² = |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) (Dowson and Landau 1982;
    /// Heusel et al. 2017, equation 6), in squared units of the features.
    ///
    /// The trace of the root is the sum of the roots of the eigenvalues of Lᵀ Σ₂ L with Σ₁ = L Lᵀ,
    /// which is symmetric: unlike the usual root of Σ₁ Σ₂ it needs no offset on the diagonal when
    /// there are fewer images than features.
    pub(super) fn frechet_distance(&self, other: &Self) -> f64 {
        let means = self.mean.iter().zip(&other.mean);
        let difference: f64 = means.map(|(a, b)| (a - b).powi(2)).sum();
        let trace = trace_of_root(&self.covariance, &other.covariance);
        (difference + self.covariance.trace() + other.covariance.trace() - 2.0 * trace).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::random;
    use super::*;

    fn gaussian(mean: [f64; 2], covariance: [f64; 4]) -> Gaussian {
        Gaussian {
            mean: mean.to_vec(),
            covariance: Square {
                side: 2,
                values: covariance.to_vec(),
            },
        }
    }

    #[test]
    fn gaussians_with_a_known_distance_have_it() {
        // Commuting covariances: Σ (√λ₁ − √λ₂)² and the means' distance.
        let a = gaussian([1.0, 2.0], [4.0, 0.0, 0.0, 9.0]);
        let b = gaussian([4.0, -2.0], [1.0, 0.0, 0.0, 16.0]);
        let expected = 25.0 + (2.0_f64 - 1.0).powi(2) + (3.0_f64 - 4.0).powi(2);
        assert!((a.frechet_distance(&b) - expected).abs() < 1e-12);
        assert!((b.frechet_distance(&a) - expected).abs() < 1e-12);
        assert!(a.frechet_distance(&a) < 1e-12);
    }

    #[test]
    fn covariances_that_do_not_commute_have_the_closed_form_of_two_dimensions() {
        let a = gaussian([0.0; 2], [3.0, 1.0, 1.0, 2.0]);
        let b = gaussian([0.0; 2], [1.0, -0.5, -0.5, 4.0]);
        // tr √M = √(tr M + 2 √det M) for a 2x2 matrix M = Σ₁ Σ₂.
        let (trace, determinant) = (3.0 - 0.5 - 0.5 + 8.0, 5.0 * 3.75);
        let expected = 5.0 + 5.0 - 2.0 * f64::sqrt(trace + 2.0 * f64::sqrt(determinant));
        assert!((a.frechet_distance(&b) - expected).abs() < 1e-12);
    }

    #[test]
    fn fewer_images_than_features_are_no_trouble() {
        let (a, b) = (random(1, 5, 20), random(2, 5, 20));
        let (a, b) = (Gaussian::of(&a), Gaussian::of(&b));
        let distance = a.frechet_distance(&b);
        assert!(distance.is_finite() && distance > 1.0, "{distance}");
        assert!(a.frechet_distance(&a) < 1e-6);
    }

    #[test]
    fn features_in_parts_are_those_at_once_even_far_from_zero() {
        let all = random(4, 1000, 5);
        let all = Matrix::new(all.values().iter().map(|v| v + 1000.0).collect(), 5);
        let mut fit = GaussianFit::new(5);
        for part in all.values().chunks(5 * 70) {
            fit.add(&Matrix::new(part.to_vec(), 5));
        }
        let (parts, once) = (fit.gaussian(), Gaussian::of(&all));
        let pairs = parts.covariance.values.iter().zip(&once.covariance.values);
        for (a, b) in pairs.chain(parts.mean.iter().zip(&once.mean)) {
            assert!((a - b).abs() < 1e-10 * b.abs().max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn mean_and_covariance_are_the_unbiased_ones() {
        let one = Gaussian::of(&Matrix::new(vec![1.0, 2.0, 3.0, 6.0, 5.0, 1.0], 2));
        assert_eq!(one.mean, [3.0, 3.0]);
        assert_eq!(one.covariance.values, [4.0, -1.0, -1.0, 7.0]);
        let normal = Gaussian::of(&random(3, 3000, 4));
        for (at, value) in normal.covariance.values.iter().enumerate() {
            let expected = f64::from(u8::from(at % 5 == 0));
            assert!((value - expected).abs() < 0.1, "{at} {value}");
        }
    }
}
