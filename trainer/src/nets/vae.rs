//! The encoder of a VAE: pictures to the mean and log-variance of q(z|x).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation::relu};

use super::{Init, Scheme};
use crate::config::Config;
use crate::random::Purpose;

/// Dense layers with two heads.
#[derive(Module, Debug)]
pub struct Encoder {
    hidden: Vec<Linear>,
    mean: Linear,
    log_variance: Linear,
}

impl Encoder {
    /// A new encoder with weights from the run's seed: the decoder's hidden layers mirrored.
    #[must_use]
    pub fn new(config: &Config, device: &Device) -> Self {
        let mut init = Init::new(
            config.training.seed,
            Purpose::DiscriminatorInit,
            Scheme::FanIn,
            device,
        );
        let mut inputs = config.data.channels * config.data.size * config.data.size;
        let mut hidden = Vec::new();
        for &width in config.model.hidden.iter().rev() {
            hidden.push(init.linear(inputs, width));
            inputs = width;
        }
        let mean = init.linear(inputs, config.model.latent);
        let log_variance = init.linear(inputs, config.model.latent);
        Self {
            hidden,
            mean,
            log_variance,
        }
    }

    /// Pictures `[N, C, H, W]` to (μ, log σ²), `[N, z]` each.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let h = self
            .hidden
            .iter()
            .fold(x.flatten(1, 3), |h: Tensor<2>, layer| {
                relu(layer.forward(h))
            });
        (self.mean.forward(h.clone()), self.log_variance.forward(h))
    }
}
