//! The sliced Wasserstein distance between images, in pixels.

use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::latent::Stream;
use rayon::prelude::*;

use super::matrix::{Matrix, ReadRows, count};

/// Random directions.
pub(super) const DIRECTIONS: usize = 128;

/// 128 unit directions in the space of images with `width` numbers, one a row, of
/// normals from the stream of each index.
pub(crate) fn unit_directions(width: usize, stream: impl Fn(u64) -> Stream) -> Matrix {
    let mut values = vec![0.0_f32; DIRECTIONS * width];
    for (row, index) in values.chunks_exact_mut(width.max(1)).zip(0..) {
        stream(index).fill_normal(row);
        let squares = row.iter().map(|v| f64::from(*v).powi(2));
        let norm = squares.sum::<f64>().sqrt();
        for v in row {
            *v = (f64::from(*v) / norm) as f32;
        }
    }
    Matrix::new(values, width)
}

/// The directions of the metric, the same for every data set of that width.
pub(super) fn directions(width: usize) -> Matrix {
    unit_directions(width, |index| Stream::new(0, "eval.directions", index))
}

/// Mean over `directions` of the Wasserstein-1 distance between the projections of two sets of
/// images (Rabin et al. 2011). Images beyond the smaller set are left out.
pub(crate) fn sliced_wasserstein(a: &Matrix, b: &Matrix, directions: &Matrix) -> f64 {
    Projections::of(a, directions).distance(&Projections::of(b, directions))
}

/// The projections of images on each direction, in the images' order: all that is kept of images
/// that come in parts.
#[derive(Debug)]
pub(super) struct Projections(Vec<Vec<f32>>);

impl Projections {
    /// Of no images yet.
    pub(super) fn new() -> Self {
        Self(vec![Vec::new(); DIRECTIONS])
    }

    pub(super) fn of(images: &dyn ReadRows, directions: &Matrix) -> Self {
        let mut all = Self::new();
        all.add(images, directions);
        all
    }

    pub(super) fn add(&mut self, images: &dyn ReadRows, directions: &Matrix) {
        let device = Device::flex();
        let width = images.width();
        let tensor =
            |values, rows| Tensor::<2>::from_data(TensorData::new(values, [rows, width]), &device);
        let directions = tensor(directions.values().to_vec(), directions.rows());
        for from in (0..images.rows()).step_by(2048) {
            let to = (from + 2048).min(images.rows());
            let images = tensor(images.read(from, to), to - from);
            let products = directions.clone().matmul(images.transpose()).into_data();
            let products = products.try_into_vec::<f32>().unwrap_or_default();
            for (all, row) in self.0.iter_mut().zip(products.chunks_exact(to - from)) {
                all.extend_from_slice(row);
            }
        }
    }

    /// The sliced Wasserstein distance to other images, as [`sliced_wasserstein`] has it.
    pub(super) fn distance(&self, other: &Self) -> f64 {
        let distance = |(a, b): (&Vec<f32>, &Vec<f32>)| {
            let rows = a.len().min(b.len());
            let [a, b] = [a, b].map(|all| {
                let mut first = all[..rows].to_vec();
                first.sort_by(f32::total_cmp);
                first
            });
            let moved = a.iter().zip(&b).map(|(x, y)| f64::from((x - y).abs()));
            moved.sum::<f64>() / count(rows.max(1))
        };
        let pairs = self.0.par_iter().zip(&other.0);
        let distances: Vec<f64> = pairs.map(distance).collect();
        distances.iter().sum::<f64>() / count(DIRECTIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::matrix::ImageRows;

    #[test]
    fn a_shift_moves_each_projection_by_its_own_part_and_equal_sets_are_at_zero() {
        let mut stream = Stream::new(1, "eval.test", 0);
        let a: Vec<u8> = (0..64 * 3000).map(|_| stream.below(200) as u8).collect();
        let b: Vec<u8> = a.iter().map(|v| v + 51).collect();
        let directions = directions(64);
        let sliced_wasserstein = |a: &[u8], b: &[u8]| {
            let of = |pixels| Projections::of(&ImageRows::of(pixels, 64), &directions);
            of(a).distance(&of(b))
        };
        assert_eq!(sliced_wasserstein(&a, &a), 0.0);
        // A shift by 0.2 in every pixel moves a projection by 0.2 |Σ direction|.
        let moved = |row: &[f32]| f64::from(row.iter().sum::<f32>().abs()) * 0.2;
        let expected = directions.iter().map(moved).sum::<f64>() / 128.0;
        let found = sliced_wasserstein(&a, &b);
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        // More images on one side change nothing.
        let longer: Vec<u8> = b.iter().chain(&[0; 64]).copied().collect();
        assert_eq!(sliced_wasserstein(&a, &longer), found);
    }
}
