//! numpy's `.npy` files, version 1.0.

use std::io;
use std::path::Path;

use crate::atomic_file::write_atomic_parts;

/// Writes little-endian numbers of type `kind` (`<f4`, `|u1`, …) in row-major order.
///
/// # Errors
/// As a file's that cannot be written.
pub(crate) fn write(path: &Path, kind: &str, shape: &[usize], body: &[u8]) -> io::Result<()> {
    let dims: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({dims}), }}");
    // The numbers begin at a multiple of 64, and the head ends with a new line.
    let padding = 63 - (10 + text.len()) % 64;
    text.push_str(&" ".repeat(padding));
    text.push('\n');
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes();
    let parts = [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes(), body];
    write_atomic_parts(path, &parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    #[test]
    fn a_file_is_what_numpy_writes() {
        let folder = TestFolder::new();
        let file = folder.0.join("a.npy");
        let numbers = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let body: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        write(&file, "<f4", &[2, 3], &body).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let text = std::str::from_utf8(&bytes[10..128]).unwrap();
        assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, ), }"));
        assert!(text.ends_with(" \n"));
        assert_eq!(bytes.len(), 128 + 24);
        assert_eq!(&bytes[128..132], &1.0_f32.to_le_bytes());
    }
}
