//! Eigenvalues and eigenvectors of a symmetric matrix, by the tridiagonal matrix that is similar to
//! it.

use dreamlet_runtime::latent::Stream;
use rayon::prelude::*;

use super::square::{Square, add_scaled, dot, rows_of_a_thread};

impl Square {
    /// The eigenvalues of this symmetric matrix in ascending order.
    pub(crate) fn eigenvalues(&self) -> Vec<f64> {
        Tridiagonal::of(self).eigenvalues()
    }

    /// The `most` largest eigenvalues of this symmetric matrix in descending order, each with its
    /// eigenvector of length 1, whose largest component is positive.
    pub(crate) fn largest(&self, most: usize) -> Vec<(f64, Vec<f64>)> {
        Tridiagonal::of(self).largest(most)
    }
}

/// The tridiagonal matrix with the same eigenvalues, and what led to it.
#[derive(Debug)]
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// What is beside the diagonal, one element less.
    beside: Vec<f64>,
    /// Reflection `k` is 1 − β·v·vᵀ on the components from `k + 1` on.
    reflections: Vec<(f64, Vec<f64>)>,
}

/// Solutions of a nearly singular system until one is an eigenvector: two are usual.
const SOLUTIONS: u64 = 4;

impl Tridiagonal {
    /// By Householder's reflections (Golub and Van Loan, Matrix Computations, algorithm 8.3.1).
    fn of(matrix: &Square) -> Self {
        let side = matrix.side;
        let mut a = matrix.values.clone();
        let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
        let mut reflections = Vec::new();
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
                reflections.push((0.0, v));
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
            reflections.push((beta, v));
        }
        Self {
            diagonal,
            beside,
            reflections,
        }
    }

    /// The eigenvalues in ascending order, each by bisection: the number of eigenvalues below x is
    /// that of negative pivots of the matrix less x (Givens 1954).
    fn eigenvalues(&self) -> Vec<f64> {
        let (diagonal, beside) = (&self.diagonal, &self.beside);
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

    /// The `most` largest eigenvalues in descending order with eigenvectors of the matrix itself,
    /// by inverse iteration from a fixed start. Eigenvectors of near eigenvalues are kept apart by
    /// making each orthogonal to those before it.
    fn largest(&self, most: usize) -> Vec<(f64, Vec<f64>)> {
        let values = self.eigenvalues();
        let size = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        let tiny = f64::EPSILON * size.max(f64::MIN_POSITIVE);
        let mut found: Vec<Vec<f64>> = Vec::new();
        for (number, value) in (0..).zip(values.iter().rev().take(most)) {
            let mut start = vec![0.0_f32; self.diagonal.len()];
            Stream::new(number, "linalg.start", 0).fill_normal(&mut start);
            let mut vector: Vec<f64> = start.into_iter().map(f64::from).collect();
            for _ in 0..SOLUTIONS {
                self.solve(*value, tiny, &mut vector);
                normalize(&mut vector);
                // Twice: once leaves a rest where little of the vector remains (Kahan).
                for other in found.iter().chain(&found) {
                    let share = dot(&vector, other);
                    add_scaled(&mut vector, other, -share);
                }
                normalize(&mut vector);
            }
            found.push(vector);
        }
        let pairs = values.into_iter().rev().zip(found);
        pairs
            .map(|(value, vector)| (value, self.of_the_matrix(vector)))
            .collect()
    }

    /// Solves (this − `shift`) x = `x` in place, by elimination with the larger pivot of two rows;
    /// a pivot of almost nothing is taken as `tiny`.
    fn solve(&self, shift: f64, tiny: f64, x: &mut [f64]) {
        let guarded = |pivot: f64| {
            if pivot.abs() < tiny { tiny } else { pivot }
        };
        // Rows of the triangle: the pivot and the two elements right of it.
        let mut rows: Vec<[f64; 3]> = Vec::with_capacity(x.len());
        let right = self.beside.iter().copied().chain([0.0]);
        let given = self.diagonal.iter().map(|d| d - shift).zip(right);
        let mut last = [0.0; 2];
        for (i, (diagonal, right)) in given.enumerate() {
            let Some(below) = i.checked_sub(1).map(|i| self.beside[i]) else {
                last = [diagonal, right];
                continue;
            };
            let [pivot, beside] = last;
            if pivot.abs() < below.abs() {
                let factor = pivot / below;
                rows.push([below, diagonal, right]);
                last = [beside - factor * diagonal, -factor * right];
                x.swap(i - 1, i);
                x[i] -= factor * x[i - 1];
            } else {
                let pivot = guarded(pivot);
                let factor = below / pivot;
                rows.push([pivot, beside, 0.0]);
                last = [diagonal - factor * beside, right];
                x[i] -= factor * x[i - 1];
            }
        }
        rows.push([guarded(last[0]), 0.0, 0.0]);
        let mut after = [0.0; 2];
        for (x, [pivot, first, second]) in x.iter_mut().zip(rows).rev() {
            *x = (*x - first * after[0] - second * after[1]) / pivot;
            after = [*x, after[0]];
        }
    }

    /// An eigenvector of the matrix from that of the tridiagonal one.
    fn of_the_matrix(&self, mut vector: Vec<f64>) -> Vec<f64> {
        for (step, (beta, v)) in self.reflections.iter().enumerate().rev() {
            let part = &mut vector[step + 1..];
            let factor = -beta * dot(part, v);
            add_scaled(part, v, factor);
        }
        let largest = vector.iter().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        if largest.is_some_and(|v| *v < 0.0) {
            vector.iter_mut().for_each(|v| *v = -*v);
        }
        vector
    }
}

/// Makes the length 1; what is too long to be squared is brought down before.
fn normalize(vector: &mut [f64]) {
    let largest = vector.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    divide(vector, largest);
    divide(vector, dot(vector, vector).sqrt());
}

/// Divides all components; by 0 none.
fn divide(vector: &mut [f64], by: f64) {
    if by > 0.0 {
        vector.iter_mut().for_each(|v| *v /= by);
    }
}
