//! Matrix times vector.

use super::WeightSlice;
use super::activate::{activate_vector, store_some};
use super::vector::{F32Vector, WeightElement};
use crate::engine::compiled::format::{Activation, BLOCK, padded};

/// A dense layer with its data.
#[derive(Clone, Copy)]
pub(in super::super) struct DenseCall<'a, W> {
    /// Numbers of an input vector.
    pub inputs: usize,
    /// Numbers of an output vector.
    pub outputs: usize,
    /// The input vector.
    pub x: &'a [f32],
    /// Packed weights, `[block][input][16]`.
    pub weights: W,
    /// Biases, padded to whole blocks.
    pub bias: Option<&'a [f32]>,
    /// What is done to sums.
    pub activation: Activation,
}

impl<'a> DenseCall<'a, WeightSlice<'a>> {
    /// The same with weights of one type.
    pub(super) fn with<W>(&self, weights: &'a [W]) -> DenseCall<'a, &'a [W]> {
        DenseCall {
            inputs: self.inputs,
            outputs: self.outputs,
            x: self.x,
            bias: self.bias,
            activation: self.activation,
            weights,
        }
    }
}

impl<W: WeightElement> DenseCall<'_, &[W]> {
    /// Whether all slices have the lengths that the geometry asks for.
    pub(super) fn fits(&self, out: &[f32]) -> bool {
        self.x.len() == self.inputs
            && out.len() == self.outputs
            && self.weights.len() == self.inputs * padded(self.outputs)
            && self
                .bias
                .is_none_or(|bias| bias.len() == padded(self.outputs))
    }

    /// Runs it: the weights are read once, front to back, so that memory is all that limits it.
    ///
    /// # Safety
    /// [`fits`](Self::fits) holds, and the processor has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: F32Vector>(&self, out: *mut f32) {
        match BLOCK / V::LANES {
            1 => unsafe { self.blocks::<V, 1, 8>(out) },
            2 => unsafe { self.blocks::<V, 2, 4>(out) },
            // Several sums for each output hide the latency of additions; a processor without vectors has too few registers.
            _ if V::WIDE == 1 => unsafe { self.blocks::<V, 4, 1>(out) },
            _ => unsafe { self.blocks::<V, 4, 2>(out) },
        }
    }

    /// Block by block of `NV` vectors, `U` inputs at a time.
    #[inline(always)]
    unsafe fn blocks<V: F32Vector, const NV: usize, const U: usize>(&self, out: *mut f32) {
        unsafe {
            let mut w = self.weights.as_ptr();
            let x = self.x.as_ptr();
            for block in 0..padded(self.outputs) / BLOCK {
                let mut sums = [[V::splat(0.0); NV]; U];
                if let Some(bias) = self.bias {
                    for v in 0..NV {
                        sums[0][v] = V::load(bias.as_ptr().add(block * BLOCK + v * V::LANES));
                    }
                }
                let mut i = 0;
                while V::BY_LANE && i + 4 <= self.inputs {
                    let xs = V::load(x.add(i));
                    macro_rules! lanes {
                        ($($lane:literal)*) => {$(
                            for v in 0..NV {
                                let weights = W::vector(w.add($lane * BLOCK + v * V::LANES));
                                let sum = &mut sums[$lane % U][v];
                                *sum = sum.fma_lane::<$lane>(xs, weights);
                            }
                        )*};
                    }
                    lanes!(0 1 2 3);
                    w = w.add(4 * BLOCK);
                    i += 4;
                }
                while i + U <= self.inputs {
                    for u in 0..U {
                        let a = V::splat(*x.add(i + u));
                        for v in 0..NV {
                            sums[u][v] =
                                sums[u][v].fma(a, W::vector(w.add(u * BLOCK + v * V::LANES)));
                        }
                    }
                    w = w.add(U * BLOCK);
                    i += U;
                }
                while i < self.inputs {
                    let a = V::splat(*x.add(i));
                    for v in 0..NV {
                        sums[0][v] = sums[0][v].fma(a, W::vector(w.add(v * V::LANES)));
                    }
                    w = w.add(BLOCK);
                    i += 1;
                }
                // Apart from the loop below, which is too large to be unrolled: with its index, sums would be kept in memory.
                let mut totals = sums[0];
                for u in 1..U {
                    for v in 0..NV {
                        totals[v] = totals[v].add(sums[u][v]);
                    }
                }
                for v in 0..NV {
                    let sum = totals[v];
                    let at = block * BLOCK + v * V::LANES;
                    if at < self.outputs {
                        store_some(
                            activate_vector(sum, self.activation),
                            out.add(at),
                            self.outputs - at,
                        );
                    }
                }
            }
        }
    }
}
