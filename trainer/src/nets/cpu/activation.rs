//! The activations that end a generator: the logistic function and tanh.

use super::elementary;
use super::prelude::*;
use super::storage::{CHUNK, contiguous, elements, owned, vectorized};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nets) enum Activation {
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    Tanh,
}

#[backend_extension(Flex, Autodiff)]
pub(in crate::nets) trait OutputActivationOps: Backend {
    /// The function of each element.
    fn activate(x: FloatTensor<Self>, function: Activation) -> FloatTensor<Self>;
    /// The gradient with respect to x, from the function's value.
    fn activate_backward(
        output: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        function: Activation,
    ) -> FloatTensor<Self>;
}

impl OutputActivationOps for Flex {
    fn activate(x: FlexTensor, function: Activation) -> FlexTensor {
        let mut x = owned(x);
        x.storage_mut::<f32>()
            .par_chunks_mut(CHUNK)
            .for_each(|x| match function {
                Activation::Sigmoid => {
                    vectorized(|| x.iter_mut().for_each(|x| *x = elementary::sigmoid(*x)))
                }
                Activation::Tanh => {
                    vectorized(|| x.iter_mut().for_each(|x| *x = elementary::tanh(*x)))
                }
            });
        x
    }

    fn activate_backward(
        output: FlexTensor,
        gradient: FlexTensor,
        function: Activation,
    ) -> FlexTensor {
        let (output, mut gradient) = (contiguous(&output), owned(gradient));
        gradient
            .storage_mut::<f32>()
            .par_chunks_mut(CHUNK)
            .zip(elements(&output).par_chunks(CHUNK))
            .for_each(|(gradient, output)| {
                vectorized(|| {
                    for (g, y) in gradient.iter_mut().zip(output) {
                        *g *= match function {
                            Activation::Sigmoid => y * (1.0 - y),
                            Activation::Tanh => 1.0 - y * y,
                        };
                    }
                });
            });
        gradient
    }
}

#[derive(Debug)]
struct Activated;

impl<B: OutputActivationOps> Backward<B, 1> for Activated {
    type State = (Float<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (output, function) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::activate_backward(output, gradient, function));
        }
    }
}

impl<B: OutputActivationOps, C: CheckpointStrategy> OutputActivationOps for Autodiff<B, C> {
    fn activate(x: Float<Self>, function: Activation) -> Float<Self> {
        let prepared = Activated
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful();
        let output = B::activate(x.into_primitive(), function);
        match prepared {
            OpsKind::Tracked(prep) => prep.finish((output.clone(), function), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn activate_backward(
        output: Float<Self>,
        output_gradient: Float<Self>,
        function: Activation,
    ) -> Float<Self> {
        let (output, gradient) = (output.into_primitive(), output_gradient.into_primitive());
        Self::from_inner(B::activate_backward(output, gradient, function))
    }
}

/// The function of each element.
pub(in crate::nets) fn activate<const D: usize>(x: Tensor<D>, function: Activation) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as OutputActivationOps>::activate(
        x.into_dispatch(),
        function,
    ))
}
