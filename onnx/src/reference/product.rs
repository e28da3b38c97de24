//! Products of matrices, which convolutions are too.
//!
//! Both factors are laid out as f64 in strips: of the left one [`ROWS`] rows, of the right one
//! [`COLUMNS`] columns, by the inner dimension. A [`tile`] of the product then takes what it needs
//! from neighbouring memory, and its sums stay in vector registers.

use crate::constant::{Constant, Data};
use crate::shape::broadcast_positions;

/// Rows of a strip of the left factor.
const ROWS: usize = 4;
/// Columns of a strip of the right factor.
pub(super) const COLUMNS: usize = 4;
/// Elements of a strip of the right factor that belong together.
pub(super) type Across = [f64; COLUMNS];

/// Strips of the left factor that are laid out together.
const STRIPS: usize = 8;

/// The left factor in strips.
pub(super) struct Left {
    rows: usize,
    inner: usize,
    strips: Vec<[f64; ROWS]>,
}

impl Left {
    /// Of these elements of each part of each row, one part for each of `inputs`.
    pub(super) fn new<'a>(
        rows: usize,
        inputs: usize,
        taps: &[usize],
        part: impl Fn(usize, usize) -> Option<&'a [f32]>,
    ) -> Self {
        let inner = inputs * taps.len();
        let mut strips = vec![[0.0; ROWS]; rows.div_ceil(ROWS) * inner];
        // Few strips at a time, for of a transposed convolution neighbouring rows lie together.
        let blocks = strips.chunks_mut((inner * STRIPS).max(1));
        for (block, strips) in blocks.enumerate() {
            for input in 0..inputs {
                for (strip, to) in strips.chunks_mut(inner).enumerate() {
                    let first = (block * STRIPS + strip) * ROWS;
                    let parts: [&[f32]; ROWS] = std::array::from_fn(|row| {
                        let row = Some(first + row).filter(|row| *row < rows);
                        row.and_then(|row| part(row, input)).unwrap_or_default()
                    });
                    let to = to.iter_mut().skip(input * taps.len());
                    for (to, tap) in to.zip(taps) {
                        *to = parts.map(|part| part.get(*tap).map_or(0.0, |x| f64::from(*x)));
                    }
                }
            }
        }
        Self {
            rows,
            inner,
            strips,
        }
    }

    /// The first row times a strip of the right factor that is not laid out.
    pub(super) fn first_row(&self, columns: impl Iterator<Item = Across>) -> Across {
        let mut sums = [0.0; COLUMNS];
        for ([a, ..], b) in self.strips.iter().zip(columns) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum += a * b;
            }
        }
        sums
    }

    /// Strips of the right factor that are multiplied at once, so that they stay in the cache.
    pub(super) fn strips_at_once(&self) -> usize {
        (BLOCK / (self.inner.max(1) * COLUMNS)).clamp(1, 64)
    }
}

/// Elements of a block of strips of the right factor: 512 KiB.
const BLOCK: usize = 1 << 16;

/// Calls `store` with row, strip and sums of each part of a row of the product.
pub(super) fn multiply(
    left: &Left,
    right: &[Across],
    mut store: impl FnMut(usize, usize, &Across) -> Option<()>,
) -> Option<()> {
    let inner = left.inner.max(1);
    for (at, rows) in left.strips.chunks(inner).enumerate() {
        let rows_left = left.rows.saturating_sub(at * ROWS);
        for (strip, columns) in right.chunks(inner).enumerate() {
            let tile = tile(rows, columns);
            for (row, sums) in tile.iter().take(rows_left).enumerate() {
                store(at * ROWS + row, strip, sums)?;
            }
        }
    }
    Some(())
}

fn tile(rows: &[[f64; ROWS]], columns: &[Across]) -> [Across; ROWS] {
    let mut tile = [[0.0; COLUMNS]; ROWS];
    for (a, b) in rows.iter().zip(columns) {
        for (sums, a) in tile.iter_mut().zip(a) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum += a * b;
            }
        }
    }
    tile
}

pub(super) fn matmul(a: &Constant, b: &Constant, shape: &[usize]) -> Option<Data> {
    let ([batch_a @ .., rows, inner], [batch_b @ .., _, columns]) =
        (a.shape.as_slice(), b.shape.as_slice())
    else {
        return None;
    };
    let batch = shape.get(..shape.len().checked_sub(2)?)?;
    // All rows times one matrix are one product.
    let one = batch_b.iter().all(|dim| *dim == 1);
    let rows = if one {
        batch.iter().product::<usize>() * rows
    } else {
        *rows
    };
    let starts: Vec<(usize, usize)> = if one {
        vec![(0, 0)]
    } else {
        let positions = broadcast_positions(batch_a, batch);
        positions.zip(broadcast_positions(batch_b, batch)).collect()
    };
    let count = shape.iter().product::<usize>();
    let dims = [rows, *inner, *columns];
    let starts = starts.into_iter();
    let starts = starts.map(|(i, j)| (i * rows * inner, j * inner * columns));
    Some(match (&a.data, &b.data) {
        (Data::F32(a), Data::F32(b)) => {
            let mut all = Vec::with_capacity(count);
            for (i, j) in starts {
                all.extend(floats(a.get(i..)?, b.get(j..)?, dims)?);
            }
            Data::F32(all)
        }
        (Data::I64(a), Data::I64(b)) => {
            let mut all = Vec::with_capacity(count);
            for (i, j) in starts {
                all.extend(integers(a.get(i..)?, b.get(j..)?, dims)?);
            }
            Data::I64(all)
        }
        _ => return None,
    })
}

fn floats(a: &[f32], b: &[f32], [rows, inner, columns]: [usize; 3]) -> Option<Vec<f32>> {
    let taps: Vec<usize> = (0..inner).collect();
    let left = Left::new(rows, 1, &taps, |row, _| a.get(row * inner..));
    let mut product = vec![0.0; rows * columns];
    let mut right: Vec<Across> = Vec::new();
    let width = left.strips_at_once() * COLUMNS;
    for first in (0..columns).step_by(width) {
        let width = width.min(columns - first);
        right.clear();
        right.resize(width.div_ceil(COLUMNS) * inner, [0.0; COLUMNS]);
        for (at, row) in b.chunks(columns).take(inner).enumerate() {
            let parts = row.get(first..)?.get(..width)?.chunks(COLUMNS);
            for (to, part) in right.chunks_mut(inner.max(1)).zip(parts) {
                for (to, from) in to.get_mut(at)?.iter_mut().zip(part) {
                    *to = f64::from(*from);
                }
            }
        }
        multiply(&left, &right, |row, strip, sums| {
            let column = first + strip * COLUMNS;
            let to = product.get_mut(row * columns..(row + 1) * columns)?;
            for (to, sum) in to.get_mut(column..)?.iter_mut().zip(sums) {
                *to = *sum as f32;
            }
            Some(())
        })?;
    }
    Some(product)
}

fn integers(a: &[i64], b: &[i64], [rows, inner, columns]: [usize; 3]) -> Option<Vec<i64>> {
    let mut product = vec![0i64; rows * columns];
    let rows = a
        .chunks(inner.max(1))
        .zip(product.chunks_mut(columns.max(1)));
    for (a, sums) in rows {
        for (a, b) in a.iter().zip(b.chunks(columns.max(1))) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = sum.checked_add(a.checked_mul(*b)?)?;
            }
        }
    }
    Some(product)
}
