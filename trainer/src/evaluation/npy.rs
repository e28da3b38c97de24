//! What metrics were computed from, as numpy's `.npy` files.

use std::path::Path;

use super::error::EvaluationError;
use super::matrix::Matrix;
use crate::npy;

fn write(
    folder: &Path,
    name: &str,
    kind: &str,
    shape: &[usize],
    body: &[u8],
) -> Result<(), EvaluationError> {
    let path = folder.join(name);
    npy::write(&path, kind, shape, body).map_err(|error| EvaluationError::Write {
        path,
        reason: error.to_string(),
    })
}

/// Writes a matrix as `f32`, shape `(rows, width)`.
pub(super) fn matrix(folder: &Path, name: &str, matrix: &Matrix) -> Result<(), EvaluationError> {
    let body = matrix.values().iter().flat_map(|v| v.to_le_bytes());
    let shape = [matrix.rows(), matrix.width()];
    write(folder, name, "<f4", &shape, &body.collect::<Vec<u8>>())
}

/// Writes images as bytes, shape `(N, C, H, W)`.
pub(super) fn images(
    folder: &Path,
    name: &str,
    pixels: &[u8],
    [channels, height, width]: [usize; 3],
) -> Result<(), EvaluationError> {
    let rows = pixels.len() / (channels * height * width).max(1);
    write(
        folder,
        name,
        "|u1",
        &[rows, channels, height, width],
        pixels,
    )
}

/// Writes numbers as `i64`, shape `(rows, width)`.
pub(super) fn indices<const N: usize>(
    folder: &Path,
    name: &str,
    rows: &[[usize; N]],
) -> Result<(), EvaluationError> {
    let all = rows.iter().flatten();
    let body: Vec<u8> = all.flat_map(|n| (*n as u64).to_le_bytes()).collect();
    write(folder, name, "<i8", &[rows.len(), N], &body)
}
