//! What ends a dense layer or a convolution: bias and LeakyReLU in one pass, and backwards the
//! bias's gradient in another.

use super::prelude::*;
use super::storage::{contiguous, elements, owned, tensor, vectorized};

#[backend_extension(Flex, Autodiff)]
pub(super) trait BiasLeakyReluOps: Backend {
    /// `x` `[..., C]` plus `bias` `[C]`, then LeakyReLU of `slope`: 0 for ReLU, 1 for none.
    fn bias_leaky_relu(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        slope: f64,
    ) -> FloatTensor<Self>;
    /// Gradients of `bias_leaky_relu`'s output with respect to x and bias.
    fn bias_leaky_relu_backward(
        output: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        slope: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Rows that one task works through: the sums of a block are added to those of the blocks before
/// it.
fn rows(channels: usize) -> usize {
    ((1 << 15) / channels.max(1)).clamp(1, 256)
}

fn channels(x: &FlexTensor) -> usize {
    x.layout()
        .shape()
        .iter()
        .copied()
        .last()
        .unwrap_or(1)
        .max(1)
}

impl BiasLeakyReluOps for Flex {
    fn bias_leaky_relu(x: FlexTensor, bias: FlexTensor, slope: f64) -> FlexTensor {
        let (channels, bias, mut x) = (channels(&x), contiguous(&bias), owned(x));
        #[allow(clippy::cast_possible_truncation)]
        let slope = slope as f32;
        let bias = elements(&bias);
        x.storage_mut::<f32>()
            .par_chunks_mut(rows(channels) * channels)
            .for_each(|block| {
                vectorized(|| {
                    for row in block.chunks_exact_mut(channels) {
                        for (x, bias) in row.iter_mut().zip(bias) {
                            let sum = *x + bias;
                            *x = if sum > 0.0 { sum } else { sum * slope };
                        }
                    }
                });
            });
        x
    }

    fn bias_leaky_relu_backward(
        output: FlexTensor,
        gradient: FlexTensor,
        slope: f64,
    ) -> (FlexTensor, FlexTensor) {
        let channels = channels(&output);
        let (output, mut gradient) = (contiguous(&output), owned(gradient));
        #[allow(clippy::cast_possible_truncation)]
        let slope = slope as f32;
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
        let mut total = vec![0.0; channels];
        for sum in &sums {
            total
                .iter_mut()
                .zip(sum)
                .for_each(|(total, sum)| *total += sum);
        }
        (gradient, tensor(total, [channels]))
    }
}

#[derive(Debug)]
struct BiasLeakyRelu;

impl<B: BiasLeakyReluOps> Backward<B, 2> for BiasLeakyRelu {
    type State = (Float<B>, f64);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let parents = parents(&ops);
        let gradient = grads.consume::<B>(&ops.node);
        let (output, slope) = ops.state;
        let (x, bias) = B::bias_leaky_relu_backward(output, gradient, slope);
        register::<B, _>(grads, parents, [x, bias]);
    }
}

impl<B: BiasLeakyReluOps, C: CheckpointStrategy> BiasLeakyReluOps for Autodiff<B, C> {
    fn bias_leaky_relu(x: Float<Self>, bias: Float<Self>, slope: f64) -> Float<Self> {
        let prepared = BiasLeakyRelu
            .prepare::<C>([x.node(), bias.node()])
            .compute_bound()
            .stateful();
        let output = B::bias_leaky_relu(x.into_primitive(), bias.into_primitive(), slope);
        match prepared {
            OpsKind::Tracked(prep) => prep.finish((output.clone(), slope), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn bias_leaky_relu_backward(
        output: Float<Self>,
        output_gradient: Float<Self>,
        slope: f64,
    ) -> (Float<Self>, Float<Self>) {
        let (output, gradient) = (output.into_primitive(), output_gradient.into_primitive());
        let (x, bias) = B::bias_leaky_relu_backward(output, gradient, slope);
        (Self::from_inner(x), Self::from_inner(bias))
    }
}

/// `x` `[..., C]` plus `bias` `[C]`, then LeakyReLU of `slope`: 0 for ReLU, 1 for none.
pub(in crate::nets) fn bias_leaky_relu<const D: usize>(
    x: Tensor<D>,
    bias: Tensor<1>,
    slope: f64,
) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as BiasLeakyReluOps>::bias_leaky_relu(
        x.into_dispatch(),
        bias.into_dispatch(),
        slope,
    ))
}
