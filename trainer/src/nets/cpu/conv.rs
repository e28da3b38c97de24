//! Convolutions as matrix products over blocks of pictures that fit into a core's cache.

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

    /// For small row (or column) `at` and tap `tap`: the big one, if it is not padding.
    fn source(&self, at: usize, tap: usize, extent: usize) -> Option<usize> {
        (at * self.stride + tap)
            .checked_sub(self.padding)
            .filter(|&source| source < extent)
    }

    /// The small columns whose big column at `tap` is not padding, and the first of those big columns.
    fn columns(&self, tap: usize) -> (core::ops::Range<usize>, usize) {
        let [[_, width], [_, small_width]] = [self.big, self.small()];
        let mut valid = (0..small_width).filter(|&at| self.source(at, tap, width).is_some());
        match valid.next() {
            Some(first) => {
                let last = valid.next_back().unwrap_or(first);
                let source = self.source(first, tap, width).unwrap_or(0);
                (first..last + 1, source)
            }
            None => (0..0, 0),
        }
    }
}

/// Numbers in a block's column matrix: about a third of a usual second-level cache.
const BLOCK: usize = 160_000;

/// Pictures in a block when each has `rows` x `pixels` numbers of the column matrix.
fn block(pictures: usize, rows: usize, pixels: usize) -> usize {
    (BLOCK / (rows * pixels).max(1)).clamp(1, pictures.div_ceil(8).max(1))
}

/// Calls `each(column-matrix row, big row, small pixels)` of every tap and small row: rows of the column matrix are numbered by
/// channel and tap, `small` is where the small row begins within a picture's pixels.
#[inline(always)]
fn for_each_row(
    geometry: &Geometry,
    channels: usize,
    mut each: impl FnMut(usize, usize, core::ops::Range<usize>, usize),
) {
    let [height, width] = geometry.big;
    let [small_height, small_width] = geometry.small();
    let columns: Vec<_> = (0..geometry.kernel)
        .map(|tap| geometry.columns(tap))
        .collect();
    for channel in 0..channels {
        for down in 0..geometry.kernel {
            for (right, (valid, first)) in columns.iter().enumerate() {
                let row = (channel * geometry.kernel + down) * geometry.kernel + right;
                for at in 0..small_height {
                    if let Some(source) = geometry.source(at, down, height) {
                        let begin = at * small_width;
                        each(
                            row,
                            (channel * height + source) * width + first,
                            begin + valid.start..begin + valid.end,
                            begin,
                        );
                    }
                }
            }
        }
    }
}

/// Writes the column matrix of `pictures` (each `[channels, H, W]`) into `columns`, `[channels * taps, pictures * pixels]`, which
/// holds zeros where padding is.
#[inline(always)]
fn unfold(
    pictures: &[&[f32]],
    channels: usize,
    geometry: &Geometry,
    pixels: usize,
    columns: &mut [f32],
) {
    let width = pictures.len() * pixels;
    for_each_row(geometry, channels, |row, from, to, _| {
        for (index, picture) in pictures.iter().enumerate() {
            let begin = row * width + index * pixels;
            let into = columns.get_mut(begin + to.start..begin + to.end);
            let source = picture.get(from..).unwrap_or_default();
            if geometry.stride == 1 {
                if let (Some(into), Some(source)) = (into, source.get(..to.len())) {
                    into.copy_from_slice(source);
                }
            } else {
                into.unwrap_or_default()
                    .iter_mut()
                    .zip(source.iter().step_by(geometry.stride))
                    .for_each(|(into, from)| *into = *from);
            }
        }
    });
}

/// Adds the column matrix to the pictures, the adjoint of [`unfold`].
#[inline(always)]
fn fold(
    columns: &[f32],
    channels: usize,
    geometry: &Geometry,
    pixels: usize,
    picture_len: usize,
    pictures: &mut [f32],
) {
    let count = pictures.len() / picture_len.max(1);
    let width = count * pixels;
    for_each_row(geometry, channels, |row, to, from, _| {
        for (index, picture) in pictures.chunks_exact_mut(picture_len).enumerate() {
            let begin = row * width + index * pixels;
            let source = columns
                .get(begin + from.start..begin + from.end)
                .unwrap_or_default();
            picture
                .get_mut(to..)
                .unwrap_or_default()
                .iter_mut()
                .step_by(geometry.stride)
                .zip(source)
                .for_each(|(into, from)| *into += *from);
        }
    });
}

/// Copies `[n, channels, pixels]` to `[channels, n * pixels]`.
fn channels_first(pictures: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    let count = pictures.len() / (channels * pixels).max(1);
    let mut out = vec![0.0; pictures.len()];
    for (channel, row) in out.chunks_exact_mut((count * pixels).max(1)).enumerate() {
        let planes = pictures
            .chunks_exact(pixels)
            .skip(channel)
            .step_by(channels);
        for (into, plane) in row.chunks_exact_mut(pixels).zip(planes) {
            into.copy_from_slice(plane);
        }
    }
    out
}

/// Copies `[channels, n * pixels]` to `[n, channels, pixels]`.
fn pictures_first(rows: &[f32], channels: usize, pixels: usize, pictures: &mut [f32]) {
    let count = pictures.len() / (channels * pixels).max(1);
    for (channel, row) in rows.chunks_exact((count * pixels).max(1)).enumerate() {
        let planes = pictures
            .chunks_exact_mut(pixels)
            .skip(channel)
            .step_by(channels);
        for (into, plane) in planes.zip(row.chunks_exact(pixels)) {
            into.copy_from_slice(plane);
        }
    }
}

/// The weight `[S, B, rows, columns]` as a matrix `[S, B * taps]`.
fn weight_matrix(weight: &FlexTensor, small: usize, rows: usize) -> FlexTensor {
    contiguous(weight).reshape([small, rows].into())
}

pub(super) fn gather(big: &FlexTensor, weight: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, channels, height, width] = extents(big);
    let [small] = extents(weight);
    let [small_height, small_width] = geometry.small();
    let (pixels, rows) = (small_height * small_width, channels * geometry.taps());
    let (big, weight) = (contiguous(big), weight_matrix(weight, small, rows));
    let picture_len = channels * height * width;
    let per_block = block(count, rows, pixels);
    let mut out = vec![0.0; count * small * pixels];
    out.par_chunks_mut(per_block * small * pixels)
        .zip(numbers(&big).par_chunks(per_block * picture_len))
        .for_each(|(out, pictures)| {
            let pictures: Vec<&[f32]> = pictures.chunks_exact(picture_len).collect();
            let wide = pictures.len() * pixels;
            let mut columns = vec![0.0; rows * wide];
            vectorized(|| unfold(&pictures, channels, geometry, pixels, &mut columns));
            let made = product(weight.clone(), tensor(columns, [rows, wide]));
            pictures_first(numbers(&made), small, pixels, out);
        });
    tensor(out, [count, small, small_height, small_width])
}

pub(super) fn scatter(small: &FlexTensor, weight: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, small_channels, small_height, small_width] = extents(small);
    let [_, channels] = extents(weight);
    let [height, width] = geometry.big;
    let (pixels, rows) = (small_height * small_width, channels * geometry.taps());
    let (small, weight) = (
        contiguous(small),
        weight_matrix(weight, small_channels, rows),
    );
    let picture_len = channels * height * width;
    let per_block = block(count, rows, pixels);
    let mut out = vec![0.0; count * picture_len];
    out.par_chunks_mut(per_block * picture_len)
        .zip(numbers(&small).par_chunks(per_block * small_channels * pixels))
        .for_each(|(out, pictures)| {
            let wide = pictures.len() / small_channels.max(1);
            let given = channels_first(pictures, small_channels, pixels);
            let columns = product(transposed(&weight), tensor(given, [small_channels, wide]));
            let columns = numbers(&columns);
            vectorized(|| fold(columns, channels, geometry, pixels, picture_len, out));
        });
    tensor(out, [count, channels, height, width])
}

pub(super) fn correlate(big: &FlexTensor, small: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, channels, height, width] = extents(big);
    let [_, small_channels, small_height, small_width] = extents(small);
    let pixels = small_height * small_width;
    let (big, small) = (contiguous(big), contiguous(small));
    let wide = count * pixels;
    let given = tensor(
        channels_first(numbers(&small), small_channels, pixels),
        [small_channels, wide],
    );
    // Slabs of big channels, each with the whole batch: sums are never cut.
    let plane = height * width;
    let slab = (2 * BLOCK / (geometry.taps() * wide).max(1)).clamp(1, channels.div_ceil(2));
    let slabs: Vec<FlexTensor> = (0..channels.div_ceil(slab))
        .into_par_iter()
        .map(|index| {
            let first = index * slab;
            let here = slab.min(channels - first);
            let pictures: Vec<&[f32]> = numbers(&big)
                .chunks_exact(channels * plane)
                .map(|picture| {
                    picture
                        .get(first * plane..(first + here) * plane)
                        .unwrap_or_default()
                })
                .collect();
            let rows = here * geometry.taps();
            let mut columns = vec![0.0; rows * wide];
            vectorized(|| unfold(&pictures, here, geometry, pixels, &mut columns));
            // [rows, wide] x [wide, S]: rows of the result lie together in the weight.
            product(tensor(columns, [rows, wide]), transposed(&given))
        })
        .collect();
    let rows = channels * geometry.taps();
    let mut out = vec![0.0; small_channels * rows];
    let mut row = 0;
    for slab in &slabs {
        for line in numbers(slab).chunks_exact(small_channels.max(1)) {
            for (into, from) in out.iter_mut().skip(row).step_by(rows).zip(line) {
                *into = *from;
            }
            row += 1;
        }
    }
    tensor(
        out,
        [small_channels, channels, geometry.kernel, geometry.kernel],
    )
}
