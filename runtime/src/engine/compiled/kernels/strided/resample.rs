//! Another size along one dimension.

use super::space::{Dim, Dims};

/// Output and input.
pub(super) const WALKS: usize = 2;
/// Elements that are made side by side.
const LEN: usize = 16;

/// A resampling with its data.
pub(super) struct ResampleCall<'a> {
    /// All dimensions but the axis.
    pub(super) dims: Dims<WALKS>,
    /// Strides along the axis.
    pub(super) axis: [isize; WALKS],
    pub(super) firsts: [isize; WALKS],
    /// Where the taps of each output position begin, and after the last where they end.
    pub(super) begins: &'a [u32],
    /// Input position and weight.
    pub(super) taps: &'a [[u32; 2]],
    pub(super) elements: &'a [f32],
}

impl ResampleCall<'_> {
    /// Runs it.
    ///
    /// # Safety
    /// All places are within the elements and the output.
    #[inline(always)]
    pub(super) unsafe fn run(&self, out: &mut [f32]) {
        let (x, out) = (self.elements.as_ptr(), out.as_mut_ptr());
        let mut rest = self.dims;
        let inner = rest.take(|dim| dim.strides == [1, 1]);
        let inner = inner.or_else(|| rest.take(|_| true)).unwrap_or(Dim::ONE);
        let mut outer = rest.walk(self.firsts);
        loop {
            let [mut to, from] = outer.at;
            for ends in self.begins.windows(2) {
                let &[begin, end] = ends else { return };
                let taps = self.taps.get(begin as usize..end as usize);
                let taps = taps.unwrap_or_default();
                let mut done = 0;
                // SAFETY: `done` and what is beside it are indices of the inner dimension.
                unsafe {
                    while inner.strides == [1, 1] && done + LEN <= inner.size {
                        let mut sums = [0.0; LEN];
                        for &[position, weight] in taps {
                            let at = from + position as isize * self.axis[1];
                            let x = &*x.offset(at).add(done).cast::<[f32; LEN]>();
                            let weight = f32::from_bits(weight);
                            for i in 0..LEN {
                                sums[i] += weight * x[i];
                            }
                        }
                        *out.offset(to).add(done).cast::<[f32; LEN]>() = sums;
                        done += LEN;
                    }
                    while done < inner.size {
                        let i = done.cast_signed();
                        let mut sum = 0.0;
                        for &[position, weight] in taps {
                            let at = i * inner.strides[1] + position as isize * self.axis[1];
                            sum += f32::from_bits(weight) * *x.offset(from + at);
                        }
                        *out.offset(to + i * inner.strides[0]) = sum;
                        done += 1;
                    }
                }
                to += self.axis[0];
            }
            if !outer.step() {
                return;
            }
        }
    }
}
