//! The kernel distance: unbiased squared maximum mean discrepancy with a polynomial kernel.

use super::matrix::{Matrix, count, each_product, mean_and_error};

/// Images in a subset, where there are enough.
const SUBSET: usize = 1000;

/// A kernel distance and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct KernelDistance {
    /// Mean over the subsets.
    pub mean: f64,
    /// Standard error of the mean.
    pub error: f64,
    /// Number of subsets.
    pub subsets: usize,
    /// Images in each.
    pub size: usize,
}

/// The kernel inception distance of Bińkowski et al. 2018 on any features of width d: the unbiased
/// estimate of the squared MMD (Gretton et al. 2012, equation 3) with k(x, y) = (x·y/d + 1)³. It is
/// the mean over disjoint subsets, in the order of the rows, of 1000 images of each side or a
/// quarter of the smaller side, and can be a little negative. Needs 8 rows on each side. Generated
/// images come in parts: no more of them than one subset is kept.
#[derive(Debug)]
pub(super) struct Subsets {
    size: usize,
    wanted: usize,
    /// Features of the images of the next subset.
    pending: Vec<f32>,
    found: Vec<f64>,
}

impl Subsets {
    /// For so many real and generated images.
    pub(super) fn new(real: usize, fake: usize) -> Self {
        let rows = real.min(fake);
        let size = SUBSET.min(rows / 4).max(1);
        Self {
            size,
            wanted: rows / size,
            pending: Vec::new(),
            found: Vec::new(),
        }
    }

    /// The next generated images; `real` is all real ones.
    pub(super) fn add(&mut self, real: &Matrix, fake: &Matrix) {
        let length = self.size * real.width().max(1);
        for row in fake.iter() {
            if self.found.len() == self.wanted {
                return;
            }
            self.pending.extend_from_slice(row);
            if self.pending.len() < length {
                continue;
            }
            let generated = Matrix::new(std::mem::take(&mut self.pending), real.width());
            let subset = real.values().chunks(length).nth(self.found.len());
            let subset = Matrix::new(subset.unwrap_or_default().to_vec(), real.width());
            self.found.push(discrepancy(&subset, &generated));
        }
    }

    /// The distance over the subsets that came together.
    pub(super) fn distance(&self) -> KernelDistance {
        let (mean, error) = mean_and_error(&self.found);
        KernelDistance {
            mean,
            error,
            subsets: self.found.len(),
            size: self.size,
        }
    }
}

/// The unbiased estimate of the squared discrepancy of two sets of the same size.
fn discrepancy(a: &Matrix, b: &Matrix) -> f64 {
    let n = count(a.rows());
    let pairs = (n * (n - 1.0)).max(1.0);
    (kernel_sum(a, a, true) + kernel_sum(b, b, true)) / pairs
        - 2.0 * kernel_sum(a, b, false) / (n * n).max(1.0)
}

/// Sum of the kernel over all pairs of rows, without each row's pair with itself where `same`.
fn kernel_sum(a: &Matrix, b: &Matrix, same: bool) -> f64 {
    let width = count(a.width().max(1));
    let mut sums = vec![0.0_f64; a.rows()];
    each_product(a, b, &[], &mut sums, |sum, at, first, products, _, _| {
        for (j, product) in products.iter().enumerate() {
            if !(same && first + j == at) {
                *sum += (f64::from(*product) / width + 1.0).powi(3);
            }
        }
    });
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::matrix::random;
    use super::*;

    fn kernel_distance(real: &Matrix, fake: &Matrix) -> KernelDistance {
        let mut subsets = Subsets::new(real.rows(), fake.rows());
        subsets.add(real, fake);
        subsets.distance()
    }

    #[test]
    fn the_estimate_is_the_definition_written_out() {
        let a = Matrix::new(vec![1.0, 0.0, 0.0, 2.0], 2);
        let b = Matrix::new(vec![1.0, 1.0, 2.0, 0.0], 2);
        let k = |x: &[f32], y: &[f32]| {
            let dot: f32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
            (f64::from(dot) / 2.0 + 1.0).powi(3)
        };
        let at = |set: &Matrix, i: usize| set.row(i).unwrap().to_vec();
        let mut expected = k(&at(&a, 0), &at(&a, 1)) + k(&at(&b, 0), &at(&b, 1));
        for i in 0..2 {
            for j in 0..2 {
                expected -= k(&at(&a, i), &at(&b, j)) / 2.0;
            }
        }
        assert!((discrepancy(&a, &b) - expected).abs() < 1e-9);
    }

    #[test]
    fn two_draws_of_one_distribution_are_within_their_error_of_zero_and_a_shift_is_not() {
        let (a, b) = (random(1, 2000, 8), random(2, 2000, 8));
        let same = kernel_distance(&a, &b);
        assert!(same.mean.abs() < 4.0 * same.error, "{same:?}");
        assert_eq!((same.subsets, same.size), (4, 500));
        let mut parts = Subsets::new(2000, 2000);
        for part in b.values().chunks(8 * 333) {
            parts.add(&a, &Matrix::new(part.to_vec(), 8));
        }
        assert_eq!(parts.distance(), same);
        let moved = Matrix::new(b.values().iter().map(|v| v + 0.5).collect(), 8);
        let moved = kernel_distance(&a, &moved);
        assert!(moved.mean > 10.0 * moved.error, "{moved:?}");
    }
}
