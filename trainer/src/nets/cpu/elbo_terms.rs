//! The terms of the evidence lower bound (Kingma and Welling 2014), each in one pass, with the
//! gradients that the formulas have.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::elementary;
use super::operation::{constant, input, output};
use super::storage::{contiguous, dims_of, elements, owned, tensor, total, vectorized};

/// Partial sums of a row: as many as the widest vectors have lanes.
const LANES: usize = 16;

/// Elements of a task, in whole rows.
fn piece(columns: usize) -> usize {
    ((1 << 13) / columns.max(1)).max(1) * columns.max(1)
}

/// log p(x|z) of a Bernoulli likelihood of each row, Σ x·l − ln(1 + exp(l)), `[N]`, from logits l
/// and x `[N, P]`; x counts as a constant.
pub(crate) fn bernoulli(logits: Tensor<2>, x: Tensor<2>) -> Tensor<1> {
    let ((logits, node), mut x) = (input(logits), owned(constant(x)));
    let [rows, columns] = dims_of(&logits);
    let logits = contiguous(&logits);
    let mut sums = vec![0.0; rows];
    let columns = columns.max(1);
    let each = piece(columns);
    sums.par_chunks_mut(each / columns)
        .zip(x.storage_mut::<f32>().par_chunks_mut(each))
        .zip(elements(&logits).par_chunks(each))
        .for_each(|((sums, x), logits)| {
            let rows = x
                .chunks_exact_mut(columns)
                .zip(logits.chunks_exact(columns));
            vectorized(|| {
                for (sum, (x, logits)) in sums.iter_mut().zip(rows) {
                    *sum = bernoulli_row(logits, x);
                }
            });
        });
    output([node], tensor(sums, [rows]), move |gradient, _| {
        [Some(scale_rows(x, &gradient))]
    })
}

/// The row's log-likelihood; `x` becomes its gradient with respect to the logits, x − σ(l).
#[inline(always)]
fn bernoulli_row(logits: &[f32], x: &mut [f32]) -> f32 {
    let one = |l: f32, x: &mut f32| {
        let (softplus, sigmoid) = elementary::softplus_sigmoid(l);
        let term = *x * l - softplus;
        *x -= sigmoid;
        term
    };
    let mut sums = [0.0; LANES];
    let (logits, last) = logits.as_chunks::<LANES>();
    let (x, rest) = x.as_chunks_mut::<LANES>();
    for (logits, x) in logits.iter().zip(x) {
        for i in 0..LANES {
            sums[i] += one(logits[i], &mut x[i]);
        }
    }
    let rest: f32 = last.iter().zip(rest).map(|(l, x)| one(*l, x)).sum();
    sums.iter().sum::<f32>() + rest
}

/// Each row of `rows` `[N, P]` times its number of `factors` `[N]`.
fn scale_rows(rows: FlexTensor, factors: &FlexTensor) -> FlexTensor {
    let [_, columns] = dims_of(&rows);
    let (mut rows, factors) = (owned(rows), contiguous(factors));
    let columns = columns.max(1);
    let each = piece(columns);
    rows.storage_mut::<f32>()
        .par_chunks_mut(each)
        .zip(elements(&factors).par_chunks(each / columns))
        .for_each(|(rows, factors)| {
            vectorized(|| {
                for (row, factor) in rows.chunks_exact_mut(columns).zip(factors) {
                    row.iter_mut().for_each(|v| *v *= factor);
                }
            });
        });
    rows
}

/// z = μ + exp(½ log σ²)·ε, all `[N, Z]`; ε counts as a constant.
pub(crate) fn reparameterize(
    mean: Tensor<2>,
    log_variance: Tensor<2>,
    noise: Tensor<2>,
) -> Tensor<2> {
    let ((mean, mean_node), (log_variance, node)) = (input(mean), input(log_variance));
    let noise = constant(noise);
    let z = each_of(noise.clone(), [&mean, &log_variance], |noise, [mean, l]| {
        mean + elementary::exp(0.5 * l) * noise
    });
    output([mean_node, node], z, move |gradient, [_, wanted]| {
        // That of log σ² is ½ exp(½ log σ²)·ε times that of z.
        let of_log_variance = wanted.then(|| {
            each_of(noise, [&log_variance, &gradient], |noise, [l, gradient]| {
                noise * (0.5 * elementary::exp(0.5 * l) * gradient)
            })
        });
        [Some(gradient), of_log_variance]
    })
}

/// Mean over the rows of −½(1 + log σ² − μ² − σ²), `[Z]`, from `[N, Z]`.
pub(crate) fn divergences(mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<1> {
    let ((mean, mean_node), (log_variance, node)) = (input(mean), input(log_variance));
    let [rows, columns] = dims_of(&mean);
    let [means, log_variances] = [&mean, &log_variance].map(contiguous);
    let each = piece(columns);
    let sums: Vec<Vec<f32>> = elements(&means)
        .par_chunks(each)
        .zip(elements(&log_variances).par_chunks(each))
        .map(|(mean, log_variance)| {
            let mut sums = vec![0.0; columns];
            let rows = mean.chunks_exact(columns.max(1));
            vectorized(|| {
                for (mean, l) in rows.zip(log_variance.chunks_exact(columns.max(1))) {
                    for ((mean, l), sum) in mean.iter().zip(l).zip(&mut sums) {
                        *sum += mean * mean + elementary::exp(*l) - l - 1.0;
                    }
                }
            });
            sums
        })
        .collect();
    let mut total = total(&sums, columns);
    let share = 0.5 / rows.max(1) as f32;
    total.iter_mut().for_each(|total| *total *= share);
    let total = tensor(total, [columns]);
    output([mean_node, node], total, move |gradient, _| {
        divergences_backward(mean, log_variance, &gradient).map(Some)
    })
}

/// The gradients of [`divergences`]: μ/N and ½(σ² − 1)/N times that of each column.
fn divergences_backward(
    mean: FlexTensor,
    log_variance: FlexTensor,
    gradient: &FlexTensor,
) -> [FlexTensor; 2] {
    let [rows, columns] = dims_of(&mean);
    let [mut mean, mut log_variance] = [mean, log_variance].map(owned);
    let gradient = contiguous(gradient);
    let share = 1.0 / rows.max(1) as f32;
    let (gradient, each) = (elements(&gradient), piece(columns));
    mean.storage_mut::<f32>()
        .par_chunks_mut(each)
        .zip(log_variance.storage_mut::<f32>().par_chunks_mut(each))
        .for_each(|(mean, log_variance)| {
            let rows = mean.chunks_exact_mut(columns.max(1));
            vectorized(|| {
                for (mean, l) in rows.zip(log_variance.chunks_exact_mut(columns.max(1))) {
                    for ((mean, l), gradient) in mean.iter_mut().zip(l).zip(gradient) {
                        *mean *= gradient * share;
                        *l = 0.5 * (elementary::exp(*l) - 1.0) * (gradient * share);
                    }
                }
            });
        });
    [mean, log_variance]
}

/// A function of each element and those at its place in two others.
fn each_of(
    x: FlexTensor,
    others: [&FlexTensor; 2],
    function: impl Fn(f32, [f32; 2]) -> f32 + Sync,
) -> FlexTensor {
    let (mut x, [a, b]) = (owned(x), others.map(contiguous));
    let each = piece(1);
    x.storage_mut::<f32>()
        .par_chunks_mut(each)
        .zip(elements(&a).par_chunks(each))
        .zip(elements(&b).par_chunks(each))
        .for_each(|((x, a), b)| {
            vectorized(
                #[inline(always)]
                || {
                    for (x, (a, b)) in x.iter_mut().zip(a.iter().zip(b)) {
                        *x = function(*x, [*a, *b]);
                    }
                },
            );
        });
    x
}
