//! Fields in little-endian bytes.

/// The little-endian word from byte `at` on; also in constants.
pub(super) const fn word(bytes: &[u8], at: usize) -> Option<u32> {
    match bytes.split_at_checked(at) {
        Some((_, rest)) => match rest.first_chunk() {
            Some(word) => Some(u32::from_le_bytes(*word)),
            None => None,
        },
        None => None,
    }
}
