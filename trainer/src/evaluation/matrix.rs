//! Rows of numbers, one an image, and the distances between them in blocks that fit into caches.

use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::image::PixelRange;
use rayon::prelude::*;

use crate::data::{Split, value_of_byte};

/// Rows of `f32`, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Matrix {
    values: Vec<f32>,
    width: usize,
}

impl Matrix {
    /// Rows of `width` numbers; what does not fill a last row is dropped.
    pub(crate) fn new(mut values: Vec<f32>, width: usize) -> Self {
        let rows = values.len().checked_div(width).unwrap_or(0);
        values.truncate(rows * width);
        Self { values, width }
    }

    pub(crate) fn rows(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }

    pub(crate) fn row(&self, index: usize) -> Option<&[f32]> {
        let start = index.checked_mul(self.width)?;
        self.values.get(start..start.checked_add(self.width)?)
    }

    /// The rows at `indices` that there are.
    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        let rows = indices.iter().filter_map(|index| self.row(*index));
        Self::new(rows.flatten().copied().collect(), self.width)
    }

    /// More rows of the same width; a matrix without rows takes the other's.
    pub(super) fn append(&mut self, mut more: Self) {
        if self.values.is_empty() {
            *self = more;
        } else if more.width == self.width {
            self.values.append(&mut more.values);
        }
    }

    /// The first row with a number that is none.
    pub(crate) fn first_not_finite(&self) -> Option<usize> {
        let at = self.values.iter().position(|value| !value.is_finite())?;
        at.checked_div(self.width)
    }

    /// The mean of each column.
    pub(crate) fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.width];
        for row in self.iter() {
            mean.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let rows = count(self.rows().max(1));
        mean.iter_mut().for_each(|sum| *sum /= rows);
        mean
    }
}

/// A count as a number to reckon with.
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

/// The mean of numbers and its standard error.
pub(super) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = count(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (mean, (squares / (n - 1.0).max(1.0) / n).sqrt())
}

/// Rows that can be had as numbers, some at a time.
pub(super) trait ReadRows: Sync {
    fn rows(&self) -> usize;
    fn width(&self) -> usize;
    /// Rows `from..to`, one after the other.
    fn read(&self, from: usize, to: usize) -> Vec<f32>;
}

impl ReadRows for Matrix {
    fn rows(&self) -> usize {
        Self::rows(self)
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, from: usize, to: usize) -> Vec<f32> {
        self.values[from * self.width..to * self.width].to_vec()
    }
}

/// Images of `width` bytes, as numbers from 0 to 1.
#[derive(Clone, Debug)]
pub(super) struct ImageRows<'a> {
    images: Vec<&'a [u8]>,
    width: usize,
}

impl<'a> ImageRows<'a> {
    /// Of pixels, the images one after the other.
    pub(super) fn of(pixels: &'a [u8], width: usize) -> Self {
        let images = pixels.chunks_exact(width.max(1)).collect();
        Self { images, width }
    }

    /// Of the images at `indices` that there are.
    pub(super) fn chosen(split: &'a Split, indices: &[usize]) -> Self {
        let images = indices.iter().filter_map(|index| split.image(*index));
        Self {
            images: images.collect(),
            width: split.image_len(),
        }
    }

    pub(super) fn pixels(&self) -> Vec<u8> {
        self.images.concat()
    }
}

impl ReadRows for ImageRows<'_> {
    fn rows(&self) -> usize {
        self.images.len()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, from: usize, to: usize) -> Vec<f32> {
        let bytes = self.images[from..to].iter().copied().flatten();
        bytes
            .map(|byte| value_of_byte(PixelRange::UNIT, *byte))
            .collect()
    }
}

/// Rows of `a` and of `b` in a block: 512 x 2048 products are 4 MB.
const BLOCK: [usize; 2] = [512, 2048];

/// Rows of `a` times rows of `b`, less `center` on both sides, in blocks. `states` has one for each
/// row of `a`;
/// `visit(state, row of a, first row of b, products, squared norm of a's row, squared norms of b's rows)`
/// hears of each row of a block. The order of blocks of `b` is fixed for each row of `a`, so that
/// the result does not depend on the number of threads.
pub(super) fn each_product<S: Send>(
    a: &dyn ReadRows,
    b: &dyn ReadRows,
    center: &[f64],
    states: &mut [S],
    visit: impl Fn(&mut S, usize, usize, &[f32], f32, &[f32]) + Sync,
) {
    let width = a.width();
    let device = Device::flex();
    let load = |rows: &dyn ReadRows, from: usize, to: usize| {
        let mut values = rows.read(from, to);
        for row in values.chunks_exact_mut(width.max(1)) {
            for (value, center) in row.iter_mut().zip(center) {
                *value = (f64::from(*value) - center) as f32;
            }
        }
        let norms: Vec<f32> = values.chunks_exact(width.max(1)).map(norm).collect();
        let tensor = Tensor::<2>::from_data(TensorData::new(values, [to - from, width]), &device);
        (tensor, norms)
    };
    for b_from in (0..b.rows()).step_by(BLOCK[1]) {
        let b_to = (b_from + BLOCK[1]).min(b.rows());
        let (b_block, b_norms) = load(b, b_from, b_to);
        states
            .par_chunks_mut(BLOCK[0])
            .enumerate()
            .for_each(|(block, states)| {
                let a_from = block * BLOCK[0];
                let (a_block, a_norms) = load(a, a_from, a_from + states.len());
                let products = a_block
                    .matmul(b_block.clone().transpose())
                    .into_data()
                    .try_into_vec::<f32>()
                    .unwrap_or_default();
                let rows = products.chunks_exact(b_norms.len().max(1));
                for (i, ((state, row), norm)) in
                    states.iter_mut().zip(rows).zip(a_norms).enumerate()
                {
                    visit(state, a_from + i, b_from, row, norm, &b_norms);
                }
            });
    }
}

/// As [`each_product`], with squared distances:
/// `visit(state, row of a, first row of b, squared distances)`.
pub(super) fn each_distance<S: Send>(
    a: &dyn ReadRows,
    b: &dyn ReadRows,
    center: &[f64],
    states: &mut [S],
    visit: impl Fn(&mut S, usize, usize, &[f32]) + Sync,
) {
    each_product(
        a,
        b,
        center,
        states,
        |state, at, first, products, norm, norms| {
            // |a − b|² = |a|² + |b|² − 2 a·b; rounding may leave a little less than 0.
            let distances: Vec<f32> = products
                .iter()
                .zip(norms)
                .map(|(product, other)| (norm + other - 2.0 * product).max(0.0))
                .collect();
            visit(state, at, first, &distances);
        },
    );
}

/// Squared norm, summed in double precision.
fn norm(row: &[f32]) -> f32 {
    row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() as f32
}

#[cfg(test)]
pub(super) fn random(seed: u64, rows: usize, width: usize) -> Matrix {
    let mut values = vec![0.0; rows * width];
    dreamlet_runtime::latent::Stream::new(seed, "eval.test", 0).fill_normal(&mut values);
    Matrix::new(values, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_definition_across_blocks() {
        let (a, b) = (random(1, 700, 9), random(2, 2500, 9));
        let mut nearest = vec![(f32::INFINITY, 0); a.rows()];
        each_distance(&a, &b, &b.mean(), &mut nearest, |best, _, first, row| {
            for (j, d) in row.iter().enumerate() {
                if *d < best.0 {
                    *best = (*d, first + j);
                }
            }
        });
        for (row, (found, at)) in a.iter().zip(&nearest) {
            let distance = |other: &[f32]| -> f32 {
                row.iter().zip(other).map(|(x, y)| (x - y).powi(2)).sum()
            };
            let expected = b.iter().map(distance).fold(f32::INFINITY, f32::min);
            assert!((expected - found).abs() < 1e-4, "{expected} {found}");
            assert!((distance(b.row(*at).unwrap()) - found).abs() < 1e-4);
        }
    }

    #[test]
    fn rows_outside_and_halves_of_rows_do_not_exist() {
        let matrix = Matrix::new(vec![1.0; 7], 3);
        assert_eq!(
            (matrix.rows(), matrix.row(2), matrix.row(usize::MAX)),
            (2, None, None)
        );
        assert_eq!(matrix.select(&[1, 5]).rows(), 1);
        assert_eq!(Matrix::new(Vec::new(), 0).rows(), 0);
    }
}
