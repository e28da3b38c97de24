//! The activations that end a generator: the logistic function and tanh.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor,
};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::math;
use super::matrix::{PIECE, contiguous, numbers, vectorized, whole};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nets) enum Squash {
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// tanh x.
    Tanh,
}

#[backend_extension(Flex, Autodiff)]
pub(in crate::nets) trait SquashOps: Backend {
    /// The function of each number.
    fn squash(x: FloatTensor<Self>, function: Squash) -> FloatTensor<Self>;
    /// The gradient with respect to x, from the function's value.
    fn squash_backward(
        output: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        function: Squash,
    ) -> FloatTensor<Self>;
}

impl SquashOps for Flex {
    fn squash(x: FlexTensor, function: Squash) -> FlexTensor {
        let mut x = whole(x);
        x.storage_mut::<f32>()
            .par_chunks_mut(PIECE)
            .for_each(|x| match function {
                Squash::Sigmoid => vectorized(|| x.iter_mut().for_each(|x| *x = math::sigmoid(*x))),
                Squash::Tanh => vectorized(|| x.iter_mut().for_each(|x| *x = math::tanh(*x))),
            });
        x
    }

    fn squash_backward(output: FlexTensor, gradient: FlexTensor, function: Squash) -> FlexTensor {
        let (output, mut gradient) = (contiguous(&output), whole(gradient));
        gradient
            .storage_mut::<f32>()
            .par_chunks_mut(PIECE)
            .zip(numbers(&output).par_chunks(PIECE))
            .for_each(|(gradient, output)| {
                vectorized(|| {
                    for (g, y) in gradient.iter_mut().zip(output) {
                        *g *= match function {
                            Squash::Sigmoid => y * (1.0 - y),
                            Squash::Tanh => 1.0 - y * y,
                        };
                    }
                });
            });
        gradient
    }
}

#[derive(Debug)]
struct Squashed;

impl<B: SquashOps> Backward<B, 1> for Squashed {
    type State = (FloatTensor<B>, Squash);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (output, function) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::squash_backward(output, gradient, function));
        }
    }
}

impl<B: SquashOps, C: CheckpointStrategy> SquashOps for Autodiff<B, C> {
    fn squash(x: FloatTensor<Self>, function: Squash) -> FloatTensor<Self> {
        let prepared = Squashed.prepare::<C>([x.node()]).compute_bound().stateful();
        let output = B::squash(x.into_primitive(), function);
        match prepared {
            OpsKind::Tracked(prep) => prep.finish((output.clone(), function), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn squash_backward(
        output: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        function: Squash,
    ) -> FloatTensor<Self> {
        let (output, gradient) = (output.into_primitive(), output_gradient.into_primitive());
        Self::from_inner(B::squash_backward(output, gradient, function))
    }
}

/// The function of each number.
pub(in crate::nets) fn squash<const D: usize>(x: Tensor<D>, function: Squash) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as SquashOps>::squash(x.into_dispatch(), function))
}
