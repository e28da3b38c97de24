//! Elements along some dimensions to one.

use super::math;
use super::space::{Dim, Dims};
use crate::engine::compiled::format::Reduction;
use crate::engine::compiled::kernels::vector::F32Vector;
use crate::engine::compiled::kernels::vector::portable::PortableF32x4;

/// Results that are made side by side.
const LEN: usize = if cfg!(target_pointer_width = "64") {
    64
} else {
    16
};
/// Elements that are added one to another before their sum is added to the total: so the error of
/// a sum of `n` grows with `64 + n / 64`.
const CHUNK: usize = 64;
/// Vectors of a run that are taken at once.
const SIDE: usize = 4;
/// Shortest run along a reduced dimension that is taken as vectors.
const SHORTEST_RUN: usize = 8;

/// Output and input.
pub(super) const WALKS: usize = 2;

/// What two elements become.
pub(super) trait Combine {
    /// What changes nothing.
    const START: f32;

    fn scalars(a: f32, b: f32) -> f32;
    unsafe fn vectors<V: F32Vector>(a: V, b: V) -> V;
}

macro_rules! combine {
    ($name:ident, $start:expr, $scalars:expr, $vectors:ident) => {
        pub(super) struct $name;

        impl Combine for $name {
            const START: f32 = $start;

            #[inline(always)]
            fn scalars(a: f32, b: f32) -> f32 {
                $scalars(a, b)
            }
            #[inline(always)]
            unsafe fn vectors<V: F32Vector>(a: V, b: V) -> V {
                unsafe { a.$vectors(b) }
            }
        }
    };
}

combine!(Sum, 0.0, core::ops::Add::add, add);
combine!(Prod, 1.0, core::ops::Mul::mul, mul);
combine!(Max, f32::NEG_INFINITY, math::max, max);
combine!(Min, f32::INFINITY, math::min, min);

/// A reduction with its data.
pub(super) struct ReduceCall<'a> {
    pub(super) reduction: Reduction,
    /// Dimensions of the output.
    pub(super) kept: Dims<WALKS>,
    /// Dimensions that are reduced.
    pub(super) reduced: Dims<WALKS>,
    pub(super) firsts: [isize; WALKS],
    pub(super) elements: &'a [f32],
}

impl ReduceCall<'_> {
    /// Runs it.
    ///
    /// # Safety
    /// All places are within the elements and the output, and the processor has the vector's
    /// instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: F32Vector>(&self, out: &mut [f32]) {
        let out = out.as_mut_ptr();
        let count = self.reduced.count() as f32;
        unsafe {
            match self.reduction {
                Reduction::Sum => self.go::<V, Sum>(out, 1.0),
                Reduction::Mean => self.go::<V, Sum>(out, count),
                Reduction::Max => self.go::<V, Max>(out, 1.0),
                Reduction::Min | Reduction::Prod => self.seldom(out),
            }
        }
    }

    /// What is needed seldom: not worth its code for each SIMD level.
    #[inline(never)]
    unsafe fn seldom(&self, out: *mut f32) {
        unsafe {
            match self.reduction {
                Reduction::Min => self.go::<PortableF32x4, Min>(out, 1.0),
                _ => self.go::<PortableF32x4, Prod>(out, 1.0),
            }
        }
    }

    /// Results are divided by `divisor`.
    #[inline(always)]
    unsafe fn go<V: F32Vector, C: Combine>(&self, out: *mut f32, divisor: f32) {
        let x = self.elements.as_ptr();
        let (mut kept, mut reduced) = (self.kept, self.reduced);
        // Neighbours are results, or a short reduced dimension, such as the channels of a group: then
        // so many results are put together at last. A long one is taken as a run.
        let next = |dim: &Dim<WALKS>| dim.strides[1] == 1;
        let all = reduced.count();
        let short = |dim: &Dim<WALKS>| {
            next(dim) && (dim.size < SHORTEST_RUN || (dim.size <= LEN && dim.size < all))
        };
        let (along, folds, run) = if let Some(along) = kept.take(next) {
            (along, 1, None)
        } else if let Some(inner) = reduced.take(short) {
            let along = kept.take(|dim| dim.strides[1] == inner.size.cast_signed());
            (along.unwrap_or(Dim::ONE), inner.size.max(1), None)
        } else if let Some(run) = reduced.take(next) {
            (Dim::ONE, 1, Some(run))
        } else {
            (kept.take(|_| true).unwrap_or(Dim::ONE), 1, None)
        };
        // Results that are made side by side.
        let most = LEN.checked_div(folds).unwrap_or(1).max(1);
        let mut outer = kept.walk(self.firsts);
        loop {
            let [to, from] = outer.at;
            // SAFETY: all that is touched are indices of the space.
            unsafe {
                match run {
                    Some(run) => {
                        let mut total = C::START;
                        let mut inner = reduced.walk([0, from]);
                        loop {
                            let sum = run_of::<V, C>(x.offset(inner.at[1]), run.size);
                            total = C::scalars(total, sum);
                            if !inner.step() {
                                break;
                            }
                        }
                        *out.offset(to) = total / divisor;
                    }
                    None => {
                        let mut done = 0;
                        while done < along.size {
                            let count = most.min(along.size - done);
                            let first = done.cast_signed();
                            let [to_stride, from_stride] = along.strides;
                            let from = from + first * from_stride;
                            let stride = if folds > 1 { 1 } else { from_stride };
                            let sums = lines::<V, C>(x, &reduced, from, stride, count * folds);
                            for (i, sums) in sums.chunks(folds).take(count).enumerate() {
                                let at = to + (first + i.cast_signed()) * to_stride;
                                let mut total = C::START;
                                for sum in sums {
                                    total = C::scalars(total, *sum);
                                }
                                *out.offset(at) = total / divisor;
                            }
                            done += count;
                        }
                    }
                }
            }
            if !outer.step() {
                return;
            }
        }
    }
}

/// Elements `count` by `count`, from place `from` on.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn lines<V: F32Vector, C: Combine>(
    x: *const f32,
    reduced: &Dims<WALKS>,
    from: isize,
    stride: isize,
    count: usize,
) -> [f32; LEN] {
    let mut total = [C::START; LEN];
    let mut chunk = total;
    let mut taken = 0;
    let mut inner = reduced.walk([0, from]);
    loop {
        // SAFETY: all that is touched are indices of the space, or places in the chunk.
        unsafe {
            let x = x.offset(inner.at[1]);
            let chunk = chunk.as_mut_ptr();
            let mut i = 0;
            while stride == 1 && i + V::LANES <= count {
                let sum = C::vectors(V::load(chunk.add(i)), V::load(x.add(i)));
                sum.store(chunk.add(i));
                i += V::LANES;
            }
            while i < count {
                *chunk.add(i) = C::scalars(*chunk.add(i), *x.offset(i.cast_signed() * stride));
                i += 1;
            }
        }
        taken += 1;
        let goes_on = inner.step();
        if taken == CHUNK || !goes_on {
            for (total, chunk) in total.iter_mut().zip(&mut chunk) {
                *total = C::scalars(*total, *chunk);
                *chunk = C::START;
            }
            taken = 0;
        }
        if !goes_on {
            return total;
        }
    }
}

/// Elements that lie side by side: several vectors at once, which are then put together.
///
/// # Safety
/// There are `len` of them.
#[inline(always)]
pub(super) unsafe fn run_of<V: F32Vector, C: Combine>(x: *const f32, len: usize) -> f32 {
    let mut total = C::START;
    let mut done = 0;
    unsafe {
        while done + V::LANES <= len {
            let end = len.min(done + SIDE * V::LANES * CHUNK);
            let mut sums = [V::splat(C::START); SIDE];
            while done + SIDE * V::LANES <= end {
                for side in 0..SIDE {
                    let x = V::load(x.add(done + side * V::LANES));
                    sums[side] = C::vectors(sums[side], x);
                }
                done += SIDE * V::LANES;
            }
            while done + V::LANES <= end {
                sums[0] = C::vectors(sums[0], V::load(x.add(done)));
                done += V::LANES;
            }
            let halves = [C::vectors(sums[0], sums[2]), C::vectors(sums[1], sums[3])];
            let sum = C::vectors(halves[0], halves[1]);
            let mut elements = [C::START; 16];
            sum.store(elements.as_mut_ptr());
            for half in [8, 4, 2, 1] {
                if let Some((low, high)) = elements.split_at_mut_checked(half) {
                    for (a, b) in low.iter_mut().zip(high.iter()) {
                        *a = C::scalars(*a, *b);
                    }
                }
            }
            total = C::scalars(total, elements[0]);
        }
        while done < len {
            total = C::scalars(total, *x.add(done));
            done += 1;
        }
    }
    total
}
