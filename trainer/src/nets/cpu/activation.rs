//! Activations: LeakyReLU, and those that end a generator, the logistic function and tanh.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::elementary;
use super::operation::{constant, input, on_cpu_backend, output};
use super::storage::{
    channels, contiguous, each, each_with, elements, owned, tensor, total, vectorized,
};
use crate::config::OutputActivation;

/// The function of each element.
pub(in crate::nets) fn activate<const D: usize>(
    x: Tensor<D>,
    function: OutputActivation,
) -> Tensor<D> {
    let (x, node) = input(x);
    let y = match function {
        OutputActivation::Sigmoid => each(x, elementary::sigmoid),
        OutputActivation::Tanh => each(x, elementary::tanh),
        OutputActivation::Linear => x,
    };
    output([node], y.clone(), move |gradient, _| {
        // From the function's value.
        [Some(match function {
            OutputActivation::Sigmoid => each_with(gradient, &y, |g, y| g * (y * (1.0 - y))),
            OutputActivation::Tanh => each_with(gradient, &y, |g, y| g * (1.0 - y * y)),
            OutputActivation::Linear => gradient,
        })]
    })
}

/// `slope` times what is not positive.
pub(in crate::nets) fn leaky_relu<const D: usize>(x: Tensor<D>, slope: f64) -> Tensor<D> {
    let (x, node) = input(x);
    let slope = slope as f32;
    let y = each(x, move |x| leaky(x, slope));
    output([node], y.clone(), move |gradient, _| {
        [Some(each_with(gradient, &y, |g, y| {
            if y > 0.0 { g } else { g * slope }
        }))]
    })
}

/// `x` and `bias` `[C]` as often as the bias's share of each image `[N]` says, then what an
/// activation let through: where its output `open`, as many elements in the same order, is
/// positive, all of it, elsewhere `slope` times it. `open` and the shares count as constants.
/// Channels are the second extent, on the CPU the last one.
pub(in crate::nets) fn let_through<const D: usize>(
    x: Tensor<D>,
    bias: Option<(Tensor<1>, Tensor<1>)>,
    open: Option<Tensor<2>>,
    slope: f64,
) -> Tensor<D> {
    if !on_cpu_backend(&x) {
        return by_burn(x, bias, open, slope);
    }
    let rows = x.dims().first().copied().unwrap_or(1).max(1);
    let (x, x_node) = input(x);
    let (channels, slope) = (channels(&x), slope as f32);
    let open = open.map(|open| contiguous(&constant(open)));
    let (bias, share) = bias.unzip();
    let share = share.map(|share| contiguous(&constant(share)));
    let (bias, bias_node) = bias.map(input).unzip();
    let bias = bias.map(|bias| contiguous(&bias));
    let mut x = owned(x);
    let image = (x.storage_mut::<f32>().len() / rows).max(1);
    let derivative = move |x: f32, open: f32| if open > 0.0 { x } else { x * slope };
    x.storage_mut::<f32>()
        .par_chunks_mut(image)
        .enumerate()
        .for_each(|(at, x)| {
            vectorized(|| {
                if let (Some(bias), Some(share)) = (&bias, &share) {
                    let share = elements(share).get(at).copied().unwrap_or(1.0);
                    for row in x.chunks_exact_mut(channels) {
                        for (x, bias) in row.iter_mut().zip(elements(bias)) {
                            *x += share * bias;
                        }
                    }
                }
                for (x, open) in x.iter_mut().zip(image_of(&open, at, image)) {
                    *x = derivative(*x, *open);
                }
            });
        });
    let backward = move |gradient: FlexTensor| {
        let mut gradient = owned(gradient);
        let sums: Vec<Vec<f32>> = gradient
            .storage_mut::<f32>()
            .par_chunks_mut(image)
            .enumerate()
            .map(|(at, gradient)| {
                let mut sum = vec![0.0; channels];
                vectorized(|| {
                    for (g, open) in gradient.iter_mut().zip(image_of(&open, at, image)) {
                        *g = derivative(*g, *open);
                    }
                    if let Some(share) = &share {
                        for row in gradient.chunks_exact(channels) {
                            sum.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
                        }
                        let share = elements(share).get(at).copied().unwrap_or(1.0);
                        sum.iter_mut().for_each(|sum| *sum *= share);
                    }
                });
                sum
            })
            .collect();
        [gradient, tensor(total(&sums, channels), [channels])]
    };
    match bias_node {
        Some(bias_node) => output([x_node, bias_node], x, move |gradient, _| {
            backward(gradient).map(Some)
        }),
        None => output([x_node], x, move |gradient, _| {
            let [gradient, _] = backward(gradient);
            [Some(gradient)]
        }),
    }
}

/// The elements of image number `at`; none where there is no tensor.
#[inline(always)]
fn image_of(x: &Option<FlexTensor>, at: usize, image: usize) -> &[f32] {
    let elements = x.as_ref().map(elements).unwrap_or_default();
    elements
        .get(at * image..(at + 1) * image)
        .unwrap_or_default()
}

/// [`let_through`] on other devices.
fn by_burn<const D: usize>(
    x: Tensor<D>,
    bias: Option<(Tensor<1>, Tensor<1>)>,
    open: Option<Tensor<2>>,
    slope: f64,
) -> Tensor<D> {
    let mut x = x;
    if let Some((bias, share)) = bias {
        let along = |axis: usize, len: usize| {
            let mut shape = [1; D];
            if let Some(extent) = shape.get_mut(axis) {
                *extent = len;
            }
            shape
        };
        let ([channels], [rows]) = (bias.dims(), share.dims());
        let share = Tensor::from_inner(share.reshape(along(0, rows)));
        x = x + bias.reshape(along(1, channels)) * share;
    }
    match open {
        Some(open) => {
            let open = open.greater_elem(0.0).float();
            let factor = open.mul_scalar(1.0 - slope).add_scalar(slope);
            x.clone() * Tensor::from_inner(factor.reshape(x.shape()))
        }
        None => x,
    }
}

#[inline(always)]
pub(super) fn leaky(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { x * slope }
}
