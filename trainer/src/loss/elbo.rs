//! The evidence lower bound (Kingma and Welling 2014, equation 3), in nats an image, and the
//! importance-weighted one.
//!
//! log p(x|z), summed over pixels x from 0 to 1, where l is the decoder's logit and λ its sigmoid:
//!
//! | likelihood | log p(x\|z) of a pixel | source |
//! | --- | --- | --- |
//! | `bernoulli` | x·log λ + (1 − x)·log(1 − λ), grey values as probabilities | Kingma and Welling 2014, appendix C |
//! | `continuous-bernoulli` | the same + log C(λ), C = l / tanh(l/2): a density on 0 to 1 | Loaiza-Ganem and Cunningham 2019, equation 5 |
//! | `gaussian` | −(x − λ)²/2σ² − ½·log 2πσ² with σ as configured | |
//! | `gaussian-learned` | the same with the σ that suits the batch best, σ² = mean (x − λ)² | Rybkin et al. 2021, section 4 |

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, sigmoid};

use crate::config::Likelihood;
use crate::nets::cpu;

/// Smallest variance of a pixel that is learned: a quarter of a grey level, squared.
const LEAST_VARIANCE: f64 = 1e-6;

/// log p(x|z) of each image, `[N]`. `logits` and `x` are `[N, C, H, W]`, x from 0 to 1; `sigma` is
/// the Gaussian's standard deviation in units of the pixel range.
pub(crate) fn log_likelihood(
    logits: Tensor<4>,
    x: Tensor<4>,
    likelihood: Likelihood,
    sigma: f64,
) -> Tensor<1> {
    if likelihood == Likelihood::Bernoulli && cpu::on_cpu_backend(&logits) {
        return cpu::bernoulli(logits.flatten(1, 3), x.flatten(1, 3));
    }
    let pixels = match likelihood {
        // x·log σ(l) + (1 − x)·log(1 − σ(l)) = log σ(−l) + x·l
        Likelihood::Bernoulli => log_sigmoid(logits.clone().neg()) + x * logits,
        Likelihood::ContinuousBernoulli => {
            // C is even and flat at 0, where its formula is 0/0.
            let away = logits.clone().abs().clamp_min(1e-2);
            let constant = (away.clone() / away.mul_scalar(0.5).tanh()).log();
            log_sigmoid(logits.clone().neg()) + x * logits + constant
        }
        Likelihood::Gaussian | Likelihood::GaussianLearned => {
            let difference = sigmoid(logits) - x;
            let squares = difference.clone() * difference;
            let variance = if likelihood == Likelihood::Gaussian {
                Tensor::full([1, 1, 1, 1], sigma * sigma, &squares.device())
            } else {
                // At the best σ the bound does not change with σ: it may count as a constant.
                let best = squares.clone().mean().detach().clamp_min(LEAST_VARIANCE);
                best.reshape([1, 1, 1, 1])
            };
            let density = variance.clone().mul_scalar(std::f64::consts::TAU).log();
            (squares / variance + density).mul_scalar(-0.5)
        }
    };
    let [rows, ..] = pixels.dims();
    pixels.flatten::<2>(1, 3).sum_dim(1).reshape([rows])
}

/// KL(q(z|x) ‖ N(0, 1)) of each latent dimension, mean over the batch, `[z]` (appendix B of the
/// paper): −½(1 + log σ² − μ² − σ²).
pub(crate) fn divergences(mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<1> {
    if cpu::on_cpu_backend(&mean) {
        return cpu::divergences(mean, log_variance);
    }
    let [_, columns] = mean.dims();
    let inner = log_variance.clone().add_scalar(1.0) - mean.clone().mul(mean) - log_variance.exp();
    inner.mul_scalar(-0.5).mean_dim(0).reshape([columns])
}

/// The divergence that is minimized, shape `[1]`: no dimension counts less than `free` nats, so
/// that none is given up early (free bits, Kingma et al. 2016, appendix C.8).
pub(crate) fn with_free_bits(divergences: Tensor<1>, free: f64) -> Tensor<1> {
    if free > 0.0 {
        divergences.clamp_min(free).sum()
    } else {
        divergences.sum()
    }
}

/// The reparameterization trick: z = μ + exp(½ log σ²)·ε.
pub(crate) fn reparameterize(
    mean: Tensor<2>,
    log_variance: Tensor<2>,
    noise: Tensor<2>,
) -> Tensor<2> {
    if cpu::on_cpu_backend(&mean) {
        return cpu::reparameterize(mean, log_variance, noise);
    }
    mean + log_variance.mul_scalar(0.5).exp() * noise
}

/// log p(z) − log q(z|x) of each latent vector, `[N]`, where z = μ + σ·ε: ½ Σ (ε² + log σ² − z²).
pub(crate) fn log_prior_ratio(
    z: Tensor<2>,
    log_variance: Tensor<2>,
    noise: Tensor<2>,
) -> Tensor<1> {
    let [rows, _] = z.dims();
    let terms = noise.clone() * noise + log_variance - z.clone() * z;
    terms.sum_dim(1).mul_scalar(0.5).reshape([rows])
}

/// log N(x; mean, exp(log_variance)) of each row, `[N]`, from x and mean `[N, z]` and log variances
/// that broadcast to them.
pub(crate) fn log_normal(x: Tensor<2>, mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<1> {
    let [rows, _] = x.dims();
    let difference = x - mean;
    let squares = difference.clone() * difference;
    let terms = squares * log_variance.clone().neg().exp() + log_variance;
    let terms = terms.add_scalar(std::f64::consts::TAU.ln());
    terms.sum_dim(1).mul_scalar(-0.5).reshape([rows])
}

/// The importance-weighted bound (Burda et al. 2016, equation 8), shape `[1]`, from log weights log
/// p(x, z) − log q(z|x) `[k·N]`, the k draws of all images one after the other.
pub(crate) fn importance_weighted(log_weights: Tensor<1>, draws: usize) -> Tensor<1> {
    let [all] = log_weights.dims();
    let weights = log_weights.reshape([draws, all / draws.max(1)]);
    let largest = weights.clone().max_dim(0).detach();
    let sum = (weights - largest.clone()).exp().mean_dim(0);
    (sum.log() + largest).mean()
}

/// β at a step: `beta` after a linear rise over `warmup` steps; or, with `cycle`, a rise over the
/// first half of each so many steps (Fu et al. 2019).
pub(crate) fn beta_at(step: u64, beta: f64, warmup: u64, cycle: u64) -> f64 {
    let rise = |at: u64, over: u64| (at as f64 / over.max(1) as f64).min(1.0);
    if cycle > 0 {
        beta * rise(step % cycle, cycle.div_ceil(2))
    } else if warmup > 0 {
        beta * rise(step, warmup)
    } else {
        beta
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn value(t: Tensor<1>) -> f64 {
        f64::from(t.into_scalar::<f32>())
    }

    fn one(logits: [f32; 2], x: [f32; 2], likelihood: Likelihood) -> f64 {
        let device = Device::flex();
        let logits = Tensor::<4>::from_floats([[[logits]]], &device);
        let x = Tensor::<4>::from_floats([[[x]]], &device);
        value(log_likelihood(logits, x, likelihood, 0.1))
    }

    fn d(l: f64) -> f64 {
        1.0 / (1.0 + (-l).exp())
    }

    #[test]
    fn the_divergence_of_the_prior_from_itself_is_zero_and_grows_as_the_formula_says() {
        let device = Device::flex();
        let zero = Tensor::<2>::zeros([3, 4], &device);
        assert!(value(divergences(zero.clone(), zero.clone()).sum()).abs() < 1e-7);
        let ones = Tensor::<2>::ones([3, 4], &device);
        // Each ½(μ² + σ² − 1 − log σ²) = ½(1 + e − 1 − 1)
        let each = 0.5 * (std::f64::consts::E - 1.0);
        let found = divergences(ones.clone(), ones.clone());
        assert!((value(found.clone().sum()) - 4.0 * each).abs() < 1e-5);
        assert!((value(with_free_bits(found.clone(), 0.5)) - 4.0 * each).abs() < 1e-5);
        assert!((value(with_free_bits(found, 2.0)) - 8.0).abs() < 1e-5);
    }

    #[test]
    fn likelihoods_equal_their_formulas() {
        let (l, x) = ([0.5_f64, -2.0], [0.25_f64, 1.0]);
        let sum = |f: &dyn Fn(f64, f64) -> f64| f(l[0], x[0]) + f(l[1], x[1]);
        let entropy = |l: f64, x: f64| x * d(l).ln() + (1.0 - x) * (1.0 - d(l)).ln();
        let normalized = |l: f64, x: f64| {
            let constant = 2.0 * (1.0 - 2.0 * d(l)).atanh() / (1.0 - 2.0 * d(l));
            entropy(l, x) + constant.ln()
        };
        let best = sum(&|l, x| (d(l) - x).powi(2)) / 2.0;
        let normal = |variance: f64| {
            move |l: f64, x: f64| {
                -0.5 * ((d(l) - x).powi(2) / variance + (std::f64::consts::TAU * variance).ln())
            }
        };
        for (likelihood, expected) in [
            (Likelihood::Bernoulli, sum(&entropy)),
            (Likelihood::ContinuousBernoulli, sum(&normalized)),
            (Likelihood::Gaussian, sum(&normal(0.01))),
            (Likelihood::GaussianLearned, sum(&normal(best))),
        ] {
            let found = one([0.5, -2.0], [0.25, 1.0], likelihood);
            assert!(
                (found - expected).abs() < 1e-4 * expected.abs(),
                "{likelihood:?}: {found} {expected}"
            );
        }
    }

    #[test]
    fn the_normal_density_is_its_formula() {
        let device = Device::flex();
        let x = Tensor::<2>::from_floats([[1.0, -2.0]], &device);
        let mean = Tensor::<2>::from_floats([[0.5, 0.0]], &device);
        let log_variance = Tensor::<2>::from_floats([[0.7]], &device);
        let found = value(log_normal(x, mean, log_variance));
        let variance = 0.7_f64.exp();
        let each = |d: f64| -0.5 * (d * d / variance + (std::f64::consts::TAU * variance).ln());
        assert!((found - each(0.5) - each(2.0)).abs() < 1e-5, "{found}");
    }

    #[test]
    fn the_continuous_bernoulli_is_a_density() {
        for logit in [0.0_f32, 0.005, 0.3, -4.0] {
            let steps = 2000;
            let total: f64 = (0..steps)
                .map(|i| {
                    let x = (i as f32 + 0.5) / steps as f32;
                    // The other pixel, at λ = ½, has the density 1 everywhere.
                    one([logit, 0.0], [x, 0.5], Likelihood::ContinuousBernoulli).exp()
                })
                .sum();
            assert!(
                (total / f64::from(steps) - 1.0).abs() < 1e-3,
                "{logit}: {total}"
            );
        }
    }

    #[test]
    fn equal_weights_give_their_value_and_others_the_log_of_the_mean() {
        let device = Device::flex();
        let same = Tensor::<1>::from_floats([-300.0, -1.0, -300.0, -1.0], &device);
        assert!((value(importance_weighted(same, 2)) + 150.5).abs() < 1e-3);
        let other = Tensor::<1>::from_floats([0.0, f32::ln(3.0)], &device);
        assert!((value(importance_weighted(other, 2)) - 2.0_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn beta_rises_once_or_again_and_again() {
        assert_eq!(beta_at(7, 2.0, 0, 0), 2.0);
        assert_eq!(beta_at(5, 2.0, 10, 0), 1.0);
        assert_eq!(beta_at(50, 2.0, 10, 0), 2.0);
        assert_eq!(beta_at(0, 2.0, 0, 100), 0.0);
        assert_eq!(beta_at(125, 2.0, 0, 100), 1.0);
        assert_eq!(beta_at(160, 2.0, 0, 100), 2.0);
    }
}
