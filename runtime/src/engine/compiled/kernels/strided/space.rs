//! Index spaces: dimensions with a stride for each tensor that is walked.

use crate::engine::compiled::format::{MAX_RANK, Walk};

/// What a strided layer reads.
#[derive(Clone, Copy)]
pub(in super::super::super) enum Elements<'a> {
    /// Elements beside the output.
    Apart(&'a [f32]),
    /// The output, before it is written, at the same places.
    InPlace,
}

/// One dimension.
#[derive(Clone, Copy)]
pub(super) struct Dim<const N: usize> {
    pub(super) size: usize,
    /// How far a walk is.
    index: usize,
    /// Elements from one index to the next, for each tensor.
    pub(super) strides: [isize; N],
}

impl<const N: usize> Dim<N> {
    /// One index.
    pub(super) const ONE: Self = Self {
        size: 1,
        index: 0,
        strides: [0; N],
    };
}

/// Dimensions, the innermost one last.
#[derive(Clone, Copy)]
pub(super) struct Dims<const N: usize> {
    dims: [Dim<N>; MAX_RANK],
    len: usize,
}

impl<const N: usize> Dims<N> {
    pub(super) const NONE: Self = Self {
        dims: [Dim::ONE; MAX_RANK],
        len: 0,
    };

    /// The dimensions for which `takes` holds; those of size 1 are left out, and neighbours are one
    /// where every tensor walks on from the one to the next.
    pub(super) fn new(
        sizes: &[u32; MAX_RANK],
        walks: [&Walk; N],
        takes: impl Fn(usize) -> bool,
    ) -> Self {
        let mut dims = Self::NONE;
        for (at, &size) in sizes.iter().enumerate() {
            let mut strides = [0; N];
            for (stride, walk) in strides.iter_mut().zip(walks) {
                *stride = walk.strides.get(at).map_or(0, |stride| *stride as isize);
            }
            if takes(at) {
                dims.push(Dim {
                    size: size as usize,
                    index: 0,
                    strides,
                });
            }
        }
        dims
    }

    fn push(&mut self, dim: Dim<N>) {
        if dim.size == 1 {
            return;
        }
        let before = self.len.checked_sub(1);
        if let Some(last) = before.and_then(|at| self.dims.get_mut(at)) {
            let pairs = last.strides.iter().zip(&dim.strides);
            let mut goes_on = true;
            for (outer, inner) in pairs {
                goes_on &= Some(*outer) == inner.checked_mul(dim.size.cast_signed());
            }
            if goes_on {
                last.size = last.size.saturating_mul(dim.size);
                last.strides = dim.strides;
                return;
            }
        }
        if let Some(to) = self.dims.get_mut(self.len) {
            *to = dim;
            self.len += 1;
        }
    }

    /// The dimensions.
    pub(super) fn get(&self) -> &[Dim<N>] {
        self.dims.get(..self.len).unwrap_or_default()
    }

    /// Indices in all.
    pub(super) fn count(&self) -> usize {
        self.get()
            .iter()
            .fold(1, |all, dim| all.saturating_mul(dim.size))
    }

    /// The same indices for one of the tensors alone.
    pub(super) fn only(&self, tensor: usize) -> Dims<1> {
        let mut dims = Dims::NONE;
        for dim in self.get() {
            dims.push(Dim {
                size: dim.size,
                index: 0,
                strides: [dim.strides.get(tensor).copied().unwrap_or(0)],
            });
        }
        dims
    }

    /// Takes one dimension out, the last one for which `wanted` holds.
    pub(super) fn take(&mut self, wanted: impl Fn(&Dim<N>) -> bool) -> Option<Dim<N>> {
        let at = self.get().iter().rposition(wanted)?;
        let found = self.dims.get(at).copied()?;
        for i in at..self.len {
            let next = self.dims.get(i + 1).copied();
            if let (Some(to), Some(next)) = (self.dims.get_mut(i), next) {
                *to = next;
            }
        }
        self.len -= 1;
        Some(found)
    }

    /// The first place, from `at` on.
    pub(super) fn walk(&self, at: [isize; N]) -> Position<N> {
        Position { dims: *self, at }
    }
}

/// An index on its way through a space, and its place in each tensor. Loops are written with
/// [`step`](Position::step) and not with closures, which are compiled without the instructions of
/// the kernel that they stand in.
#[derive(Clone, Copy)]
pub(super) struct Position<const N: usize> {
    dims: Dims<N>,
    pub(super) at: [isize; N],
}

fn add<const N: usize>(at: &mut [isize; N], strides: &[isize; N], count: isize) {
    for (at, stride) in at.iter_mut().zip(strides) {
        *at += stride * count;
    }
}

impl<const N: usize> Position<N> {
    /// To the next index; `false` behind the last one.
    #[inline(always)]
    pub(super) fn step(&mut self) -> bool {
        let dims = self.dims.dims.get_mut(..self.dims.len).unwrap_or_default();
        // The innermost dimension that has a next index; those within it begin again.
        for dim in dims.iter_mut().rev() {
            dim.index += 1;
            if dim.index < dim.size {
                add(&mut self.at, &dim.strides, 1);
                return true;
            }
            dim.index = 0;
            add(&mut self.at, &dim.strides, 1 - dim.size.cast_signed());
        }
        false
    }

    /// Calls `f` for runs of the innermost dimension, `count` elements in all, with the places of
    /// the first element, the strides and the length; there are as many.
    #[inline(always)]
    pub(super) fn runs(
        &mut self,
        mut count: usize,
        mut f: impl FnMut([isize; N], [isize; N], usize),
    ) {
        while count > 0 {
            let before = self.at;
            let dims = self.dims.dims.get_mut(..self.dims.len).unwrap_or_default();
            let Some(inner) = dims.last_mut() else {
                f(before, [0; N], 1);
                return;
            };
            let len = (inner.size - inner.index).min(count);
            f(before, inner.strides, len);
            count -= len;
            // To the last one of them, and from there as usual.
            inner.index += len - 1;
            add(&mut self.at, &inner.strides, len.cast_signed() - 1);
            self.step();
        }
    }
}

/// Copies `len` elements with strides.
///
/// # Safety
/// All of them are there.
#[inline(always)]
pub(super) unsafe fn copy_run(
    from: *const f32,
    from_stride: isize,
    to: *mut f32,
    to_stride: isize,
    len: usize,
) {
    unsafe {
        match (from_stride, to_stride) {
            (1, 1) if len >= 16 => core::ptr::copy_nonoverlapping(from, to, len),
            (0, 1) => {
                let element = *from;
                for i in 0..len {
                    *to.add(i) = element;
                }
            }
            _ => {
                for i in 0..len.cast_signed() {
                    *to.offset(i * to_stride) = *from.offset(i * from_stride);
                }
            }
        }
    }
}
