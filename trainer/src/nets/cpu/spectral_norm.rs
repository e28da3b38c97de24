//! Spectral normalization (Miyato et al. 2018): power iteration, and a weight over its largest
//! singular value.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::operation::{constant, constant_output, input, output};
use super::storage::{
    CHUNK, contiguous, dims_of, each, elements, owned, tensor, total, vectorized,
};

/// A weight's first singular vectors and their value.
struct Singular {
    left: Vec<f32>,
    right: Vec<f32>,
    value: f32,
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
    let length = squares.sqrt() as f32;
    let scale = 1.0 / (length + 1e-12);
    vector.iter_mut().for_each(|v| *v *= scale);
    (vector, length)
}

/// One round of power iteration (algorithm 1 of the paper) for `weight` `[R, ...]` from the left
/// vector before, `[R]`.
fn power_iteration(weight: &FlexTensor, left: &FlexTensor) -> Singular {
    let [rows] = dims_of(weight);
    let (weight, left) = (contiguous(weight), contiguous(left));
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
    let (left, value) = unit(onward);
    Singular { left, right, value }
}

/// The gradient of W/σ with respect to the weight W, where u and v count as constants:
/// (G − ⟨G, W/σ⟩·u·vᵀ) / σ.
fn backward(weight: &FlexTensor, singular: &Singular, gradient: FlexTensor) -> FlexTensor {
    let weight = contiguous(weight);
    let weight = elements(&weight);
    let columns = singular.right.len();
    let scale = 1.0 / singular.value;
    let mut gradient = owned(gradient);
    let each = rows_of_piece(columns);
    let shares: Vec<f32> = elements(&gradient)
        .par_chunks(each * columns)
        .zip(weight.par_chunks(each * columns))
        .map(|(gradient, weight)| vectorized(|| dot(gradient, weight)))
        .collect();
    let share = shares.iter().map(|s| f64::from(*s)).sum::<f64>() as f32 * scale;
    gradient
        .storage_mut::<f32>()
        .par_chunks_mut(each * columns)
        .zip(singular.left.par_chunks(each))
        .for_each(|(gradient, left)| {
            vectorized(|| {
                for (row, left) in gradient.chunks_exact_mut(columns).zip(left) {
                    let left = left * share;
                    for (g, right) in row.iter_mut().zip(&singular.right) {
                        *g = (*g - left * right) * scale;
                    }
                }
            });
        });
    gradient
}

/// One round of power iteration for `weight` `[R, ...]` from the first left singular vector as it
/// was, `[R]`. Gives the vector that is nearer to it, and `weight` over the singular value; only
/// the latter has a gradient, in which the singular vectors are constants.
pub(in crate::nets) fn spectral_norm<const D: usize>(
    weight: Tensor<D>,
    left: Tensor<1>,
) -> (Tensor<1>, Tensor<D>) {
    let (weight, node) = input(weight);
    let singular = power_iteration(&weight, &constant(left));
    let left = tensor(singular.left.clone(), [singular.left.len()]);
    let scale = 1.0 / singular.value;
    let over = each(weight.clone(), |w| w * scale);
    let over = output([node], over, move |gradient, _| {
        [Some(backward(&weight, &singular, gradient))]
    });
    (constant_output(left), over)
}
