//! The encoder of a VAE: pictures to the mean and log-variance of q(z|x).

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor, activation::relu};

use super::{Init, Scheme};
use crate::config::Config;
use crate::random::Purpose;

/// Numbers that a class adds to the pixels of a conditional encoder.
const CLASS_FEATURES: usize = 16;

/// Dense layers with two heads.
#[derive(Module, Debug)]
pub struct Encoder {
    /// What each class adds to the pixels.
    classes: Option<Embedding>,
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
        let mut classes = None;
        if config.model.classes > 0 {
            classes = Some(init.embedding(config.model.classes, CLASS_FEATURES));
            inputs += CLASS_FEATURES;
        }
        for &width in config.model.hidden.iter().rev() {
            hidden.push(init.linear(inputs, width));
            inputs = width;
        }
        let mean = init.linear(inputs, config.model.latent);
        let log_variance = init.linear(inputs, config.model.latent);
        Self {
            classes,
            hidden,
            mean,
            log_variance,
        }
    }

    /// Pictures `[N, C, H, W]`, of a conditional encoder with classes `[N]`, to (μ, log σ²), `[N, z]` each.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, class: Option<Tensor<1, Int>>) -> (Tensor<2>, Tensor<2>) {
        let [rows, ..] = x.dims();
        let mut input: Tensor<2> = x.flatten(1, 3);
        if let Some(table) = &self.classes {
            let class = class.unwrap_or_else(|| Tensor::zeros([rows], &input.device()));
            let features = table.forward(class.reshape([rows, 1]));
            input = Tensor::cat(vec![input, features.reshape([rows, CLASS_FEATURES])], 1);
        }
        let h = self
            .hidden
            .iter()
            .fold(input, |h, layer| relu(layer.forward(h)));
        (self.mean.forward(h.clone()), self.log_variance.forward(h))
    }
}
