//! What a model file may cost.

/// Longest latent vector.
pub const MAX_LATENT_LEN: usize = 1 << 16;

/// What a model file may cost. The defaults admit every generator up to 128 by 128 that this
/// project trains or knows of, and keep loading one, hostile or not, under a second and 256 MiB on
/// a desktop processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file: 32 MiB.
    pub file_bytes: usize,
    /// Nodes of the graph: 4096.
    pub nodes: usize,
    /// Bytes of all values between the layers of one image, together: 96 MiB.
    pub value_bytes: u64,
    /// Bytes of scratch for any one layer, as a straightforward engine needs it: 64 MiB.
    pub scratch_bytes: u64,
    /// Multiplications and additions of one image: 8 thousand million.
    pub work: u64,
    /// The same for all that depends on no input, which engines compute while loading: 256 million.
    pub constant_work: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 32 << 20,
            nodes: 4096,
            value_bytes: 96 << 20,
            scratch_bytes: 64 << 20,
            work: 8_000_000_000,
            constant_work: 256_000_000,
        }
    }
}

/// The oldest and newest operator sets that are read.
pub const OPSETS: (i64, i64) = (7, 28);
