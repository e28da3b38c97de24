//! Strided copies.

use super::space::{Dim, Dims, copy_run};

/// Output and input.
pub(super) const WALKS: usize = 2;
/// Side of the squares in which a matrix is transposed.
const SIDE: usize = 16;

/// A copy with its data.
pub(super) struct MoveCall<'a> {
    pub(super) dims: Dims<WALKS>,
    pub(super) firsts: [isize; WALKS],
    pub(super) elements: &'a [f32],
    /// What fills the output before.
    pub(super) fill: Option<f32>,
}

impl MoveCall<'_> {
    /// Runs it.
    ///
    /// # Safety
    /// All places are within the elements and the output.
    pub(super) unsafe fn run(&self, out: &mut [f32]) {
        if let Some(value) = self.fill {
            out.fill(value);
        }
        let (x, out) = (self.elements.as_ptr(), out.as_mut_ptr());
        let mut rest = self.dims;
        // Written one after another if possible.
        let written = rest.take(|dim| dim.strides[0] == 1);
        let inner = written.or_else(|| rest.take(|_| true)).unwrap_or(Dim::ONE);
        let across = match inner.strides[1] {
            0 | 1 => None,
            _ => rest.take(|dim| dim.strides[1] == 1),
        };
        let across = across.unwrap_or(Dim::ONE);
        let side = if across.size == 1 { inner.size } else { SIDE };
        let mut position = rest.walk(self.firsts);
        loop {
            let [to, from] = position.at;
            let mut outer = 0;
            while outer < across.size {
                let outer_end = across.size.min(outer + SIDE);
                let mut first = 0;
                while first < inner.size {
                    let len = side.min(inner.size - first);
                    for i in outer..outer_end {
                        let place = |at: isize, walk: usize| {
                            at + i.cast_signed() * across.strides[walk]
                                + first.cast_signed() * inner.strides[walk]
                        };
                        // SAFETY: both are indices of the space.
                        unsafe {
                            let (to, from) = (out.offset(place(to, 0)), x.offset(place(from, 1)));
                            copy_run(from, inner.strides[1], to, inner.strides[0], len);
                        }
                    }
                    first += len;
                }
                outer = outer_end;
            }
            if !position.step() {
                return;
            }
        }
    }
}
