//! Training's heavy operations on the CPU: convolutions, what goes before and after them, the terms
//! of the losses, and the steps on weights.
//!
//! burn's own operations are right on every device. On the CPU a step of a DCGAN spends two thirds
//! of its time in their copies, masks and page faults around the matrix products. These do the same
//! with fewer passes over memory; `tests` hold them to burn's.
//!
//! They run where gradients are wanted and tensors live in burn-flex, see [`on_cpu_backend`]. Steps
//! on weights run where weights live in burn-flex, see [`on_cpu_without_gradients`]. Everywhere
//! else, and in the exported graph, the modules' own forward passes run.
//!
//! Results do not depend on the number of threads: how work is cut depends on shapes alone, and
//! parts of a sum are added in their order.

#![allow(
    clippy::too_many_arguments,
    reason = "an operation takes all that its gradient needs"
)]

mod activation;
mod autodiff;
mod batch_norm;
mod bias_leaky_relu;
mod conv;
mod elbo_terms;
mod elementary;
mod geometry;
mod matmul;
mod matmul_kernel;
mod parameter_update;
mod prelude;
mod spectral_norm;
mod storage;
#[cfg(test)]
mod tests;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{Device, Tensor};

pub(super) use activation::{Activation, activate};
pub(super) use bias_leaky_relu::bias_leaky_relu;
pub(crate) use elbo_terms::{bernoulli, divergences, reparameterize};
pub(super) use geometry::Geometry;
pub(super) use matmul::matmul;
pub(crate) use matmul_kernel::simd_width;
pub(crate) use parameter_update::{AdamStep, adam, lerp, on_cpu_without_gradients};
pub(super) use spectral_norm::spectral_norm;

/// The operations, on one backend's tensors. `big` is the map of a convolution with more pixels
/// (its input, or a transposed convolution's output), `small` the other; a weight is `[small
/// channels, big channels, rows, columns]` in both cases.
#[backend_extension(Flex, Autodiff)]
pub(super) trait TrainingOps: Backend {
    /// A convolution without bias: `big` `[N, H, W, B]` to `[N, h, w, S]`.
    fn conv2d(
        big: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;
    /// A transposed convolution without bias: `small` `[N, h, w, S]` to `[N, H, W, B]`; the adjoint
    /// of `conv2d`.
    fn conv_transpose2d(
        small: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;
    /// The weight's gradient of both: what `big` and `small` have in common at each tap.
    fn conv2d_weight_grad(
        big: FloatTensor<Self>,
        small: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;
    /// Batch normalization over `[..., C]` with the batch's statistics, then LeakyReLU of `slope`
    /// (0 for ReLU). Gives the output, mean and (biased) variance, the latter two `[C]`.
    fn batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        slope: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// Gradients of `batch_norm`'s output with respect to x, γ and β.
    fn batch_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        epsilon: f64,
        slope: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    fn leaky_relu(x: FloatTensor<Self>, slope: f64) -> FloatTensor<Self>;
    /// `output_gradient` where `output` is positive, `slope` times it elsewhere.
    fn leaky_relu_backward(
        output: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        slope: f64,
    ) -> FloatTensor<Self>;
}

/// Whether a tensor is one that these operations are for: burn-flex, with gradients.
pub(crate) fn on_cpu_backend<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device();
    device.is_autodiff() && device.inner() == Device::flex()
}

/// A convolution, `[N, H, W, B]` with weights `[S, B, rows, columns]` to `[N, h, w, S]`, without
/// bias.
pub(super) fn conv2d(x: Tensor<4>, weight: Tensor<4>, geometry: Geometry) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as TrainingOps>::conv2d(
        x.into_dispatch(),
        weight.into_dispatch(),
        geometry,
    ))
}

/// A transposed convolution, `[N, h, w, S]` with weights `[S, B, rows, columns]` to `[N, H, W, B]`,
/// without bias.
pub(super) fn conv_transpose2d(x: Tensor<4>, weight: Tensor<4>, geometry: Geometry) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as TrainingOps>::conv_transpose2d(
        x.into_dispatch(),
        weight.into_dispatch(),
        geometry,
    ))
}

/// Batch normalization of training over `[..., C]` and LeakyReLU of `slope`; gives the output, mean
/// and biased variance.
pub(super) fn batch_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    slope: f64,
) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
    let (output, mean, variance) = <Dispatch as TrainingOps>::batch_norm(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
        slope,
    );
    (
        Tensor::from_dispatch(output),
        Tensor::from_dispatch(mean),
        Tensor::from_dispatch(variance),
    )
}

pub(super) fn leaky_relu<const D: usize>(x: Tensor<D>, slope: f64) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as TrainingOps>::leaky_relu(
        x.into_dispatch(),
        slope,
    ))
}
