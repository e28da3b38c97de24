//! Layers with weights drawn from the run's streams, and parameter ids that are the same in
//! every run.

use burn::module::{Param, ParamId, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Embedding, Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData};

use crate::random::{Purpose, stream};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Weights N(0, 0.02²), batch normalization's scale N(1, 0.02²), biases 0 (Radford et al. 2016,
    /// section 4).
    Dcgan,
    /// Weights and biases U(−k, k) with k = 1/√fan-in, what the textbook VAE's usual
    /// implementations begin with.
    FanIn,
}

/// Hands out layers; each parameter has its own stream, so that a layer's weights depend on its
/// place alone.
#[derive(Debug)]
pub(crate) struct Init<'d> {
    seed: u64,
    purpose: Purpose,
    scheme: Scheme,
    device: &'d Device,
    next: u64,
}

impl<'d> Init<'d> {
    /// Layers for one net on `device`.
    pub(crate) fn new(seed: u64, purpose: Purpose, scheme: Scheme, device: &'d Device) -> Self {
        Self {
            seed,
            purpose,
            scheme,
            device,
            next: 1,
        }
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn id(&self, number: u64) -> ParamId {
        let net = match self.purpose {
            Purpose::GeneratorInit => 1_u64 << 32,
            _ => 2_u64 << 32,
        };
        ParamId::from(net + number)
    }

    fn param<const D: usize>(
        &mut self,
        shape: [usize; D],
        draw: impl FnOnce(&mut dreamlet_runtime::latent::Stream, &mut [f32]),
    ) -> Param<Tensor<D>> {
        let number = self.number();
        let mut values = vec![0.0_f32; shape.iter().product()];
        draw(&mut stream(self.seed, self.purpose, number), &mut values);
        let tensor = Tensor::<D>::from_data(TensorData::new(values, shape), self.device);
        let tensor = if self.device.is_autodiff() {
            tensor.require_grad()
        } else {
            tensor
        };
        Param::initialized(self.id(number), tensor)
    }

    fn weight<const D: usize>(&mut self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        match self.scheme {
            Scheme::Dcgan => self.param(shape, |stream, values| {
                stream.fill_normal(values);
                values.iter_mut().for_each(|v| *v *= 0.02);
            }),
            Scheme::FanIn => self.uniform(shape, fan_in),
        }
    }

    fn bias(&mut self, length: usize, fan_in: usize) -> Param<Tensor<1>> {
        match self.scheme {
            Scheme::Dcgan => self.zeros([length]),
            Scheme::FanIn => self.uniform([length], fan_in),
        }
    }

    fn uniform<const D: usize>(&mut self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        let k = 1.0 / (fan_in.max(1) as f32).sqrt();
        self.param(shape, |stream, values| {
            values
                .iter_mut()
                .for_each(|v| *v = (2.0 * stream.uniform() - 1.0) * k)
        })
    }

    /// A dense layer, `[N, inputs]` to `[N, outputs]`.
    pub(crate) fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        Linear {
            weight: self.weight([inputs, outputs], inputs),
            bias: Some(self.bias(outputs, inputs)),
        }
    }

    /// A dense layer whose weights are N(0, `gain`² / `inputs`), its biases 0.
    pub(super) fn scaled_linear(&mut self, inputs: usize, outputs: usize, gain: f64) -> Linear {
        Linear {
            weight: self.scaled([inputs, outputs], inputs, gain),
            bias: Some(self.zeros([outputs])),
        }
    }

    /// Weights that are N(0, `gain`² / `fan_in`).
    fn scaled<const D: usize>(
        &mut self,
        shape: [usize; D],
        fan_in: usize,
        gain: f64,
    ) -> Param<Tensor<D>> {
        let deviation = (gain / (fan_in.max(1) as f64).sqrt()) as f32;
        self.param(shape, |stream, values| {
            stream.fill_normal(values);
            values.iter_mut().for_each(|v| *v *= deviation);
        })
    }

    /// N(0, 1) values that are trained.
    pub(super) fn normals<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        self.scaled(shape, 1, 1.0)
    }

    /// A dense layer that gives zeros, where the beginning is to be without it.
    pub(super) fn blank_linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        Linear {
            weight: self.zeros([inputs, outputs]),
            bias: Some(self.zeros([outputs])),
        }
    }

    /// Zeros that are trained.
    pub(super) fn zeros<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        self.param(shape, |_, _| {})
    }

    /// A convolution, `kernel`×`kernel` with `stride` and `padding`.
    pub(crate) fn conv(
        &mut self,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        bias: bool,
    ) -> Conv2d {
        let mut layer = Conv2dConfig::new([inputs, outputs], [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(
                padding, padding, padding, padding,
            ))
            .with_bias(bias)
            .init(self.device);
        let fan_in = inputs * kernel * kernel;
        layer.weight = self.weight([outputs, inputs, kernel, kernel], fan_in);
        layer.bias = bias.then(|| self.bias(outputs, fan_in));
        layer
    }

    /// A convolution that keeps height and width, with an odd `kernel`: weights N(0, `gain`² /
    /// fan-in), biases 0.
    pub(super) fn scaled_conv(
        &mut self,
        [inputs, outputs]: [usize; 2],
        kernel: usize,
        groups: usize,
        bias: bool,
        gain: f64,
    ) -> Conv2d {
        let padding = kernel / 2;
        let mut layer = Conv2dConfig::new([inputs, outputs], [kernel, kernel])
            .with_padding(PaddingConfig2d::Explicit(
                padding, padding, padding, padding,
            ))
            .with_groups(groups)
            .with_bias(bias)
            .init(self.device);
        let inputs = inputs / groups.max(1);
        let fan_in = inputs * kernel * kernel;
        layer.weight = self.scaled([outputs, inputs, kernel, kernel], fan_in, gain);
        layer.bias = bias.then(|| self.zeros([outputs]));
        layer
    }

    /// A transposed convolution 4x4 with stride 2 and padding 1: it doubles height and width.
    pub(crate) fn conv_transpose(
        &mut self,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> ConvTranspose2d {
        let mut layer = ConvTranspose2dConfig::new([inputs, outputs], [4, 4])
            .with_stride([2, 2])
            .with_padding([1, 1])
            .with_bias(bias)
            .init(self.device);
        let fan_in = inputs * 4;
        layer.weight = self.weight([inputs, outputs, 4, 4], fan_in);
        layer.bias = bias.then(|| self.bias(outputs, fan_in));
        layer
    }

    /// Batch normalization over `channels` feature maps.
    pub(crate) fn batch_norm(&mut self, channels: usize) -> BatchNorm {
        let mut layer = BatchNormConfig::new(channels).init(self.device);
        layer.gamma = self.param([channels], |stream, values| {
            stream.fill_normal(values);
            values.iter_mut().for_each(|v| *v = 1.0 + 0.02 * *v);
        });
        layer.beta = self.zeros([channels]);
        let (mean, variance) = (self.number(), self.number());
        layer.running_mean =
            RunningState::with_id(self.id(mean), Tensor::zeros([channels], self.device));
        layer.running_var =
            RunningState::with_id(self.id(variance), Tensor::ones([channels], self.device));
        layer
    }

    /// A random direction of `length` elements that is kept from step to step and not trained.
    pub(super) fn direction(&mut self, length: usize) -> RunningState<Tensor<1>> {
        let number = self.number();
        let mut values = vec![0.0; length];
        stream(self.seed, self.purpose, number).fill_normal(&mut values);
        let value = Tensor::from_data(TensorData::new(values, [length]), self.device);
        RunningState::with_id(self.id(number), value)
    }

    /// A table with a row of `width` N(0, 1) values for each of `classes`.
    pub(crate) fn embedding(&mut self, classes: usize, width: usize) -> Embedding {
        let weight = self.param([classes, width], |stream, values| {
            stream.fill_normal(values)
        });
        Embedding { weight }
    }

    /// A table with a row of `width` zeros for each of `classes`, where nothing is to depend on the
    /// class at first.
    pub(crate) fn blank_embedding(&mut self, classes: usize, width: usize) -> Embedding {
        Embedding {
            weight: self.zeros([classes, width]),
        }
    }
}
