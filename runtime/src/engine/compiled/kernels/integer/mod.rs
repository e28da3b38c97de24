//! Layers of bytes: 32-bit sums of products, brought back to bytes. There are no floats here, and every level gives the same bytes.

mod gather;
mod requantize;
mod scalar;

pub(in super::super) use gather::ByteGather;
pub(in super::super) use requantize::Requantizer;

use super::Level;
use crate::engine::compiled::axis::Axis;
use crate::engine::compiled::format::padded;

/// What a layer of bytes reads.
#[derive(Clone, Copy)]
pub(in super::super) enum Integers<'a> {
    /// Signed bytes.
    I8(&'a [i8]),
    /// Unsigned bytes.
    U8(&'a [u8]),
    /// 16-bit numbers.
    I16(&'a [i16]),
}

/// Numbers that are multiplied with weights.
pub(super) trait Term: Copy + Default {
    /// As 32 bits.
    fn wide(self) -> i32;
}

impl Term for i8 {
    #[inline(always)]
    fn wide(self) -> i32 {
        self.into()
    }
}

impl Term for u8 {
    #[inline(always)]
    fn wide(self) -> i32 {
        self.into()
    }
}

impl Term for i16 {
    #[inline(always)]
    fn wide(self) -> i32 {
        self.into()
    }
}

/// A convolution of bytes with its data. A dense layer is one of a single pixel.
#[derive(Clone, Copy)]
pub(in super::super) struct ByteConv<'a, X> {
    /// Rows and columns.
    pub axes: [Axis; 2],
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Input picture, `[row][column][input channel]`.
    pub x: X,
    /// Packed weights, `[block][row phase][column phase][row tap][column tap][input channel / 4][16][4]`.
    pub weights: &'a [i8],
}

impl<'a, X> ByteConv<'a, X> {
    fn with<T>(&self, x: &'a [T]) -> ByteConv<'a, &'a [T]> {
        ByteConv {
            axes: self.axes,
            inputs: self.inputs,
            outputs: self.outputs,
            x,
            weights: self.weights,
        }
    }
}

impl<X> ByteConv<'_, &[X]> {
    /// Whether input, weights and output have the lengths that the geometry asks for.
    fn fits(&self, out: usize) -> bool {
        let [rows, columns] = &self.axes;
        let inputs = self.inputs.next_multiple_of(4);
        self.x.len() == rows.input * columns.input * self.inputs
            && out == rows.output * columns.output * self.outputs
            && self.weights.len() == rows.kernel * columns.kernel * inputs * padded(self.outputs)
    }
}

/// What becomes of a sum.
pub(super) trait Finish: Copy {
    /// What is written.
    type Number: Copy;
    /// What the sum of a channel begins with.
    fn first(&self, channel: usize) -> i32;
    /// What is written for it.
    fn number(&self, sum: i32, channel: usize) -> Self::Number;
    /// Whether there is what it needs for so many channels.
    fn fits(&self, outputs: usize) -> bool;
}

impl Finish for Requantizer<'_> {
    type Number = u8;
    #[inline(always)]
    fn first(&self, channel: usize) -> i32 {
        self.bias(channel)
    }
    #[inline(always)]
    fn number(&self, sum: i32, channel: usize) -> u8 {
        self.looked_up(self.clamped(sum, self.multiplier(channel)))
    }
    fn fits(&self, outputs: usize) -> bool {
        self.fits(outputs)
    }
}

/// Sums stay as they are.
#[derive(Clone, Copy)]
struct Raw;

impl Finish for Raw {
    type Number = i32;
    #[inline(always)]
    fn first(&self, _: usize) -> i32 {
        0
    }
    #[inline(always)]
    fn number(&self, sum: i32, _: usize) -> i32 {
        sum
    }
    fn fits(&self, _: usize) -> bool {
        true
    }
}

fn dispatch<X: Term, F: Finish>(
    _level: Level,
    call: &ByteConv<'_, &[X]>,
    finish: F,
    out: &mut [F::Number],
) -> Option<()> {
    if !(call.fits(out.len()) && finish.fits(call.outputs)) {
        return None;
    }
    scalar::conv(call, finish, out)
}

fn any<F: Finish>(
    level: Level,
    call: &ByteConv<'_, Integers<'_>>,
    finish: F,
    out: &mut [F::Number],
) -> Option<()> {
    match call.x {
        Integers::I8(x) => dispatch(level, &call.with(x), finish, out),
        Integers::U8(x) => dispatch(level, &call.with(x), finish, out),
        Integers::I16(x) => dispatch(level, &call.with(x), finish, out),
    }
}

/// A convolution or a dense layer; `None` if a slice has not the length it should have.
pub(in super::super) fn byte_conv(
    level: Level,
    call: &ByteConv<'_, Integers<'_>>,
    requantizer: Requantizer<'_>,
    out: &mut [u8],
) -> Option<()> {
    any(level, call, requantizer, out)
}

/// The sums of a row of input pixels for a convolution with few output channels: `call` is a convolution with a kernel of one pixel, on this row.
pub(in super::super) fn byte_sums(
    level: Level,
    call: &ByteConv<'_, Integers<'_>>,
    line: &mut [i32],
) -> Option<()> {
    any(level, call, Raw, line)
}

/// Row `row` of the picture of a convolution with few output channels. `lines` holds the kept rows of sums; in `out` the row's first byte stands
/// first, and channels are `plane` bytes apart.
pub(in super::super) fn byte_gather(
    _level: Level,
    call: &ByteGather<'_>,
    lines: &[i32],
    row: usize,
    out: &mut [u8],
    plane: usize,
) -> Option<()> {
    let requantizer = &call.requantizer;
    call.row(lines, row, out, plane, |channel, sums| {
        let multiplier = requantizer.multiplier(channel);
        for sum in sums {
            *sum = requantizer.clamped(*sum, multiplier);
        }
    })
}
