//! The evidence lower bound (Kingma and Welling 2014, equation 3), in nats a picture.

use burn::tensor::{Tensor, activation::log_sigmoid};

use crate::config::Likelihood;

/// Standard deviation of the Gaussian likelihood, in units of the pixel range.
pub const GAUSSIAN_SIGMA: f64 = 0.1;

/// −E\[log p(x|z)\], shape `[1]`: summed over pixels, mean over the batch. `logits` and `x` are `[N, C, H, W]`, x from 0
/// to 1. Bernoulli: cross-entropy of grey values as probabilities. Gaussian: mean sigmoid(logits), σ = 0.1,
/// without the constant log(σ√(2π)).
#[must_use]
pub fn reconstruction(logits: Tensor<4>, x: Tensor<4>, likelihood: Likelihood) -> Tensor<1> {
    #[allow(clippy::cast_precision_loss)]
    let batch = x.dims()[0] as f64;
    let summed = match likelihood {
        // −x·log σ(l) − (1 − x)·log(1 − σ(l)) = −log σ(−l) − x·l
        Likelihood::Bernoulli => (log_sigmoid(logits.clone().neg()) + x * logits).neg().sum(),
        Likelihood::Gaussian => {
            let difference = burn::tensor::activation::sigmoid(logits) - x;
            difference
                .clone()
                .mul(difference)
                .sum()
                .div_scalar(2.0 * GAUSSIAN_SIGMA * GAUSSIAN_SIGMA)
        }
    };
    summed.div_scalar(batch)
}

/// KL(q(z|x) ‖ N(0, I)), shape `[1]`: summed over latents, mean over the batch (appendix B of the paper):
/// −½ Σ (1 + log σ² − μ² − σ²).
#[must_use]
pub fn divergence(mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<1> {
    #[allow(clippy::cast_precision_loss)]
    let batch = mean.dims()[0] as f64;
    let inner = log_variance.clone().add_scalar(1.0) - mean.clone().mul(mean) - log_variance.exp();
    inner.sum().mul_scalar(-0.5 / batch)
}

/// The reparameterization trick: z = μ + exp(½ log σ²)·ε.
#[must_use]
pub fn reparameterize(mean: Tensor<2>, log_variance: Tensor<2>, noise: Tensor<2>) -> Tensor<2> {
    mean + log_variance.mul_scalar(0.5).exp() * noise
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn divergence_of_the_prior_from_itself_is_zero_and_grows_as_the_formula_says() {
        let device = Device::flex();
        let zero = Tensor::<2>::zeros([3, 4], &device);
        assert!(
            divergence(zero.clone(), zero.clone())
                .into_scalar::<f32>()
                .abs()
                < 1e-7
        );
        let one = Tensor::<2>::ones([3, 4], &device);
        // 4 latents, each ½(μ² + σ² − 1 − log σ²) = ½(1 + e − 1 − 1)
        let expected = 4.0 * 0.5 * (std::f32::consts::E - 1.0);
        assert!((divergence(one.clone(), one).into_scalar::<f32>() - expected).abs() < 1e-5);
    }

    #[test]
    fn bernoulli_reconstruction_is_the_cross_entropy_of_grey_values() {
        let device = Device::flex();
        let logits = Tensor::<4>::from_floats([[[[0.5, -2.0]]]], &device);
        let x = Tensor::<4>::from_floats([[[[0.25, 1.0]]]], &device);
        let d = |l: f64| 1.0 / (1.0 + (-l).exp());
        let expected = -(0.25 * d(0.5).ln() + 0.75 * (1.0 - d(0.5)).ln() + d(-2.0).ln());
        let found =
            f64::from(reconstruction(logits, x, Likelihood::Bernoulli).into_scalar::<f32>());
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}
