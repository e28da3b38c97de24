//! From a strided layer's words to its kernel.

use super::attention::{AttentionCall, Work};
use super::copy::MoveCall;
use super::map::MapCall;
use super::matmul::{MatMulCall, Product, Steps};
use super::reduce::ReduceCall;
use super::resample::ResampleCall;
use super::space::{Dims, Elements};
use crate::engine::compiled::format::{MAX_OPERANDS, MAX_RANK, Parts, Strided, Walk};
use crate::engine::compiled::kernels::vector::F32Vector;

/// A strided layer with its data.
pub(in super::super::super) struct StridedCall<'a> {
    /// Its words.
    pub strided: Strided<'a>,
    /// What it reads; those that it has not are empty.
    pub operands: [Elements<'a>; MAX_OPERANDS],
}

/// Places as pointers take them.
fn firsts<const N: usize>(walks: [&Walk; N]) -> [isize; N] {
    walks.map(|walk| walk.first as isize)
}

impl<'a> StridedCall<'a> {
    /// Whether every place is within its slice, and every tap within its axis.
    pub(in super::super) fn fits(&self, out: &[f32]) -> bool {
        let Strided { sizes, output, .. } = &self.strided;
        let within = |walk: &Walk, sizes: &[u32; MAX_RANK], len: usize| {
            let last = walk.reach(sizes).map(|(_, last)| last);
            last.is_some_and(|last| last < len as u64)
        };
        let read = self.strided.read_sizes();
        let is_map = matches!(self.strided.parts, Parts::Map { .. });
        let mut operands = self.strided.operands().zip(&self.operands);
        let fit = operands.all(|((_, walk), elements)| match elements {
            Elements::Apart(elements) => within(walk, &read, elements.len()),
            Elements::InPlace => is_map && walk == output,
        });
        let taps = match self.strided.parts {
            Parts::Resample {
                positions, taps, ..
            } => taps.iter().all(|[position, _]| *position < positions),
            _ => true,
        };
        fit && taps && within(output, sizes, out.len())
    }

    /// Runs it; `None` for a layer that the loader does not accept.
    ///
    /// # Safety
    /// [`fits`](Self::fits) holds, and the processor has the vector's instructions.
    #[inline(always)]
    pub(in super::super) unsafe fn run<V: F32Vector>(&self, out: &mut [f32]) -> Option<()> {
        let Strided {
            sizes,
            output,
            operands: [(_, a), ..],
            ..
        } = &self.strided;
        let slice = |at: usize| match self.operands.get(at) {
            Some(Elements::Apart(elements)) => Some(*elements),
            _ => None,
        };
        let step = |walk: &Walk, dim: usize| Some(*walk.strides.get(dim)? as isize);
        match self.strided.parts {
            Parts::Map { constants, program } => {
                let operand = |at: usize| self.strided.operands.get(at).map(|(_, walk)| walk);
                let walks = core::array::from_fn(|at| {
                    at.checked_sub(1).and_then(operand).unwrap_or(output)
                });
                let dims = Dims::new(sizes, walks, |_| true);
                let operands = (self.operands, self.strided.count);
                let call = MapCall::new(dims, firsts(walks), operands, constants, program)?;
                unsafe { call.run::<V>(out) };
            }
            Parts::Reduce { reduction, .. } => {
                let walks = [output, a];
                let is_reduced = |dim| self.strided.is_reduced(dim);
                let call = ReduceCall {
                    reduction,
                    kept: Dims::new(sizes, walks, |dim| !is_reduced(dim)),
                    reduced: Dims::new(sizes, walks, is_reduced),
                    firsts: firsts(walks),
                    elements: slice(0)?,
                };
                unsafe { call.run::<V>(out) };
            }
            Parts::Move { fill } => {
                let walks = [output, a];
                let call = MoveCall {
                    dims: Dims::new(sizes, walks, |_| true),
                    firsts: firsts(walks),
                    elements: slice(0)?,
                    fill,
                };
                unsafe { call.run(out) };
            }
            Parts::MatMul | Parts::Attention { .. } => return None,
            Parts::Resample {
                axis, begins, taps, ..
            } => {
                let walks = [output, a];
                let call = ResampleCall {
                    dims: Dims::new(sizes, walks, |dim| dim != axis),
                    axis: [step(output, axis)?, step(a, axis)?],
                    firsts: firsts(walks),
                    begins,
                    taps,
                    elements: slice(0)?,
                };
                unsafe { call.run(out) };
            }
        }
        Some(())
    }

    /// Whether it is one of those that multiply matrices, which [`multiply`](Self::multiply) runs.
    pub(in super::super) const fn multiplies(&self) -> bool {
        matches!(self.strided.parts, Parts::MatMul | Parts::Attention { .. })
    }

    /// Runs a product of matrices or attention, with `work` for its parts; `None` for another layer,
    /// or one that the loader does not accept.
    ///
    /// # Safety
    /// [`fits`](Self::fits) holds.
    pub(in super::super) unsafe fn multiply(
        &self,
        out: &mut [f32],
        mut work: impl FnMut(Work<'_, '_>),
    ) -> Option<()> {
        let Strided {
            sizes,
            rank,
            output,
            operands: [(_, a), (_, b), (_, c), ..],
            ..
        } = &self.strided;
        let slice = |at: usize| match self.operands.get(at) {
            Some(Elements::Apart(elements)) => Some(*elements),
            _ => None,
        };
        let size = |dim: usize| Some(*sizes.get(dim)? as usize);
        let step = |walk: &Walk, dim: usize| Some(*walk.strides.get(dim)? as isize);
        let steps = |walk: &Walk, row: usize, column: usize| {
            Some(Steps {
                row: step(walk, row)?,
                column: step(walk, column)?,
            })
        };
        match self.strided.parts {
            Parts::MatMul => {
                let walks = [output, a, b];
                let rows = rank.checked_sub(3)?;
                let call = MatMulCall {
                    batch: Dims::new(sizes, walks, |dim| dim < rows),
                    firsts: firsts(walks),
                    product: Product {
                        rows: size(rows)?,
                        columns: size(rows + 1)?,
                        inner: size(rows + 2)?,
                        steps: [
                            steps(output, rows, rows + 1)?,
                            steps(a, rows, rows + 2)?,
                            steps(b, rows + 2, rows + 1)?,
                        ],
                        adds: false,
                    },
                    left: slice(0)?,
                    right: slice(1)?,
                };
                unsafe { call.run(out, |product| work(Work::Multiply(product))) };
            }
            Parts::Attention { scale } => {
                let walks = [output, a, b, c];
                let rows = rank.checked_sub(4)?;
                let (columns, keys, inner) = (rows + 1, rows + 2, rows + 3);
                let call = AttentionCall {
                    batch: Dims::new(sizes, walks, |dim| dim < rows),
                    firsts: firsts(walks),
                    queries: size(rows)?,
                    columns: size(columns)?,
                    keys: size(keys)?,
                    inner: size(inner)?,
                    steps: [
                        steps(output, rows, columns)?,
                        steps(a, rows, inner)?,
                        steps(b, keys, inner)?,
                        steps(c, keys, columns)?,
                    ],
                    scale,
                    operands: [slice(0)?, slice(1)?, slice(2)?],
                };
                unsafe { call.run(out, work) };
            }
            _ => return None,
        }
        Some(())
    }
}
