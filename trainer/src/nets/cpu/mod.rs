//! Training's heavy operations on the CPU: convolutions, what goes before and after them, the terms of the losses, and the steps on weights.
//!
//! burn's own operations are right on every device, but on the CPU a step of a DCGAN spends two thirds of its time in copies,
//! masks and page faults around the matrix products. These do the same with fewer passes over memory; `tests` hold them to burn's.
//! They are used where gradients are wanted and tensors live in burn-flex, see [`on_cpu_backend`] (steps on weights: where they live there, see
//! [`plain`]); everywhere else, and in the exported graph, the modules' own forward passes run.
//!
//! Results do not depend on the number of threads: how work is cut depends on shapes alone, and parts of a sum are added in their order.

#![allow(
    clippy::too_many_arguments,
    reason = "an operation takes all that its gradient needs"
)]

mod autodiff;
mod bias;
mod conv;
mod evidence;
mod geometry;
mod kernel;
mod linear;
mod math;
mod matrix;
mod norm;
mod spectral;
mod squash;
#[cfg(test)]
mod tests;
mod update;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{Device, Tensor};

pub(super) use bias::biased;
pub(crate) use evidence::{bernoulli, divergences, reparameterize};
pub(super) use geometry::Geometry;
pub(crate) use kernel::simd_width;
pub(super) use linear::multiply;
pub(super) use spectral::bounded;
pub(super) use squash::{Squash, squash};
pub(crate) use update::{AdamStep, adam, approach, plain};

/// The operations, on one backend's tensors. `big` is the side of a convolution with more pixels (its input, or a transposed
/// convolution's output), `small` the other; a weight is `[small channels, big channels, rows, columns]` in both cases.
#[backend_extension(Flex, Autodiff)]
pub(super) trait TrainingOps: Backend {
    /// A convolution without bias: `big` `[N, H, W, B]` to `[N, h, w, S]`.
    fn conv2d(
        big: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;
    /// A transposed convolution without bias: `small` `[N, h, w, S]` to `[N, H, W, B]`; the adjoint of `conv2d`.
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
    /// Batch normalization over `[..., C]` with the batch's statistics, then LeakyReLU of `slope` (0 for ReLU).
    /// Gives the output, mean and (biased) variance, the latter two `[C]`.
    fn normalize(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        slope: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// Gradients of `normalize`'s output with respect to x, γ and β.
    fn normalize_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        epsilon: f64,
        slope: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// LeakyReLU.
    fn leak(x: FloatTensor<Self>, slope: f64) -> FloatTensor<Self>;
    /// `output_gradient` where `output` is positive, `slope` times it elsewhere.
    fn leak_backward(
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

/// A convolution, `[N, H, W, B]` with weights `[S, B, rows, columns]` to `[N, h, w, S]`, without bias.
pub(super) fn convolve(x: Tensor<4>, weight: Tensor<4>, geometry: Geometry) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as TrainingOps>::conv2d(
        x.into_dispatch(),
        weight.into_dispatch(),
        geometry,
    ))
}

/// A transposed convolution, `[N, h, w, S]` with weights `[S, B, rows, columns]` to `[N, H, W, B]`, without bias.
pub(super) fn convolve_transposed(
    x: Tensor<4>,
    weight: Tensor<4>,
    geometry: Geometry,
) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as TrainingOps>::conv_transpose2d(
        x.into_dispatch(),
        weight.into_dispatch(),
        geometry,
    ))
}

/// Batch normalization of training over `[..., C]` and LeakyReLU of `slope`; gives the output, mean and biased variance.
pub(super) fn normalize<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    slope: f64,
) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
    let (output, mean, variance) = <Dispatch as TrainingOps>::normalize(
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

/// LeakyReLU of `slope`.
pub(super) fn leak<const D: usize>(x: Tensor<D>, slope: f64) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as TrainingOps>::leak(x.into_dispatch(), slope))
}
