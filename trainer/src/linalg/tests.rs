//! Of matrices with known factors, eigenvalues and eigenvectors.

use dreamlet_runtime::latent::Stream;

use super::square::{Square, dot};
use super::trace_of_root;

/// Sides and ranks.
const SIZES: [(usize, usize); 6] = [(1, 1), (2, 2), (7, 7), (33, 33), (32, 5), (300, 40)];

fn covariance(side: usize, rank: usize) -> Square {
    let mut factors = vec![0.0_f32; side * rank];
    Stream::new(5, "linalg.test", 0).fill_normal(&mut factors);
    let mut all = Square::zeros(side);
    for (row, a) in all
        .values
        .chunks_exact_mut(side)
        .zip(factors.chunks_exact(rank))
    {
        for (value, b) in row.iter_mut().zip(factors.chunks_exact(rank)) {
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

/// Of a line of `side` points.
fn second_difference(side: usize) -> Square {
    let mut line = Square::zeros(side);
    for i in 0..side {
        line.values[i * side + i] = 2.0;
        if i + 1 < side {
            line.values[i * side + i + 1] = -1.0;
            line.values[(i + 1) * side + i] = -1.0;
        }
    }
    line
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
    let line = second_difference(side);
    for (k, value) in (1..).zip(line.eigenvalues()) {
        let angle = f64::from(k) * std::f64::consts::PI / (side + 1) as f64;
        assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-13, "{k}");
    }
}

#[test]
fn eigenvectors_are_orthogonal_and_the_matrix_only_scales_them() {
    // The last has one eigenvalue, fifty times.
    let mut all: Vec<Square> = SIZES.map(|(side, rank)| covariance(side, rank)).into();
    let mut same = Square::zeros(50);
    same.values.iter_mut().step_by(51).for_each(|v| *v = 3.0);
    all.push(same);
    for matrix in all {
        let side = matrix.side;
        let pairs = matrix.largest(side + 1);
        assert_eq!(pairs.len(), side);
        let values: Vec<f64> = pairs.iter().rev().map(|(value, _)| *value).collect();
        assert_eq!(values, matrix.eigenvalues());
        let scale = matrix.trace();
        for (i, (value, vector)) in pairs.iter().enumerate() {
            for (j, (_, other)) in pairs.iter().enumerate() {
                let expected = f64::from(u8::from(i == j));
                assert!(
                    (dot(vector, other) - expected).abs() < 1e-12,
                    "{side} {i} {j}"
                );
            }
            let scaled = matrix.rows().map(|row| dot(row, vector));
            let furthest = scaled
                .zip(vector)
                .map(|(scaled, v)| (scaled - value * v).abs())
                .fold(0.0, f64::max);
            assert!(furthest < 1e-12 * scale, "{side} {i} {furthest:.1e}");
        }
    }
}

#[test]
fn known_eigenvectors_are_found() {
    // Of the second difference on a line: sin(jkπ/(n + 1)).
    let side = 9;
    let line = second_difference(side);
    for (k, (_, vector)) in (1..=side).rev().zip(line.largest(side)) {
        let angle = k as f64 * std::f64::consts::PI / (side + 1) as f64;
        let sines: Vec<f64> = (1..=side).map(|j| (j as f64 * angle).sin()).collect();
        let length = dot(&sines, &sines).sqrt();
        let cosine = dot(&sines, &vector) / length;
        assert!((cosine.abs() - 1.0).abs() < 1e-12, "{k} {cosine}");
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
