//! The terms of the evidence lower bound (Kingma and Welling 2014), each in one pass, with the
//! gradients that the formulas have.

use super::elementary;
use super::prelude::*;
use super::storage::{contiguous, dims_of, elements, owned, tensor, vectorized};

#[backend_extension(Flex, Autodiff)]
pub(crate) trait ElboOps: Backend {
    /// log p(x|z) of a Bernoulli likelihood, Σ x·l − ln(1 + exp(l)) of each row, `[N]`, from logits
    /// l and x `[N, P]`; and its gradient with respect to l, x − σ(l). x counts as a constant.
    fn bernoulli(
        logits: FloatTensor<Self>,
        x: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// Each row of `rows` `[N, P]` times its number of `factors` `[N]`.
    fn scale_rows(rows: FloatTensor<Self>, factors: FloatTensor<Self>) -> FloatTensor<Self>;
    /// z = μ + exp(½ log σ²)·ε, all `[N, Z]`. ε counts as a constant.
    fn reparameterize(
        mean: FloatTensor<Self>,
        log_variance: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// The gradient of `reparameterize` with respect to log σ²: ½ exp(½ log σ²)·ε times that of z.
    fn reparameterize_backward(
        log_variance: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    /// Mean over the rows of −½(1 + log σ² − μ² − σ²), `[Z]`, from `[N, Z]`.
    fn divergences(mean: FloatTensor<Self>, log_variance: FloatTensor<Self>) -> FloatTensor<Self>;
    /// The gradients of `divergences`: μ/N and ½(σ² − 1)/N times that of each column.
    fn divergences_backward(
        mean: FloatTensor<Self>,
        log_variance: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Partial sums of a row: as many as the widest vectors have lanes.
const LANES: usize = 16;

/// Elements of a task, in whole rows.
fn piece(columns: usize) -> usize {
    ((1 << 13) / columns.max(1)).max(1) * columns.max(1)
}

/// The row's log-likelihood; `x` becomes the gradient.
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

impl ElboOps for Flex {
    fn bernoulli(logits: FlexTensor, x: FlexTensor) -> (FlexTensor, FlexTensor) {
        let [rows, columns] = dims_of(&logits);
        let (logits, mut x) = (contiguous(&logits), owned(x));
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
        (tensor(sums, [rows]), x)
    }

    fn scale_rows(rows: FlexTensor, factors: FlexTensor) -> FlexTensor {
        let [_, columns] = dims_of(&rows);
        let (mut rows, factors) = (owned(rows), contiguous(&factors));
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

    fn reparameterize(mean: FlexTensor, log_variance: FlexTensor, noise: FlexTensor) -> FlexTensor {
        let [mean, log_variance] = [mean, log_variance].map(|t| contiguous(&t));
        let mut noise = owned(noise);
        each_of(&mut noise, [&mean, &log_variance], |noise, [mean, l]| {
            *noise = mean + elementary::exp(0.5 * l) * *noise;
        });
        noise
    }

    fn reparameterize_backward(
        log_variance: FlexTensor,
        noise: FlexTensor,
        gradient: FlexTensor,
    ) -> FlexTensor {
        let [log_variance, gradient] = [log_variance, gradient].map(|t| contiguous(&t));
        let mut noise = owned(noise);
        each_of(
            &mut noise,
            [&log_variance, &gradient],
            |noise, [l, gradient]| {
                *noise *= 0.5 * elementary::exp(0.5 * l) * gradient;
            },
        );
        noise
    }

    fn divergences(mean: FlexTensor, log_variance: FlexTensor) -> FlexTensor {
        let [rows, columns] = dims_of(&mean);
        let [mean, log_variance] = [mean, log_variance].map(|t| contiguous(&t));
        let each = piece(columns);
        let sums: Vec<Vec<f32>> = elements(&mean)
            .par_chunks(each)
            .zip(elements(&log_variance).par_chunks(each))
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
        let mut total = vec![0.0; columns];
        for sums in &sums {
            total
                .iter_mut()
                .zip(sums)
                .for_each(|(total, sum)| *total += sum);
        }
        let share = 0.5 / count(rows);
        total.iter_mut().for_each(|total| *total *= share);
        tensor(total, [columns])
    }

    fn divergences_backward(
        mean: FlexTensor,
        log_variance: FlexTensor,
        gradient: FlexTensor,
    ) -> (FlexTensor, FlexTensor) {
        let [rows, columns] = dims_of(&mean);
        let [mut mean, mut log_variance] = [mean, log_variance].map(owned);
        let gradient = contiguous(&gradient);
        let share = 1.0 / count(rows);
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
        (mean, log_variance)
    }
}

#[allow(clippy::cast_precision_loss)]
fn count(rows: usize) -> f32 {
    rows.max(1) as f32
}

/// Changes each number of `out` by those at its place in two others.
fn each_of(
    out: &mut FlexTensor,
    others: [&FlexTensor; 2],
    change: impl Fn(&mut f32, [f32; 2]) + Copy + Sync + Send,
) {
    let [a, b] = others.map(elements);
    let each = piece(1);
    out.storage_mut::<f32>()
        .par_chunks_mut(each)
        .zip(a.par_chunks(each).zip(b.par_chunks(each)))
        .for_each(|(out, (a, b))| {
            vectorized(
                #[inline(always)]
                || {
                    for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                        change(out, [*a, *b]);
                    }
                },
            );
        });
}

#[derive(Debug)]
struct Bernoulli;

impl<B: ElboOps> Backward<B, 1> for Bernoulli {
    type State = Float<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(node) = node {
            grads.register::<B>(node.id, B::scale_rows(ops.state, gradient));
        }
    }
}

#[derive(Debug)]
struct Reparameterization;

impl<B: ElboOps> Backward<B, 2> for Reparameterization {
    type State = (Float<B>, Float<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [mean, log_variance] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (l, noise) = ops.state;
        if let Some(node) = log_variance {
            let gradient = B::reparameterize_backward(l, noise, gradient.clone());
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = mean {
            grads.register::<B>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct Divergences;

impl<B: ElboOps> Backward<B, 2> for Divergences {
    type State = (Float<B>, Float<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let parents = parents(&ops);
        let gradient = grads.consume::<B>(&ops.node);
        let (mean, log_variance) = ops.state;
        let (mean, log_variance) = B::divergences_backward(mean, log_variance, gradient);
        register::<B, _>(grads, parents, [mean, log_variance]);
    }
}

impl<B: ElboOps, C: CheckpointStrategy> ElboOps for Autodiff<B, C> {
    fn bernoulli(logits: Float<Self>, x: Float<Self>) -> (Float<Self>, Float<Self>) {
        let prepared = Bernoulli
            .prepare::<C>([logits.node()])
            .compute_bound()
            .stateful();
        let (sums, gradient) = B::bernoulli(logits.into_primitive(), x.into_primitive());
        let sums = match prepared {
            OpsKind::Tracked(prep) => prep.finish(gradient.clone(), sums),
            OpsKind::UnTracked(prep) => prep.finish(sums),
        };
        (sums, Self::from_inner(gradient))
    }

    fn scale_rows(rows: Float<Self>, factors: Float<Self>) -> Float<Self> {
        let (rows, factors) = (rows.into_primitive(), factors.into_primitive());
        Self::from_inner(B::scale_rows(rows, factors))
    }

    fn reparameterize(
        mean: Float<Self>,
        log_variance: Float<Self>,
        noise: Float<Self>,
    ) -> Float<Self> {
        let prepared = Reparameterization
            .prepare::<C>([mean.node(), log_variance.node()])
            .compute_bound()
            .stateful();
        let [mean, l, noise] = [mean, log_variance, noise].map(|tensor| tensor.into_primitive());
        match prepared {
            OpsKind::Tracked(prep) => {
                let z = B::reparameterize(mean, l.clone(), noise.clone());
                prep.finish((l, noise), z)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::reparameterize(mean, l, noise)),
        }
    }

    fn reparameterize_backward(
        log_variance: Float<Self>,
        noise: Float<Self>,
        output_gradient: Float<Self>,
    ) -> Float<Self> {
        let [l, noise, gradient] =
            [log_variance, noise, output_gradient].map(|tensor| tensor.into_primitive());
        Self::from_inner(B::reparameterize_backward(l, noise, gradient))
    }

    fn divergences(mean: Float<Self>, log_variance: Float<Self>) -> Float<Self> {
        let prepared = Divergences
            .prepare::<C>([mean.node(), log_variance.node()])
            .compute_bound()
            .stateful();
        let [mean, l] = [mean, log_variance].map(|tensor| tensor.into_primitive());
        let output = B::divergences(mean.clone(), l.clone());
        match prepared {
            OpsKind::Tracked(prep) => prep.finish((mean, l), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn divergences_backward(
        mean: Float<Self>,
        log_variance: Float<Self>,
        output_gradient: Float<Self>,
    ) -> (Float<Self>, Float<Self>) {
        let [mean, l, gradient] =
            [mean, log_variance, output_gradient].map(|tensor| tensor.into_primitive());
        let (mean, l) = B::divergences_backward(mean, l, gradient);
        (Self::from_inner(mean), Self::from_inner(l))
    }
}

/// log p(x|z) of a Bernoulli likelihood of each row, `[N]`, from logits and x `[N, P]`; x counts as
/// a constant.
pub(crate) fn bernoulli(logits: Tensor<2>, x: Tensor<2>) -> Tensor<1> {
    let (sums, _) = <Dispatch as ElboOps>::bernoulli(logits.into_dispatch(), x.into_dispatch());
    Tensor::from_dispatch(sums)
}

/// z = μ + exp(½ log σ²)·ε, all `[N, Z]`; ε counts as a constant.
pub(crate) fn reparameterize(
    mean: Tensor<2>,
    log_variance: Tensor<2>,
    noise: Tensor<2>,
) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as ElboOps>::reparameterize(
        mean.into_dispatch(),
        log_variance.into_dispatch(),
        noise.into_dispatch(),
    ))
}

/// Mean over the rows of −½(1 + log σ² − μ² − σ²), `[Z]`, from `[N, Z]`.
pub(crate) fn divergences(mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<1> {
    Tensor::from_dispatch(<Dispatch as ElboOps>::divergences(
        mean.into_dispatch(),
        log_variance.into_dispatch(),
    ))
}
