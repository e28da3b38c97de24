//! Generators: latent vectors `[N, z]` to pictures `[N, C, H, W]`. A VAE's decoder is one too.

use burn::module::Module;
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig, InterpolateMode};
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};

use super::dense::Dense;
use super::layers::Maps;
use super::{Init, Scheme, activate, pyramid};
use crate::config::{Config, ModelKind, NetKind, OutputActivation};
use crate::random::Purpose;

/// Any generator of this program.
#[derive(Module, Debug)]
pub enum Generator {
    /// Dense layers.
    Dense(DenseGenerator),
    /// A dense layer and doublings by convolution.
    Conv(ConvGenerator),
}

/// Dense layers to all pixels at once.
#[derive(Module, Debug)]
pub struct DenseGenerator {
    layers: Dense,
    channels: usize,
    size: usize,
    #[module(skip)]
    output: OutputActivation,
}

/// One doubling of height and width.
#[derive(Module, Debug)]
pub enum Upsample {
    /// Transposed convolution 4x4, stride 2.
    Transposed(ConvTranspose2d),
    /// Nearest ×2, then a 3x3 convolution.
    Resize(ResizeConv),
}

/// Nearest ×2, then a 3x3 convolution: no checkerboard (Odena et al. 2016).
#[derive(Module, Debug)]
pub struct ResizeConv {
    pub(super) resize: Interpolate2d,
    pub(super) conv: Conv2d,
}

/// The DCGAN generator (Radford et al. 2016): dense to the smallest map, then doublings.
#[derive(Module, Debug)]
pub struct ConvGenerator {
    project: Linear,
    norms: Vec<BatchNorm>,
    ups: Vec<Upsample>,
    maps: usize,
    side: usize,
    #[module(skip)]
    output: OutputActivation,
}

impl Upsample {
    fn new(init: &mut Init<'_>, net: NetKind, inputs: usize, outputs: usize, bias: bool) -> Self {
        match net {
            NetKind::DcganResize => {
                let resize = Interpolate2dConfig::new()
                    .with_scale_factor(Some([2.0, 2.0]))
                    .with_mode(InterpolateMode::Nearest)
                    .init();
                Self::Resize(ResizeConv {
                    resize,
                    conv: init.conv(inputs, outputs, 3, 1, 1, bias),
                })
            }
            NetKind::Dense | NetKind::Dcgan => {
                Self::Transposed(init.conv_transpose(inputs, outputs, bias))
            }
        }
    }

    fn forward(&self, x: Maps) -> Maps {
        match self {
            Self::Transposed(layer) => x.convolve_transposed(layer),
            Self::Resize(layer) => x.resize_convolve(layer),
        }
    }
}

impl ConvGenerator {
    fn new(init: &mut Init<'_>, config: &Config) -> Self {
        let (side, maps) = pyramid(config.data.size, config.model.width.unwrap_or(64));
        let first = maps.first().copied().unwrap_or(64);
        let project = init.linear(config.model.latent, first * side * side);
        let norms = maps.iter().map(|&m| init.batch_norm(m)).collect();
        let outputs = maps
            .iter()
            .skip(1)
            .map(|&m| (m, false))
            .chain([(config.data.channels, true)]);
        let ups = maps
            .iter()
            .zip(outputs)
            .map(|(&i, (o, bias))| Upsample::new(init, config.model.net, i, o, bias))
            .collect();
        Self {
            project,
            norms,
            ups,
            maps: first,
            side,
            output: config.model.output,
        }
    }

    fn logits(&self, latent: Tensor<2>) -> Tensor<4> {
        let [batch, _] = latent.dims();
        let start = self
            .project
            .forward(latent)
            .reshape([batch, self.maps, self.side, self.side]);
        self.norms
            .iter()
            .zip(&self.ups)
            .fold(Maps::new(start), |x, (norm, up)| {
                up.forward(x.normalize_relu(norm))
            })
            .into_tensor()
    }
}

impl Generator {
    /// A new generator with weights from the run's seed.
    #[must_use]
    pub fn new(config: &Config, device: &Device) -> Self {
        let scheme = match config.model.kind {
            ModelKind::Gan => Scheme::Dcgan,
            ModelKind::Vae => Scheme::FanIn,
        };
        let mut init = Init::new(config.training.seed, Purpose::GeneratorInit, scheme, device);
        let (channels, size) = (config.data.channels, config.data.size);
        match config.model.net {
            NetKind::Dense => {
                let widths = [config.model.latent]
                    .into_iter()
                    .chain(config.model.hidden.iter().copied())
                    .chain([channels * size * size]);
                Self::Dense(DenseGenerator {
                    layers: Dense::new(&mut init, widths),
                    channels,
                    size,
                    output: config.model.output,
                })
            }
            NetKind::Dcgan | NetKind::DcganResize => {
                Self::Conv(ConvGenerator::new(&mut init, config))
            }
        }
    }

    /// Pictures before the last activation, `[N, C, H, W]`.
    #[must_use]
    pub fn logits(&self, latent: Tensor<2>) -> Tensor<4> {
        match self {
            Self::Dense(net) => {
                let [batch, _] = latent.dims();
                net.layers
                    .forward(latent)
                    .reshape([batch, net.channels, net.size, net.size])
            }
            Self::Conv(net) => net.logits(latent),
        }
    }

    /// Pictures `[N, C, H, W]` in the range of the last activation.
    #[must_use]
    pub fn forward(&self, latent: Tensor<2>) -> Tensor<4> {
        let output = match self {
            Self::Dense(net) => net.output,
            Self::Conv(net) => net.output,
        };
        activate(self.logits(latent), output)
    }
}
