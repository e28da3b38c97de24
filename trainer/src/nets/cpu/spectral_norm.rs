//! Spectral normalization (Miyato et al. 2018): power iteration, and a weight over its largest
//! singular value.

use super::prelude::*;
use super::storage::{CHUNK, contiguous, dims_of, elements, owned, tensor, vectorized};

/// `singular` is u, v and σ of a weight, one after the other: its first singular vectors and their
/// value.
#[backend_extension(Flex, Autodiff)]
pub(super) trait SpectralOps: Backend {
    /// One round of power iteration (algorithm 1 of the paper) for `weight` `[R, ...]` from the u
    /// before, `[R]`; gives the singular vectors and value.
    fn power_iteration(weight: FloatTensor<Self>, left: FloatTensor<Self>) -> FloatTensor<Self>;
    fn over_sigma(weight: FloatTensor<Self>, singular: FloatTensor<Self>) -> FloatTensor<Self>;
    /// The gradient of `over_sigma` with respect to the weight W, where u and v count as constants:
    /// (G − ⟨G, W/σ⟩·u·vᵀ) / σ.
    fn over_sigma_backward(
        weight: FloatTensor<Self>,
        singular: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// Lanes of a sum: what the widest vectors hold.
const LANES: usize = 16;

/// The sum of products, in a fixed order.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Rows of `columns` elements that one task works through.
fn rows_of_piece(columns: usize) -> usize {
    (CHUNK / columns.max(1)).max(1)
}

/// A vector over its length, and the length.
fn unit(mut vector: Vec<f32>) -> (Vec<f32>, f32) {
    let squares: f64 = vector.iter().map(|v| f64::from(*v).powi(2)).sum();
    #[allow(clippy::cast_possible_truncation)]
    let length = squares.sqrt() as f32;
    let scale = 1.0 / (length + 1e-12);
    vector.iter_mut().for_each(|v| *v *= scale);
    (vector, length)
}

/// Adds vectors in their order.
fn total(parts: &[Vec<f32>], len: usize) -> Vec<f32> {
    let mut total = vec![0.0; len];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
    }
    total
}

impl SpectralOps for Flex {
    fn power_iteration(weight: FlexTensor, left: FlexTensor) -> FlexTensor {
        let [rows] = dims_of(&weight);
        let (weight, left) = (contiguous(&weight), contiguous(&left));
        let (weight, left) = (elements(&weight), elements(&left));
        let columns = (weight.len() / rows.max(1)).max(1);
        let each = rows_of_piece(columns);
        // Eight long parts, not many short ones: each is a vector as long as a row.
        let long = rows.div_ceil(8).max(1);
        let parts: Vec<Vec<f32>> = weight
            .par_chunks(long * columns)
            .zip(left.par_chunks(long))
            .map(|(weight, left)| {
                let mut sum = vec![0.0; columns];
                vectorized(|| {
                    for (row, left) in weight.chunks_exact(columns).zip(left) {
                        sum.iter_mut().zip(row).for_each(|(s, w)| *s += left * w);
                    }
                });
                sum
            })
            .collect();
        let (right, _) = unit(total(&parts, columns));
        let mut onward = vec![0.0; rows];
        onward
            .par_chunks_mut(each)
            .zip(weight.par_chunks(each * columns))
            .for_each(|(onward, weight)| {
                vectorized(|| {
                    for (onward, row) in onward.iter_mut().zip(weight.chunks_exact(columns)) {
                        *onward = dot(row, &right);
                    }
                });
            });
        // σ = uᵀ·W·v, and u is W·v over its length.
        let (mut singular, sigma) = unit(onward);
        singular.extend(right);
        singular.push(sigma);
        let len = singular.len();
        tensor(singular, [len])
    }

    fn over_sigma(weight: FlexTensor, singular: FlexTensor) -> FlexTensor {
        let sigma = elements(&contiguous(&singular))
            .last()
            .copied()
            .unwrap_or(1.0);
        let mut out = owned(weight);
        let scale = 1.0 / sigma;
        out.storage_mut::<f32>()
            .par_chunks_mut(CHUNK)
            .for_each(|out| vectorized(|| out.iter_mut().for_each(|w| *w *= scale)));
        out
    }

    fn over_sigma_backward(
        weight: FlexTensor,
        singular: FlexTensor,
        gradient: FlexTensor,
    ) -> FlexTensor {
        let [rows] = dims_of(&weight);
        let (weight, singular) = (contiguous(&weight), contiguous(&singular));
        let (weight, singular) = (elements(&weight), elements(&singular));
        let columns = (weight.len() / rows.max(1)).max(1);
        let (left, rest) = singular.split_at_checked(rows).unwrap_or_default();
        let scale = 1.0 / rest.last().copied().unwrap_or(1.0);
        let mut gradient = owned(gradient);
        let each = rows_of_piece(columns);
        let shares: Vec<f32> = elements(&gradient)
            .par_chunks(each * columns)
            .zip(weight.par_chunks(each * columns))
            .map(|(gradient, weight)| vectorized(|| dot(gradient, weight)))
            .collect();
        #[allow(clippy::cast_possible_truncation)]
        let share = shares.iter().map(|s| f64::from(*s)).sum::<f64>() as f32 * scale;
        gradient
            .storage_mut::<f32>()
            .par_chunks_mut(each * columns)
            .zip(left.par_chunks(each))
            .for_each(|(gradient, left)| {
                vectorized(|| {
                    for (row, left) in gradient.chunks_exact_mut(columns).zip(left) {
                        let left = left * share;
                        for (g, right) in row.iter_mut().zip(rest) {
                            *g = (*g - left * right) * scale;
                        }
                    }
                });
            });
        gradient
    }
}

#[derive(Debug)]
struct OverSigma;

impl<B: SpectralOps> Backward<B, 1> for OverSigma {
    type State = (Float<B>, Float<B>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (weight, singular) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::over_sigma_backward(weight, singular, gradient));
        }
    }
}

impl<B: SpectralOps, C: CheckpointStrategy> SpectralOps for Autodiff<B, C> {
    fn power_iteration(weight: Float<Self>, left: Float<Self>) -> Float<Self> {
        let (weight, left) = (weight.into_primitive(), left.into_primitive());
        Self::from_inner(B::power_iteration(weight, left))
    }

    fn over_sigma(weight: Float<Self>, singular: Float<Self>) -> Float<Self> {
        let prepared = OverSigma
            .prepare::<C>([weight.node()])
            .compute_bound()
            .stateful();
        let (weight, singular) = (weight.into_primitive(), singular.into_primitive());
        let output = B::over_sigma(weight.clone(), singular.clone());
        match prepared {
            OpsKind::Tracked(prep) => prep.finish((weight, singular), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn over_sigma_backward(
        weight: Float<Self>,
        singular: Float<Self>,
        output_gradient: Float<Self>,
    ) -> Float<Self> {
        let [weight, singular, gradient] =
            [weight, singular, output_gradient].map(|tensor| tensor.into_primitive());
        Self::from_inner(B::over_sigma_backward(weight, singular, gradient))
    }
}

/// One round of power iteration for `weight` `[R, ...]` from the first left singular vector as it
/// was, `[R]`. Gives the vector that is nearer to it, and `weight` over the singular value; only
/// the latter has a gradient, in which the singular vectors are constants.
pub(in crate::nets) fn spectral_norm<const D: usize>(
    weight: Tensor<D>,
    left: Tensor<1>,
) -> (Tensor<1>, Tensor<D>) {
    let [rows] = left.dims();
    let singular = <Dispatch as SpectralOps>::power_iteration(
        weight.clone().into_dispatch(),
        left.into_dispatch(),
    );
    let out = <Dispatch as SpectralOps>::over_sigma(weight.into_dispatch(), singular.clone());
    let left = Tensor::<1>::from_dispatch(singular).narrow(0, 0, rows);
    (left, Tensor::from_dispatch(out))
}
