//! The signature at the end of a file. It is no part of the model: neither the length in the
//! header nor the checksum counts it.

/// Bytes of a signature: `r`, then `s`, each 32 bytes, big-endian.
pub const SIGNATURE_LEN: usize = 64;
/// The last eight bytes of a file with a signature.
pub const TRAILER_MAGIC: [u8; 8] = *b"dreamsig";
/// Bytes behind the model: signature and magic.
pub const TRAILER_LEN: usize = SIGNATURE_LEN + TRAILER_MAGIC.len();

/// A file's model, and its signature if it has one. Only the last eight bytes are looked at.
#[must_use]
pub const fn split_trailer(file: &[u8]) -> (&[u8], Option<&[u8; SIGNATURE_LEN]>) {
    if let Some((rest, magic)) = file.split_last_chunk::<8>()
        && u64::from_le_bytes(*magic) == u64::from_le_bytes(TRAILER_MAGIC)
        && let Some((model, signature)) = rest.split_last_chunk()
    {
        return (model, Some(signature));
    }
    (file, None)
}

/// What is put behind a model.
#[must_use]
pub fn trailer(signature: &[u8; SIGNATURE_LEN]) -> [u8; TRAILER_LEN] {
    let mut bytes = [0; TRAILER_LEN];
    let (first, last) = bytes.split_at_mut(SIGNATURE_LEN);
    first.copy_from_slice(signature);
    last.copy_from_slice(&TRAILER_MAGIC);
    bytes
}
