//! What [`Op::UpsampleConv`](crate::engine::compiled::format::Op::UpsampleConv) does beside multiplying: differences of pixels, and the rows of the
//! picture from rows of products.

use super::activate::store_some;
use super::vector::Vector;
use crate::engine::compiled::format::padded;

/// `out = a - b`, number by number.
///
/// # Safety
/// All are good for `len` numbers, and the processor has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn subtract<V: Vector>(a: *const f32, b: *const f32, out: *mut f32, len: usize) {
    unsafe {
        let mut i = 0;
        while i + V::LANES <= len {
            let difference = V::load(a.add(i)).fma(V::load(b.add(i)), V::splat(-1.0));
            difference.store(out.add(i));
            i += V::LANES;
        }
        while i < len {
            *out.add(i) = *a.add(i) - *b.add(i);
            i += 1;
        }
    }
}

/// Products of rows, and a row of the picture that is their sum.
#[derive(Clone, Copy)]
pub(in super::super) struct Interleave<'a> {
    /// Rows of the input whose products there are, and which of them this is.
    pub rows: usize,
    pub row: usize,
    /// Columns of the input.
    pub width: usize,
    /// Output channels.
    pub outputs: usize,
    /// Products of the input's rows, by kind of column: `[kind][row][column][output channel, padded]`.
    pub own: &'a [f32],
    /// The same of what rows differ by from their neighbours.
    pub other: &'a [f32],
}

impl Interleave<'_> {
    /// Whether all slices have the lengths that the geometry asks for.
    pub(super) fn fits(&self, out: &[f32]) -> bool {
        let products = 3 * self.rows * self.width * padded(self.outputs);
        self.row < self.rows
            && self.own.len() == products
            && self.other.len() == products
            && out.len() == 2 * self.width * self.outputs
    }

    /// Writes the row.
    ///
    /// # Safety
    /// [`fits`](Self::fits) holds, and the processor has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: Vector>(&self, out: *mut f32) {
        let channels = padded(self.outputs);
        let row = self.width * channels;
        let kinds = self.rows * row;
        unsafe {
            for column in 0..self.width {
                let mut channel = 0;
                while channel < self.outputs {
                    let at = self.row * row + column * channels + channel;
                    let sum = |kind: usize| {
                        let own = V::load(self.own.as_ptr().add(kind * kinds + at));
                        own.add(V::load(self.other.as_ptr().add(kind * kinds + at)))
                    };
                    let (middle, left) = (sum(0), self.outputs - channel);
                    for side in 0..2 {
                        let sum = middle.add(sum(1 + side));
                        let pixel = out.add((2 * column + side) * self.outputs + channel);
                        store_some(sum, pixel, left);
                    }
                    channel += V::LANES;
                }
            }
        }
    }
}
