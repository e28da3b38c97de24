//! Generators: latent vectors `[N, z]`, of a conditional one with classes `[N]`, to images `[N, C,
//! H, W]`. A VAE's decoder is one too.

use burn::module::Module;
use burn::nn::conv::ConvTranspose2d;
use burn::nn::{BatchNorm, Embedding, Linear};
use burn::tensor::{Device, Int, Tensor, activation::relu};

use super::dense::Dense;
use super::init::{Init, Scheme};
use super::layers::{CLASS_FEATURES, Maps, ResizeConv, activate, linear, pyramid, with_class};
use super::residual::ResidualGenerator;
use super::second_stage::LatentDecoder;
use crate::config::{Config, ModelKind, NetKind, OutputActivation};
use crate::random::Purpose;

/// Any generator of this program.
#[derive(Module, Debug)]
pub struct Generator {
    /// What each class adds to the latent vector.
    classes: Option<Embedding>,
    net: GeneratorNet,
    #[module(skip)]
    output: OutputActivation,
    /// What makes a latent vector of the net from N(0, 1), in a two-stage VAE.
    second: Option<LatentDecoder>,
}

/// The net that makes an image of a latent vector.
#[allow(clippy::large_enum_variant, reason = "a program has a few of them")]
#[derive(Module, Debug)]
pub(crate) enum GeneratorNet {
    Dense(DenseGenerator),
    /// A dense layer and doublings by convolution.
    Conv(ConvGenerator),
    Residual(ResidualGenerator),
}

/// Dense layers to all pixels at once.
#[derive(Module, Debug)]
pub(crate) struct DenseGenerator {
    layers: Dense,
    channels: usize,
    size: usize,
}

/// One doubling of height and width.
#[derive(Module, Debug)]
pub(crate) enum Upsample {
    /// Transposed convolution 4x4, stride 2.
    Transposed(ConvTranspose2d),
    /// Nearest ×2, then a 3x3 convolution.
    Resize(ResizeConv),
}

/// The DCGAN generator (Radford et al. 2016): dense to the smallest map, then doublings.
#[derive(Module, Debug)]
pub(crate) struct ConvGenerator {
    project: Linear,
    norms: Vec<BatchNorm>,
    ups: Vec<Upsample>,
    maps: usize,
    side: usize,
}

impl Upsample {
    fn new(init: &mut Init<'_>, kind: NetKind, inputs: usize, outputs: usize, bias: bool) -> Self {
        match kind {
            NetKind::DcganResize => Self::Resize(ResizeConv::new(init, inputs, outputs, bias)),
            _ => Self::Transposed(init.conv_transpose(inputs, outputs, bias)),
        }
    }

    fn forward(&self, x: Maps) -> Maps {
        match self {
            Self::Transposed(layer) => x.conv_transpose(layer),
            Self::Resize(layer) => x.resize_conv(layer),
        }
    }
}

impl ConvGenerator {
    fn new(init: &mut Init<'_>, config: &Config, inputs: usize) -> Self {
        let width = config.model.width();
        let (edge, maps) = pyramid(config.data.size, width);
        let first = maps.first().copied().unwrap_or(64);
        let project = init.linear(inputs, first * edge * edge);
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
            side: edge,
        }
    }

    fn start(&self, latent: Tensor<2>) -> Tensor<4> {
        let [batch, _] = latent.dims();
        linear(&self.project, latent, 1.0).reshape([batch, self.maps, self.side, self.side])
    }

    fn logits(&self, latent: Tensor<2>) -> Tensor<4> {
        let start = self.start(latent);
        self.norms
            .iter()
            .zip(&self.ups)
            .fold(Maps::new(start), |x, (norm, up)| {
                up.forward(x.batch_norm(norm, 0.0))
            })
            .into_tensor()
    }
}

impl Generator {
    /// A new generator with weights from the run's seed.
    pub fn new(config: &Config, device: &Device) -> Self {
        let (model, seed) = (&config.model, config.training.seed);
        let scheme = match model.kind {
            ModelKind::Gan => Scheme::Dcgan,
            ModelKind::Vae => Scheme::FanIn,
        };
        let mut init = Init::new(seed, Purpose::GeneratorInit, scheme, device);
        let classes = (model.classes > 0).then(|| init.embedding(model.classes, CLASS_FEATURES));
        let inputs = model.latent + classes.as_ref().map_or(0, |_| CLASS_FEATURES);
        let net = match model.net {
            NetKind::Dense => {
                let (channels, size) = (config.data.channels, config.data.size);
                let widths = [inputs]
                    .into_iter()
                    .chain(model.hidden.iter().copied())
                    .chain([channels * size * size]);
                GeneratorNet::Dense(DenseGenerator {
                    layers: Dense::new(&mut init, widths),
                    channels,
                    size,
                })
            }
            NetKind::Dcgan | NetKind::DcganResize => {
                GeneratorNet::Conv(ConvGenerator::new(&mut init, config, inputs))
            }
            NetKind::Residual => {
                GeneratorNet::Residual(ResidualGenerator::new(&mut init, config, inputs))
            }
        };
        let second = config.second_hidden();
        let second = second.map(|widths| LatentDecoder::new(&mut init, model.latent, widths));
        Self {
            classes,
            net,
            output: model.output,
            second,
        }
    }

    /// The decoder of the second stage of a two-stage VAE.
    pub fn second(&self) -> Option<&LatentDecoder> {
        self.second.as_ref()
    }

    /// The first stage of a two-stage VAE alone, whose latents are N(0, 1) too; any other generator
    /// as it is.
    pub fn first_stage(mut self) -> Self {
        self.second = None;
        self
    }

    /// Images before the last activation, `[N, C, H, W]`, from the net's own latents: in a
    /// two-stage VAE those of the first stage.
    pub fn logits(&self, latent: Tensor<2>, class: Option<Tensor<1, Int>>) -> Tensor<4> {
        let input = with_class(latent, class, self.classes.as_ref());
        match &self.net {
            GeneratorNet::Dense(net) => {
                let [batch, _] = input.dims();
                net.layers
                    .forward(input)
                    .reshape([batch, net.channels, net.size, net.size])
            }
            GeneratorNet::Conv(net) => net.logits(input),
            GeneratorNet::Residual(net) => net.logits(input),
        }
    }

    /// Images `[N, C, H, W]` in the range of the last activation, from latent vectors `[N, z]` and
    /// classes `[N]`; through both stages of a two-stage VAE.
    pub fn forward(&self, latent: Tensor<2>, class: Option<Tensor<1, Int>>) -> Tensor<4> {
        let latent = match &self.second {
            Some(second) => second.forward(latent),
            None => latent,
        };
        activate(self.logits(latent, class), self.output)
    }

    /// Sets the running statistics of every batch normalization to those of the batch that `latent`
    /// makes, layer by layer: what an average of weights needs, whose statistics are no average of
    /// statistics.
    pub fn calibrate(&self, latent: Tensor<2>, class: Option<Tensor<1, Int>>) {
        let GeneratorNet::Conv(net) = &self.net else {
            return;
        };
        let mut x = net.start(with_class(latent, class, self.classes.as_ref()));
        for (norm, up) in net.norms.iter().zip(&net.ups) {
            let rows = x.clone().swap_dims(0, 1).flatten::<2>(1, 3);
            let mean = rows.clone().mean_dim(1).squeeze_dim(1);
            norm.running_mean.update(mean);
            norm.running_var.update(rows.var_bias(1).squeeze_dim(1));
            // An update waits until somebody asks for it so.
            let (mean, variance) = (
                norm.running_mean.value_sync(),
                norm.running_var.value_sync(),
            );
            let [channels] = norm.gamma.dims();
            let column = |t: Tensor<1>| t.reshape([1, channels, 1, 1]);
            let scale = norm.gamma.val() / variance.add_scalar(norm.epsilon).sqrt();
            let centered = x - column(mean);
            let normal = centered * column(scale) + column(norm.beta.val());
            x = up.forward(Maps::new(relu(normal))).into_tensor();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::testing::preset;
    use crate::random::normals;

    #[test]
    fn calibrated_statistics_are_those_of_the_batch() {
        let config = preset("dcgan", &["width=4"]);
        let device = Device::flex();
        let training = Generator::new(&config, &device.clone().autodiff());
        let z = normals(5, Purpose::Score, 0, 64, config.model.latent, &device);
        // In training, an image is made with the statistics of its batch: so must it be after
        // calibration.
        let expected = training.logits(Tensor::from_inner(z.clone()), None).inner();
        let ready = training.valid();
        let before = (ready.logits(z.clone(), None) - expected.clone())
            .abs()
            .max();
        ready.calibrate(z.clone(), None);
        let after = (ready.logits(z, None) - expected).abs().max();
        let (before, after) = (before.into_scalar::<f32>(), after.into_scalar::<f32>());
        assert!(after < 1e-4 && before > 10.0 * after, "{before} {after}");
    }
}
