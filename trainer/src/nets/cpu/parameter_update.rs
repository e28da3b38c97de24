//! Steps on weights: one pass over memory each, in place where nobody else holds the weights.
//! Tensors are without gradients.

use burn::backend::Flex;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::operation::plain;
use super::storage::{CHUNK, contiguous, each_with, elements, owned, vectorized};

/// One step of Adam (Kingma and Ba 2015, algorithm 1, with the order of section 2 that saves
/// multiplications): the two corrections of the moments' bias are in `rate` and `epsilon`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AdamStep {
    pub(crate) betas: [f32; 2],
    /// α·√(1 − β₂ᵗ) / (1 − β₁ᵗ).
    pub(crate) rate: f32,
    /// ε·√(1 − β₂ᵗ).
    pub(crate) epsilon: f32,
    /// What times the weights is added to their gradient.
    pub(crate) decay: f32,
}

/// A step of Adam: weights and both moments after it, from weights, gradient and both moments, all
/// of one shape and [`on_cpu_without_gradients`](super::on_cpu_without_gradients).
pub(crate) fn adam<const D: usize>(
    weight: Tensor<D>,
    gradient: Tensor<D>,
    moments: [Tensor<D>; 2],
    step: AdamStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    // Others hold the weights still; the gradient is nobody else's, and its memory takes the new
    // weights.
    let (weight, mut out) = (contiguous(&plain(weight)), owned(plain(gradient)));
    let [mut first, mut second] = moments.map(|moment| owned(plain(moment)));
    let [beta_1, beta_2] = step.betas;
    let [rest_1, rest_2] = step.betas.map(|beta| 1.0 - beta);
    out.storage_mut::<f32>()
        .par_chunks_mut(CHUNK)
        .zip(elements(&weight).par_chunks(CHUNK))
        .zip(first.storage_mut::<f32>().par_chunks_mut(CHUNK))
        .zip(second.storage_mut::<f32>().par_chunks_mut(CHUNK))
        .for_each(|(((out, weight), first), second)| {
            vectorized(|| {
                let moments = first.iter_mut().zip(second);
                for ((out, weight), (first, second)) in out.iter_mut().zip(weight).zip(moments) {
                    let gradient = *out + step.decay * weight;
                    *first = beta_1 * *first + rest_1 * gradient;
                    *second = beta_2 * *second + rest_2 * (gradient * gradient);
                    *out = weight - step.rate * *first / (second.sqrt() + step.epsilon);
                }
            });
        });
    let weight = Tensor::from_primitive::<Flex>(out);
    (weight, [first, second].map(Tensor::from_primitive::<Flex>))
}

/// `average` + `share` · (`current` − `average`), of one shape and
/// [`on_cpu_without_gradients`](super::on_cpu_without_gradients).
pub(crate) fn lerp<const D: usize>(
    average: Tensor<D>,
    current: Tensor<D>,
    share: f64,
) -> Tensor<D> {
    let share = share as f32;
    let moved = each_with(plain(average), &plain(current), |average, current| {
        average + share * (current - average)
    });
    Tensor::from_primitive::<Flex>(moved)
}
