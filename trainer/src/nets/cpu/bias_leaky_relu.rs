//! What ends a dense layer or a convolution: bias and LeakyReLU in one pass, and backwards the
//! bias's gradient in another.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::activation::leaky;
use super::operation::{input, output};
use super::storage::{channels, contiguous, elements, owned, tensor, total, vectorized};

/// `x` `[..., C]` plus `bias` `[C]`, then LeakyReLU of `slope`: 0 for ReLU, 1 for none.
pub(in crate::nets) fn bias_leaky_relu<const D: usize>(
    x: Tensor<D>,
    bias: Tensor<1>,
    slope: f64,
) -> Tensor<D> {
    let ((x, x_node), (bias, bias_node)) = (input(x), input(bias));
    let (channels, bias, mut x) = (channels(&x), contiguous(&bias), owned(x));
    let slope = slope as f32;
    let bias = elements(&bias);
    x.storage_mut::<f32>()
        .par_chunks_mut(rows(channels) * channels)
        .for_each(|block| {
            vectorized(|| {
                for row in block.chunks_exact_mut(channels) {
                    for (x, bias) in row.iter_mut().zip(bias) {
                        *x = leaky(*x + bias, slope);
                    }
                }
            });
        });
    output([x_node, bias_node], x.clone(), move |gradient, _| {
        backward(&x, gradient, slope).map(Some)
    })
}

/// Rows that one task works through: the sums of a block are added to those of the blocks before
/// it.
fn rows(channels: usize) -> usize {
    ((1 << 15) / channels.max(1)).clamp(1, 256)
}

/// Gradients with respect to x and bias.
fn backward(output: &FlexTensor, gradient: FlexTensor, slope: f32) -> [FlexTensor; 2] {
    let channels = channels(output);
    let (output, mut gradient) = (contiguous(output), owned(gradient));
    let block = rows(channels) * channels;
    let sums: Vec<Vec<f32>> = gradient
        .storage_mut::<f32>()
        .par_chunks_mut(block)
        .zip(elements(&output).par_chunks(block))
        .map(|(gradient, output)| {
            let mut sum = vec![0.0; channels];
            vectorized(|| {
                let rows = gradient.chunks_exact_mut(channels);
                for (gradient, output) in rows.zip(output.chunks_exact(channels)) {
                    let row = gradient.iter_mut().zip(output);
                    for ((gradient, output), sum) in row.zip(&mut sum) {
                        let g = if *output > 0.0 {
                            *gradient
                        } else {
                            *gradient * slope
                        };
                        *gradient = g;
                        *sum += g;
                    }
                }
            });
            sum
        })
        .collect();
    [gradient, tensor(total(&sums, channels), [channels])]
}
