//! Products of matrices in the processor's widest vectors, where one matrix is read out of feature
//! maps as they lie.
//!
//! Sums go in the order of their terms, each by a fused multiplication and addition. So results are
//! the same for all widths of vectors.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Vectors that a tile is wide.
const WIDE: usize = 2;

/// Terms of a sum that a tile takes at a time: so many rows of a panel fit into the first level of
/// the cache.
const DEPTH: usize = 256;

struct SimdWidth;

impl WithSimd for SimdWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// Elements in a vector of this machine.
pub(crate) fn simd_width() -> usize {
    Arch::new().dispatch(SimdWidth)
}

/// Columns of a panel on this machine.
pub(super) fn panel() -> usize {
    WIDE * simd_width()
}

/// The second matrix of a product, cut into panels of columns, each `[terms, panel]`; zeros behind
/// the last column. The number for a term and a column is `matrix[terms[term] + column * stride]`.
pub(super) fn panels(
    matrix: &[f32],
    terms: &[usize],
    columns: usize,
    stride: usize,
) -> Vec<Vec<f32>> {
    let wide = panel();
    (0..columns.div_ceil(wide))
        .into_par_iter()
        .map(|index| {
            let here = wide.min(columns - index * wide);
            let mut out = Vec::with_capacity(terms.len() * wide);
            for (row, term) in terms.iter().enumerate() {
                let from = matrix.get(term + index * wide * stride..);
                let column = from.unwrap_or_default().iter().step_by(stride.max(1));
                out.extend(column.take(here));
                out.resize((row + 1) * wide, 0.0);
            }
            out
        })
        .collect()
}

/// The vectors at the beginning of `from`: all of them where it is long enough (`FULL`), else with
/// zeros behind its end.
#[inline(always)]
fn load<S: Simd, const FULL: bool>(simd: S, from: &[f32]) -> [S::f32s; WIDE] {
    if FULL && let Some(vectors) = S::as_simd_f32s(from).0.first_chunk::<WIDE>() {
        return *vectors;
    }
    core::array::from_fn(|j| {
        let rest = from.get(j * S::F32_LANES..).unwrap_or_default();
        simd.partial_load_f32s(rest.get(..S::F32_LANES).unwrap_or(rest))
    })
}

/// Puts vectors at the beginning of `into`, as far as it is long.
#[inline(always)]
fn store<S: Simd, const FULL: bool>(simd: S, into: &mut [f32], vectors: [S::f32s; WIDE]) {
    if FULL && let Some(place) = S::as_mut_simd_f32s(into).0.first_chunk_mut::<WIDE>() {
        *place = vectors;
        return;
    }
    for (into, vector) in into.chunks_mut(S::F32_LANES).zip(vectors) {
        simd.partial_store_f32s(into, vector);
    }
}

/// Rows of a matrix that lie in `elements` in parts: row m is, for each of `parts`, `len` elements
/// from `starts[m]` plus the part. In a [`Matmul`] the last part ends where the panel ends.
#[derive(Clone, Copy)]
pub(super) struct WindowRows<'a> {
    pub(super) elements: &'a [f32],
    pub(super) starts: &'a [usize],
    pub(super) parts: &'a [usize],
    pub(super) len: usize,
}

impl<'a> WindowRows<'a> {
    #[inline(always)]
    fn part(&self, start: usize, part: usize, len: usize) -> &'a [f32] {
        let from = start + part;
        self.elements.get(from..from + len).unwrap_or_default()
    }
}

/// `rows` times one panel of the other matrix, `[terms, panel]`: row m of the result is the
/// `columns` elements (at most a panel) of `out` from `offsets[m]`.
pub(super) struct Matmul<'a> {
    pub(super) rows: WindowRows<'a>,
    pub(super) panel: &'a [f32],
    pub(super) out: &'a mut [f32],
    pub(super) offsets: &'a [usize],
    pub(super) columns: usize,
}

impl WithSimd for Matmul<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (S::F32_LANES >= 16, self.columns == WIDE * S::F32_LANES) {
            (true, true) => self.run::<S, 12, true>(simd),
            (true, false) => self.run::<S, 12, false>(simd),
            (false, true) => self.run::<S, 6, true>(simd),
            (false, false) => self.run::<S, 6, false>(simd),
        }
    }
}

impl Matmul<'_> {
    #[inline(always)]
    fn run<S: Simd, const M: usize, const FULL: bool>(mut self, simd: S) {
        let wide = WIDE * S::F32_LANES;
        let each = (DEPTH / self.rows.len.max(1)).max(1);
        let parts = self.rows.parts.chunks(each);
        let panels = self.panel.chunks((each * self.rows.len * wide).max(1));
        for (at, (parts, panel)) in parts.zip(panels).enumerate() {
            let panel = S::as_simd_f32s(panel).0.as_chunks::<WIDE>().0;
            let mut first = 0;
            while first < self.rows.starts.len() {
                first += self.tile::<S, M, FULL>(simd, first, parts, panel, at > 0);
            }
        }
    }

    /// The tile of `M` rows from `first`, added to what is there if it is to `go_on`; gives how
    /// many rows there were.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const FULL: bool>(
        &mut self,
        simd: S,
        first: usize,
        parts: &[usize],
        panel: &[[S::f32s; WIDE]],
        go_on: bool,
    ) -> usize {
        let rows = self.rows;
        let count = (rows.starts.len() - first).min(M);
        // Rows that a last tile lacks are its last one again.
        let starts: [usize; M] = core::array::from_fn(|i| {
            let row = rows.starts.get(first + i.min(count - 1));
            row.copied().unwrap_or_default()
        });
        let offsets = self.offsets.get(first..first + count).unwrap_or_default();
        let mut sums = [[simd.splat_f32s(0.0); WIDE]; M];
        if go_on {
            for (sums, from) in sums.iter_mut().zip(offsets) {
                let out = self.out.get(*from..from + self.columns);
                *sums = load::<S, FULL>(simd, out.unwrap_or_default());
            }
        }
        // The last part may be shorter than the others.
        for (part, panel) in parts.iter().zip(panel.chunks(rows.len.max(1))) {
            let len = panel.len();
            let parts: [&[f32]; M] = core::array::from_fn(|i| rows.part(starts[i], *part, len));
            if parts.iter().any(|part| part.len() != len) {
                continue;
            }
            for (k, b) in panel.iter().enumerate() {
                for i in 0..M {
                    let a = simd.splat_f32s(parts[i][k]);
                    for j in 0..WIDE {
                        sums[i][j] = simd.mul_add_f32s(a, b[j], sums[i][j]);
                    }
                }
            }
        }
        for (sums, from) in sums.into_iter().zip(offsets) {
            if let Some(out) = self.out.get_mut(*from..from + self.columns) {
                store::<S, FULL>(simd, out, sums);
            }
        }
        count
    }
}

/// The transpose of `rows` times the `columns` columns (at most a panel) from `begin` of `others`
/// `[rows, others_stride]`: added to those columns of `out` `[parts * len, stride]`.
pub(super) struct TransposedMatmul<'a> {
    pub(super) rows: WindowRows<'a>,
    pub(super) others: &'a [f32],
    pub(super) others_stride: usize,
    pub(super) stride: usize,
    pub(super) begin: usize,
    pub(super) columns: usize,
    pub(super) out: &'a mut [f32],
}

impl WithSimd for TransposedMatmul<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (S::F32_LANES >= 16, self.columns == WIDE * S::F32_LANES) {
            (true, true) => self.run::<S, 12, true>(simd),
            (true, false) => self.run::<S, 12, false>(simd),
            (false, true) => self.run::<S, 6, true>(simd),
            (false, false) => self.run::<S, 6, false>(simd),
        }
    }
}

impl TransposedMatmul<'_> {
    #[inline(always)]
    fn run<S: Simd, const M: usize, const FULL: bool>(mut self, simd: S) {
        let mut at = 0;
        for part in self.rows.parts {
            let mut place = 0;
            while place < self.rows.len {
                let offset = part + place;
                let step = match self.rows.len - place {
                    left if left >= M => self.tile::<S, M, FULL>(simd, offset, at),
                    4.. => self.tile::<S, 4, FULL>(simd, offset, at),
                    _ => self.tile::<S, 1, FULL>(simd, offset, at),
                };
                place += step;
                at += step;
            }
        }
    }

    /// The sums for `M` offsets from `offset`, which are the rows of `out` from `at`.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const FULL: bool>(
        &mut self,
        simd: S,
        offset: usize,
        at: usize,
    ) -> usize {
        let mut sums = [[simd.splat_f32s(0.0); WIDE]; M];
        let others = self.others.get(self.begin..).unwrap_or_default();
        for (start, other) in self
            .rows
            .starts
            .iter()
            .zip(others.chunks(self.others_stride))
        {
            let from = self.rows.elements.get(start + offset..);
            let (Some(a), Some(other)) = (
                from.and_then(|from| from.first_chunk::<M>()),
                other.get(..self.columns),
            ) else {
                continue;
            };
            let b = load::<S, FULL>(simd, other);
            for i in 0..M {
                let a = simd.splat_f32s(a[i]);
                for j in 0..WIDE {
                    sums[i][j] = simd.mul_add_f32s(a, b[j], sums[i][j]);
                }
            }
        }
        for (i, sums) in sums.into_iter().enumerate() {
            let from = (at + i) * self.stride + self.begin;
            if let Some(out) = self.out.get_mut(from..from + self.columns) {
                let before = load::<S, FULL>(simd, out);
                let sums = core::array::from_fn(|j| simd.add_f32s(before[j], sums[j]));
                store::<S, FULL>(simd, out, sums);
            }
        }
        M
    }
}
