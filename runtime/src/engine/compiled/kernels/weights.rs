//! Weights of f32 layers: as they lie in the file, and as elements that become vectors.

use super::vector::F32Vector;

/// Weights as they lie in the file.
#[derive(Clone, Copy)]
pub(in super::super) enum WeightSlice<'a> {
    /// f32.
    F32(&'a [f32]),
    /// Bits of f16.
    F16(&'a [u16]),
}

impl<'a> WeightSlice<'a> {
    /// `len` weights from number `first` on.
    pub(in super::super) fn part(self, first: usize, len: usize) -> Option<Self> {
        Some(match self {
            Self::F32(weights) => Self::F32(weights.get(first..)?.get(..len)?),
            Self::F16(weights) => Self::F16(weights.get(first..)?.get(..len)?),
        })
    }
}

/// Weights that become vectors.
pub(in super::super) trait WeightElement: Copy {
    /// Most rows of a tile: fewer shapes are less code.
    const ROWS: usize;

    unsafe fn vector<V: F32Vector>(from: *const Self) -> V;
}

impl WeightElement for f32 {
    const ROWS: usize = 3;

    #[inline(always)]
    unsafe fn vector<V: F32Vector>(from: *const Self) -> V {
        unsafe { V::load(from) }
    }
}

impl WeightElement for u16 {
    const ROWS: usize = 1;

    #[inline(always)]
    unsafe fn vector<V: F32Vector>(from: *const Self) -> V {
        unsafe { V::load_half(from) }
    }
}
