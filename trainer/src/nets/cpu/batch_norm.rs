//! Batch normalization with the batch's statistics (Ioffe and Szegedy 2015, algorithm 1), and
//! LeakyReLU after it.
//!
//! Channels lie together, `[..., C]`: a row is one pixel, and loops run over the channels of a row.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::TensorData;
use rayon::prelude::*;

use super::storage::{CHUNK, contiguous, elements, owned, tensor, vectorized, zeros};

/// Rows that are summed in single precision, before the sums go on in double: also what one task
/// does at a time.
const ROWS: usize = 256;

/// Channels of `[..., C]`.
fn channels(x: &FlexTensor) -> usize {
    x.shape().iter().copied().last().unwrap_or(1).max(1)
}

fn like(shape_of: &FlexTensor, elements: Vec<f32>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(elements, shape_of.shape()))
}

#[inline(always)]
fn leaky(z: f32, slope: f32) -> f32 {
    if z > 0.0 { z } else { z * slope }
}

/// Channels that a loop works on together, in arrays whose length the compiler knows.
const LANES: usize = 16;

/// A loop over rows, for `L` channels from channel `at`.
trait ChannelLoop {
    fn run<const L: usize>(&mut self, at: usize);
}

/// Runs a loop for all channels, [`LANES`] at a time as long as they last.
#[inline(always)]
fn for_channels(channels: usize, mut work: impl ChannelLoop) {
    let whole = channels - channels % LANES;
    for at in (0..whole).step_by(LANES) {
        work.run::<LANES>(at);
    }
    for at in whole..channels {
        work.run::<1>(at);
    }
}

/// `L` elements of a row or of a list with a number for each channel; zeros where there are none,
/// which does not happen.
#[inline(always)]
fn load<const L: usize>(elements: &[f32], at: usize) -> [f32; L] {
    let found = elements.get(at..).and_then(|rest| rest.first_chunk::<L>());
    found.copied().unwrap_or([0.0; L])
}

#[inline(always)]
fn store<const L: usize>(elements: &mut [f32], at: usize, values: [f32; L]) {
    if let Some(into) = elements
        .get_mut(at..)
        .and_then(|rest| rest.first_chunk_mut::<L>())
    {
        *into = values;
    }
}

struct Sum<'a> {
    rows: &'a [f32],
    channels: usize,
    sum: &'a mut [f32],
}

impl ChannelLoop for Sum<'_> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, at: usize) {
        let mut sum = [0.0; L];
        for row in self.rows.chunks_exact(self.channels) {
            let row = load::<L>(row, at);
            for i in 0..L {
                sum[i] += row[i];
            }
        }
        store(self.sum, at, sum);
    }
}

struct Squares<'a> {
    rows: &'a [f32],
    channels: usize,
    mean: &'a [f32],
    sum: &'a mut [f32],
}

impl ChannelLoop for Squares<'_> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, at: usize) {
        let (mean, mut sum) = (load::<L>(self.mean, at), [0.0; L]);
        for row in self.rows.chunks_exact(self.channels) {
            let row = load::<L>(row, at);
            for i in 0..L {
                sum[i] += (row[i] - mean[i]) * (row[i] - mean[i]);
            }
        }
        store(self.sum, at, sum);
    }
}

struct Apply<'a> {
    rows: &'a [f32],
    channels: usize,
    scale: &'a [f32],
    shift: &'a [f32],
    slope: f32,
    out: &'a mut [f32],
}

impl ChannelLoop for Apply<'_> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, at: usize) {
        let (scale, shift) = (load::<L>(self.scale, at), load::<L>(self.shift, at));
        let rows = self.rows.chunks_exact(self.channels);
        for (row, out) in rows.zip(self.out.chunks_exact_mut(self.channels)) {
            let mut row = load::<L>(row, at);
            for i in 0..L {
                row[i] = leaky(row[i] * scale[i] + shift[i], self.slope);
            }
            store(out, at, row);
        }
    }
}

/// `K` sums for each channel. `add` adds a block of [`ROWS`] rows, which begins at the number
/// given, to sums that begin at zero. The order of additions does not depend on the number of
/// threads.
fn totals<const K: usize>(
    x: &[f32],
    channels: usize,
    add: impl Fn(usize, &[f32], &mut [Vec<f32>; K]) + Sync,
) -> [Vec<f64>; K] {
    let block = ROWS * channels;
    let sums: Vec<[Vec<f32>; K]> = x
        .par_chunks(block)
        .enumerate()
        .map(|(index, rows)| {
            let mut sums = core::array::from_fn(|_| vec![0.0; channels]);
            vectorized(|| add(index * block, rows, &mut sums));
            sums
        })
        .collect();
    let mut total = core::array::from_fn(|_| vec![0.0; channels]);
    for sums in &sums {
        for (total, sums) in total.iter_mut().zip(sums) {
            total
                .iter_mut()
                .zip(sums)
                .for_each(|(total, sum)| *total += f64::from(*sum));
        }
    }
    total
}

#[allow(clippy::cast_possible_truncation)]
fn single(elements: impl Iterator<Item = f64>) -> Vec<f32> {
    elements.map(|n| n as f32).collect()
}

/// Normalizes `[..., C]` and applies LeakyReLU; gives the output, mean and biased variance.
pub(super) fn forward(
    x: &FlexTensor,
    gamma: &FlexTensor,
    beta: &FlexTensor,
    epsilon: f64,
    slope: f64,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let channels = channels(x);
    let (x, gamma, beta) = (contiguous(x), contiguous(gamma), contiguous(beta));
    let values = elements(&x);
    #[allow(clippy::cast_precision_loss)]
    let count = (values.len() / channels).max(1) as f64;
    #[allow(clippy::cast_possible_truncation)]
    let slope = slope as f32;
    let [sum] = totals(values, channels, |_, rows, [sum]| {
        for_channels(
            channels,
            Sum {
                rows,
                channels,
                sum,
            },
        );
    });
    let mean = single(sum.iter().map(|sum| sum / count));
    let [squares] = totals(values, channels, |_, rows, [sum]| {
        let mean = &mean;
        for_channels(
            channels,
            Squares {
                rows,
                channels,
                mean,
                sum,
            },
        );
    });
    // Around the mean as it was rounded, corrected by what the rounding took.
    let variance: Vec<f64> = squares
        .iter()
        .zip(sum.iter().zip(&mean))
        .map(|(squares, (sum, mean))| squares / count - (f64::from(*mean) - sum / count).powi(2))
        .collect();
    let scale: Vec<f64> = elements(&gamma)
        .iter()
        .zip(&variance)
        .map(|(gamma, variance)| f64::from(*gamma) / (variance + epsilon).sqrt())
        .collect();
    let shift = single(
        elements(&beta)
            .iter()
            .zip(sum.iter().zip(&scale))
            .map(|(beta, (sum, scale))| f64::from(*beta) - sum / count * scale),
    );
    let scale = single(scale.into_iter());
    let mut out = zeros(values.len());
    out.par_chunks_mut(ROWS * channels)
        .zip(values.par_chunks(ROWS * channels))
        .for_each(|(out, values)| {
            let work = Apply {
                rows: values,
                channels,
                scale: &scale,
                shift: &shift,
                slope,
                out,
            };
            vectorized(|| for_channels(channels, work));
        });
    (
        like(&x, out),
        tensor(mean, [channels]),
        tensor(single(variance.into_iter()), [channels]),
    )
}

/// Of each channel, what the way back needs.
struct Columns {
    mean: Vec<f32>,
    inverse: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

/// [`Columns`] of `L` channels.
struct ChannelLanes<const L: usize> {
    mean: [f32; L],
    inverse: [f32; L],
    gamma: [f32; L],
    beta: [f32; L],
}

impl Columns {
    #[inline(always)]
    fn load<const L: usize>(&self, at: usize) -> ChannelLanes<L> {
        ChannelLanes {
            mean: load(&self.mean, at),
            inverse: load(&self.inverse, at),
            gamma: load(&self.gamma, at),
            beta: load(&self.beta, at),
        }
    }
}

impl<const L: usize> ChannelLanes<L> {
    /// x̂, and the output's gradient through LeakyReLU, of lane `i`.
    #[inline(always)]
    fn through(&self, i: usize, v: f32, g: f32, slope: f32) -> (f32, f32) {
        let normal = (v - self.mean[i]) * self.inverse[i];
        let positive = normal * self.gamma[i] + self.beta[i] > 0.0;
        (normal, if positive { g } else { g * slope })
    }
}

struct GradientSums<'a> {
    gradients: &'a [f32],
    rows: &'a [f32],
    channels: usize,
    columns: &'a Columns,
    slope: f32,
    grad_beta: &'a mut [f32],
    grad_gamma: &'a mut [f32],
}

impl ChannelLoop for GradientSums<'_> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, at: usize) {
        let columns = self.columns.load::<L>(at);
        let (mut mean_beta, mut mean_gamma) = ([0.0; L], [0.0; L]);
        let rows = self.rows.chunks_exact(self.channels);
        for (row, gradient) in rows.zip(self.gradients.chunks_exact(self.channels)) {
            let (row, gradient) = (load::<L>(row, at), load::<L>(gradient, at));
            for i in 0..L {
                let (normal, g) = columns.through(i, row[i], gradient[i], self.slope);
                mean_beta[i] += g;
                mean_gamma[i] += g * normal;
            }
        }
        store(self.grad_beta, at, mean_beta);
        store(self.grad_gamma, at, mean_gamma);
    }
}

struct GradientApply<'a> {
    gradients: &'a mut [f32],
    rows: &'a [f32],
    channels: usize,
    columns: &'a Columns,
    slope: f32,
    mean_beta: &'a [f32],
    mean_gamma: &'a [f32],
}

impl ChannelLoop for GradientApply<'_> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, at: usize) {
        let columns = self.columns.load::<L>(at);
        let (mean_beta, mean_gamma) = (
            load::<L>(self.mean_beta, at),
            load::<L>(self.mean_gamma, at),
        );
        let rows = self.rows.chunks_exact(self.channels);
        for (row, out) in rows.zip(self.gradients.chunks_exact_mut(self.channels)) {
            let (row, mut gradient) = (load::<L>(row, at), load::<L>(out, at));
            for i in 0..L {
                let (normal, g) = columns.through(i, row[i], gradient[i], self.slope);
                gradient[i] = columns.gamma[i]
                    * columns.inverse[i]
                    * (g - mean_beta[i] - normal * mean_gamma[i]);
            }
            store(out, at, gradient);
        }
    }
}

/// The gradients, by the paper's chain rule. With z = γ·x̂ + β and g = the output's gradient
/// through LeakyReLU: ∂γ = Σ g·x̂, ∂β = Σ g, ∂x = γ/√(σ² + ε) · (g − mean(g) − x̂·mean(g·x̂)).
pub(super) fn backward(
    x: &FlexTensor,
    gamma: &FlexTensor,
    beta: &FlexTensor,
    mean: &FlexTensor,
    variance: &FlexTensor,
    gradient: FlexTensor,
    epsilon: f64,
    slope: f64,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let channels = channels(x);
    // The input's gradient takes the place of the output's.
    let (x, mut gradient) = (contiguous(x), owned(gradient));
    let out = gradient.storage_mut::<f32>();
    let values = elements(&x);
    let [gamma, beta, mean, variance] =
        [gamma, beta, mean, variance].map(|t| elements(&contiguous(t)).to_vec());
    let inverse = single(
        variance
            .iter()
            .map(|variance| 1.0 / (f64::from(*variance) + epsilon).sqrt()),
    );
    let columns = Columns {
        mean,
        inverse,
        gamma,
        beta,
    };
    #[allow(clippy::cast_precision_loss)]
    let count = (values.len() / channels).max(1) as f64;
    #[allow(clippy::cast_possible_truncation)]
    let slope = slope as f32;
    let [grad_beta, grad_gamma] = totals(
        out,
        channels,
        |begin, gradients, [grad_beta, grad_gamma]| {
            let work = GradientSums {
                gradients,
                rows: values.get(begin..).unwrap_or_default(),
                channels,
                columns: &columns,
                slope,
                grad_beta,
                grad_gamma,
            };
            for_channels(channels, work);
        },
    );
    let (mean_beta, mean_gamma) = (
        single(grad_beta.iter().map(|sum| sum / count)),
        single(grad_gamma.iter().map(|sum| sum / count)),
    );
    out.par_chunks_mut(ROWS * channels)
        .zip(values.par_chunks(ROWS * channels))
        .for_each(|(gradients, rows)| {
            let work = GradientApply {
                gradients,
                rows,
                channels,
                columns: &columns,
                slope,
                mean_beta: &mean_beta,
                mean_gamma: &mean_gamma,
            };
            vectorized(|| for_channels(channels, work));
        });
    (
        gradient,
        tensor(single(grad_gamma.into_iter()), [channels]),
        tensor(single(grad_beta.into_iter()), [channels]),
    )
}

pub(super) fn leaky_relu(x: FlexTensor, slope: f64) -> FlexTensor {
    #[allow(clippy::cast_possible_truncation)]
    let slope = slope as f32;
    let mut out = owned(x);
    let elements = out.storage_mut::<f32>();
    elements.par_chunks_mut(CHUNK).for_each(|out| {
        vectorized(|| out.iter_mut().for_each(|v| *v = leaky(*v, slope)));
    });
    out
}

/// The gradient of [`leaky_relu`], from its output.
pub(super) fn leaky_relu_backward(
    output: &FlexTensor,
    gradient: FlexTensor,
    slope: f64,
) -> FlexTensor {
    let (output, mut out) = (contiguous(output), owned(gradient));
    #[allow(clippy::cast_possible_truncation)]
    let slope = slope as f32;
    out.storage_mut::<f32>()
        .par_chunks_mut(CHUNK)
        .zip(elements(&output).par_chunks(CHUNK))
        .for_each(|(out, output)| {
            vectorized(|| {
                for (g, y) in out.iter_mut().zip(output) {
                    *g = if *y > 0.0 { *g } else { *g * slope };
                }
            });
        });
    out
}
