//! Convolutions as matrix products over blocks of images that fit into a core's cache.
//!
//! Channels lie together, `[N, H, W, C]`: what a row of the kernel reads is a run of them. Images
//! are copied into frames of zeros, and the products read the frames as they lie: the matrix of all
//! windows is never made.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use pulp::Arch;
use rayon::prelude::*;

use super::geometry::{Geometry, PaddedFrame, Run};
use super::matmul_kernel::{Matmul, TransposedMatmul, WindowRows, panel, panels};
use super::operation::{input, output};
use super::storage::{contiguous, dims_of, elements, tensor, total, vectorized, zeros};

/// A convolution without bias: `big` `[N, H, W, B]` with `weight` `[S, B, rows, columns]` to
/// `[N, h, w, S]`. With groups a weight is `[S, B / groups, rows, columns]`, S and B in whole groups.
///
/// `big` is the map of a convolution with more pixels (its input, or a transposed convolution's
/// output), `small` the other; a weight is `[small channels, big channels, rows, columns]` in both
/// cases.
pub(in crate::nets) fn conv2d(big: Tensor<4>, weight: Tensor<4>, geometry: Geometry) -> Tensor<4> {
    let ((big, big_node), (weight, weight_node)) = (input(big), input(weight));
    let small = small_of_big(&big, &weight, &geometry);
    output([big_node, weight_node], small, move |gradient, wanted| {
        let [big_wanted, weight_wanted] = wanted;
        [
            big_wanted.then(|| big_of_small(&gradient, &weight, &geometry)),
            weight_wanted.then(|| weight_grad(&big, &gradient, &geometry)),
        ]
    })
}

/// A transposed convolution without bias: `small` `[N, h, w, S]` with `weight` `[S, B, rows,
/// columns]` to `[N, H, W, B]`; the adjoint of [`conv2d`].
pub(in crate::nets) fn conv_transpose2d(
    small: Tensor<4>,
    weight: Tensor<4>,
    geometry: Geometry,
) -> Tensor<4> {
    let ((small, small_node), (weight, weight_node)) = (input(small), input(weight));
    let big = big_of_small(&small, &weight, &geometry);
    output([small_node, weight_node], big, move |gradient, wanted| {
        let [small_wanted, weight_wanted] = wanted;
        [
            small_wanted.then(|| small_of_big(&gradient, &weight, &geometry)),
            weight_wanted.then(|| weight_grad(&gradient, &small, &geometry)),
        ]
    })
}

/// Channels of the big map from which on the matrix product of a transposed convolution has them
/// as columns. With fewer most of a vector would be empty, and the taps are columns.
const MIN_COLUMN_CHANNELS: usize = 8;

/// Images in a share of the work: there are eight shares or fewer, whatever the number of threads.
fn share(images: usize) -> usize {
    images.div_ceil(8).max(1)
}

/// A product that makes some pixels of each image from windows of framed images.
struct Windows {
    frame: PaddedFrame,
    /// Where a window begins in a block, and where what is made of it goes, for each.
    starts: Vec<usize>,
    offsets: Vec<usize>,
    /// Windows of one image.
    each: usize,
    /// Rows of a window.
    parts: Vec<usize>,
    /// Elements of a row.
    len: usize,
    weight: Vec<Vec<f32>>,
}

impl Windows {
    /// Makes pixels of `columns` channels of a block's images.
    fn matmul(&self, framed: &[f32], columns: usize, out: &mut [f32]) {
        let count = framed.len() / self.frame.len().max(1) * self.each;
        let rows = WindowRows {
            elements: framed,
            starts: self.starts.get(..count).unwrap_or_default(),
            parts: &self.parts,
            len: self.len,
        };
        let offsets = self.offsets.get(..count).unwrap_or_default();
        matmul(rows, &self.weight, columns, offsets, out);
    }
}

/// `rows` times a matrix of `columns` columns, as [`panels`]: row m goes to `out` from
/// `offsets[m]`.
fn matmul(
    rows: WindowRows<'_>,
    panels: &[Vec<f32>],
    columns: usize,
    offsets: &[usize],
    out: &mut [f32],
) {
    let wide = panel();
    for (index, panel) in panels.iter().enumerate() {
        let begin = index * wide;
        Arch::new().dispatch(Matmul {
            rows,
            panel,
            out: out.get_mut(begin..).unwrap_or_default(),
            offsets,
            columns: wide.min(columns - begin),
        });
    }
}

/// Runs products over all images, a block at a time. `out` has `columns` channels.
fn run(
    windows: &[Windows],
    images: &[f32],
    frame: PaddedFrame,
    columns: usize,
    out: &mut [f32],
    image_len: usize,
) {
    let count = images.len() / frame.image_len().max(1);
    let block = frame.block(share(count));
    out.par_chunks_mut((block * image_len).max(1))
        .zip(images.par_chunks((block * frame.image_len()).max(1)))
        .for_each(|(out, images)| {
            let framed = frame.fill(images);
            for windows in windows {
                windows.matmul(&framed, columns, out);
            }
        });
}

impl Geometry {
    /// The products that make a transposed convolution: pixels of the big map fall into stride x
    /// stride kinds by which taps of the kernel reach them; those of one kind are a convolution of
    /// the small map with these taps, mirrored. `channels` are those of the big map in a group.
    fn kinds(
        &self,
        frame: PaddedFrame,
        weight: &[f32],
        channels: usize,
        images: usize,
    ) -> Vec<Windows> {
        let (taps, small) = (self.taps(), frame.channels / self.groups.max(1));
        let mut kinds = Vec::new();
        for top in 0..self.stride.min(self.kernel) {
            for left in 0..self.stride.min(self.kernel) {
                let [rows, columns] =
                    [top, left].map(|first| (self.kernel - first).div_ceil(self.stride));
                let reached = |first: usize, extent: usize| {
                    (0..extent).filter(move |at| (at + self.padding) % self.stride == first)
                };
                let (mut starts, mut offsets) = (Vec::new(), Vec::new());
                for image in 0..images {
                    for y in reached(top, self.big[0]) {
                        for x in reached(left, self.big[1]) {
                            let [row, column] = [(y, rows), (x, columns)].map(|(at, taps)| {
                                (at + self.padding) / self.stride + frame.before + 1 - taps
                            });
                            starts.push(frame.at(image, row, column));
                            let pixel = (image * self.big[0] + y) * self.big[1] + x;
                            offsets.push(pixel * channels * self.groups);
                        }
                    }
                }
                for group in 0..self.groups {
                    let mut terms = Vec::with_capacity(rows * columns * small);
                    for row in (0..rows).rev() {
                        for column in (0..columns).rev() {
                            let tap = (top + self.stride * row) * self.kernel
                                + left
                                + self.stride * column;
                            let those = group * small..(group + 1) * small;
                            terms.extend(those.map(|s| s * channels * taps + tap));
                        }
                    }
                    let (parts, len) = self.parts(&frame, [rows, columns], group);
                    kinds.push(Windows {
                        frame,
                        each: starts.len() / images.max(1),
                        starts: starts.clone(),
                        offsets: offsets.iter().map(|at| at + group * channels).collect(),
                        parts,
                        len,
                        weight: panels(weight, &terms, channels, taps),
                    });
                }
            }
        }
        kinds
    }
}

/// Adds what each small pixel gives each tap, `[images * small pixels, channels, taps]`, to the big
/// pixels under the taps.
#[inline(always)]
fn fold(columns: &[f32], channels: usize, geometry: &Geometry, runs: &[Run], images: &mut [f32]) {
    let taps = geometry.taps();
    let columns_len = geometry.small_pixels() * taps * channels;
    let image_len = geometry.big_pixels() * channels;
    for (image, columns) in images
        .chunks_exact_mut(image_len)
        .zip(columns.chunks_exact(columns_len))
    {
        for run in runs {
            for channel in 0..channels {
                let from = (run.small * channels + channel) * taps + run.tap;
                let into = image.get_mut(run.big * channels + channel..);
                let into = into.unwrap_or_default().iter_mut().step_by(channels);
                let from = columns.get(from..from + run.len).unwrap_or_default();
                into.zip(from).for_each(|(into, from)| *into += from);
            }
        }
    }
}

/// A weight's gradient `[taps * B, S]` as `[S, B, taps]`.
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

/// [`conv2d`] on burn-flex tensors.
fn small_of_big(big: &FlexTensor, weight: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, _, _, channels] = dims_of(big);
    let [small, of_group] = dims_of(weight);
    let [small_height, small_width] = geometry.small();
    let (pixels, taps) = (geometry.small_pixels(), geometry.taps());
    let (big, weight) = (contiguous(big), contiguous(weight));
    let frame = geometry.big_frame(channels);
    let terms: Vec<usize> = (0..taps)
        .flat_map(|tap| (0..of_group).map(move |channel| channel * taps + tap))
        .collect();
    let starts = geometry.starts(&frame, frame.block(share(count)));
    let columns = small / geometry.groups.max(1);
    let windows = (0..geometry.groups).map(|group| {
        let (parts, len) = geometry.parts(&frame, [geometry.kernel; 2], group);
        let weight = elements(&weight).get(group * columns * of_group * taps..);
        let weight = weight.unwrap_or_default();
        Windows {
            frame,
            offsets: (0..starts.len())
                .map(|row| row * small + group * columns)
                .collect(),
            starts: starts.clone(),
            each: pixels,
            parts,
            len,
            weight: panels(weight, &terms, columns, of_group * taps),
        }
    });
    let windows: Vec<Windows> = windows.collect();
    let mut out = zeros(count * small * pixels);
    let image_len = small * pixels;
    run(
        &windows,
        elements(&big),
        frame,
        columns,
        &mut out,
        image_len,
    );
    tensor(out, [count, small_height, small_width, small])
}

/// [`conv_transpose2d`] on burn-flex tensors.
fn big_of_small(small: &FlexTensor, weight: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, _, _, small_channels] = dims_of(small);
    let [_, of_group] = dims_of(weight);
    let channels = of_group * geometry.groups;
    let [height, width] = geometry.big;
    let mut out = zeros(count * geometry.big_pixels() * channels);
    if channels < MIN_COLUMN_CHANNELS && geometry.groups == 1 {
        big_of_small_few_channels(small, weight, geometry, &mut out);
    } else {
        let (small, weight) = (contiguous(small), contiguous(weight));
        let frame = geometry.small_frame(small_channels);
        let images = frame.block(share(count));
        let kinds = geometry.kinds(frame, elements(&weight), of_group, images);
        let image_len = geometry.big_pixels() * channels;
        run(
            &kinds,
            elements(&small),
            frame,
            of_group,
            &mut out,
            image_len,
        );
    }
    tensor(out, [count, height, width, channels])
}

/// [`big_of_small`] where the big map has few channels: the product has a column for each tap,
/// and they are added up where they fall.
fn big_of_small_few_channels(
    small: &FlexTensor,
    weight: &FlexTensor,
    geometry: &Geometry,
    out: &mut [f32],
) {
    let [count, _, _, small_channels] = dims_of(small);
    let [_, channels] = dims_of(weight);
    let (small, weight) = (contiguous(small), contiguous(weight));
    let columns = channels * geometry.taps();
    let terms: Vec<usize> = (0..small_channels).map(|s| s * columns).collect();
    let panels = panels(elements(&weight), &terms, columns, 1);
    let (image_len, runs) = (geometry.big_pixels() * channels, geometry.runs());
    let small_len = geometry.small_pixels() * small_channels;
    let each = share(count);
    out.par_chunks_mut((each * image_len).max(1))
        .zip(elements(&small).par_chunks((each * small_len).max(1)))
        .for_each(|(out, small)| {
            let pixels = small.len() / small_channels.max(1);
            let mut given = vec![0.0; pixels * columns];
            let starts: Vec<usize> = (0..pixels).map(|row| row * small_channels).collect();
            let offsets: Vec<usize> = (0..pixels).map(|row| row * columns).collect();
            let rows = WindowRows {
                elements: small,
                starts: &starts,
                parts: &[0],
                len: small_channels,
            };
            matmul(rows, &panels, columns, &offsets, &mut given);
            vectorized(|| fold(&given, channels, geometry, &runs, out));
        });
}

/// Elements of windows, and of what they are multiplied with, at a time.
const FEW: usize = 8 * 1024;

/// The gradient of the weight, `[S, B / groups, rows, columns]`, of both: `big` `[N, H, W, B]`,
/// `small` `[N, h, w, S]`.
fn weight_grad(big: &FlexTensor, small: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let [count, _, _, channels] = dims_of(big);
    let [_, _, _, small_channels] = dims_of(small);
    let groups = geometry.groups.max(1);
    let (inputs, outputs) = (channels / groups, small_channels / groups);
    let (pixels, rows) = (geometry.small_pixels(), inputs * geometry.taps());
    let (big, small) = (contiguous(big), contiguous(small));
    let frame = geometry.big_frame(channels);
    let (share, small_len) = (share(count), pixels * small_channels);
    let block = frame.block(share);
    let starts = geometry.starts(&frame, block);
    let parts = (0..groups).map(|group| geometry.parts(&frame, [geometry.kernel; 2], group));
    let parts: Vec<_> = parts.collect();
    // So many windows that they and what they are multiplied with stay in the first level of the
    // cache, for they are read once for each few rows of the sum.
    let few = (FEW / (channels + small_channels)).max(32);
    // The shares' sums are added in their order, whichever thread made them.
    let sums: Vec<Vec<f32>> = elements(&big)
        .par_chunks((share * frame.image_len()).max(1))
        .zip(elements(&small).par_chunks((share * small_len).max(1)))
        .map(|(images, others)| {
            let len = rows * outputs;
            let mut sum = vec![0.0; groups * len];
            let images = images.chunks((block * frame.image_len()).max(1));
            for (images, others) in images.zip(others.chunks((block * small_len).max(1))) {
                let framed = frame.fill(images);
                let count = framed.len() / frame.len().max(1) * pixels;
                let starts = starts.get(..count).unwrap_or_default();
                let windows = starts.chunks(few);
                for (starts, others) in windows.zip(others.chunks((few * small_channels).max(1))) {
                    let sums = sum.chunks_exact_mut(len.max(1)).enumerate();
                    for ((group, out), (parts, len)) in sums.zip(&parts) {
                        for begin in (0..outputs).step_by(panel()) {
                            Arch::new().dispatch(TransposedMatmul {
                                rows: WindowRows {
                                    elements: &framed,
                                    starts,
                                    parts,
                                    len: *len,
                                },
                                others: others.get(group * outputs..).unwrap_or_default(),
                                others_stride: small_channels,
                                begin,
                                columns: panel().min(outputs - begin),
                                out,
                                stride: outputs,
                            });
                        }
                    }
                }
            }
            sum
        })
        .collect();
    let total = total(&sums, groups * rows * outputs);
    let groups = total.chunks((rows * outputs).max(1));
    let groups = groups.map(|sum| weight_from_matrix(sum, outputs, inputs, geometry.taps()));
    let out = groups.collect::<Vec<_>>().concat();
    #[cfg(test)]
    let out = faulty(out, small_channels);
    tensor(
        out,
        [small_channels, inputs, geometry.kernel, geometry.kernel],
    )
}

/// For a test: the fault is in gradients of weights with so many channels.
#[cfg(test)]
pub(crate) static FAULTY: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[cfg(test)]
fn faulty(mut gradient: Vec<f32>, channels: usize) -> Vec<f32> {
    if FAULTY.load(std::sync::atomic::Ordering::Relaxed) == channels {
        gradient.iter_mut().for_each(|x| *x *= 1.01);
    }
    gradient
}
