//! Attention: products of queries and keys, their softmax, and values by these weights, by blocks
//! of queries and keys, so that the whole matrix of weights is nowhere (Dao et al. 2022,
//! "FlashAttention"; the running softmax is that of Milakov and Gimelshein 2018).

use super::map::exp_within;
use super::math;
use super::matmul::{Multiply, Panels, Product, Steps};
use super::reduce::{Max, Sum, run_of};
use super::space::Dims;
use crate::engine::compiled::kernels::vector::F32Vector;

/// Output, queries, keys and values.
pub(super) const WALKS: usize = 4;
/// Queries and keys of a block. A small machine has little room for its stack.
const QUERIES: usize = if cfg!(target_pointer_width = "64") {
    64
} else {
    8
};
const KEYS: usize = if cfg!(target_pointer_width = "64") {
    128
} else {
    32
};

/// Attention with its data.
pub(super) struct AttentionCall<'a> {
    /// One attention after another.
    pub(super) batch: Dims<WALKS>,
    pub(super) firsts: [isize; WALKS],
    /// Elements of a query and a key.
    pub(super) inner: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    /// Elements of a value.
    pub(super) columns: usize,
    /// A row of the output, of queries, of keys and of values is one of them.
    pub(super) steps: [Steps; WALKS],
    /// What products are multiplied by.
    pub(super) scale: f32,
    pub(super) operands: [&'a [f32]; 3],
}

impl AttentionCall<'_> {
    /// Runs it; `work` runs its parts.
    ///
    /// # Safety
    /// All places are within the operands and the output.
    pub(super) unsafe fn run(&self, out: &mut [f32], mut work: impl FnMut(Work<'_, '_>)) {
        let mut panels = Panels::EMPTY;
        let mut weights = [[0.0; KEYS]; QUERIES];
        let out = out.as_mut_ptr();
        let [queries, keys, values] = self.operands;
        let mut position = self.batch.walk(self.firsts);
        loop {
            let [to, query, key, value] = position.at;
            // SAFETY: all that is touched are indices of the space.
            unsafe {
                let mut row = 0;
                while row < self.queries {
                    let r = row.cast_signed();
                    let (query, key, value) = (
                        queries.as_ptr().offset(query + r * self.steps[1].row),
                        keys.as_ptr().offset(key),
                        values.as_ptr().offset(value),
                    );
                    let count = QUERIES.min(self.queries - row);
                    let to = out.offset(to + r * self.steps[0].row);
                    let weights = weights.get_mut(..count).unwrap_or_default();
                    self.block([query, key, value], to, weights, &mut panels, &mut work);
                    row += count;
                }
            }
            if !position.step() {
                return;
            }
        }
    }

    /// As many queries as `weights` has rows.
    ///
    /// # Safety
    /// The operands, from these elements on, and the output have them.
    unsafe fn block(
        &self,
        [query, key, value]: [*const f32; 3],
        to: *mut f32,
        weights: &mut [[f32; KEYS]],
        panels: &mut Panels,
        work: &mut impl FnMut(Work<'_, '_>),
    ) {
        let [out_steps, query_steps, key_steps, value_steps] = self.steps;
        let own = Steps {
            row: KEYS.cast_signed(),
            column: 1,
        };
        let turned = Steps {
            row: key_steps.column,
            column: key_steps.row,
        };
        let mut greatest = [f32::NEG_INFINITY; QUERIES];
        let mut sums = [0.0; QUERIES];
        let mut fades = [1.0; QUERIES];
        let mut from = 0;
        while from < self.keys {
            let keys = KEYS.min(self.keys - from);
            let k = from.cast_signed();
            let all: *mut f32 = weights.as_mut_ptr().cast();
            // SAFETY: all that is touched are indices of the space.
            let (key, value) = unsafe {
                let key = key.offset(k * key_steps.row);
                (key, value.offset(k * value_steps.row))
            };
            work(Work::Multiply(Multiply {
                product: Product {
                    rows: weights.len(),
                    columns: keys,
                    inner: self.inner,
                    steps: [own, query_steps, turned],
                    adds: false,
                },
                to: all,
                left: query,
                right: key,
                panels,
            }));
            work(Work::Softmax(Softmax {
                scale: self.scale,
                weights,
                keys,
                greatest: &mut greatest,
                sums: &mut sums,
                fades: &mut fades,
            }));
            for (row, fades) in fades.iter().take(weights.len()).enumerate() {
                if from > 0 && *fades != 1.0 {
                    // SAFETY: a row of the output.
                    unsafe { self.scale_row(to.offset(row.cast_signed() * out_steps.row), *fades) };
                }
            }
            work(Work::Multiply(Multiply {
                product: Product {
                    rows: weights.len(),
                    columns: self.columns,
                    inner: keys,
                    steps: [out_steps, own, value_steps],
                    adds: from > 0,
                },
                to,
                left: weights.as_ptr().cast(),
                right: value,
                panels,
            }));
            from += keys;
        }
        for (row, sum) in sums.iter().take(weights.len()).enumerate() {
            // SAFETY: a row of the output.
            unsafe { self.scale_row(to.offset(row.cast_signed() * out_steps.row), 1.0 / sum) };
        }
    }

    /// # Safety
    /// `to` is the first element of a row of the output.
    unsafe fn scale_row(&self, to: *mut f32, by: f32) {
        let step = self.steps[0].column;
        for column in 0..self.columns.cast_signed() {
            unsafe { *to.offset(column * step) *= by };
        }
    }
}

/// A part of the work.
pub(in super::super) enum Work<'a, 'b> {
    Multiply(Multiply<'a>),
    Softmax(Softmax<'b>),
}

/// Products of queries and keys that become exponentials.
pub(in super::super) struct Softmax<'a> {
    scale: f32,
    weights: &'a mut [[f32; KEYS]],
    keys: usize,
    /// Of each query the greatest product so far, and the sum of its exponentials.
    greatest: &'a mut [f32; QUERIES],
    sums: &'a mut [f32; QUERIES],
    /// What that is to be multiplied by which was made with a smaller greatest product.
    fades: &'a mut [f32; QUERIES],
}

impl Softmax<'_> {
    /// Runs it.
    ///
    /// # Safety
    /// The processor has the vector's instructions.
    #[inline(always)]
    pub(in super::super) unsafe fn run<V: F32Vector>(self) {
        let mut least = [0.0; QUERIES];
        let states = self.greatest.iter_mut().zip(&mut *self.fades);
        for (line, ((greatest, fade), least)) in self.weights.iter_mut().zip(states.zip(&mut least))
        {
            let line = line.get_mut(..self.keys).unwrap_or_default();
            if self.scale != 1.0 {
                for x in &mut *line {
                    *x *= self.scale;
                }
            }
            let most = unsafe { run_of::<V, Max>(line.as_ptr(), line.len()) };
            let most = math::max(*greatest, most);
            // Minus infinity from itself would be NaN.
            *least = if most == f32::NEG_INFINITY { 0.0 } else { most };
            *fade = *greatest - *least;
            *greatest = most;
        }
        for fades in self.fades.chunks_exact_mut(V::LANES) {
            unsafe { below_zero(V::load(fades.as_ptr())).store(fades.as_mut_ptr()) };
        }
        let states = self.sums.iter_mut().zip(&*self.fades).zip(&least);
        for (line, ((sum, fade), least)) in self.weights.iter_mut().zip(states) {
            let line = line.get_mut(..self.keys).unwrap_or_default();
            let shift = unsafe { V::splat(-least) };
            let (vectors, rest) = line.split_at_mut(line.len() - line.len() % V::LANES);
            for x in vectors.chunks_exact_mut(V::LANES) {
                unsafe { below_zero(V::load(x.as_ptr()).add(shift)).store(x.as_mut_ptr()) };
            }
            for x in rest {
                *x = math::exp(*x - least);
            }
            *sum = *sum * fade + unsafe { run_of::<V, Sum>(line.as_ptr(), line.len()) };
        }
    }
}

/// `exp(x)` of a number up to 0.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
unsafe fn below_zero<V: F32Vector>(x: V) -> V {
    unsafe { exp_within::<V, false>(x) }
}
