//! Activations: LeakyReLU, and those that end a generator, the logistic function and tanh.

use burn::tensor::Tensor;

use super::elementary;
use super::operation::{input, output};
use super::storage::{each, each_with};
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
    };
    output([node], y.clone(), move |gradient, _| {
        // From the function's value.
        [Some(match function {
            OutputActivation::Sigmoid => each_with(gradient, &y, |g, y| g * (y * (1.0 - y))),
            OutputActivation::Tanh => each_with(gradient, &y, |g, y| g * (1.0 - y * y)),
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

#[inline(always)]
pub(super) fn leaky(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { x * slope }
}
