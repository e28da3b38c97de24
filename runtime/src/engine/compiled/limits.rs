//! What an image of a compiled model may cost.

/// What an image of a compiled model may cost: a small file can ask for hours. A program that opens
/// files of strangers gives what it can wait for, see
/// [`Model::with_limits`](super::Model::with_limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelLimits {
    /// Multiplications, instructions of strided layers, and elements that are read and written:
    /// 2^34 by default, twice of what an ONNX file may have.
    pub work: u64,
    /// Layers: 4096 by default, which is the most there can be.
    pub layers: u32,
}

impl ModelLimits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        work: 1 << 34,
        layers: MAX_LAYERS,
    };

    /// Whatever the format allows, for files of one's own.
    pub const NONE: Self = Self {
        work: u64::MAX,
        layers: MAX_LAYERS,
    };
}

impl Default for ModelLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Most layers that a file may have.
pub(super) const MAX_LAYERS: u32 = 1 << 12;
