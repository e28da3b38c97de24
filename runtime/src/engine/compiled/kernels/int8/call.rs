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

impl<X> Int8Conv<'_, &[X]> {
    /// Whether input, weights and output have the lengths that the geometry asks for.
    pub(super) fn fits(&self, out: usize) -> bool {
        let [rows, columns] = &self.axes;
        let inputs = self.inputs.next_multiple_of(4);
        self.x.len() == rows.input * columns.input * self.inputs
            && out == rows.output * columns.output * self.outputs
            && self.weights.len() == rows.kernel * columns.kernel * inputs * padded(self.outputs)
    }
}
