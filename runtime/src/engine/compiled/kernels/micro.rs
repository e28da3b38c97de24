//! The innermost loop: pixels times weights into registers.

use super::vector::{Element, Vector};
use crate::engine::compiled::format::BLOCK;

/// Sums of the largest tile, in vectors.
pub(super) const MAX_SUMS: usize = 32;

/// Where a tile's sums stand: `[row][pixel][vector]`.
pub(super) type Sums<V> = [V; MAX_SUMS];

/// What is multiplied: `rows` x `pixels` vectors of `channels` numbers with weights `[block][channel][16]`.
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
}

/// Adds to the sums of `R` rows of `N` pixels, `NV` vectors each. In `sums`, pixels of a row lie side by side, rows `sums_row` vectors apart.
///
/// # Safety
/// All that the operands and shapes say must be there.
#[inline(always)]
unsafe fn micro<V: Vector, E: Element, const R: usize, const N: usize, const NV: usize>(
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
        let mut w = o.weights;
        let mut x = o.x;
        for _ in 0..o.channels {
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

/// [`micro`] for `rows` of 1 or 2 (2 only for up to 4 pixels) and `pixels` from 1 to [`Vector::PIXELS`].
///
/// # Safety
/// As [`micro`].
#[inline(always)]
pub(super) unsafe fn multiply<V: Vector, E: Element, const NV: usize>(
    rows: usize,
    pixels: usize,
    sums: *mut V,
    sums_row: usize,
    o: Operands<E>,
) {
    macro_rules! cases {
        ($($r:literal x $n:literal),*) => {
            match (rows, pixels) {
                $(($r, $n) if $n <= V::PIXELS[NV - 1] && ($r == 1 || two_rows::<V>(NV)) => unsafe {
                    micro::<V, E, $r, $n, NV>(sums, sums_row, o);
                },)*
                _ => {}
            }
        };
    }
    cases!(1 x 1, 1 x 2, 1 x 3, 1 x 4, 1 x 5, 1 x 6, 1 x 7, 1 x 8, 2 x 1, 2 x 2, 2 x 3, 2 x 4);
}

/// Whether tiles of two rows and up to four pixels fit the registers.
pub(super) const fn two_rows<V: Vector>(vectors: usize) -> bool {
    V::WIDE == 4 && V::LANES == 16 && vectors <= 3
}
