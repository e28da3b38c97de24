//! Slices of burn-flex tensors, products of matrices, and loops in the processor's widest vectors.

use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::TensorData;

/// The numbers of a tensor in row-major order, copied only if they do not lie so.
pub(super) fn contiguous(tensor: &FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() {
        tensor.clone()
    } else {
        tensor.to_contiguous()
    }
}

/// The numbers of a [`contiguous`] tensor.
pub(super) fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().unwrap_or_default()
}

/// A tensor that takes over `numbers`.
pub(super) fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
}

/// The extents of a tensor, filled up with 1 or cut to `D`.
pub(super) fn extents<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    let shape = tensor.shape();
    let mut extents = [1; D];
    for (extent, found) in extents.iter_mut().zip(shape.iter()) {
        *extent = *found;
    }
    extents
}

/// `a` `[m, k]` times `b` `[k, n]`.
pub(super) fn product(a: FlexTensor, b: FlexTensor) -> FlexTensor {
    Flex::float_matmul(a, b)
}

/// The transposed view of a matrix.
pub(super) fn transposed(a: &FlexTensor) -> FlexTensor {
    a.transpose(0, 1)
}

/// Runs a loop as compiled for the widest vectors this processor has. Nothing is reordered, so results are the same in all.
#[inline(always)]
pub(super) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// The numbers of a tensor as a vector: its own where nobody else reads it, else a copy.
pub(super) fn into_numbers(tensor: FlexTensor) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().unwrap_or_default()
}
