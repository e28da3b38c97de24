//! The encoder of a VAE: images to the mean and log-variance of q(z|x).

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};

use super::init::{Init, Scheme};
use super::layers::{CLASS_FEATURES, halved, linear, pyramid, with_class};
use super::pass::Pass;
use super::residual::ResidualFeatures;
use super::second_stage::LatentEncoder;
use crate::config::{Config, NetKind};
use crate::random::Purpose;

/// Dense layers, or halvings by convolution with batch normalization and LeakyReLU (the decoder
/// mirrored), or residual blocks, with two heads.
#[derive(Module, Debug)]
pub(crate) struct Encoder {
    /// What each class adds to the pixels.
    classes: Option<Embedding>,
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    residual: Option<ResidualFeatures>,
    hidden: Vec<Linear>,
    mean: Linear,
    log_variance: Linear,
    /// What the second stage makes of the latents.
    second: Option<LatentEncoder>,
}

impl Encoder {
    /// A new encoder with weights from the run's seed: the decoder's hidden layers mirrored.
    pub(crate) fn new(config: &Config, device: &Device) -> Self {
        let (model, seed) = (&config.model, config.training.seed);
        let mut init = Init::new(seed, Purpose::DiscriminatorInit, Scheme::FanIn, device);
        let (channels, size) = (config.data.channels, config.data.size);
        let mut inputs = channels * size * size;
        let (mut convs, mut norms) = (Vec::new(), Vec::new());
        let mut residual = None;
        if model.net == NetKind::Residual {
            let (net, features) = ResidualFeatures::new(&mut init, config);
            residual = Some(net);
            inputs = features;
        } else if model.net != NetKind::Dense {
            let (edge, mut maps) = pyramid(size, model.width());
            maps.reverse();
            let mut from = channels;
            for &to in &maps {
                convs.push(init.conv(from, to, 4, 2, 1, false));
                norms.push(init.batch_norm(to));
                from = to;
            }
            inputs = from * edge * edge;
        }
        let mut hidden = Vec::new();
        let mut classes = None;
        if model.classes > 0 {
            classes = Some(init.embedding(model.classes, CLASS_FEATURES));
            inputs += CLASS_FEATURES;
        }
        for &width in model.hidden.iter().rev() {
            hidden.push(init.linear(inputs, width));
            inputs = width;
        }
        let mean = init.linear(inputs, model.latent);
        let log_variance = init.linear(inputs, model.latent);
        let second = config.second_hidden();
        let second = second.map(|widths| LatentEncoder::new(&mut init, model.latent, widths));
        Self {
            classes,
            convs,
            norms,
            residual,
            hidden,
            mean,
            log_variance,
            second,
        }
    }

    /// The encoder of the second stage, where there is one.
    pub(crate) fn second(&self) -> Option<&LatentEncoder> {
        self.second.as_ref()
    }

    /// Images `[N, C, H, W]`, of a conditional encoder with classes `[N]`, to (μ, log σ²), `[N, z]`
    /// each.
    pub(crate) fn forward(
        &self,
        x: Tensor<4>,
        class: Option<Tensor<1, Int>>,
    ) -> (Tensor<2>, Tensor<2>) {
        let features = match (&self.residual, self.convs.as_slice()) {
            (Some(net), _) => net.forward(x, &mut Pass::Value),
            (None, []) => x.flatten(1, 3),
            (None, convs) => halved(x, convs, &self.norms).flatten(1, 3),
        };
        let input = with_class(features, class, self.classes.as_ref());
        let layers = self.hidden.iter();
        let h = layers.fold(input, |h, layer| linear(layer, h, 0.0));
        (
            linear(&self.mean, h.clone(), 1.0),
            linear(&self.log_variance, h, 1.0),
        )
    }
}
