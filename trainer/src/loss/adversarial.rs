//! The losses of the two players, on logits.
//!
//! | loss | the discriminator minimizes | the generator minimizes | paper |
//! | --- | --- | --- | --- |
//! | minimax | −E\[log D(x)\] − E\[log(1 − D(G(z)))\] | E\[log(1 − D(G(z)))\] | Goodfellow et al. 2014, equation 1 |
//! | non-saturating | the same | −E\[log D(G(z))\] | the same, section 3 |
//! | least-squares | ½E\[(l(x) − 1)²\] + ½E\[l(G(z))²\] | ½E\[(l(G(z)) − 1)²\] | Mao et al. 2017, equation 9 |
//! | hinge | E\[max(0, 1 − l(x))\] + E\[max(0, 1 + l(G(z)))\] | −E\[l(G(z))\] | Lim and Ye 2017 |
//! | relativistic | E\[s(l(G(z)) − l(x))\] | E\[s(l(x) − l(G(z)))\] | Jolicoeur-Martineau 2019, section 3.2 |
//! | wasserstein | E\[l(G(z))\] − E\[l(x)\] | −E\[l(G(z))\] | Arjovsky et al. 2017 |
//!
//! l is the logit, D its sigmoid, s(x) = log(1 + exp(x)); no log of 0 occurs. In the relativistic
//! loss each real image has a generated one beside it, that of its place in the batch. Label smoothing replaces the 1 that real
//! images are compared with, in the first three.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, relu};

use crate::config::AdversarialLoss;

fn square(x: Tensor<2>) -> Tensor<2> {
    x.clone() * x
}

/// The discriminator's loss, shape `[1]`, from the logits `[N, 1]` of real and generated images,
/// with one-sided label smoothing (Salimans et al. 2016, section 3.4).
pub(crate) fn discriminator_loss(
    real: Tensor<2>,
    fake: Tensor<2>,
    loss: AdversarialLoss,
    smoothing: f64,
) -> Tensor<1> {
    match loss {
        AdversarialLoss::Minimax | AdversarialLoss::NonSaturating => {
            let yes = log_sigmoid(real.clone()).mul_scalar(smoothing);
            let real_term = if smoothing < 1.0 {
                yes + log_sigmoid(real.neg()).mul_scalar(1.0 - smoothing)
            } else {
                yes
            };
            (real_term.mean() + log_sigmoid(fake.neg()).mean()).neg()
        }
        AdversarialLoss::LeastSquares => {
            let real = square(real.sub_scalar(smoothing)).mean();
            (real + square(fake).mean()).mul_scalar(0.5)
        }
        AdversarialLoss::Hinge => {
            relu(real.neg().add_scalar(1.0)).mean() + relu(fake.add_scalar(1.0)).mean()
        }
        AdversarialLoss::Relativistic => log_sigmoid(real - fake).mean().neg(),
        AdversarialLoss::Wasserstein => fake.mean() - real.mean(),
    }
}

/// The generator's loss, shape `[1]`, from the logits `[N, 1]` of its images. Only the relativistic
/// loss asks for those of real ones.
pub(crate) fn generator_loss(
    real: impl FnOnce() -> Tensor<2>,
    fake: Tensor<2>,
    loss: AdversarialLoss,
) -> Tensor<1> {
    match loss {
        AdversarialLoss::Minimax => log_sigmoid(fake.neg()).mean(),
        AdversarialLoss::NonSaturating => log_sigmoid(fake).mean().neg(),
        AdversarialLoss::LeastSquares => square(fake.sub_scalar(1.0)).mean().mul_scalar(0.5),
        AdversarialLoss::Relativistic => log_sigmoid(fake - real()).mean().neg(),
        AdversarialLoss::Hinge | AdversarialLoss::Wasserstein => fake.mean().neg(),
    }
}

/// The logit above which a discriminator takes an image for real.
pub(crate) fn threshold(loss: AdversarialLoss) -> f64 {
    if loss == AdversarialLoss::LeastSquares {
        0.5
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    const ALL: [AdversarialLoss; 6] = [
        AdversarialLoss::Minimax,
        AdversarialLoss::NonSaturating,
        AdversarialLoss::LeastSquares,
        AdversarialLoss::Hinge,
        AdversarialLoss::Wasserstein,
        AdversarialLoss::Relativistic,
    ];

    fn logits(v: [f32; 2]) -> Tensor<2> {
        Tensor::from_floats([[v[0]], [v[1]]], &Device::flex())
    }

    fn d(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn losses_equal_the_formulas() {
        let (real, fake) = ([0.3_f32, -1.2], [0.7_f32, -0.4]);
        let (r, f) = ([0.3, -1.2], [0.7, -0.4]);
        let mean = |v: [f64; 2]| (v[0] + v[1]) / 2.0;
        let log_loss = -mean(r.map(|r| 0.9 * d(r).ln() + 0.1 * (1.0 - d(r)).ln()))
            - mean(f.map(|f| (1.0 - d(f)).ln()));
        let expected = [
            (log_loss, mean(f.map(|f| (1.0 - d(f)).ln()))),
            (log_loss, -mean(f.map(|f| d(f).ln()))),
            (
                0.5 * mean(r.map(|r| (r - 0.9).powi(2))) + 0.5 * mean(f.map(|f| f * f)),
                0.5 * mean(f.map(|f| (f - 1.0).powi(2))),
            ),
            (
                mean(r.map(|r| (1.0 - r).max(0.0))) + mean(f.map(|f| (1.0 + f).max(0.0))),
                -mean(f),
            ),
            (mean(f) - mean(r), -mean(f)),
            (
                mean([0, 1].map(|i| (f[i] - r[i]).exp().ln_1p())),
                mean([0, 1].map(|i| (r[i] - f[i]).exp().ln_1p())),
            ),
        ];
        for (loss, (discriminator, generator)) in ALL.into_iter().zip(expected) {
            let found = discriminator_loss(logits(real), logits(fake), loss, 0.9);
            let found = f64::from(found.into_scalar::<f32>());
            assert!(
                (found - discriminator).abs() < 1e-6,
                "{loss:?}: {found} {discriminator}"
            );
            let found =
                f64::from(generator_loss(|| logits(real), logits(fake), loss).into_scalar::<f32>());
            assert!(
                (found - generator).abs() < 1e-6,
                "{loss:?}: {found} {generator}"
            );
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        for v in [[200.0, -200.0], [-200.0, 200.0]] {
            for loss in ALL {
                let found = discriminator_loss(logits(v), logits([v[1], v[0]]), loss, 0.9);
                assert!(found.into_scalar::<f32>().is_finite());
                assert!(
                    generator_loss(|| logits([v[1], v[0]]), logits(v), loss)
                        .into_scalar::<f32>()
                        .is_finite()
                );
            }
        }
    }
}
