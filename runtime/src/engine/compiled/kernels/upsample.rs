//! What [`Op::UpsampleConv`](crate::engine::compiled::format::Op::UpsampleConv) does beside multiplying: differences of pixels, and the rows of the
//! image from rows of products.

use super::activate::store_some;
use super::vector::F32Vector;
use crate::engine::compiled::format::padded;

/// `out = a - b`, number by number.
///
/// # Safety
/// All are good for `len` numbers, and the processor has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn subtract<V: F32Vector>(
    a: *const f32,
    b: *const f32,
    out: *mut f32,
    len: usize,
) {
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

/// Products of rows, and the rows of the image that are their sums.
#[derive(Clone, Copy)]
pub(in super::super) struct Interleave<'a> {
    /// Rows of the input.
    pub rows: usize,
    /// Columns of the input.
    pub width: usize,
    /// Output channels.
    pub outputs: usize,
    /// Products of the input's rows, by kind of column: `[kind][row][column][output channel, padded]`.
    pub own: &'a [f32],
    /// The same of what rows differ by from their neighbours.
    pub other: &'a [f32],
    /// Which of the two rows of the image that a row makes: 0 or 1.
    pub side: usize,
}

impl Interleave<'_> {
    /// Whether all slices have the lengths that the geometry asks for.
    pub(super) fn fits(&self, out: &[f32]) -> bool {
        let pixels = self.rows * self.width;
        let products = 3 * pixels * padded(self.outputs);
        self.side < 2
            && self.own.len() == products
            && self.other.len() == products
            && out.len() == 4 * pixels * self.outputs
    }

    /// Writes every other row of `out`.
    ///
    /// # Safety
    /// [`fits`](Self::fits) holds, and the processor has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: F32Vector>(&self, out: *mut f32) {
        let channels = padded(self.outputs);
        let kinds = self.rows * self.width * channels;
        unsafe {
            for pixel in 0..self.rows * self.width {
                // `width` more pixels for each row of the other side that lies before.
                let before = pixel.checked_div(self.width).unwrap_or(0) + self.side;
                let to = 2 * (pixel + before * self.width) * self.outputs;
                let mut channel = 0;
                while channel < self.outputs {
                    let at = pixel * channels + channel;
                    let sum = |kind: usize| {
                        let own = V::load(self.own.as_ptr().add(kind * kinds + at));
                        own.add(V::load(self.other.as_ptr().add(kind * kinds + at)))
                    };
                    let (middle, left) = (sum(0), self.outputs - channel);
                    for side in 0..2 {
                        let sum = middle.add(sum(1 + side));
                        store_some(sum, out.add(to + side * self.outputs + channel), left);
                    }
                    channel += V::LANES;
                }
            }
        }
    }
}
