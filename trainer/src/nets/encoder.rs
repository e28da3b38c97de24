//! The encoder of a VAE: images to the mean and log-variance of q(z|x).

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};

use super::config::EncoderConfig;
use super::init::{Init, Scheme};
use super::layers::{Maps, linear, pyramid};
use super::second_stage::LatentEncoder;
use crate::config::NetKind;
use crate::random::Purpose;

/// Elements that a class adds to the pixels of a conditional encoder.
const CLASS_FEATURES: usize = 16;

/// Dense layers, or halvings by convolution with batch normalization and LeakyReLU (the decoder
/// mirrored), with two heads.
#[derive(Module, Debug)]
pub(crate) struct Encoder {
    /// What each class adds to the pixels.
    classes: Option<Embedding>,
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    hidden: Vec<Linear>,
    mean: Linear,
    log_variance: Linear,
    /// What the second stage makes of the latents.
    second: Option<LatentEncoder>,
}

impl Encoder {
    /// A new encoder with weights from the run's seed: the decoder's hidden layers mirrored.
    pub(crate) fn new(config: impl Into<EncoderConfig>, device: &Device) -> Self {
        let EncoderConfig {
            net: config,
            latent,
            second_stage,
        } = config.into();
        let mut init = Init::new(
            config.seed,
            Purpose::DiscriminatorInit,
            Scheme::FanIn,
            device,
        );
        let (channels, size) = (config.channels, config.size);
        let mut inputs = channels * size * size;
        let (mut convs, mut norms) = (Vec::new(), Vec::new());
        if config.kind != NetKind::Dense {
            let (edge, mut maps) = pyramid(size, config.width);
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
        if config.classes > 0 {
            classes = Some(init.embedding(config.classes, CLASS_FEATURES));
            inputs += CLASS_FEATURES;
        }
        for &width in config.hidden.iter().rev() {
            hidden.push(init.linear(inputs, width));
            inputs = width;
        }
        let mean = init.linear(inputs, latent);
        let log_variance = init.linear(inputs, latent);
        let second = second_stage.as_deref();
        let second = second.map(|widths| LatentEncoder::new(&mut init, latent, widths));
        Self {
            classes,
            convs,
            norms,
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
        let [rows, ..] = x.dims();
        let x = match self.convs.as_slice() {
            [] => x,
            convs => convs
                .iter()
                .zip(&self.norms)
                .fold(Maps::new(x), |maps, (conv, norm)| {
                    maps.conv(conv).batch_norm_leaky_relu(norm)
                })
                .into_tensor(),
        };
        let mut input: Tensor<2> = x.flatten(1, 3);
        if let Some(table) = &self.classes {
            let class = class.unwrap_or_else(|| Tensor::zeros([rows], &input.device()));
            let features = table.forward(class.reshape([rows, 1]));
            input = Tensor::cat(vec![input, features.reshape([rows, CLASS_FEATURES])], 1);
        }
        let h = self
            .hidden
            .iter()
            .fold(input, |h, layer| linear(layer, h, 0.0));
        (
            linear(&self.mean, h.clone(), 1.0),
            linear(&self.log_variance, h, 1.0),
        )
    }
}
