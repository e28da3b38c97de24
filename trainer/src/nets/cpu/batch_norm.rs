//! Batch normalization with the batch's statistics (Ioffe and Szegedy 2015, algorithm 1), and
//! LeakyReLU after it.
//!
//! Channels lie together, `[..., C]`: a row is one pixel, and loops run over the channels of a row.

use core::array::from_fn;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::activation::leaky;
use super::operation::{constant_output, input, output};
use super::storage::{channels, contiguous, elements, owned, tensor, vectorized, zeros};

/// Rows that are summed in single precision, before the sums go on in double: also what one task
/// does at a time.
const ROWS: usize = 256;

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

/// `K` sums for each channel, over the rows of `R` maps, of what `terms` makes of an element of
/// each map and the channel's `C` numbers.
struct Sums<'a, F, const R: usize, const C: usize, const K: usize> {
    maps: [&'a [f32]; R],
    numbers: [&'a [f32]; C],
    channels: usize,
    terms: F,
    sums: &'a mut [Vec<f32>; K],
}

impl<F, const R: usize, const C: usize, const K: usize> ChannelLoop for Sums<'_, F, R, C, K>
where
    F: Fn([f32; R], [f32; C]) -> [f32; K],
{
    #[inline(always)]
    fn run<const L: usize>(&mut self, at: usize) {
        let numbers = self.numbers.map(|numbers| load::<L>(numbers, at));
        let mut sums = [[0.0; L]; K];
        let len = self.maps.first().map_or(0, |map| map.len());
        for place in (at..len).step_by(self.channels) {
            let rows = self.maps.map(|map| load::<L>(map, place));
            for i in 0..L {
                let terms = (self.terms)(from_fn(|r| rows[r][i]), from_fn(|c| numbers[c][i]));
                for k in 0..K {
                    sums[k][i] += terms[k];
                }
            }
        }
        for (into, sum) in self.sums.iter_mut().zip(sums) {
            store(into, at, sum);
        }
    }
}

/// Puts in the place of each element what `function` makes of it, that of `map` and the channel's
/// `C` numbers.
struct Apply<'a, F, const C: usize> {
    out: &'a mut [f32],
    map: &'a [f32],
    numbers: [&'a [f32]; C],
    channels: usize,
    function: F,
}

impl<F: Fn(f32, f32, [f32; C]) -> f32, const C: usize> ChannelLoop for Apply<'_, F, C> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, at: usize) {
        let numbers = self.numbers.map(|numbers| load::<L>(numbers, at));
        for place in (at..self.out.len()).step_by(self.channels) {
            let (mut out, row) = (load::<L>(self.out, place), load::<L>(self.map, place));
            for i in 0..L {
                out[i] = (self.function)(out[i], row[i], from_fn(|c| numbers[c][i]));
            }
            store(self.out, place, out);
        }
    }
}

/// [`Sums`] of whole maps. The order of additions does not depend on the number of threads.
fn totals<const R: usize, const C: usize, const K: usize>(
    maps: [&[f32]; R],
    numbers: [&[f32]; C],
    channels: usize,
    terms: impl Fn([f32; R], [f32; C]) -> [f32; K] + Copy + Sync,
) -> [Vec<f64>; K] {
    let block = ROWS * channels;
    let blocks = maps.first().map_or(0, |map| map.len()).div_ceil(block);
    let sums: Vec<[Vec<f32>; K]> = (0..blocks)
        .into_par_iter()
        .map(|index| {
            let mut sums = from_fn(|_| vec![0.0; channels]);
            let work = Sums {
                maps: maps.map(|map| map.chunks(block).nth(index).unwrap_or_default()),
                numbers,
                channels,
                terms,
                sums: &mut sums,
            };
            vectorized(|| for_channels(channels, work));
            sums
        })
        .collect();
    let mut total = from_fn(|_| vec![0.0; channels]);
    for sums in &sums {
        for (total, sums) in total.iter_mut().zip(sums) {
            let both = total.iter_mut().zip(sums);
            both.for_each(|(total, sum)| *total += f64::from(*sum));
        }
    }
    total
}

/// [`Apply`] to a whole map.
fn apply<const C: usize>(
    out: &mut [f32],
    map: &[f32],
    numbers: [&[f32]; C],
    channels: usize,
    function: impl Fn(f32, f32, [f32; C]) -> f32 + Copy + Sync,
) {
    out.par_chunks_mut(ROWS * channels)
        .zip(map.par_chunks(ROWS * channels))
        .for_each(|(out, map)| {
            let work = Apply {
                out,
                map,
                numbers,
                channels,
                function,
            };
            vectorized(|| for_channels(channels, work));
        });
}

fn single(elements: impl Iterator<Item = f64>) -> Vec<f32> {
    elements.map(|n| n as f32).collect()
}

/// Rows of a map.
fn rows(map: &[f32], channels: usize) -> f64 {
    (map.len() / channels).max(1) as f64
}

/// Batch normalization of training over `[..., C]` and LeakyReLU of `slope` (0 for ReLU); gives the
/// output, mean and biased variance, the latter two `[C]` and without gradients.
pub(in crate::nets) fn batch_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    slope: f64,
) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
    let [(x, x_node), (gamma, gamma_node), (beta, beta_node)] =
        [input(x), input(gamma), input(beta)];
    let channels = channels(&x);
    let [x, gamma, beta] = [x, gamma, beta].map(|tensor| contiguous(&tensor));
    let values = elements(&x);
    let count = rows(values, channels);
    let slope = slope as f32;
    let [sum] = totals([values], [], channels, |[x], []| [x]);
    let mean = single(sum.iter().map(|sum| sum / count));
    let [squares] = totals([values], [&mean], channels, |[x], [mean]| {
        [(x - mean) * (x - mean)]
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
    let (scale, variance) = (single(scale.into_iter()), single(variance.into_iter()));
    let mut out = zeros(values.len());
    let numbers = [&scale[..], &shift];
    apply(
        &mut out,
        values,
        numbers,
        channels,
        |_, x, [scale, shift]| leaky(x * scale + shift, slope),
    );
    let out = FlexTensor::from_data(TensorData::new(out, x.shape()));
    let statistics = [&mean, &variance].map(|numbers| tensor(numbers.clone(), [channels]));
    let [mean_output, variance_output] = statistics.map(constant_output);
    let nodes = [x_node, gamma_node, beta_node];
    let out = output(nodes, out, move |gradient, _| {
        let inverse = variance
            .iter()
            .map(|v| 1.0 / (f64::from(*v) + epsilon).sqrt());
        let inverse = single(inverse);
        let numbers = [&mean[..], &inverse, elements(&gamma), elements(&beta)];
        backward(&x, numbers, gradient, slope).map(Some)
    });
    (out, mean_output, variance_output)
}

/// The gradients with respect to x, γ and β, by the paper's chain rule, from mean, 1/√(σ² + ε), γ
/// and β of each channel. With z = γ·x̂ + β and g = the output's gradient through LeakyReLU:
/// ∂γ = Σ g·x̂, ∂β = Σ g, ∂x = γ/√(σ² + ε) · (g − mean(g) − x̂·mean(g·x̂)).
fn backward(
    x: &FlexTensor,
    numbers: [&[f32]; 4],
    gradient: FlexTensor,
    slope: f32,
) -> [FlexTensor; 3] {
    let channels = channels(x);
    // The input's gradient takes the place of the output's.
    let mut gradient = owned(gradient);
    let (values, out) = (elements(x), gradient.storage_mut::<f32>());
    let count = rows(values, channels);
    // x̂, and the output's gradient through LeakyReLU.
    let through = move |g: f32, x: f32, [mean, inverse, gamma, beta]: [f32; 4]| {
        let normal = (x - mean) * inverse;
        let positive = normal * gamma + beta > 0.0;
        (normal, if positive { g } else { g * slope })
    };
    let [grad_beta, grad_gamma] =
        totals([out, values], numbers, channels, move |[g, x], numbers| {
            let (normal, g) = through(g, x, numbers);
            [g, g * normal]
        });
    let mean_beta = single(grad_beta.iter().map(|sum| sum / count));
    let mean_gamma = single(grad_gamma.iter().map(|sum| sum / count));
    let [mean, inverse, gamma, beta] = numbers;
    let numbers = [mean, inverse, gamma, beta, &mean_beta, &mean_gamma];
    apply(out, values, numbers, channels, move |g, x, numbers| {
        let [mean, inverse, gamma, beta, mean_beta, mean_gamma] = numbers;
        let (normal, g) = through(g, x, [mean, inverse, gamma, beta]);
        gamma * inverse * (g - mean_beta - normal * mean_gamma)
    });
    let [grad_gamma, grad_beta] =
        [grad_gamma, grad_beta].map(|sums| tensor(single(sums.into_iter()), [channels]));
    [gradient, grad_gamma, grad_beta]
}
