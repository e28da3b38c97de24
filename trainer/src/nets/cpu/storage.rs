//! Slices of burn-flex tensors, and loops in the processor's widest vectors.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::TensorData;
use rayon::prelude::*;

/// The elements of a tensor in row-major order, copied only if they do not lie so.
pub(super) fn contiguous(tensor: &FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() {
        tensor.clone()
    } else {
        tensor.to_contiguous()
    }
}

/// The elements of a [`contiguous`] tensor.
pub(super) fn elements(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().unwrap_or_default()
}

/// A tensor that takes over `elements`.
pub(super) fn tensor<const D: usize>(elements: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(elements, shape))
}

/// The dimensions of a tensor, filled up with 1 or cut to `D`.
pub(super) fn dims_of<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    let shape = tensor.shape();
    let mut dims = [1; D];
    for (extent, found) in dims.iter_mut().zip(shape.iter()) {
        *extent = *found;
    }
    dims
}

/// Channels of `[..., C]`.
pub(super) fn channels(x: &FlexTensor) -> usize {
    x.shape().iter().copied().last().unwrap_or(1).max(1)
}

/// A vector of zeros; a long one is written by all threads, because its memory is new to the
/// process as often as not.
pub(super) fn zeros(len: usize) -> Vec<f32> {
    const RUN: usize = 1024;
    if len < 64 * RUN {
        return vec![0.0; len];
    }
    let runs = (0..len.div_ceil(RUN)).into_par_iter().with_min_len(32);
    let mut zeros = runs
        .map(|_| [0.0; RUN])
        .collect::<Vec<_>>()
        .into_flattened();
    zeros.truncate(len);
    zeros
}

/// Runs a loop as compiled for the widest vectors this processor has. Nothing is reordered, so
/// results are the same in all.
#[inline(always)]
pub(super) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// A tensor whose memory holds its elements in row-major order and nothing else, so that
/// `storage_mut` gives them: its own memory where nobody else reads it, else a copy.
pub(super) fn owned(tensor: FlexTensor) -> FlexTensor {
    let len = tensor.shape().num_elements() * size_of::<f32>();
    let layout = tensor.layout();
    if layout.is_contiguous() && layout.start_offset() == 0 && tensor.bytes().len() == len {
        tensor
    } else {
        FlexTensor::from_data(tensor.to_contiguous().into_data())
    }
}

/// Elements that one task of an operation on single elements works through at a time.
pub(super) const CHUNK: usize = 1 << 14;

/// A function of each element.
pub(super) fn each(x: FlexTensor, function: impl Fn(f32) -> f32 + Sync) -> FlexTensor {
    let mut x = owned(x);
    x.storage_mut::<f32>()
        .par_chunks_mut(CHUNK)
        .for_each(|x| vectorized(|| x.iter_mut().for_each(|x| *x = function(*x))));
    x
}

/// A function of each element and that at its place in `other`.
pub(super) fn each_with(
    x: FlexTensor,
    other: &FlexTensor,
    function: impl Fn(f32, f32) -> f32 + Sync,
) -> FlexTensor {
    let (mut x, other) = (owned(x), contiguous(other));
    x.storage_mut::<f32>()
        .par_chunks_mut(CHUNK)
        .zip(elements(&other).par_chunks(CHUNK))
        .for_each(|(x, other)| {
            vectorized(|| {
                for (x, other) in x.iter_mut().zip(other) {
                    *x = function(*x, *other);
                }
            });
        });
    x
}

/// The sum of vectors of `len` elements, added in their order.
pub(super) fn total(parts: &[Vec<f32>], len: usize) -> Vec<f32> {
    let mut total = vec![0.0; len];
    total
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, total)| {
            vectorized(|| {
                for part in parts {
                    let part = part.get(index * CHUNK..).unwrap_or_default();
                    total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
                }
            });
        });
    total
}
