//! The losses of the two players (Goodfellow et al. 2014), computed on logits so that no log of 0 occurs.

use burn::tensor::{Tensor, activation::log_sigmoid};

use crate::config::GeneratorLoss;

/// The discriminator's loss, shape `[1]`: −E\[s·log D(x) + (1 − s)·log(1 − D(x))\] − E\[log(1 − D(G(z)))\], equation 1
/// of the paper with one-sided label smoothing s. Inputs are logits `[N, 1]`.
#[must_use]
pub fn discriminator_loss(real: Tensor<2>, fake: Tensor<2>, smoothing: f64) -> Tensor<1> {
    let yes = log_sigmoid(real.clone()).mul_scalar(smoothing);
    let real_term = if smoothing < 1.0 {
        yes + log_sigmoid(real.neg()).mul_scalar(1.0 - smoothing)
    } else {
        yes
    };
    (real_term.mean() + log_sigmoid(fake.neg()).mean()).neg()
}

/// The generator's loss, shape `[1]`, from the logits `[N, 1]` of its pictures.
#[must_use]
pub fn generator_loss(fake: Tensor<2>, loss: GeneratorLoss) -> Tensor<1> {
    match loss {
        GeneratorLoss::Minimax => log_sigmoid(fake.neg()).mean(),
        GeneratorLoss::NonSaturating => log_sigmoid(fake).mean().neg(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn logits(v: [f32; 2]) -> Tensor<2> {
        Tensor::from_floats([[v[0]], [v[1]]], &Device::flex())
    }

    fn d(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn losses_equal_the_formulas() {
        let (real, fake) = ([0.3_f32, -1.2], [0.7_f32, -0.4]);
        let expected = -((0.9 * d(0.3).ln()
            + 0.1 * (1.0 - d(0.3)).ln()
            + 0.9 * d(-1.2).ln()
            + 0.1 * (1.0 - d(-1.2)).ln())
            / 2.0)
            - (((1.0 - d(0.7)).ln() + (1.0 - d(-0.4)).ln()) / 2.0);
        let found: f32 = discriminator_loss(logits(real), logits(fake), 0.9).into_scalar();
        assert!(
            (f64::from(found) - expected).abs() < 1e-6,
            "{found} {expected}"
        );
        let minimax: f32 = generator_loss(logits(fake), GeneratorLoss::Minimax).into_scalar();
        assert!(
            (f64::from(minimax) - ((1.0 - d(0.7)).ln() + (1.0 - d(-0.4)).ln()) / 2.0).abs() < 1e-6
        );
        let other: f32 = generator_loss(logits(fake), GeneratorLoss::NonSaturating).into_scalar();
        assert!((f64::from(other) + (d(0.7).ln() + d(-0.4).ln()) / 2.0).abs() < 1e-6);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        for v in [[200.0, -200.0], [-200.0, 200.0]] {
            let loss: f32 = discriminator_loss(logits(v), logits([v[1], v[0]]), 0.9).into_scalar();
            assert!(loss.is_finite());
            for kind in [GeneratorLoss::Minimax, GeneratorLoss::NonSaturating] {
                assert!(
                    generator_loss(logits(v), kind)
                        .into_scalar::<f32>()
                        .is_finite()
                );
            }
        }
    }
}
