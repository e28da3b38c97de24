//! The innermost loop: pixels times weights into registers.

use super::vector::{F32Vector, WeightElement};
use crate::engine::compiled::format::BLOCK;

/// Sums of the largest tile, in vectors.
pub(super) const MAX_SUMS: usize = 28;

/// Where a tile's sums stand: `[row][pixel][vector]`.
pub(super) type Sums<V> = [V; MAX_SUMS];

/// What is multiplied: rows of pixels of `channels` numbers with weights `[block][channel][16]`.
#[derive(Clone, Copy)]
pub(super) struct Operands<E> {
    /// First number of the first pixel.
    pub x: *const f32,
    /// Numbers from one pixel to the next.
    pub pixel: usize,
    /// Numbers from one row of the tile to the next.
    pub row: usize,
    /// First weight.
    pub weights: *const E,
    /// Weights from one block of output channels to the next.
    pub block: usize,
    /// Input channels.
    pub channels: usize,
    /// Weights that are needed soon: as many blocks of them as there are channels are fetched to the cache meanwhile.
    pub ahead: *const E,
}

/// The shape of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct TileShape {
    /// Rows.
    pub rows: usize,
    /// Pixels of a row.
    pub pixels: usize,
    /// Vectors of output channels.
    pub vectors: usize,
}

/// Adds to the sums of `R` rows of `N` pixels, `NV` vectors each. In `sums`, pixels of a row lie side by side, rows `sums_row` vectors apart.
///
/// # Safety
/// All that the operands and shapes say must be there; what is ahead may be anywhere.
#[inline(always)]
unsafe fn micro<V: F32Vector, E: WeightElement, const R: usize, const N: usize, const NV: usize>(
    sums: *mut V,
    sums_row: usize,
    o: Operands<E>,
) {
    unsafe {
        let mut a = [[[V::splat(0.0); NV]; N]; R];
        for r in 0..R {
            for p in 0..N {
                for v in 0..NV {
                    a[r][p][v] = *sums.add(r * sums_row + p * NV + v);
                }
            }
        }
        let (mut x, mut w, mut ahead) = (o.x, o.weights, o.ahead);
        let mut left = o.channels;
        while V::BY_LANE && left >= 4 {
            let mut xs = [[V::splat(0.0); N]; R];
            for r in 0..R {
                for p in 0..N {
                    xs[r][p] = V::load(x.add(r * o.row + p * o.pixel));
                }
            }
            macro_rules! lanes {
                ($($lane:literal)*) => {$(
                    let mut wv = [V::splat(0.0); NV];
                    for v in 0..NV {
                        let channel = v * V::LANES;
                        wv[v] = E::vector::<V>(w.add(channel / BLOCK * o.block + channel % BLOCK));
                    }
                    for r in 0..R {
                        for p in 0..N {
                            for v in 0..NV {
                                a[r][p][v] = a[r][p][v].fma_lane::<$lane>(xs[r][p], wv[v]);
                            }
                        }
                    }
                    w = w.add(BLOCK);
                )*};
            }
            lanes!(0 1 2 3);
            x = x.add(4);
            left -= 4;
        }
        for _ in 0..left {
            V::prefetch(ahead.cast());
            let mut wv = [V::splat(0.0); NV];
            for v in 0..NV {
                let channel = v * V::LANES;
                wv[v] = E::vector::<V>(w.add(channel / BLOCK * o.block + channel % BLOCK));
            }
            for r in 0..R {
                for p in 0..N {
                    let s = V::splat(*x.add(r * o.row + p * o.pixel));
                    for v in 0..NV {
                        a[r][p][v] = a[r][p][v].fma(s, wv[v]);
                    }
                }
            }
            w = w.add(BLOCK);
            x = x.add(1);
            ahead = ahead.wrapping_add(BLOCK);
        }
        for r in 0..R {
            for p in 0..N {
                for v in 0..NV {
                    *sums.add(r * sums_row + p * NV + v) = a[r][p][v];
                }
            }
        }
    }
}

/// [`micro`] for every shape that [`F32Vector::fits`].
///
/// # Safety
/// As [`micro`].
#[inline(always)]
pub(super) unsafe fn multiply<V: F32Vector, E: WeightElement, const NV: usize>(
    rows: usize,
    pixels: usize,
    sums: *mut V,
    sums_row: usize,
    o: Operands<E>,
) {
    macro_rules! cases {
        ($($r:literal x $($n:literal)*;)*) => {
            match (rows, pixels) {
                $($(($r, $n) if $r <= E::ROWS && V::fits(TileShape { rows: $r, pixels: $n, vectors: NV }) => unsafe {
                    micro::<V, E, $r, $n, NV>(sums, sums_row, o);
                },)*)*
                _ => {}
            }
        };
    }
    cases! {
        1 x 1 2 3 4 5 6 7 8;
        2 x 1 2 3 4 5 6 7;
        3 x 1 2 3 4;
    }
}
