//! Discriminators: images `[N, C, H, W]`, of a conditional one with classes `[N]`, to one logit
//! each, `[N, 1]`.

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};

use super::dense::Dense;
use super::init::{Init, Scheme};
use super::layers::{Maps, SLOPE, pyramid};
use super::pass::Pass;
use super::residual::ResidualFeatures;
use super::spectral::Spectral;
use crate::config::{Config, DiscriminatorNorm, NetKind};
use crate::random::Purpose;

/// Any discriminator of this program: features of an image, and what they say.
#[derive(Module, Debug)]
pub(crate) struct Discriminator {
    net: DiscriminatorNet,
    /// Looks at the whole image, where the convolutions see only parts of it.
    hidden: Option<Linear>,
    hidden_bound: Option<Spectral>,
    judge: Linear,
    bound: Option<Spectral>,
    /// The projection of Miyato and Koyama 2018: for each class, the direction of its features.
    classes: Option<Embedding>,
}

/// The net that makes features of an image.
#[allow(clippy::large_enum_variant, reason = "a program has a few of them")]
#[derive(Module, Debug)]
pub(crate) enum DiscriminatorNet {
    Dense(DenseDiscriminator),
    Conv(ConvDiscriminator),
    Residual(ResidualFeatures),
}

/// Dense layers from all pixels at once, each with ReLU.
#[derive(Module, Debug)]
pub(crate) struct DenseDiscriminator {
    layers: Dense,
    bounds: Vec<Spectral>,
}

/// The DCGAN discriminator: the generator mirrored, LeakyReLU 0.2, no batch normalization on the
/// first map.
#[derive(Module, Debug)]
pub(crate) struct ConvDiscriminator {
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    bounds: Vec<Spectral>,
}

/// Puts the weight over its largest singular value in the weight's place.
fn bind<const D: usize>(weight: &mut Param<Tensor<D>>, bound: Option<Spectral>) {
    if let Some(bound) = bound {
        *weight = Param::initialized(weight.id, bound.normalize(weight.val()));
    }
}

impl Discriminator {
    /// A new discriminator with weights from the run's seed.
    pub(crate) fn new(config: &Config, device: &Device) -> Self {
        let (model, seed) = (&config.model, config.training.seed);
        let gan = config.gan.as_ref();
        let norm = gan.map_or(DiscriminatorNorm::Batch, |gan| gan.discriminator_norm);
        let last_hidden = gan.map_or(0, |gan| gan.discriminator_hidden);
        let mut init = Init::new(seed, Purpose::DiscriminatorInit, Scheme::Dcgan, device);
        let spectral = norm == DiscriminatorNorm::Spectral;
        let (channels, size) = (config.data.channels, config.data.size);
        let mut hidden = None;
        let (net, judge, features) = match model.net {
            NetKind::Dense => {
                let widths: Vec<usize> = [channels * size * size]
                    .into_iter()
                    .chain(model.hidden.iter().rev().copied())
                    .collect();
                let features = widths.last().copied().unwrap_or(1);
                let layers = Dense::new(&mut init, widths.iter().copied());
                let judge = init.linear(features, 1);
                let bounds = widths.iter().take(widths.len() - 1).filter(|_| spectral);
                let bounds = bounds.map(|&rows| Spectral::new(&mut init, rows)).collect();
                let net = DenseDiscriminator { layers, bounds };
                (DiscriminatorNet::Dense(net), judge, features)
            }
            NetKind::Dcgan | NetKind::DcganResize => {
                let (edge, mut maps) = pyramid(size, model.width());
                maps.reverse();
                let batch = norm == DiscriminatorNorm::Batch;
                let inputs = [channels].into_iter().chain(maps.iter().copied());
                let convs = inputs
                    .zip(&maps)
                    .enumerate()
                    .map(|(i, (a, &b))| init.conv(a, b, 4, 2, 1, i == 0 || !batch))
                    .collect();
                let norms = maps.iter().skip(1).filter(|_| batch);
                let norms = norms.map(|&m| init.batch_norm(m)).collect();
                let mut features = maps.last().copied().unwrap_or(1) * edge * edge;
                if last_hidden > 0 {
                    hidden = Some(init.linear(features, last_hidden));
                    features = last_hidden;
                }
                let judge = init.linear(features, 1);
                let bounds = maps.iter().filter(|_| spectral);
                let bounds = bounds.map(|&m| Spectral::new(&mut init, m)).collect();
                let net = ConvDiscriminator {
                    convs,
                    norms,
                    bounds,
                };
                (DiscriminatorNet::Conv(net), judge, features)
            }
            NetKind::Residual => {
                let (net, mut features) = ResidualFeatures::new(&mut init, config);
                if last_hidden > 0 {
                    hidden = Some(init.scaled_linear(features, last_hidden, 1.0));
                    features = last_hidden;
                }
                let judge = init.scaled_linear(features, 1, 1.0);
                (DiscriminatorNet::Residual(net), judge, features)
            }
        };
        let bound = spectral.then(|| Spectral::new(&mut init, features));
        let rows = hidden.as_ref().map(|layer| layer.weight.dims()[0]);
        let hidden_bound = rows
            .filter(|_| spectral)
            .map(|rows| Spectral::new(&mut init, rows));
        let classes = (model.classes > 0).then(|| init.blank_embedding(model.classes, features));
        Self {
            net,
            hidden,
            hidden_bound,
            judge,
            bound,
            classes,
        }
    }

    /// Whether what it says of an image does not depend on the other images of a batch: no batch
    /// normalization.
    pub(crate) fn sees_each_alone(&self) -> bool {
        match &self.net {
            DiscriminatorNet::Dense(_) | DiscriminatorNet::Residual(_) => true,
            DiscriminatorNet::Conv(net) => net.norms.is_empty(),
        }
    }

    /// The discriminator with its weights as they count: over their largest singular values, where
    /// that is wanted. Gradients reach the weights themselves. Each call brings the singular
    /// vectors nearer by one round of power iteration (while gradients are wanted): once for each
    /// time that the weights have changed, however many batches are then judged with them, for one
    /// backward pass.
    pub(crate) fn normalized(&self) -> Self {
        let mut bound = self.clone();
        match &mut bound.net {
            DiscriminatorNet::Dense(net) => {
                let bounds = net.bounds.drain(..);
                for (layer, by) in net.layers.layers_mut().iter_mut().zip(bounds) {
                    bind(&mut layer.weight, Some(by));
                }
            }
            DiscriminatorNet::Conv(net) => {
                for (conv, by) in net.convs.iter_mut().zip(net.bounds.drain(..)) {
                    bind(&mut conv.weight, Some(by));
                }
            }
            DiscriminatorNet::Residual(_) => {}
        }
        if let Some(hidden) = &mut bound.hidden {
            bind(&mut hidden.weight, bound.hidden_bound.take());
        }
        bind(&mut bound.judge.weight, bound.bound.take());
        bound
    }

    /// Features `[N, F]` of images, of a [`Discriminator::normalized`] one.
    pub(crate) fn features(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<2> {
        let features: Tensor<2> = match &self.net {
            DiscriminatorNet::Dense(net) => {
                let layers = net.layers.layers().iter();
                layers.fold(x.flatten(1, 3), |x: Tensor<2>, layer| {
                    pass.linear(layer, x, 0.0)
                })
            }
            DiscriminatorNet::Conv(net) => {
                let mut maps = Maps::new(x);
                for (i, conv) in net.convs.iter().enumerate() {
                    maps = match i.checked_sub(1).and_then(|i| net.norms.get(i)) {
                        // It mixes the images of a batch: no image has a derivative of its own.
                        Some(norm) => maps.conv(conv, 1.0).batch_norm(norm, SLOPE),
                        None => pass.conv(maps, conv, SLOPE),
                    };
                }
                maps.into_tensor().flatten(1, 3)
            }
            DiscriminatorNet::Residual(net) => net.forward(x, pass),
        };
        match &self.hidden {
            Some(hidden) => pass.linear(hidden, features, SLOPE),
            None => features,
        }
    }

    /// Logits `[N, 1]` of [`Discriminator::features`], of a [`Discriminator::normalized`] one:
    /// positive for "real". A conditional discriminator without classes says whether an image is
    /// real, of whichever class.
    pub(crate) fn judge(
        &self,
        features: Tensor<2>,
        class: Option<Tensor<1, Int>>,
        pass: &mut Pass,
    ) -> Tensor<2> {
        let logits = pass.linear(&self.judge, features.clone(), 1.0);
        match (&self.classes, class) {
            (Some(table), Some(class)) => {
                let [rows, width] = features.dims();
                let direction = table.forward(class.reshape([rows, 1]));
                logits + (direction.reshape([rows, width]) * features).sum_dim(1)
            }
            _ => logits,
        }
    }

    /// Logits `[N, 1]` of images.
    pub(crate) fn forward(&self, x: Tensor<4>, class: Option<Tensor<1, Int>>) -> Tensor<2> {
        let (net, mut pass) = (self.normalized(), Pass::Value);
        net.judge(net.features(x, &mut pass), class, &mut pass)
    }
}
