//! numpy's `.npy` files, version 1.0.

use std::path::Path;

use super::error::EvaluationError;
use super::matrix::Matrix;
use crate::atomic_file::write_atomic_parts;

/// Writes little-endian numbers of type `kind` (`<f4`, `|u1`, …) in row-major order.
fn write(
    folder: &Path,
    name: &str,
    kind: &str,
    shape: &[usize],
    body: &[u8],
) -> Result<(), EvaluationError> {
    let dims: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({dims}), }}");
    // The numbers begin at a multiple of 64, and the head ends with a new line.
    let padding = 63 - (10 + text.len()) % 64;
    text.push_str(&" ".repeat(padding));
    text.push('\n');
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes();
    let path = folder.join(name);
    let parts = [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes(), body];
    write_atomic_parts(&path, &parts).map_err(|error| EvaluationError::Write {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    #[test]
    fn a_file_is_what_numpy_writes() {
        let folder = TestFolder::new();
        let numbers = Matrix::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
        matrix(&folder.0, "a.npy", &numbers).unwrap();
        let bytes = std::fs::read(folder.0.join("a.npy")).unwrap();
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let text = std::str::from_utf8(&bytes[10..128]).unwrap();
        assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, ), }"));
        assert!(text.ends_with(" \n"));
        assert_eq!(bytes.len(), 128 + 24);
        assert_eq!(&bytes[128..132], &1.0_f32.to_le_bytes());
    }
}
