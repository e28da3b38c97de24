//! Steps on weights: one pass over memory each, in place where nobody else holds the weights.
//! Tensors are without gradients.

use burn::backend::flex::FlexTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use super::storage::{CHUNK, contiguous, elements, owned, vectorized};

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

#[backend_extension(Flex)]
pub(crate) trait UpdateOps: Backend {
    /// Weights and both moments after a step of Adam, from weights, gradient and both moments, all
    /// of one shape.
    fn adam(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// `average` + `share` · (`current` − `average`).
    fn lerp(
        average: FloatTensor<Self>,
        current: FloatTensor<Self>,
        share: f64,
    ) -> FloatTensor<Self>;
}

impl UpdateOps for Flex {
    fn adam(
        weight: FlexTensor,
        gradient: FlexTensor,
        moment_1: FlexTensor,
        moment_2: FlexTensor,
        step: AdamStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        // Others hold the weights still; the gradient is nobody else's, and its memory takes the
        // new weights.
        let weight = contiguous(&weight);
        let [mut out, mut first, mut second] = [gradient, moment_1, moment_2].map(owned);
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
                    for ((out, weight), (first, second)) in out.iter_mut().zip(weight).zip(moments)
                    {
                        let gradient = *out + step.decay * weight;
                        *first = beta_1 * *first + rest_1 * gradient;
                        *second = beta_2 * *second + rest_2 * (gradient * gradient);
                        *out = weight - step.rate * *first / (second.sqrt() + step.epsilon);
                    }
                });
            });
        (out, first, second)
    }

    fn lerp(average: FlexTensor, current: FlexTensor, share: f64) -> FlexTensor {
        let (mut average, current) = (owned(average), contiguous(&current));
        #[allow(clippy::cast_possible_truncation)]
        let share = share as f32;
        average
            .storage_mut::<f32>()
            .par_chunks_mut(CHUNK)
            .zip(elements(&current).par_chunks(CHUNK))
            .for_each(|(average, current)| {
                vectorized(|| {
                    for (average, current) in average.iter_mut().zip(current) {
                        *average += share * (*current - *average);
                    }
                });
            });
        average
    }
}

/// Whether a tensor is one that these operations are for: burn-flex, without gradients.
pub(crate) fn on_cpu_without_gradients<const D: usize>(x: &Tensor<D>) -> bool {
    x.device() == Device::flex()
}

/// A step of Adam: weights and both moments after it, from weights, gradient and both moments, all
/// of one shape and [`on_cpu_without_gradients`].
pub(crate) fn adam<const D: usize>(
    weight: Tensor<D>,
    gradient: Tensor<D>,
    moments: [Tensor<D>; 2],
    step: AdamStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let [first, second] = moments.map(Tensor::into_dispatch);
    let (weight, first, second) = <Dispatch as UpdateOps>::adam(
        weight.into_dispatch(),
        gradient.into_dispatch(),
        first,
        second,
        step,
    );
    (
        Tensor::from_dispatch(weight),
        [first, second].map(Tensor::from_dispatch),
    )
}

/// `average` + `share` · (`current` − `average`), of one shape and [`on_cpu_without_gradients`].
pub(crate) fn lerp<const D: usize>(
    average: Tensor<D>,
    current: Tensor<D>,
    share: f64,
) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as UpdateOps>::lerp(
        average.into_dispatch(),
        current.into_dispatch(),
        share,
    ))
}
