//! The root of a product of two matrices.

use rayon::prelude::*;

use super::square::{Square, dot, rows_of_a_thread};

impl Square {
    /// L with L·Lᵀ this matrix, which must be positive semidefinite: Cholesky's factor with the
    /// largest diagonal left as the next pivot (Higham 1990), so that a matrix of less than full
    /// rank has one too. Rows are in the matrix's order; columns past its rank are 0.
    pub(super) fn factor(&self) -> Self {
        let side = self.side;
        let mut factor = Self::zeros(side);
        let mut left: Vec<f64> = self.values.iter().step_by(side + 1).copied().collect();
        let nothing = f64::EPSILON * side as f64 * left.iter().fold(0.0_f64, |m, v| m.max(*v));
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
}

/// The sum of the roots of the eigenvalues of A·B, for positive semidefinite A and B: those of
/// Lᵀ·B·L, which is symmetric, with A = L·Lᵀ.
pub(crate) fn trace_of_root(a: &Square, b: &Square) -> f64 {
    let factor = a.factor();
    let product = factor.transposed().times(b).times(&factor).symmetrized();
    let roots = product.eigenvalues().into_iter();
    roots.map(|value| value.max(0.0).sqrt()).sum()
}
