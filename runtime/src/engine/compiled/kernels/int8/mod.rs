//! Layers of bytes: 32-bit sums of products, brought back to bytes. There are no floats here, and every level gives the same bytes.

mod dispatch;
mod gather;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod microkernel;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod out;
mod requantize;
mod scalar;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod simd;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tiles;

pub(in super::super) use dispatch::{int8_col2im_gather, int8_col2im_sums, int8_conv};
pub(in super::super) use gather::Int8Col2Im;
pub(in super::super) use requantize::Requantizer;

use crate::engine::compiled::conv_axis::ConvAxis;
use crate::engine::compiled::format::padded;

/// What a layer of bytes reads.
#[derive(Clone, Copy)]
pub(in super::super) enum QuantizedSlice<'a> {
    /// Signed bytes.
    I8(&'a [i8]),
    /// Unsigned bytes.
    U8(&'a [u8]),
    /// 16-bit numbers.
    I16(&'a [i16]),
}

/// Numbers that are multiplied with weights, and the vectors that multiply them.
trait QuantizedElement: Copy + Default {
    #[cfg(target_arch = "x86_64")]
    type Avx2: simd::Products<Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx512: simd::Products<Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx512Vnni: simd::Products<Self>;
    #[cfg(target_arch = "aarch64")]
    type Neon: simd::Products<Self>;
    #[cfg(target_arch = "aarch64")]
    type NeonDotprod: simd::Products<Self>;
    /// Whether VNNI multiplies them: it has only bytes.
    #[cfg(target_arch = "x86_64")]
    const VNNI: bool;
    /// Whether images of them can be more than a row high: tiles of two rows are left out of the program where not.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    const TALL: bool;

    /// As 32 bits.
    fn wide(self) -> i32;
}

macro_rules! quantized_element {
    ($number:ty, $vnni:ident, $neon:ident, $bytes:literal) => {
        impl QuantizedElement for $number {
            #[cfg(target_arch = "x86_64")]
            type Avx2 = simd::x86::I32x8;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = simd::x86::I32x16;
            #[cfg(target_arch = "x86_64")]
            type Avx512Vnni = simd::x86::$vnni;
            #[cfg(target_arch = "aarch64")]
            type Neon = simd::arm::$neon;
            #[cfg(target_arch = "aarch64")]
            type NeonDotprod = simd::arm::Dot;
            #[cfg(target_arch = "x86_64")]
            const VNNI: bool = $bytes;
            // Only dense layers read 16-bit numbers.
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            const TALL: bool = $bytes;

            #[inline(always)]
            fn wide(self) -> i32 {
                self.into()
            }
        }
    };
}

quantized_element!(i8, Vnni, Halves, true);
quantized_element!(u8, Vnni, Halves, true);
quantized_element!(i16, I32x16, I32x4, false);

/// A convolution of bytes with its data. A dense layer is one of a single pixel.
#[derive(Clone, Copy)]
pub(in super::super) struct Int8Conv<'a, X> {
    /// Rows and columns.
    pub axes: [ConvAxis; 2],
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Input image, `[row][column][input channel]`.
    pub x: X,
    /// Packed weights, `[block][row phase][column phase][row tap][column tap][input channel / 4][16][4]`.
    pub weights: &'a [i8],
}

impl<'a, X> Int8Conv<'a, X> {
    fn with<T>(&self, x: &'a [T]) -> Int8Conv<'a, &'a [T]> {
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
    fn fits(&self, out: usize) -> bool {
        let [rows, columns] = &self.axes;
        let inputs = self.inputs.next_multiple_of(4);
        self.x.len() == rows.input * columns.input * self.inputs
            && out == rows.output * columns.output * self.outputs
            && self.weights.len() == rows.kernel * columns.kernel * inputs * padded(self.outputs)
    }
}

/// What becomes of a sum.
trait Finish: Copy {
    /// What is written.
    type Output: Copy;
    /// What the sum of a channel begins with.
    fn first(&self, channel: usize) -> i32;
    /// What is written for it.
    fn number(&self, sum: i32, channel: usize) -> Self::Output;
    /// Whether there is what it needs for so many channels.
    fn fits(&self, outputs: usize) -> bool;
}

impl Finish for Requantizer<'_> {
    type Output = u8;
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
    type Output = i32;
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
