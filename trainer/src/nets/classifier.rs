//! A small classifier, whose penultimate layer describes images by what tells their classes apart.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::activation::leaky_relu;
use burn::tensor::{Device, Tensor};

use super::init::{Init, Scheme};
use super::layers::{halved, pyramid};
use crate::random::Purpose;

/// What a [`Classifier`] is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClassifierConfig {
    pub channels: usize,
    /// Height and width of an image.
    pub size: usize,
    pub classes: usize,
    /// Seed of the initial weights.
    pub seed: u64,
}

/// Halvings by convolution 4x4 with stride 2, batch normalization and LeakyReLU 0.2: the trunk of
/// [`Discriminator`](super::Discriminator). A dense layer with LeakyReLU, so that no feature dies,
/// gives the features, and another one logit a class.
#[derive(Module, Debug)]
pub(crate) struct Classifier {
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    describe: Linear,
    decide: Linear,
}

impl Classifier {
    /// Elements of the penultimate layer.
    pub(crate) const FEATURES: usize = 64;

    /// A new classifier of images `[N, channels, size, size]` with weights from `config`'s seed.
    pub(crate) fn new(config: ClassifierConfig, device: &Device) -> Self {
        let ClassifierConfig {
            channels,
            size,
            classes,
            seed,
        } = config;
        let mut init = Init::new(seed, Purpose::DiscriminatorInit, Scheme::FanIn, device);
        // Larger images get thinner maps: the cost of a net grows with both.
        let (edge, mut maps) = pyramid(size, if size > 32 { 16 } else { 32 });
        maps.reverse();
        let inputs = [channels].into_iter().chain(maps.iter().copied());
        let convs = inputs
            .zip(&maps)
            .map(|(a, &b)| init.conv(a, b, 4, 2, 1, false))
            .collect();
        let norms = maps.iter().map(|&m| init.batch_norm(m)).collect();
        let flat = maps.last().copied().unwrap_or(1) * edge * edge;
        Self {
            convs,
            norms,
            describe: init.linear(flat, Self::FEATURES),
            decide: init.linear(Self::FEATURES, classes),
        }
    }

    /// Images `[N, C, H, W]` to features `[N, 64]` and logits `[N, classes]`.
    pub(crate) fn forward(&self, x: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let maps = halved(x, &self.convs, &self.norms);
        let features = leaky_relu(self.describe.forward(maps.flatten(1, 3)), 0.2);
        let logits = self.decide.forward(features.clone());
        (features, logits)
    }
}
