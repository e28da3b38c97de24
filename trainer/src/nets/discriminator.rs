//! Discriminators: pictures `[N, C, H, W]` to one logit each, `[N, 1]`.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};

use super::dense::Dense;
use super::layers::Maps;
use super::{Init, Scheme, pyramid};
use crate::config::{Config, NetKind};
use crate::random::Purpose;

/// Any discriminator of this program.
#[derive(Module, Debug)]
pub enum Discriminator {
    /// Dense layers.
    Dense(DenseDiscriminator),
    /// Halvings by convolution.
    Conv(ConvDiscriminator),
}

/// Dense layers from all pixels at once.
#[derive(Module, Debug)]
pub struct DenseDiscriminator {
    layers: Dense,
}

/// The DCGAN discriminator: the generator mirrored, LeakyReLU 0.2, no batch normalization on the first map.
#[derive(Module, Debug)]
pub struct ConvDiscriminator {
    convs: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    judge: Linear,
}

impl Discriminator {
    /// A new discriminator with weights from the run's seed.
    #[must_use]
    pub fn new(config: &Config, device: &Device) -> Self {
        let mut init = Init::new(
            config.training.seed,
            Purpose::DiscriminatorInit,
            Scheme::Dcgan,
            device,
        );
        let (channels, size) = (config.data.channels, config.data.size);
        match config.model.net {
            NetKind::Dense => {
                let widths = [channels * size * size]
                    .into_iter()
                    .chain(config.model.hidden.iter().rev().copied())
                    .chain([1]);
                Self::Dense(DenseDiscriminator {
                    layers: Dense::new(&mut init, widths),
                })
            }
            NetKind::Dcgan | NetKind::DcganResize => {
                let (side, mut maps) = pyramid(size, config.model.width.unwrap_or(64));
                maps.reverse();
                let inputs = [channels].into_iter().chain(maps.iter().copied());
                let convs = inputs
                    .zip(&maps)
                    .enumerate()
                    .map(|(i, (a, &b))| init.conv(a, b, 4, 2, 1, i == 0))
                    .collect();
                let norms = maps.iter().skip(1).map(|&m| init.batch_norm(m)).collect();
                let judge = init.linear(maps.last().copied().unwrap_or(1) * side * side, 1);
                Self::Conv(ConvDiscriminator {
                    convs,
                    norms,
                    judge,
                })
            }
        }
    }

    /// Logits `[N, 1]`: positive for "real".
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Dense(net) => net.layers.forward(x.flatten(1, 3)),
            Self::Conv(net) => {
                let mut maps = Maps::new(x);
                for (i, conv) in net.convs.iter().enumerate() {
                    maps = maps.convolve(conv);
                    maps = match i.checked_sub(1).and_then(|i| net.norms.get(i)) {
                        Some(norm) => maps.normalize_leak(norm),
                        None => maps.leak(),
                    };
                }
                net.judge.forward(maps.into_tensor().flatten(1, 3))
            }
        }
    }
}
