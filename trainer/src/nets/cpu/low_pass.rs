//! Doubling and halving of maps by a fixed low-pass filter, channels last.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::operation::{input, output};
use super::storage::{contiguous, dims_of, elements, tensor, vectorized, zeros};

/// Bilinear doubling of `[N, H, W, C]` to `[N, 2H, 2W, C]`, edges repeated: along each axis an
/// output is three quarters of the nearest input and a quarter of the next one.
pub(in crate::nets) fn doubled(x: Tensor<4>) -> Tensor<4> {
    let (x, node) = input(x);
    output([node], spread(&x, 1.0), |gradient, _| {
        [Some(gather(&gradient, 1.0))]
    })
}

/// A quarter of the adjoint of [`doubled`], `[N, 2H, 2W, C]` to `[N, H, W, C]`: along each axis 1 3
/// 3 1 over 8, edges repeated.
pub(in crate::nets) fn halved(x: Tensor<4>) -> Tensor<4> {
    let (x, node) = input(x);
    output([node], gather(&x, 0.25), |gradient, _| {
        [Some(spread(&gradient, 0.25))]
    })
}

const NEAR: f32 = 0.75;
const FAR: f32 = 0.25;

/// The places of both outputs' far inputs, edges repeated.
fn around(at: usize, len: usize) -> [usize; 2] {
    [at.saturating_sub(1), (at + 1).min(len.saturating_sub(1))]
}

/// `scale` times the doubling.
fn spread(x: &FlexTensor, scale: f32) -> FlexTensor {
    let [count, height, width, channels] = dims_of(x);
    let x = contiguous(x);
    let (row, wide) = (width * channels, 2 * width * channels);
    let mut out = zeros(count * 2 * height * wide);
    out.par_chunks_mut((2 * height * wide).max(1))
        .zip(elements(&x).par_chunks((height * row).max(1)))
        .for_each(|(out, x)| {
            let mut rows = vec![0.0; height * wide];
            vectorized(|| {
                let pairs = rows
                    .chunks_exact_mut(wide.max(1))
                    .zip(x.chunks_exact(row.max(1)));
                for (rows, x) in pairs {
                    for (at, pair) in rows.chunks_exact_mut((2 * channels).max(1)).enumerate() {
                        let of = |at: usize| {
                            let pixel = x.get(at * channels..(at + 1) * channels);
                            pixel.unwrap_or_default()
                        };
                        let [before, after] = around(at, width).map(of);
                        let (left, right) = pair.split_at_mut(channels);
                        mixed(left, of(at), before, NEAR * scale, FAR * scale);
                        mixed(right, of(at), after, NEAR * scale, FAR * scale);
                    }
                }
                for (at, pair) in out.chunks_exact_mut((2 * wide).max(1)).enumerate() {
                    let of = |at: usize| {
                        let row = rows.get(at * wide..(at + 1) * wide);
                        row.unwrap_or_default()
                    };
                    let [before, after] = around(at, height).map(of);
                    let (upper, lower) = pair.split_at_mut(wide);
                    mixed(upper, of(at), before, NEAR, FAR);
                    mixed(lower, of(at), after, NEAR, FAR);
                }
            });
        });
    tensor(out, [count, 2 * height, 2 * width, channels])
}

/// `near` and `far` by their shares.
#[inline(always)]
fn mixed(out: &mut [f32], near: &[f32], far: &[f32], near_share: f32, far_share: f32) {
    for ((out, near), far) in out.iter_mut().zip(near).zip(far) {
        *out = near_share * near + far_share * far;
    }
}

/// `scale` times the doubling's adjoint.
fn gather(x: &FlexTensor, scale: f32) -> FlexTensor {
    let [count, tall, wide, channels] = dims_of(x);
    let (height, width) = (tall / 2, wide / 2);
    let x = contiguous(x);
    let (row, wide_row) = (width * channels, wide * channels);
    let mut out = zeros(count * height * row);
    out.par_chunks_mut((height * row).max(1))
        .zip(elements(&x).par_chunks((tall * wide_row).max(1)))
        .for_each(|(out, x)| {
            let mut sum = vec![0.0; wide_row];
            vectorized(|| {
                for (at, out) in out.chunks_exact_mut(row.max(1)).enumerate() {
                    let of = |at: usize| {
                        let row = x.get(at * wide_row..(at + 1) * wide_row);
                        row.unwrap_or_default()
                    };
                    let places = inputs(at, tall);
                    four(&mut sum, places.map(of), scale);
                    for (at, out) in out.chunks_exact_mut(channels.max(1)).enumerate() {
                        let of = |at: usize| {
                            let pixel = sum.get(at * channels..(at + 1) * channels);
                            pixel.unwrap_or_default()
                        };
                        four(out, inputs(at, wide).map(of), 1.0);
                    }
                }
            });
        });
    tensor(out, [count, height, width, channels])
}

/// The four inputs of the adjoint at output `at`, edges repeated.
fn inputs(at: usize, len: usize) -> [usize; 4] {
    let first = 2 * at;
    [
        first.saturating_sub(1),
        first,
        first + 1,
        (first + 2).min(len.saturating_sub(1)),
    ]
}

#[inline(always)]
fn four(out: &mut [f32], [a, b, c, d]: [&[f32]; 4], scale: f32) {
    let inner = b.iter().zip(c);
    let outer = a.iter().zip(d);
    for ((out, (b, c)), (a, d)) in out.iter_mut().zip(inner).zip(outer) {
        *out = scale * (NEAR * (b + c) + FAR * (a + d));
    }
}
