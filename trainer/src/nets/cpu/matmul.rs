//! The matrix product of a dense layer: burn's, but for the gradient of the weight, which burn-flex
//! packs, zeroes and copies around.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps as _;
use burn::tensor::Tensor;
use pulp::Arch;
use rayon::prelude::*;

use super::matmul_kernel::{TransposedMatmul, WindowRows, panel};
use super::operation::{input, output};
use super::storage::{contiguous, dims_of, elements, tensor, zeros};

/// `x` `[N, I]` times `weight` `[I, O]`.
pub(in crate::nets) fn matmul(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let ((x, x_node), (weight, weight_node)) = (input(x), input(weight));
    let product = Flex::float_matmul(x.clone(), weight.clone());
    output([x_node, weight_node], product, move |gradient, wanted| {
        let [x_wanted, weight_wanted] = wanted;
        let weight_gradient = weight_wanted.then(|| weight_grad(&x, &gradient));
        let x_gradient =
            x_wanted.then(|| Flex::float_matmul(gradient, Flex::float_transpose(weight)));
        [x_gradient, weight_gradient]
    })
}

/// The gradient with respect to the weight: the transposed `x` times `gradient` `[N, O]`.
fn weight_grad(x: &FlexTensor, gradient: &FlexTensor) -> FlexTensor {
    let ([rows, inputs], [_, outputs]) = (dims_of(x), dims_of(gradient));
    let (x, gradient) = (contiguous(x), contiguous(gradient));
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
                    others_stride: outputs,
                    stride: outputs,
                    begin,
                    columns: panel().min(outputs - begin),
                    out,
                });
            }
        });
    tensor(out, [inputs, outputs])
}
