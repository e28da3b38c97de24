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

mod activation;
mod batch_norm;
mod bias_leaky_relu;
mod conv;
mod elbo_terms;
mod elementary;
mod geometry;
mod low_pass;
mod matmul;
mod matmul_kernel;
mod operation;
mod parameter_update;
mod spectral_norm;
mod storage;
#[cfg(test)]
mod tests;

pub(super) use activation::{activate, leaky_relu, let_through};
pub(super) use batch_norm::batch_norm;
pub(super) use bias_leaky_relu::bias_leaky_relu;
#[cfg(test)]
pub(crate) use conv::FAULTY;
pub(super) use conv::{conv_transpose2d, conv2d};
pub(crate) use elbo_terms::{bernoulli, divergences, reparameterize};
pub(super) use geometry::Geometry;
pub(super) use low_pass::{doubled, halved};
pub(super) use matmul::matmul;
pub(crate) use matmul_kernel::simd_width;
pub(crate) use operation::{on_cpu_backend, on_cpu_without_gradients};
pub(crate) use parameter_update::{AdamStep, adam, lerp};
pub(super) use spectral_norm::spectral_norm;
