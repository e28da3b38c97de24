//! Symmetric matrices in double precision: factors, products and eigenvalues.
//!
//! The crates that have this bring two dozen others along and change how the rest is built, for one
//! decomposition of a matrix as wide as a layer. No result depends on the number of threads.

use rayon::prelude::*;

use super::matrix::count;

/// A square matrix, row after row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Square {
    pub(super) side: usize,
    pub(super) values: Vec<f64>,
}

/// Rows of a product that are made together, so that the other matrix is read once for all of them.
const TOGETHER: usize = 8;
/// Least numbers of a row for which threads are worth waking at every step of a reduction.
const WIDE: usize = 256;

/// The fewest rows of so many numbers for a thread: all of them where it is not worth waking.
fn rows_of_a_thread(width: usize) -> usize {
    if width < WIDE { usize::MAX } else { 1 }
}

impl Square {
    pub(super) fn zeros(side: usize) -> Self {
        Self {
            side,
            values: vec![0.0; side * side],
        }
    }

    fn rows(&self) -> impl DoubleEndedIterator<Item = &[f64]> {
        self.values.chunks_exact(self.side.max(1))
    }

    pub(super) fn trace(&self) -> f64 {
        self.values.iter().step_by(self.side + 1).sum()
    }

    /// The product with `other`.
    pub(super) fn times(&self, other: &Self) -> Self {
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

    fn transposed(&self) -> Self {
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
    fn symmetrized(&self) -> Self {
        let mut out = self.transposed();
        let pairs = out.values.iter_mut().zip(&self.values);
        pairs.for_each(|(value, other)| *value = (*value + other) / 2.0);
        out
    }

    /// L with L·Lᵀ this matrix, which must be positive semidefinite: Cholesky's factor with the
    /// largest diagonal left as the next pivot (Higham 1990), so that a matrix of less than full
    /// rank has one too. Rows are in the matrix's order; columns past its rank are 0.
    fn factor(&self) -> Self {
        let side = self.side;
        let mut factor = Self::zeros(side);
        let mut left: Vec<f64> = self.values.iter().step_by(side + 1).copied().collect();
        let nothing = f64::EPSILON * count(side) * left.iter().fold(0.0_f64, |m, v| m.max(*v));
        for step in 0..side {
            let largest = left.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let Some((pivot, size)) = largest.filter(|(_, size)| **size > nothing) else {
                break;
            };
            let root = size.sqrt();
            let known = factor.values[pivot * side..][..step].to_vec();
            let column = &self.values[pivot * side..][..side];
            let next = |(row, (of, left)): (&mut [f64], (&f64, &mut f64))| {
                let value = (of - dot(&row[..step], &known)) / root;
                row[step] = value;
                *left -= value * value;
            };
            let rows = factor.values.par_chunks_exact_mut(side);
            rows.zip(column.par_iter().zip(&mut left))
                .with_min_len(rows_of_a_thread(step))
                .for_each(next);
            left[pivot] = 0.0;
        }
        factor
    }

    /// The eigenvalues of this symmetric matrix in ascending order.
    pub(super) fn eigenvalues(&self) -> Vec<f64> {
        let (diagonal, beside) = self.tridiagonal();
        bisected(&diagonal, &beside)
    }

    /// The diagonal, and what is beside it, of the tridiagonal matrix with the same eigenvalues, by
    /// Householder's reflections (Golub and Van Loan, Matrix Computations, algorithm 8.3.1).
    fn tridiagonal(&self) -> (Vec<f64>, Vec<f64>) {
        let side = self.side;
        let mut a = self.values.clone();
        let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
        for step in 0..side {
            diagonal.push(a[step * side + step]);
            let first = step + 1;
            if first == side {
                break;
            }
            let mut v = a[step * side + first..][..side - first].to_vec();
            let length = dot(&v, &v).sqrt();
            let alpha = if v[0] > 0.0 { -length } else { length };
            beside.push(alpha);
            v[0] -= alpha;
            let square = dot(&v, &v);
            if square <= f64::MIN_POSITIVE {
                continue;
            }
            let rest = &mut a[first * side..];
            let beta = 2.0 / square;
            let together = rows_of_a_thread(v.len());
            let p: Vec<f64> = rest
                .par_chunks_exact(side)
                .with_min_len(together)
                .map(|row| beta * dot(&row[first..], &v))
                .collect();
            let half = beta / 2.0 * dot(&p, &v);
            let w: Vec<f64> = p.iter().zip(&v).map(|(p, v)| p - half * v).collect();
            let reflect = |(row, (own_v, own_w)): (&mut [f64], (&f64, &f64))| {
                for (value, (v, w)) in row[first..].iter_mut().zip(v.iter().zip(&w)) {
                    *value -= own_v * w + own_w * v;
                }
            };
            let rows = rest.par_chunks_exact_mut(side);
            rows.zip(v.par_iter().zip(&w))
                .with_min_len(together)
                .for_each(reflect);
        }
        (diagonal, beside)
    }
}

/// The sum of the roots of the eigenvalues of A·B, for positive semidefinite A and B: those of
/// Lᵀ·B·L, which is symmetric, with A = L·Lᵀ.
pub(super) fn trace_of_root(a: &Square, b: &Square) -> f64 {
    let factor = a.factor();
    let product = factor.transposed().times(b).times(&factor).symmetrized();
    let roots = product.eigenvalues().into_iter();
    roots.map(|value| value.max(0.0).sqrt()).sum()
}

/// The eigenvalues of a tridiagonal matrix in ascending order, each by bisection: the number of
/// eigenvalues below x is that of negative pivots of the matrix less x (Givens 1954).
fn bisected(diagonal: &[f64], beside: &[f64]) -> Vec<f64> {
    let squares: Vec<f64> = beside.iter().map(|e| e * e).collect();
    let reach = |at: usize| {
        let beside = |i: Option<usize>| i.and_then(|i| beside.get(i)).map_or(0.0, |e| e.abs());
        beside(at.checked_sub(1)) + beside(Some(at))
    };
    // Gershgorin: all lie in discs around the diagonal.
    let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
    for (at, d) in diagonal.iter().enumerate() {
        lowest = lowest.min(d - reach(at));
        highest = highest.max(d + reach(at));
    }
    let tiny = f64::EPSILON * lowest.abs().max(highest.abs()).max(f64::MIN_POSITIVE);
    let below = |x: f64| {
        let mut negative = 0_usize;
        let mut pivot = 1.0;
        let before = std::iter::once(&0.0).chain(&squares);
        for (d, square) in diagonal.iter().zip(before) {
            pivot = d - x - square / pivot;
            if pivot.abs() < tiny * f64::EPSILON {
                pivot = -tiny * f64::EPSILON;
            }
            negative += usize::from(pivot < 0.0);
        }
        negative
    };
    (0..diagonal.len())
        .into_par_iter()
        .map(|index| {
            let (mut low, mut high) = (lowest - tiny, highest + tiny);
            loop {
                let middle = low + (high - low) / 2.0;
                if middle <= low || middle >= high || high - low <= tiny / 4.0 {
                    return middle;
                }
                if below(middle) > index {
                    high = middle;
                } else {
                    low = middle;
                }
            }
        })
        .collect()
}

/// Adds `factor` times `from` to `into`.
pub(super) fn add_scaled(into: &mut [f64], from: &[f64], factor: f64) {
    into.iter_mut()
        .zip(from)
        .for_each(|(into, from)| *into += factor * from);
}

/// Products that are summed apart, so that they need not wait for each other.
const LANES: usize = 16;

fn dot(a: &[f64], b: &[f64]) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::super::matrix::random;
    use super::*;

    /// Sides and ranks.
    const SIZES: [(usize, usize); 6] = [(1, 1), (2, 2), (7, 7), (33, 33), (32, 5), (300, 40)];

    fn covariance(side: usize, rank: usize) -> Square {
        let factors = random(5, side, rank);
        let mut all = Square::zeros(side);
        for (row, a) in all.values.chunks_exact_mut(side).zip(factors.iter()) {
            for (value, b) in row.iter_mut().zip(factors.iter()) {
                let products = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y));
                *value = products.sum();
            }
        }
        all
    }

    fn furthest(a: &Square, b: &Square) -> f64 {
        let pairs = a.values.iter().zip(&b.values);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn a_factor_times_its_transpose_is_the_matrix_whatever_its_rank() {
        for (side, rank) in SIZES.into_iter().chain([(300, 300)]) {
            let matrix = covariance(side, rank);
            let factor = matrix.factor();
            let again = factor.times(&factor.transposed());
            let furthest = furthest(&again, &matrix);
            assert!(furthest < 1e-12 * matrix.trace(), "{side} {rank}");
        }
    }

    #[test]
    fn eigenvalues_have_the_matrixs_trace_and_squares_and_as_many_are_zero_as_its_rank_says() {
        for (side, rank) in SIZES {
            let matrix = covariance(side, rank);
            let values = matrix.eigenvalues();
            assert_eq!(values.len(), side);
            assert!(values.is_sorted());
            let scale = matrix.trace();
            assert!((values.iter().sum::<f64>() - scale).abs() < 1e-12 * scale);
            let squares: f64 = values.iter().map(|value| value * value).sum();
            let expected = dot(&matrix.values, &matrix.values);
            assert!((squares - expected).abs() < 1e-12 * expected);
            let zero = values.iter().filter(|v| v.abs() < 1e-12 * scale).count();
            assert_eq!(zero, side - rank);
        }
    }

    #[test]
    fn known_eigenvalues_are_found() {
        let matrix = Square {
            side: 2,
            values: vec![2.0, 1.0, 1.0, 2.0],
        };
        let values = matrix.eigenvalues();
        assert!((values[0] - 1.0).abs() < 1e-14 && (values[1] - 3.0).abs() < 1e-14);
        // The second difference on a line of n points: 2 − 2 cos(kπ/(n + 1)).
        let side = 50;
        let mut line = Square::zeros(side);
        for i in 0..side {
            line.values[i * side + i] = 2.0;
            if i + 1 < side {
                line.values[i * side + i + 1] = -1.0;
                line.values[(i + 1) * side + i] = -1.0;
            }
        }
        for (k, value) in (1..).zip(line.eigenvalues()) {
            let angle = f64::from(k) * std::f64::consts::PI / count(side + 1);
            assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-13, "{k}");
        }
    }

    #[test]
    fn the_root_of_a_matrix_times_itself_has_its_trace() {
        for (side, rank) in [(7, 7), (32, 5), (300, 300)] {
            let matrix = covariance(side, rank);
            let found = trace_of_root(&matrix, &matrix);
            let error = (found - matrix.trace()).abs() / matrix.trace();
            assert!(error < 1e-6, "{side} {rank} {error:.1e}");
        }
    }
}
