//! The second stage of a two-stage VAE: when it trains, and its evidence lower bound.

use burn::tensor::Tensor;

use crate::loss::elbo::{divergences, log_normal, log_prior_ratio, reparameterize};
use crate::nets::{Encoder, Generator};

/// What a step of the second stage returns, in nats a latent vector: its negative bound and the two
/// terms.
pub(super) const STATS: &[&str] = &["second_loss", "second_reconstruction", "second_kl"];

/// Which stage trains, and how much of its steps are done, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    /// Encoder and decoder of images.
    First(f64),
    /// Encoder and decoder of latents.
    Second(f64),
}

impl Stage {
    /// The stage where `fraction` of the run is done and the second stage has the last `share` of
    /// it.
    pub(super) fn at(fraction: f64, share: f64) -> Self {
        let begin = 1.0 - share;
        if share > 0.0 && fraction >= begin {
            Self::Second((fraction - begin) / share)
        } else {
            Self::First(fraction / begin)
        }
    }
}

/// What the bound on log p(z) is made of.
pub(super) struct SecondStageTerms {
    /// log p(z|u) of each z, `[N]`.
    pub(super) likelihood: Tensor<1>,
    /// log p(u) − log q(u|z) of each, `[N]`.
    pub(super) ratio: Tensor<1>,
    /// KL(q(u|z) ‖ N(0, 1)) of each dimension of u, `[z]`.
    pub(super) divergences: Tensor<1>,
}

/// Draws u of latents z `[N, z]` with `noise` `[N, z]`. `None` where the nets have no second stage.
pub(super) fn terms(
    encoder: &Encoder,
    decoder: &Generator,
    z: Tensor<2>,
    noise: Tensor<2>,
) -> Option<SecondStageTerms> {
    let (encoder, decoder) = (encoder.second()?, decoder.second()?);
    let (mean, log_variance) = encoder.forward(z.clone());
    let u = reparameterize(mean.clone(), log_variance.clone(), noise.clone());
    let gamma = decoder.log_variance().reshape([1, 1]);
    Some(SecondStageTerms {
        likelihood: log_normal(z, decoder.forward(u.clone()), gamma),
        ratio: log_prior_ratio(u, log_variance.clone(), noise),
        divergences: divergences(mean, log_variance),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_stage_has_the_end_of_the_run_and_each_counts_from_0_to_1() {
        for (fraction, share, expected) in [
            (0.0, 0.0, Stage::First(0.0)),
            (1.0, 0.0, Stage::First(1.0)),
            (0.25, 0.5, Stage::First(0.5)),
            (0.5, 0.5, Stage::Second(0.0)),
            (0.75, 0.5, Stage::Second(0.5)),
            (0.9375, 0.25, Stage::Second(0.75)),
        ] {
            assert_eq!(Stage::at(fraction, share), expected, "{fraction} {share}");
        }
    }
}
