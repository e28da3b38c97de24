//! A convolution of int8 layers with its data.

use crate::engine::compiled::conv_axis::ConvAxis;
use crate::engine::compiled::format::padded;

/// What an int8 layer reads.
#[derive(Clone, Copy)]
pub(in super::super::super) enum QuantizedSlice<'a> {
    /// Signed bytes.
    I8(&'a [i8]),
    /// Unsigned bytes.
    U8(&'a [u8]),
    /// i16 elements.
    I16(&'a [i16]),
}

impl QuantizedSlice<'_> {
    /// Elements in it.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::I8(x) => x.len(),
            Self::U8(x) => x.len(),
            Self::I16(x) => x.len(),
        }
    }

    /// `len` elements from number `from` on.
    pub(in super::super::super) fn part(&self, from: usize, len: usize) -> Option<Self> {
        Some(match self {
            Self::I8(x) => Self::I8(x.get(from..)?.get(..len)?),
            Self::U8(x) => Self::U8(x.get(from..)?.get(..len)?),
            Self::I16(x) => Self::I16(x.get(from..)?.get(..len)?),
        })
    }
}

/// An int8 convolution with its data. A dense layer is one of a single pixel.
#[derive(Clone, Copy)]
pub(in super::super::super) struct Int8Conv<'a, X> {
    /// Rows and columns.
    pub axes: [ConvAxis; 2],
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Input image, `[row][column][input channel]`.
    pub x: X,
    /// Packed weights,
    /// `[block][row phase][column phase][row tap][column tap][input channel / 4][16][4]`.
    pub weights: &'a [i8],
}

impl<'a, X> Int8Conv<'a, X> {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(super) fn with<T>(&self, x: &'a [T]) -> Int8Conv<'a, &'a [T]> {
        Int8Conv {
            axes: self.axes,
            inputs: self.inputs,
            outputs: self.outputs,
            x,
            weights: self.weights,
        }
    }
}

impl Int8Conv<'_, QuantizedSlice<'_>> {
    /// Whether input, weights and output have the lengths that the geometry asks for.
    pub(super) fn fits(&self, out: usize) -> bool {
        let [rows, columns] = &self.axes;
        let inputs = self.inputs.next_multiple_of(4);
        self.x.len() == rows.input * columns.input * self.inputs
            && out == rows.output * columns.output * self.outputs
            && self.weights.len() == rows.kernel * columns.kernel * inputs * padded(self.outputs)
    }
}
