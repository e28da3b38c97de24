//! What the integration tests in `tests/tests/` share: a writer of small ONNX files, a frame buffer
//! to draw into, and hashes of numbers. The tests run on the host and, by `scripts/test-cross.sh`,
//! on 64-bit and 32-bit ARM.

pub mod compiled;
pub mod frame;
pub mod onnx;

use dreamlet_runtime::card::sha256;

/// SHA-256 of the bits of some numbers, little-endian: equal only where every bit is.
pub fn hash_of_bits(numbers: &[f32]) -> String {
    let bytes = numbers.iter().flat_map(|x| x.to_le_bytes());
    sha256(&bytes.collect::<Vec<_>>())
}
