//! Products of two matrices that both are computed.

use super::space::Dims;
use crate::engine::compiled::format::BLOCK;
use crate::engine::compiled::kernels::activate::store_some;
use crate::engine::compiled::kernels::microkernel::{MAX_SUMS, Operands, Sums, multiply};
use crate::engine::compiled::kernels::vector::F32Vector;

/// Output, left and right matrix.
pub(super) const WALKS: usize = 3;
/// Inner elements that are taken at once, so that both panels stay in the nearest cache.
const INNER: usize = if cfg!(target_pointer_width = "64") {
    256
} else {
    32
};
/// Elements of the right matrix that are packed at once: as many columns as they are enough for, so
/// that rows of the output are written in long runs.
const PANEL: usize = INNER
    * BLOCK
    * if cfg!(target_pointer_width = "64") {
        2
    } else {
        1
    };
/// Most rows of a tile.
const ROWS: usize = 8;

/// A matrix in a tensor: elements from one row to the next, from one column to the next.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    pub(super) row: isize,
    pub(super) column: isize,
}

/// Products one after another, with their data.
pub(super) struct MatMulCall<'a> {
    pub(super) batch: Dims<WALKS>,
    pub(super) firsts: [isize; WALKS],
    pub(super) product: Product,
    pub(super) left: &'a [f32],
    pub(super) right: &'a [f32],
}

/// One product.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) inner: usize,
    /// Of the output, the left and the right matrix.
    pub(super) steps: [Steps; WALKS],
    /// Whether it is added to what is there.
    pub(super) adds: bool,
}

/// Room for parts of the matrices in the order in which they are multiplied.
pub(super) struct Panels {
    /// `[block][inner][16]`.
    right: [f32; PANEL],
    /// `[row][inner]`.
    left: [[f32; INNER]; ROWS],
}

impl Panels {
    pub(super) const EMPTY: Self = Self {
        right: [0.0; PANEL],
        left: [[0.0; INNER]; ROWS],
    };
}

impl MatMulCall<'_> {
    /// Runs it; `multiply` runs one product with its matrices.
    ///
    /// # Safety
    /// All places are within the matrices and the output.
    pub(super) unsafe fn run(&self, out: &mut [f32], mut multiply: impl FnMut(Multiply<'_>)) {
        let mut panels = Panels::EMPTY;
        let out = out.as_mut_ptr();
        let mut position = self.batch.walk(self.firsts);
        loop {
            let [to, left, right] = position.at;
            // SAFETY: all that is touched are indices of the space.
            unsafe {
                multiply(Multiply {
                    product: self.product,
                    to: out.offset(to),
                    left: self.left.as_ptr().offset(left),
                    right: self.right.as_ptr().offset(right),
                    panels: &mut panels,
                });
            }
            if !position.step() {
                return;
            }
        }
    }
}

/// A product with the first elements of its matrices. It is long, so that whoever multiplies shares
/// one in the program, for each SIMD level.
pub(in super::super) struct Multiply<'a> {
    pub(super) product: Product,
    pub(super) to: *mut f32,
    pub(super) left: *const f32,
    pub(super) right: *const f32,
    pub(super) panels: &'a mut Panels,
}

impl Multiply<'_> {
    /// Runs it.
    ///
    /// # Safety
    /// All places are within the matrices, and the processor has the vector's instructions.
    #[inline(always)]
    pub(in super::super) unsafe fn run<V: F32Vector>(self) {
        unsafe {
            self.product
                .run::<V>(self.to, self.left, self.right, self.panels)
        }
    }
}

impl Product {
    #[inline(always)]
    unsafe fn run<V: F32Vector>(
        &self,
        to: *mut f32,
        left: *const f32,
        right: *const f32,
        panels: &mut Panels,
    ) {
        unsafe {
            match BLOCK / V::LANES {
                1 if self.columns <= V::LANES => self.go::<V, 1>(to, left, right, panels),
                // As wide as the registers hold with eight rows.
                1 => self.go::<V, 2>(to, left, right, panels),
                2 => self.go::<V, 2>(to, left, right, panels),
                _ if V::WIDE >= 4 => self.go::<V, 4>(to, left, right, panels),
                _ if V::WIDE >= 2 => self.go::<V, 2>(to, left, right, panels),
                _ => self.go::<V, 1>(to, left, right, panels),
            }
        }
    }

    /// With tiles of `NV` vectors.
    #[inline(always)]
    unsafe fn go<V: F32Vector, const NV: usize>(
        &self,
        to: *mut f32,
        left: *const f32,
        right: *const f32,
        panels: &mut Panels,
    ) {
        // Columns that are packed at once: whole blocks, and whole tiles.
        let each = BLOCK * self.inner.clamp(1, INNER);
        let blocks = PANEL.checked_div(each).unwrap_or(1);
        let per_tile = (NV * V::LANES).div_ceil(BLOCK);
        let width = (blocks - blocks % per_tile) * BLOCK;
        let tile_rows = V::PIXELS[NV - 1].min(ROWS);
        let mut sums: Sums<V> = unsafe { [V::splat(0.0); MAX_SUMS] };
        let [to_steps, left_steps, right_steps] = self.steps;
        // SAFETY: all that is touched are indices of the space.
        unsafe {
            let mut column = 0;
            while column < self.columns {
                let columns = width.min(self.columns - column);
                let mut from = 0;
                while from < self.inner {
                    let inner = INNER.min(self.inner - from);
                    let (i, j) = (from.cast_signed(), column.cast_signed());
                    let corner = right.offset(i * right_steps.row + j * right_steps.column);
                    pack(
                        corner,
                        right_steps,
                        inner,
                        columns,
                        panels.right.as_mut_ptr(),
                    );
                    let mut row = 0;
                    while row < self.rows {
                        let rows = tile_rows.min(self.rows - row);
                        let r = row.cast_signed();
                        let (x, pixel) = if left_steps.column == 1 && left_steps.row >= 0 {
                            let x = left.offset(r * left_steps.row + i);
                            (x, left_steps.row.unsigned_abs())
                        } else {
                            for (k, line) in panels.left.iter_mut().take(rows).enumerate() {
                                let row = (r + k.cast_signed()) * left_steps.row;
                                let x = left.offset(row + i * left_steps.column);
                                for (k, to) in line.iter_mut().take(inner).enumerate() {
                                    *to = *x.offset(k.cast_signed() * left_steps.column);
                                }
                            }
                            (panels.left.as_ptr().cast(), INNER)
                        };
                        let corner = to.offset(r * to_steps.row + j * to_steps.column);
                        let tile = Tile {
                            to: corner,
                            steps: to_steps,
                            rows,
                            columns,
                            adds: self.adds || from > 0,
                        };
                        let mut first = 0;
                        while first < columns {
                            let o = Operands {
                                x,
                                pixel,
                                row: 0,
                                weights: panels
                                    .right
                                    .as_ptr()
                                    .add(first / BLOCK * inner * BLOCK + first % BLOCK),
                                block: inner * BLOCK,
                                channels: inner,
                                ahead: core::ptr::null(),
                            };
                            tile.multiply::<V, NV>(first, o, &mut sums);
                            first += NV * V::LANES;
                        }
                        row += rows;
                    }
                    from += inner;
                }
                column += columns;
            }
        }
    }
}

/// Brings `inner` rows and `columns` columns of the right matrix into blocks,
/// `[block][inner][16]`; what they have no columns for is 0.
///
/// # Safety
/// They are there, and the panel has room for whole blocks.
#[inline(always)]
unsafe fn pack(from: *const f32, steps: Steps, inner: usize, columns: usize, to: *mut f32) {
    let mut column = 0;
    while column < columns {
        let count = BLOCK.min(columns - column);
        // SAFETY: row `i`, from the block's first column on.
        unsafe {
            let from = from.offset(column.cast_signed() * steps.column);
            let block = to.add(column * inner);
            for i in 0..inner {
                let x = from.offset(i.cast_signed() * steps.row);
                let line = &mut *block.add(i * BLOCK).cast::<[f32; BLOCK]>();
                if count == BLOCK && steps.column == 1 {
                    *line = *x.cast();
                } else {
                    *line = [0.0; BLOCK];
                    for (j, to) in line.iter_mut().take(count).enumerate() {
                        *to = *x.offset(j.cast_signed() * steps.column);
                    }
                }
            }
        }
        column += count;
    }
}

/// Where products go.
struct Tile {
    to: *mut f32,
    steps: Steps,
    rows: usize,
    columns: usize,
    /// Whether they are added to what is there.
    adds: bool,
}

impl Tile {
    /// # Safety
    /// The operands and the tile are there.
    #[inline(always)]
    unsafe fn multiply<V: F32Vector, const NV: usize>(
        &self,
        first: usize,
        o: Operands<f32>,
        sums: &mut Sums<V>,
    ) {
        unsafe {
            for sum in sums.iter_mut().take(self.rows * NV) {
                *sum = V::splat(0.0);
            }
            multiply::<V, f32, NV>(1, self.rows, sums.as_mut_ptr(), self.rows * NV, o);
            for row in 0..self.rows {
                for v in 0..NV {
                    let column = first + v * V::LANES;
                    if column >= self.columns {
                        break;
                    }
                    let sum = sums.as_ptr().add(row * NV + v).read();
                    let to = self.to.offset(
                        row.cast_signed() * self.steps.row
                            + column.cast_signed() * self.steps.column,
                    );
                    let count = V::LANES.min(self.columns - column);
                    if self.steps.column == 1 && count == V::LANES {
                        let sum = if self.adds { sum.add(V::load(to)) } else { sum };
                        sum.store(to);
                        continue;
                    }
                    let mut elements = [0.0; BLOCK];
                    store_some(sum, elements.as_mut_ptr(), V::LANES);
                    for (i, element) in elements.iter().take(count).enumerate() {
                        let to = to.offset(i.cast_signed() * self.steps.column);
                        *to = if self.adds { *to + element } else { *element };
                    }
                }
            }
        }
    }
}
