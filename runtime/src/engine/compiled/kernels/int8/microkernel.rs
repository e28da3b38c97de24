//! The innermost loop of int8 layers: pixels times weights into registers.

use super::element::QuantizedElement;
use super::simd::Products;
use crate::engine::compiled::format::BLOCK;

/// Sums of the largest tile, in vectors.
pub(super) const MAX_SUMS: usize = 32;

/// Pixels of the largest tile.
pub(super) const MAX_PIXELS: usize = 8;

/// What is multiplied: `rows` x `pixels` vectors of channels with weights
/// `[block][channel / 4][16][4]`.
#[derive(Clone, Copy)]
pub(super) struct Int8Operands<X> {
    /// First element of the first pixel.
    pub x: *const X,
    /// Elements from one pixel to the next.
    pub pixel: usize,
    /// Elements from one row of the tile to the next.
    pub row: usize,
    /// First weight.
    pub weights: *const i8,
    /// Weights from one block of output channels to the next.
    pub block: usize,
    /// Input channels, a multiple of 4.
    pub channels: usize,
}

impl<X: QuantizedElement> Int8Operands<X> {
    /// The `rest` channels behind those of `self`, filled up with zeros to four in `copy`, of
    /// `size` rows and pixels.
    ///
    /// # Safety
    /// These channels and their weights must be there, and at most [`MAX_PIXELS`].
    #[inline(always)]
    pub(super) unsafe fn last(
        self,
        rest: usize,
        size: [usize; 2],
        copy: &mut [X; 4 * MAX_PIXELS],
    ) -> Self {
        let to = copy.as_mut_ptr();
        for r in 0..size[0] {
            for p in 0..size[1] {
                unsafe {
                    let from = self.x.add(self.channels + r * self.row + p * self.pixel);
                    core::ptr::copy_nonoverlapping(from, to.add(4 * (r * size[1] + p)), rest);
                }
            }
        }
        Self {
            x: to,
            pixel: 4,
            row: 4 * size[1],
            // Four channels have `4 * BLOCK` weights.
            weights: unsafe { self.weights.add(self.channels * BLOCK) },
            channels: 4,
            ..self
        }
    }
}

/// Adds products of `F` fours of channels at a time, as long as there are so many; what is left.
///
/// # Safety
/// As [`int8_micro`].
#[inline(always)]
unsafe fn add_fours<
    X: QuantizedElement,
    V: Products<X>,
    const R: usize,
    const N: usize,
    const NV: usize,
    const F: usize,
>(
    sums: &mut [[[V; NV]; N]; R],
    mut o: Int8Operands<X>,
) -> Int8Operands<X> {
    unsafe {
        while F <= V::FOURS && o.channels >= 4 * F {
            for r in 0..R {
                let x = o.x.add(r * o.row);
                V::add_tile::<N, NV, F>(&mut sums[r], x, o.pixel, o.weights, o.block);
            }
            o.weights = o.weights.add(F * 4 * BLOCK);
            o.x = o.x.add(F * 4);
            o.channels -= F * 4;
        }
        o
    }
}

/// Adds the products of all channels to the sums of `R` rows of `N` pixels, `NV` vectors each.
///
/// # Safety
/// As [`int8_micro`].
#[inline(always)]
pub(super) unsafe fn add<
    X: QuantizedElement,
    V: Products<X>,
    const R: usize,
    const N: usize,
    const NV: usize,
>(
    sums: &mut [[[V; NV]; N]; R],
    o: Int8Operands<X>,
) {
    unsafe {
        let o = add_fours::<X, V, R, N, NV, 4>(sums, o);
        let o = add_fours::<X, V, R, N, NV, 2>(sums, o);
        add_fours::<X, V, R, N, NV, 1>(sums, o);
    }
}

/// Adds to the sums of `R` rows of `N` pixels, `NV` vectors each. In `sums`, pixels of a row lie
/// side by side, rows `sums_row` vectors apart. What is [missing](Products::corrected) in those of
/// a pixel comes with them.
///
/// # Safety
/// All that the operands and shapes say must be there.
#[inline(always)]
unsafe fn int8_micro<
    X: QuantizedElement,
    V: Products<X>,
    const R: usize,
    const N: usize,
    const NV: usize,
>(
    sums: *mut V,
    sums_row: usize,
    o: Int8Operands<X>,
    missing: &[V; NV],
) {
    unsafe {
        let mut a = [[*missing; N]; R];
        for r in 0..R {
            for p in 0..N {
                for v in 0..NV {
                    let sum = *sums.add(r * sums_row + p * NV + v);
                    a[r][p][v] = if V::SHIFTED { sum.add(missing[v]) } else { sum };
                }
            }
        }
        add(&mut a, o);
        for r in 0..R {
            for p in 0..N {
                for v in 0..NV {
                    *sums.add(r * sums_row + p * NV + v) = a[r][p][v];
                }
            }
        }
    }
}

/// [`int8_micro`] for `rows` of 1 or 2 (2 only for up to 4 pixels) and up to [`MAX_PIXELS`] pixels, as
/// many at a time as the registers hold.
///
/// # Safety
/// As [`int8_micro`].
#[inline(always)]
pub(super) unsafe fn int8_multiply<X: QuantizedElement, V: Products<X>, const NV: usize>(
    [rows, pixels]: [usize; 2],
    sums: *mut V,
    sums_row: usize,
    o: Int8Operands<X>,
    missing: &[V; NV],
) {
    macro_rules! cases {
        ($size:expr, $sums:expr, $o:expr, $($r:literal x $n:literal),*) => {
            match $size {
                $(($r, $n) if there_is::<X, V>(NV, $n) && ($r == 1 || two_rows::<X, V>(NV)) => {
                    int8_micro::<X, V, $r, $n, NV>($sums, sums_row, $o, missing);
                },)*
                _ => {}
            }
        };
    }
    let mut first = 0;
    while first < pixels {
        let most = at_once::<X, V>(NV).min(pixels - first);
        let some = most - usize::from(!there_is::<X, V>(NV, most));
        unsafe {
            let x = o.x.add(first * o.pixel);
            let (sums, o) = (sums.add(first * NV), Int8Operands { x, ..o });
            cases!((rows, some), sums, o,
                1 x 1, 1 x 2, 1 x 3, 1 x 4, 1 x 5, 1 x 6, 1 x 7, 1 x 8, 2 x 1, 2 x 2, 2 x 3, 2 x 4);
        }
        first += some;
    }
}

/// Pixels whose sums registers hold. Dense layers, of which a batch is a row, have few shapes where
/// they read i16 elements: one of them in a model.
const fn at_once<X: QuantizedElement, V: Products<X>>(vectors: usize) -> usize {
    let most = V::PIXELS[vectors - 1];
    if X::TALL || most < 4 { most } else { 4 }
}

/// Whether there is a kernel for so many pixels: not for 3 and 5 where the registers hold more,
/// which would make programs a hundredth larger.
pub(super) const fn there_is<X: QuantizedElement, V: Products<X>>(
    vectors: usize,
    pixels: usize,
) -> bool {
    let most = at_once::<X, V>(vectors);
    pixels == most || pixels < most && !matches!(pixels, 3 | 5)
}

/// Pixels of the widest tile: as many as are multiplied at once, or several times as many if these
/// are few.
pub(super) const fn most_pixels<X: QuantizedElement, V: Products<X>>(vectors: usize) -> usize {
    let once = at_once::<X, V>(vectors);
    MAX_PIXELS / once * once
}

/// Whether there are tiles of two rows and up to four pixels, and the registers hold them. Small
/// images of few channels do without.
pub(super) const fn two_rows<X: QuantizedElement, V: Products<X>>(vectors: usize) -> bool {
    X::TALL && V::WIDE >= 4 && vectors >= 2 && V::PIXELS[vectors - 1] >= 8 && V::LANES == BLOCK
}
