//! Convolutions as matrix products over blocks of pictures that fit into a core's cache.
//!
//! Channels lie together, `[N, H, W, C]`: what a tap of the kernel reads or writes is a run of them.

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::matrix::{contiguous, extents, numbers, product, tensor, transposed, vectorized};

/// Kernel, stride and padding, the same in both directions, and the pixels of the big side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nets) struct Geometry {
    /// Rows and columns of the kernel.
    pub(in crate::nets) kernel: usize,
    /// Pixels from one tap to the next.
    pub(in crate::nets) stride: usize,
    /// Pixels of zeros around the big side.
    pub(in crate::nets) padding: usize,
    /// Height and width of the big side.
    pub(in crate::nets) big: [usize; 2],
}

impl Geometry {
    /// Height and width of the small side.
    pub(in crate::nets) fn small(&self) -> [usize; 2] {
        self.big
            .map(|n| (n + 2 * self.padding).saturating_sub(self.kernel) / self.stride + 1)
    }

    fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    fn small_pixels(&self) -> usize {
        self.small().iter().product()
    }

    fn big_pixels(&self) -> usize {
        self.big.iter().product()
    }

    /// For each small pixel and each row of the kernel: the first of its taps that is not padding and how many follow each other,
    /// and the big pixel under it. Runs of taps are runs of big pixels.
    fn runs(&self) -> Vec<Run> {
        let [[height, width], [small_height, small_width]] = [self.big, self.small()];
        let span = |at: usize, extent: usize| {
            let begin = at * self.stride;
            let first = self.padding.saturating_sub(begin).min(self.kernel);
            let last = (extent + self.padding)
                .saturating_sub(begin)
                .min(self.kernel);
            (first, last.max(first), begin)
        };
        let mut runs = Vec::new();
        for y in 0..small_height {
            let (top, bottom, above) = span(y, height);
            for x in 0..small_width {
                let (left, right, before) = span(x, width);
                for tap in top..bottom {
                    if right > left {
                        runs.push(Run {
                            small: y * small_width + x,
                            tap: tap * self.kernel + left,
                            big: (above + tap - self.padding) * width + before + left
                                - self.padding,
                            len: right - left,
                        });
                    }
                }
            }
        }
        runs
    }
}

/// Taps that follow each other in a kernel's row.
#[derive(Clone, Copy, Debug)]
struct Run {
    small: usize,
    tap: usize,
    big: usize,
    len: usize,
}

impl Run {
    /// Where it begins in a picture's part of the column matrix, in units of channels.
    fn column(&self, geometry: &Geometry) -> usize {
        self.small * geometry.taps() + self.tap
    }
}

/// Numbers in a block's column matrix: half of a usual second-level cache.
const BLOCK: usize = 256 * 1024;

/// Pictures in a block when each has `numbers` in the column matrix. At least eight blocks, so that threads have something to
/// share; the number depends on shapes only.
fn block(pictures: usize, numbers: usize) -> usize {
    (BLOCK / numbers.max(1)).clamp(1, pictures.div_ceil(8).max(1))
}

/// The column matrix `[pictures * small pixels, taps * channels]` of `pictures` `[n, H, W, channels]`, zeros where padding is.
fn unfold(pictures: &[f32], channels: usize, geometry: &Geometry, runs: &[Run]) -> Vec<f32> {
    let columns_len = geometry.small_pixels() * geometry.taps() * channels;
    let picture_len = geometry.big_pixels() * channels;
    let count = pictures.len() / picture_len.max(1);
    // Runs are in the order of the matrix, so that it is written from its beginning to its end, and only once.
    let mut columns = Vec::with_capacity(count * columns_len);
    for (index, picture) in pictures.chunks_exact(picture_len).enumerate() {
        for run in runs {
            let (from, to) = (run.big * channels, run.column(geometry) * channels);
            columns.resize(index * columns_len + to, 0.0);
            columns.extend_from_slice(
                picture
                    .get(from..from + run.len * channels)
                    .unwrap_or_default(),
            );
        }
        columns.resize((index + 1) * columns_len, 0.0);
    }
    columns
}

/// Adds a column matrix to the pictures, the adjoint of [`unfold`].
#[inline(always)]
fn fold(columns: &[f32], channels: usize, geometry: &Geometry, runs: &[Run], pictures: &mut [f32]) {
    let columns_len = geometry.small_pixels() * geometry.taps() * channels;
    let picture_len = geometry.big_pixels() * channels;
    for (picture, columns) in pictures
        .chunks_exact_mut(picture_len)
        .zip(columns.chunks_exact(columns_len))
    {
        for run in runs {
            let (to, from) = (run.big * channels, run.column(geometry) * channels);
            let len = run.len * channels;
            if let (Some(into), Some(from)) =
                (picture.get_mut(to..to + len), columns.get(from..from + len))
            {
                into.iter_mut()
                    .zip(from)
                    .for_each(|(into, from)| *into += from);
            }
        }
    }
}

/// The weight `[S, B, rows, columns]` as a matrix `[taps * B, S]`.
fn weight_matrix(weight: &FlexTensor, small: usize, channels: usize, taps: usize) -> FlexTensor {
    let weight = contiguous(weight);
    let numbers = numbers(&weight);
    let mut out = vec![0.0; numbers.len()];
    out.par_chunks_mut((channels * small).max(1))
        .enumerate()
        .for_each(|(tap, out)| {
            for (channel, row) in out.chunks_exact_mut(small.max(1)).enumerate() {
                let column = numbers.iter().skip(channel * taps + tap);
                for (into, from) in row.iter_mut().zip(column.step_by(channels * taps)) {
                    *into = *from;
                }
            }
        });
    tensor(out, [taps * channels, small])
}

/// [`weight_matrix`] back to `[S, B, taps]`.
fn weight_from_matrix(matrix: &[f32], small: usize, channels: usize, taps: usize) -> Vec<f32> {
    let mut out = vec![0.0; matrix.len()];
    out.par_chunks_mut((channels * taps).max(1))
        .enumerate()
        .for_each(|(at, out)| {
            for (channel, row) in out.chunks_exact_mut(taps.max(1)).enumerate() {
                let column = matrix.iter().skip(channel * small + at);
                for (into, from) in row.iter_mut().zip(column.step_by(channels * small)) {
                    *into = *from;
                }
            }
        });
    out
}

/// A convolution: `big` `[N, H, W, B]` with `weight` `[S, B, rows, columns]` to `[N, h, w, S]`.
pub(super) fn gather(big: &FlexTensor, weight: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, _, _, channels] = extents(big);
    let [small] = extents(weight);
    let [small_height, small_width] = geometry.small();
    let (pixels, rows) = (geometry.small_pixels(), channels * geometry.taps());
    let (big, weight) = (
        contiguous(big),
        weight_matrix(weight, small, channels, geometry.taps()),
    );
    let (picture_len, runs) = (geometry.big_pixels() * channels, geometry.runs());
    let per_block = block(count, pixels * rows);
    let mut out = vec![0.0; count * small * pixels];
    out.par_chunks_mut(per_block * small * pixels)
        .zip(numbers(&big).par_chunks(per_block * picture_len))
        .for_each(|(out, pictures)| {
            let columns = unfold(pictures, channels, geometry, &runs);
            let columns = tensor(columns, [out.len() / small.max(1), rows]);
            let made = product(columns, weight.clone());
            out.copy_from_slice(numbers(&made));
        });
    tensor(out, [count, small_height, small_width, small])
}

/// A transposed convolution: `small` `[N, h, w, S]` with `weight` `[S, B, rows, columns]` to `[N, H, W, B]`.
pub(super) fn scatter(small: &FlexTensor, weight: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, _, _, small_channels] = extents(small);
    let [_, channels] = extents(weight);
    let [height, width] = geometry.big;
    let (pixels, rows) = (geometry.small_pixels(), channels * geometry.taps());
    let weight = transposed(&weight_matrix(
        weight,
        small_channels,
        channels,
        geometry.taps(),
    ));
    let small = contiguous(small).reshape([count * pixels, small_channels].into());
    let (picture_len, runs) = (geometry.big_pixels() * channels, geometry.runs());
    let per_block = block(count, pixels * rows);
    let mut out = vec![0.0; count * picture_len];
    out.par_chunks_mut(per_block * picture_len)
        .enumerate()
        .for_each(|(index, out)| {
            let here = out.len() / picture_len.max(1);
            let given = small.narrow(0, index * per_block * pixels, here * pixels);
            let columns = product(given, weight.clone());
            let columns = numbers(&columns);
            vectorized(|| fold(columns, channels, geometry, &runs, out));
        });
    tensor(out, [count, height, width, channels])
}

/// The gradient of the weight, `[S, B, rows, columns]`, of both: `big` `[N, H, W, B]`, `small` `[N, h, w, S]`.
pub(super) fn correlate(big: &FlexTensor, small: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, _, _, channels] = extents(big);
    let [_, _, _, small_channels] = extents(small);
    let (pixels, rows) = (geometry.small_pixels(), channels * geometry.taps());
    let (big, small) = (
        contiguous(big),
        contiguous(small).reshape([count * pixels, small_channels].into()),
    );
    let (picture_len, runs) = (geometry.big_pixels() * channels, geometry.runs());
    let per_block = block(count, pixels * rows);
    // The blocks' sums are added in their order, whichever thread made them.
    let sums: Vec<FlexTensor> = numbers(&big)
        .par_chunks(per_block * picture_len)
        .enumerate()
        .map(|(index, pictures)| {
            let here = pictures.len() / picture_len.max(1) * pixels;
            let columns = tensor(unfold(pictures, channels, geometry, &runs), [here, rows]);
            let given = small.narrow(0, index * per_block * pixels, here);
            product(transposed(&columns), given)
        })
        .collect();
    let mut total = vec![0.0; rows * small_channels];
    let piece = total.len().div_ceil(8).max(1);
    total
        .par_chunks_mut(piece)
        .enumerate()
        .for_each(|(index, total)| {
            vectorized(|| {
                for sum in &sums {
                    let sum = numbers(sum).get(index * piece..).unwrap_or_default();
                    total.iter_mut().zip(sum).for_each(|(t, s)| *t += s);
                }
            });
        });
    let out = weight_from_matrix(&total, small_channels, channels, geometry.taps());
    tensor(
        out,
        [small_channels, channels, geometry.kernel, geometry.kernel],
    )
}
