//! The second stage of a two-stage VAE (Dai and Wipf 2019): a small dense VAE on the latents z of
//! the first, u → z and z → u, both of the same length.
//!
//! A trained decoder knows latents from q(z), the mean of q(z|x) over the images, and q(z) is not
//! quite N(0, 1). The second stage learns q(z); its own latents are much nearer to N(0, 1), because
//! they have as many dimensions as what it learns (section 4 of the paper).
//!
//! Both nets begin as the identity, so that a generator whose second stage has not been trained yet
//! is its first stage.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Tensor, activation::relu};

use super::dense::Dense;
use super::init::Init;
use super::layers::linear;

/// p(z|u) = N(u + f(u), γ²): the mean of z, which is what a generator takes (what noise of γ would
/// add is left out), and one γ for all dimensions.
#[derive(Module, Debug)]
pub struct LatentDecoder {
    hidden: Dense,
    change: Linear,
    /// log γ², `[1]`: it begins at 0, as in the paper.
    log_variance: Param<Tensor<1>>,
}

/// q(u|z) = N(z + g(z), σ²(z)).
#[derive(Module, Debug)]
pub(crate) struct LatentEncoder {
    hidden: Dense,
    change: Linear,
    log_variance: Linear,
}

/// Hidden layers, and the width of the last.
fn hidden(init: &mut Init<'_>, latent: usize, widths: &[usize]) -> (Dense, usize) {
    let layers = Dense::new(init, [latent].into_iter().chain(widths.iter().copied()));
    (layers, widths.last().copied().unwrap_or(latent))
}

impl LatentDecoder {
    /// The identity, with hidden layers of `widths`, for latents of `latent` elements.
    pub(super) fn new(init: &mut Init<'_>, latent: usize, widths: &[usize]) -> Self {
        let (hidden, last) = hidden(init, latent, widths);
        Self {
            hidden,
            change: init.blank_linear(last, latent),
            log_variance: init.zeros([1]),
        }
    }

    /// The mean of p(z|u), `[N, z]`, from u `[N, z]`.
    pub fn forward(&self, u: Tensor<2>) -> Tensor<2> {
        let hidden = relu(self.hidden.forward(u.clone()));
        u + linear(&self.change, hidden, 1.0)
    }

    /// log γ², `[1]`.
    pub fn log_variance(&self) -> Tensor<1> {
        self.log_variance.val()
    }
}

impl LatentEncoder {
    /// The identity, with hidden layers of `widths` from the latent side on, for latents of
    /// `latent` elements.
    pub(super) fn new(init: &mut Init<'_>, latent: usize, widths: &[usize]) -> Self {
        let widths: Vec<usize> = widths.iter().rev().copied().collect();
        let (hidden, last) = hidden(init, latent, &widths);
        Self {
            hidden,
            change: init.blank_linear(last, latent),
            log_variance: init.blank_linear(last, latent),
        }
    }

    /// Latents of the first stage `[N, z]` to (μ, log σ²) of q(u|z), `[N, z]` each.
    pub(crate) fn forward(&self, z: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let hidden = relu(self.hidden.forward(z.clone()));
        (
            z + linear(&self.change, hidden.clone(), 1.0),
            linear(&self.log_variance, hidden, 1.0),
        )
    }
}
