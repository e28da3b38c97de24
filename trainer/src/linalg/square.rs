//! Square matrices, and sums of products.

use rayon::prelude::*;

/// A square matrix, row after row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Square {
    pub(crate) side: usize,
    pub(crate) values: Vec<f64>,
}

/// Rows of a product that are made together, so that the other matrix is read once for all of them.
const TOGETHER: usize = 8;
/// Least numbers of a row for which threads are worth waking at every step of a reduction.
const WIDE: usize = 256;

/// The fewest rows of so many numbers for a thread: all of them where it is not worth waking.
pub(super) fn rows_of_a_thread(width: usize) -> usize {
    if width < WIDE { usize::MAX } else { 1 }
}

impl Square {
    pub(crate) fn zeros(side: usize) -> Self {
        Self {
            side,
            values: vec![0.0; side * side],
        }
    }

    /// The products of rows of one width with each other.
    pub(crate) fn of_products(rows: &[Vec<f64>]) -> Self {
        let mut all = Self::zeros(rows.len());
        let into = all.values.par_chunks_exact_mut(rows.len().max(1));
        into.zip(rows).for_each(|(into, a)| {
            for (value, b) in into.iter_mut().zip(rows) {
                *value = dot(a, b);
            }
        });
        all
    }

    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = &[f64]> {
        self.values.chunks_exact(self.side.max(1))
    }

    pub(crate) fn trace(&self) -> f64 {
        self.values.iter().step_by(self.side + 1).sum()
    }

    /// The product with `other`.
    pub(crate) fn times(&self, other: &Self) -> Self {
        let side = self.side.max(1);
        let mut out = Self::zeros(self.side);
        out.values
            .par_chunks_mut(side * TOGETHER)
            .zip(self.values.par_chunks(side * TOGETHER))
            .for_each(|(out, own)| {
                for (column, other) in other.rows().enumerate() {
                    for (out, own) in out.chunks_exact_mut(side).zip(own.chunks_exact(side)) {
                        add_scaled(out, other, own[column]);
                    }
                }
            });
        out
    }

    pub(super) fn transposed(&self) -> Self {
        let mut out = Self::zeros(self.side);
        for (i, row) in out.values.chunks_exact_mut(self.side.max(1)).enumerate() {
            let column = self.values.iter().skip(i).step_by(self.side.max(1));
            row.iter_mut()
                .zip(column)
                .for_each(|(to, from)| *to = *from);
        }
        out
    }

    /// The mean of the matrix and its transpose.
    pub(super) fn symmetrized(&self) -> Self {
        let mut out = self.transposed();
        let pairs = out.values.iter_mut().zip(&self.values);
        pairs.for_each(|(value, other)| *value = (*value + other) / 2.0);
        out
    }
}

/// Adds `factor` times `from` to `into`.
pub(crate) fn add_scaled(into: &mut [f64], from: &[f64], factor: f64) {
    into.iter_mut()
        .zip(from)
        .for_each(|(into, from)| *into += factor * from);
}

/// Products that are summed apart, so that they need not wait for each other.
const LANES: usize = 16;

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(x, y)| x * y).sum();
    for (a, b) in a.zip(b) {
        for (sum, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}
