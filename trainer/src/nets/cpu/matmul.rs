//! The matrix product of a dense layer: burn's, but for the gradient of the weight, which burn-flex
//! packs, zeroes and copies around.

use pulp::Arch;

use super::matmul_kernel::{TransposedMatmul, WindowRows, panel};
use super::prelude::*;
use super::storage::{contiguous, dims_of, elements, tensor, zeros};

#[backend_extension(Flex, Autodiff)]
pub(super) trait MatmulOps: Backend {
    /// `x` `[N, I]` times `weight` `[I, O]`.
    fn matmul(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_matmul(x, weight)
    }
    /// The gradient with respect to the weight: the transposed `x` times `gradient` `[N, O]`.
    fn matmul_weight_grad(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl MatmulOps for Flex {
    fn matmul_weight_grad(x: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let ([rows, inputs], [_, outputs]) = (dims_of(&x), dims_of(&gradient));
        let (x, gradient) = (contiguous(&x), contiguous(&gradient));
        let mut out = zeros(inputs * outputs);
        let starts: Vec<usize> = (0..rows).map(|row| row * inputs).collect();
        // Whole tiles, and enough shares for all threads.
        let share = (inputs.div_ceil(8)).next_multiple_of(12);
        out.par_chunks_mut((share * outputs).max(1))
            .enumerate()
            .for_each(|(index, out)| {
                for begin in (0..outputs).step_by(panel()) {
                    Arch::new().dispatch(TransposedMatmul {
                        rows: WindowRows {
                            elements: elements(&x),
                            starts: &starts,
                            parts: &[index * share],
                            len: out.len() / outputs.max(1),
                        },
                        others: elements(&gradient),
                        stride: outputs,
                        begin,
                        columns: panel().min(outputs - begin),
                        out,
                    });
                }
            });
        tensor(out, [inputs, outputs])
    }
}

#[derive(Debug)]
struct Product;

impl<B: MatmulOps> Backward<B, 2> for Product {
    type State = (Float<B>, Float<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (x, weight) = ops.state;
        if let Some(node) = x_node {
            let weight = B::float_transpose(weight);
            grads.register::<B>(node.id, B::float_matmul(gradient.clone(), weight));
        }
        if let Some(node) = weight_node {
            grads.register::<B>(node.id, B::matmul_weight_grad(x, gradient));
        }
    }
}

impl<B: MatmulOps, C: CheckpointStrategy> MatmulOps for Autodiff<B, C> {
    fn matmul(x: Float<Self>, weight: Float<Self>) -> Float<Self> {
        let prepared = Product
            .prepare::<C>([x.node(), weight.node()])
            .compute_bound()
            .stateful();
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        match prepared {
            OpsKind::Tracked(prep) => {
                let output = B::matmul(x.clone(), weight.clone());
                prep.finish((x, weight), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::matmul(x, weight)),
        }
    }

    fn matmul_weight_grad(x: Float<Self>, gradient: Float<Self>) -> Float<Self> {
        let (x, gradient) = (x.into_primitive(), gradient.into_primitive());
        Self::from_inner(B::matmul_weight_grad(x, gradient))
    }
}

/// `x` `[N, I]` times `weight` `[I, O]`.
pub(in crate::nets) fn matmul(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as MatmulOps>::matmul(
        x.into_dispatch(),
        weight.into_dispatch(),
    ))
}
