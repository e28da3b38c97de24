//! Batch normalization with the batch's statistics (Ioffe and Szegedy 2015, algorithm 1), and LeakyReLU after it.

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::matrix::{contiguous, into_numbers, numbers, tensor, vectorized};

/// What the two passes need to know of `[N, C, ...]`.
struct Layout {
    shape: Vec<usize>,
    channels: usize,
    pixels: usize,
}

impl Layout {
    fn of(x: &FlexTensor) -> Self {
        use burn::backend::TensorMetadata;
        let shape = x.shape().to_vec();
        let channels = shape.get(1).copied().unwrap_or(1);
        let pixels = shape.iter().skip(2).product();
        Self {
            shape,
            channels,
            pixels,
        }
    }

    fn picture(&self) -> usize {
        (self.channels * self.pixels).max(1)
    }

    /// The pixels of one channel, picture by picture.
    fn channel<'a>(&self, x: &'a [f32], channel: usize) -> impl Iterator<Item = &'a [f32]> {
        x.chunks_exact(self.pixels.max(1))
            .skip(channel)
            .step_by(self.channels)
    }

    fn finish(&self, numbers: Vec<f32>) -> FlexTensor {
        FlexTensor::from_data(burn::tensor::TensorData::new(numbers, self.shape.clone()))
    }
}

/// Sums of `f` over two slices: eight lanes, then double precision, so that long sums stay exact and short loops vectorize.
#[inline(always)]
fn sums<const K: usize>(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> [f32; K]) -> [f64; K] {
    const LANES: usize = 8;
    let mut lanes = [[0.0_f32; LANES]; K];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (left_rest, right_rest) = (left.remainder(), right.remainder());
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            if let (Some(a), Some(b)) = (a.get(lane), b.get(lane)) {
                let terms = f(*a, *b);
                for (lanes, term) in lanes.iter_mut().zip(terms) {
                    if let Some(sum) = lanes.get_mut(lane) {
                        *sum += term;
                    }
                }
            }
        }
    }
    let mut totals = lanes.map(|lanes| lanes.iter().map(|v| f64::from(*v)).sum::<f64>());
    for (a, b) in left_rest.iter().zip(right_rest) {
        for (total, term) in totals.iter_mut().zip(f(*a, *b)) {
            *total += f64::from(term);
        }
    }
    totals
}

#[inline(always)]
fn leaky(z: f32, slope: f32) -> f32 {
    if z > 0.0 { z } else { z * slope }
}

pub(super) fn normalize(
    x: &FlexTensor,
    gamma: &FlexTensor,
    beta: &FlexTensor,
    epsilon: f64,
    slope: f64,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let layout = Layout::of(x);
    let (x, gamma, beta) = (contiguous(x), contiguous(gamma), contiguous(beta));
    let values = numbers(&x);
    #[allow(clippy::cast_precision_loss)]
    let count = (values.len() / layout.channels.max(1)).max(1) as f64;
    #[allow(clippy::cast_possible_truncation)]
    let slope = slope as f32;
    let statistics: Vec<(f64, f64)> = (0..layout.channels)
        .into_par_iter()
        .map(|channel| {
            let planes = || layout.channel(values, channel);
            let total = vectorized(|| {
                planes()
                    .map(|plane| sums(plane, plane, |v, _| [v])[0])
                    .sum::<f64>()
            });
            let mean = total / count;
            #[allow(clippy::cast_possible_truncation)]
            let center = mean as f32;
            let squares = vectorized(|| {
                planes()
                    .map(|plane| sums(plane, plane, |v, _| [(v - center) * (v - center)])[0])
                    .sum::<f64>()
            });
            // Around the mean that was rounded, corrected by what the rounding took.
            let variance = squares / count - (f64::from(center) - mean).powi(2);
            (mean, variance)
        })
        .collect();
    #[allow(clippy::cast_possible_truncation)]
    let scales: Vec<(f32, f32)> = statistics
        .iter()
        .zip(numbers(&gamma).iter().zip(numbers(&beta)))
        .map(|((mean, variance), (gamma, beta))| {
            let scale = f64::from(*gamma) / (variance + epsilon).sqrt();
            (scale as f32, (f64::from(*beta) - mean * scale) as f32)
        })
        .collect();
    let mut out = vec![0.0; values.len()];
    out.par_chunks_exact_mut(layout.picture())
        .zip(values.par_chunks_exact(layout.picture()))
        .for_each(|(out, picture)| {
            let planes = out
                .chunks_exact_mut(layout.pixels)
                .zip(picture.chunks_exact(layout.pixels));
            vectorized(|| {
                for ((out, plane), (scale, shift)) in planes.zip(&scales) {
                    for (out, v) in out.iter_mut().zip(plane) {
                        *out = leaky(v * scale + shift, slope);
                    }
                }
            });
        });
    #[allow(clippy::cast_possible_truncation)]
    let column = |pick: fn(&(f64, f64)) -> f64| {
        let numbers: Vec<f32> = statistics.iter().map(|pair| pick(pair) as f32).collect();
        tensor(numbers, [layout.channels])
    };
    (layout.finish(out), column(|s| s.0), column(|s| s.1))
}

/// The gradients, by the paper's chain rule. With z = γ·x̂ + β and g = the output's gradient through LeakyReLU:
/// ∂γ = Σ g·x̂, ∂β = Σ g, ∂x = γ/√(σ² + ε) · (g − mean(g) − x̂·mean(g·x̂)).
#[allow(clippy::too_many_arguments)]
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
    let layout = Layout::of(x);
    // The input's gradient takes the place of the output's.
    let (x, mut out) = (contiguous(x), into_numbers(gradient));
    let (values, gradients) = (numbers(&x), out.as_slice());
    let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(contiguous);
    #[allow(clippy::cast_precision_loss)]
    let count = (values.len() / layout.channels.max(1)).max(1) as f64;
    #[allow(clippy::cast_possible_truncation)]
    let slope = slope as f32;
    /// Numbers of one channel, in the precision of the pixels.
    #[derive(Clone, Copy)]
    struct Channel {
        mean: f32,
        inverse: f32,
        gamma: f32,
        beta: f32,
    }
    #[allow(clippy::cast_possible_truncation)]
    let channels: Vec<Channel> = numbers(&gamma)
        .iter()
        .zip(numbers(&beta))
        .zip(numbers(&mean).iter().zip(numbers(&variance)))
        .map(|((gamma, beta), (mean, variance))| Channel {
            mean: *mean,
            inverse: (1.0 / (f64::from(*variance) + epsilon).sqrt()) as f32,
            gamma: *gamma,
            beta: *beta,
        })
        .collect();
    #[inline(always)]
    fn through(c: Channel, slope: f32, v: f32, g: f32) -> (f32, f32) {
        let normal = (v - c.mean) * c.inverse;
        let passed = if normal * c.gamma + c.beta > 0.0 {
            g
        } else {
            g * slope
        };
        (normal, passed)
    }
    let totals: Vec<[f64; 2]> = channels
        .par_iter()
        .enumerate()
        .map(|(index, channel)| {
            let planes = layout
                .channel(values, index)
                .zip(layout.channel(gradients, index));
            let channel = *channel;
            vectorized(|| {
                planes.fold([0.0; 2], |total, (plane, gradient)| {
                    let [a, b] = sums(plane, gradient, |v, g| {
                        let (normal, g) = through(channel, slope, v, g);
                        [g, g * normal]
                    });
                    [total[0] + a, total[1] + b]
                })
            })
        })
        .collect();
    out.par_chunks_exact_mut(layout.picture())
        .zip(values.par_chunks_exact(layout.picture()))
        .for_each(|(out, picture)| {
            let planes = out
                .chunks_exact_mut(layout.pixels)
                .zip(picture.chunks_exact(layout.pixels));
            vectorized(|| {
                for ((out, plane), (channel, total)) in planes.zip(channels.iter().zip(&totals)) {
                    #[allow(clippy::cast_possible_truncation)]
                    let [offset, slant] = total.map(|t| (t / count) as f32);
                    let scale = channel.gamma * channel.inverse;
                    for (out, v) in out.iter_mut().zip(plane) {
                        let (normal, g) = through(*channel, slope, *v, *out);
                        *out = scale * (g - offset - normal * slant);
                    }
                }
            });
        });
    #[allow(clippy::cast_possible_truncation)]
    let column = |which: usize| {
        let numbers: Vec<f32> = totals
            .iter()
            .map(|t| t.get(which).copied().unwrap_or(0.0) as f32)
            .collect();
        tensor(numbers, [layout.channels])
    };
    (layout.finish(out), column(1), column(0))
}

/// Numbers that one task works through at a time.
const PIECE: usize = 1 << 15;

pub(super) fn leak(x: FlexTensor, slope: f64) -> FlexTensor {
    let layout = Layout::of(&x);
    #[allow(clippy::cast_possible_truncation)]
    let slope = slope as f32;
    let mut out = into_numbers(x);
    out.par_chunks_mut(PIECE).for_each(|out| {
        vectorized(|| out.iter_mut().for_each(|v| *v = leaky(*v, slope)));
    });
    layout.finish(out)
}

pub(super) fn leak_backward(output: &FlexTensor, gradient: FlexTensor, slope: f64) -> FlexTensor {
    let layout = Layout::of(output);
    let output = contiguous(output);
    #[allow(clippy::cast_possible_truncation)]
    let slope = slope as f32;
    let mut out = into_numbers(gradient);
    out.par_chunks_mut(PIECE)
        .zip(numbers(&output).par_chunks(PIECE))
        .for_each(|(out, output)| {
            vectorized(|| {
                for (g, y) in out.iter_mut().zip(output) {
                    *g = if *y > 0.0 { *g } else { *g * slope };
                }
            });
        });
    layout.finish(out)
}
