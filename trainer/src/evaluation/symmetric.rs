//! Eigenvalues of symmetric matrices in double precision.
//!
//! The crates that have this bring two dozen others along and change how the rest is built, for one decomposition of a matrix
//! as wide as a layer.

use rayon::prelude::*;

/// A square matrix, row after row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Square {
    pub(super) side: usize,
    pub(super) values: Vec<f64>,
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
        let mut out = Self::zeros(self.side);
        out.values
            .par_chunks_mut(self.side.max(1))
            .zip(self.values.par_chunks(self.side.max(1)))
            .for_each(|(out, row)| {
                for (factor, other) in row.iter().zip(other.rows()) {
                    add_scaled(out, other, *factor);
                }
            });
        out
    }

    /// The mean of the matrix and its transpose.
    pub(super) fn symmetrized(&self) -> Self {
        let mut out = self.clone();
        for (i, row) in out.values.chunks_exact_mut(self.side.max(1)).enumerate() {
            let column = self.values.iter().skip(i).step_by(self.side.max(1));
            row.iter_mut()
                .zip(column)
                .for_each(|(value, other)| *value = (*value + other) / 2.0);
        }
        out
    }

    /// V f(Λ) Vᵀ of a symmetric matrix V Λ Vᵀ.
    pub(super) fn map_eigenvalues(&self, f: impl Fn(f64) -> f64) -> Self {
        let (values, vectors) = eigen(self);
        let mut left = Self::zeros(self.side);
        let mut right = Self::zeros(self.side);
        let columns = values.iter().zip(vectors.chunks_exact(self.side.max(1)));
        for (j, (value, vector)) in columns.enumerate() {
            let value = f(*value);
            for (i, x) in vector.iter().enumerate() {
                if let Some(into) = left.values.get_mut(i * self.side + j) {
                    *into = x * value;
                }
            }
            if let Some(into) = right.values.get_mut(j * self.side..(j + 1) * self.side) {
                into.copy_from_slice(vector);
            }
        }
        left.times(&right)
    }
}

/// Adds `factor` times `from` to `into`.
pub(super) fn add_scaled(into: &mut [f64], from: &[f64], factor: f64) {
    into.iter_mut()
        .zip(from)
        .for_each(|(into, from)| *into += factor * from);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Sweeps after which Jacobi's method stops whatever is left; ten are enough in practice.
const SWEEPS: usize = 60;

/// Eigenvalues and eigenvectors (one a row) of a symmetric matrix, by one-sided Jacobi rotations (Hestenes 1958): rows of the
/// matrix are turned against each other until all are orthogonal, V·A = rows; then |row| is |λ| and its sign that of v·row.
///
/// Rotations of a round touch disjoint pairs of rows, so that a round is done in parallel and the result does not depend on the number
/// of threads.
pub(super) fn eigen(matrix: &Square) -> (Vec<f64>, Vec<f64>) {
    let side = matrix.side;
    let mut rows: Vec<Row> = matrix
        .rows()
        .enumerate()
        .map(|(i, row)| Row {
            image: row.to_vec(),
            vector: (0..side).map(|j| f64::from(u8::from(i == j))).collect(),
        })
        .collect();
    if side % 2 == 1 {
        // An empty row takes part in the pairing and stays as it is.
        rows.push(Row {
            image: vec![0.0; side],
            vector: vec![0.0; side],
        });
    }
    let largest = matrix.values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let nothing = (largest * largest * f64::EPSILON * f64::EPSILON).max(f64::MIN_POSITIVE);
    for _ in 0..SWEEPS {
        let mut turned = 0_usize;
        for _ in 1..rows.len() {
            let half = rows.len() / 2;
            let (top, bottom) = rows.split_at_mut(half);
            turned += top
                .par_iter_mut()
                .zip(bottom.par_iter_mut())
                .map(|(a, b)| usize::from(turn(a, b, nothing)))
                .sum::<usize>();
            // The round robin of tournaments: the first stays, the others move on by one place around the table.
            rows.get_mut(half..).unwrap_or_default().reverse();
            if let Some(others) = rows.get_mut(1..) {
                others.rotate_right(1);
            }
            rows.get_mut(half..).unwrap_or_default().reverse();
        }
        if turned == 0 {
            break;
        }
    }
    let kept = rows
        .iter()
        .filter(|row| dot(&row.vector, &row.vector) > 0.5);
    let (values, vectors): (Vec<f64>, Vec<Vec<f64>>) = kept
        .map(|row| (dot(&row.vector, &row.image), row.vector.clone()))
        .unzip();
    (values, vectors.concat())
}

/// A row of V and of V·A.
struct Row {
    vector: Vec<f64>,
    image: Vec<f64>,
}

/// Makes two images orthogonal; says whether they were not.
fn turn(a: &mut Row, b: &mut Row, nothing: f64) -> bool {
    let (aa, bb, ab) = (
        dot(&a.image, &a.image),
        dot(&b.image, &b.image),
        dot(&a.image, &b.image),
    );
    if ab.abs() <= 1e-14 * (aa * bb).sqrt() || ab.abs() <= nothing {
        return false;
    }
    let zeta = (bb - aa) / (2.0 * ab);
    let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = cosine * tangent;
    for (a, b) in [(&mut a.image, &mut b.image), (&mut a.vector, &mut b.vector)] {
        for (x, y) in a.iter_mut().zip(b.iter_mut()) {
            (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::matrix::random;
    use super::*;

    fn covariance(side: usize, rank: usize) -> Square {
        let factors = random(5, side, rank);
        let values = factors.iter().flat_map(|a| {
            factors
                .iter()
                .map(|b| {
                    a.iter()
                        .zip(b)
                        .map(|(x, y)| f64::from(*x) * f64::from(*y))
                        .sum()
                })
                .collect::<Vec<f64>>()
        });
        Square {
            side,
            values: values.collect(),
        }
    }

    #[test]
    fn a_matrix_is_what_its_eigenvalues_and_vectors_make() {
        for (side, rank) in [(1, 1), (2, 2), (7, 7), (33, 33), (32, 5)] {
            let matrix = covariance(side, rank);
            let (values, vectors) = eigen(&matrix);
            assert_eq!((values.len(), vectors.len()), (side, side * side));
            let scale = matrix.trace();
            assert!((values.iter().sum::<f64>() - scale).abs() < 1e-12 * scale);
            let again = matrix.map_eigenvalues(|value| value);
            let worst = again
                .values
                .iter()
                .zip(&matrix.values)
                .map(|(a, b)| (a - b).abs());
            assert!(worst.fold(0.0, f64::max) < 1e-12 * scale, "{side} {rank}");
        }
    }

    #[test]
    fn known_eigenvalues_are_found_and_the_root_squares_to_the_matrix() {
        let matrix = Square {
            side: 2,
            values: vec![2.0, 1.0, 1.0, 2.0],
        };
        let (mut values, _) = eigen(&matrix);
        values.sort_by(f64::total_cmp);
        assert!((values[0] - 1.0).abs() < 1e-14 && (values[1] - 3.0).abs() < 1e-14);
        let root = matrix.map_eigenvalues(f64::sqrt);
        let square = root.times(&root);
        assert!(
            square
                .values
                .iter()
                .zip(&matrix.values)
                .all(|(a, b)| (a - b).abs() < 1e-13)
        );
    }
}
