//! Feature maps on their way through a net: by burn's modules or, on the CPU in training, by the
//! operations of [`cpu`].

use burn::module::Module;
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig, InterpolateMode};
use burn::nn::{BatchNorm, Embedding, Linear, PaddingConfig2d};
use burn::tensor::activation::{leaky_relu, relu, sigmoid, tanh};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::cpu::{self, Geometry};
use super::init::Init;
use crate::config::OutputActivation;

/// The slope of LeakyReLU in discriminators (Radford et al. 2016).
pub(super) const SLOPE: f64 = 0.2;

/// Elements that a class adds to the input of a conditional net.
pub(super) const CLASS_FEATURES: usize = 16;

/// Nearest ×2, then a 3x3 convolution: no checkerboard (Odena et al. 2016).
#[derive(Module, Debug)]
pub(crate) struct ResizeConv {
    resize: Interpolate2d,
    conv: Conv2d,
}

impl ResizeConv {
    pub(super) fn new(init: &mut Init<'_>, inputs: usize, outputs: usize, bias: bool) -> Self {
        let resize = Interpolate2dConfig::new()
            .with_scale_factor(Some([2.0, 2.0]))
            .with_mode(InterpolateMode::Nearest);
        Self {
            resize: resize.init(),
            conv: init.conv(inputs, outputs, 3, 1, 1, bias),
        }
    }
}

/// Feature maps at each size of a convolutional net: from the smallest map to half the image's
/// size.
///
/// The smallest map is the image halved until another halving would be odd or under 4 pixels;
/// `width` feature maps at half the image's size double with each halving, up to 512. 28 pixels and
/// width 64 give `(7, [128, 64])`, 64 pixels `(4, [512, 256, 128, 64])`, the nets of Radford et al.
/// 2016.
pub(super) fn pyramid(size: usize, width: usize) -> (usize, Vec<usize>) {
    let mut edge = size / 2;
    let mut maps = vec![width];
    while edge.is_multiple_of(2) && edge / 2 >= 4 {
        edge /= 2;
        maps.push((maps.last().copied().unwrap_or(width) * 2).min(512.max(width)));
    }
    maps.reverse();
    (edge, maps)
}

/// The last activation of a generator.
pub(super) fn activate<const D: usize>(logits: Tensor<D>, output: OutputActivation) -> Tensor<D> {
    if cpu::on_cpu_backend(&logits) {
        return cpu::activate(logits, output);
    }
    match output {
        OutputActivation::Sigmoid => sigmoid(logits),
        OutputActivation::Tanh => tanh(logits),
        OutputActivation::Linear => logits,
    }
}

/// Feature maps of a batch.
#[derive(Clone)]
pub(super) enum Maps {
    /// `[N, C, H, W]`, for burn's modules.
    ChannelsFirst(Tensor<4>),
    /// `[N, H, W, C]`, for the CPU's operations.
    ChannelsLast(Tensor<4>),
}

use Maps::{ChannelsFirst, ChannelsLast};

impl Maps {
    /// From `[N, C, H, W]`.
    pub(super) fn new(x: Tensor<4>) -> Self {
        if cpu::on_cpu_backend(&x) {
            ChannelsLast(x.permute([0, 2, 3, 1]))
        } else {
            ChannelsFirst(x)
        }
    }

    /// As `[N, C, H, W]`.
    pub(super) fn into_tensor(self) -> Tensor<4> {
        match self {
            ChannelsFirst(x) => x,
            ChannelsLast(x) => x.permute([0, 3, 1, 2]),
        }
    }

    /// The same maps with other elements.
    pub(super) fn map(self, function: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self {
        match self {
            ChannelsFirst(x) => ChannelsFirst(function(x)),
            ChannelsLast(x) => ChannelsLast(function(x)),
        }
    }

    /// Runs a module on `[N, C, H, W]`, whichever way the maps lie.
    fn by_module(self, forward: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self {
        Self::new(forward(self.into_tensor()))
    }

    /// A convolution and LeakyReLU of `slope`, 1 for none.
    pub(super) fn conv(self, layer: &Conv2d, slope: f64) -> Self {
        let ([kernel, columns], [stride, across]) = (layer.kernel_size, layer.stride);
        let plain = kernel == columns && stride == across && layer.dilation == [1, 1];
        match (self, &layer.padding) {
            (ChannelsLast(x), PaddingConfig2d::Explicit(padding, left, bottom, right))
                if plain && [left, bottom, right] == [padding; 3] =>
            {
                let [_, height, width, _] = x.dims();
                let geometry = Geometry {
                    kernel,
                    stride,
                    padding: *padding,
                    big: [height, width],
                    groups: layer.groups,
                };
                let y = cpu::conv2d(x, layer.weight.val(), geometry);
                finish(y, layer.bias.as_ref().map(|bias| bias.val()), slope)
            }
            (maps, _) => maps.by_module(|x| leaky(layer.forward(x), slope)),
        }
    }

    pub(super) fn conv_transpose(self, layer: &ConvTranspose2d) -> Self {
        let ([kernel, columns], [stride, across]) = (layer.kernel_size, layer.stride);
        let [padding, columns_padding] = layer.padding;
        let plain = kernel == columns
            && stride == across
            && padding == columns_padding
            && layer.padding_out == [0, 0]
            && layer.dilation == [1, 1]
            && layer.groups == 1;
        match self {
            ChannelsLast(x) if plain => {
                let bias = layer.bias.as_ref().map(|bias| bias.val());
                transposed(x, layer.weight.val(), bias, [kernel, stride, padding])
            }
            maps => maps.by_module(|x| layer.forward(x)),
        }
    }

    /// Nearest ×2 and a convolution 3x3 with padding 1. Both together are one transposed
    /// convolution 4x4 with stride 2 and padding 1, with the kernel A·w·Aᵀ of [`doubled`]: less
    /// than half of the multiplications.
    pub(super) fn resize_conv(self, layer: &ResizeConv) -> Self {
        match self {
            ChannelsLast(x) => {
                let weight = doubled(layer.conv.weight.val());
                let bias = layer.conv.bias.as_ref().map(|bias| bias.val());
                transposed(x, weight, bias, [4, 2, 1])
            }
            ChannelsFirst(x) => ChannelsFirst(layer.conv.forward(layer.resize.forward(x))),
        }
    }

    /// The sum of two, which lie the same way.
    pub(super) fn add(self, other: Self) -> Self {
        match (self, other) {
            (ChannelsLast(x), ChannelsLast(y)) => ChannelsLast(x + y),
            (x, y) => ChannelsFirst(x.into_tensor() + y.into_tensor()),
        }
    }

    /// Bilinear ×2: along each axis a pixel is three quarters of the nearest one and a quarter of
    /// the next, edges repeated.
    pub(super) fn doubled(self) -> Self {
        match self {
            ChannelsLast(x) => ChannelsLast(cpu::doubled(x)),
            // burn's has no gradient on a GPU.
            ChannelsFirst(x) if x.device().is_autodiff() => {
                let [_, _, height, width] = x.dims();
                let [down, right] = [height, width].map(|n| doubling(n, &x.device()));
                ChannelsFirst(down.matmul(x).matmul(right.swap_dims(2, 3)))
            }
            ChannelsFirst(x) => {
                let twice = Interpolate2dConfig::new().with_scale_factor(Some([2.0, 2.0]));
                let twice = twice.with_mode(InterpolateMode::Linear);
                ChannelsFirst(twice.with_align_corners(false).init().forward(x))
            }
        }
    }

    /// A quarter of the adjoint of [`Maps::doubled`]: along each axis a pixel is 1 3 3 1 over 8 of
    /// those around it, edges repeated.
    pub(super) fn halved(self) -> Self {
        match self {
            ChannelsLast(x) => ChannelsLast(cpu::halved(x)),
            ChannelsFirst(x) => {
                let [_, _, height, width] = x.dims();
                let [down, right] = [height, width].map(|n| doubling(n / 2, &x.device()));
                let x = down.swap_dims(2, 3).matmul(x).matmul(right);
                ChannelsFirst(x.mul_scalar(0.25))
            }
        }
    }

    /// Batch normalization and LeakyReLU of `slope`, 0 for ReLU.
    pub(super) fn batch_norm(self, layer: &BatchNorm, slope: f64) -> Self {
        match self {
            ChannelsFirst(x) => ChannelsFirst(leaky(layer.forward(x), slope)),
            ChannelsLast(x) => batch_norm(layer, x, slope),
        }
    }
}

/// Images `[N, C, H, W]` after halvings by convolution, batch normalization and LeakyReLU.
pub(super) fn halved(x: Tensor<4>, convs: &[Conv2d], norms: &[BatchNorm]) -> Tensor<4> {
    let layers = convs.iter().zip(norms);
    let maps = layers.fold(Maps::new(x), |maps, (conv, norm)| {
        maps.conv(conv, 1.0).batch_norm(norm, SLOPE)
    });
    maps.into_tensor()
}

/// A net's input `[N, inputs]` with what the classes add, where it has a table of that. A
/// conditional net takes class 0 where none is given.
pub(super) fn with_class(
    input: Tensor<2>,
    class: Option<Tensor<1, Int>>,
    table: Option<&Embedding>,
) -> Tensor<2> {
    let Some(table) = table else {
        return input;
    };
    let [rows, _] = input.dims();
    let class = class.unwrap_or_else(|| Tensor::zeros([rows], &input.device()));
    let features = table.forward(class.reshape([rows, 1]));
    Tensor::cat(vec![input, features.reshape([rows, CLASS_FEATURES])], 1)
}

/// A dense layer `[N, inputs]` to `[N, outputs]` and LeakyReLU of `slope`: 0 for ReLU, 1 for none.
pub(super) fn linear(layer: &Linear, x: Tensor<2>, slope: f64) -> Tensor<2> {
    match &layer.bias {
        Some(bias) if cpu::on_cpu_backend(&x) => {
            cpu::bias_leaky_relu(cpu::matmul(x, layer.weight.val()), bias.val(), slope)
        }
        _ => leaky(layer.forward(x), slope),
    }
}

/// LeakyReLU of `slope` by burn: 0 for ReLU, 1 for none.
fn leaky<const D: usize>(x: Tensor<D>, slope: f64) -> Tensor<D> {
    if slope == 0.0 {
        relu(x)
    } else if slope == 1.0 {
        x
    } else if x.device().is_autodiff() {
        // As the CPU's operation has it, the derivative at 0 is `slope`; burn's is 1, and what is
        // cut out of an image is 0.
        let negative = x.clone().lower_equal_elem(0.0);
        x.clone().mask_where(negative, x.mul_scalar(slope))
    } else {
        leaky_relu(x, slope)
    }
}

/// The bilinear doubling of `len` pixels as a matrix `[1, 1, 2 len, len]`.
fn doubling(len: usize, device: &Device) -> Tensor<4> {
    let mut matrix = vec![0.0_f32; 2 * len * len];
    for (at, row) in matrix.chunks_exact_mut(len.max(1)).enumerate() {
        let near = at / 2;
        let far = match at % 2 {
            0 => near.saturating_sub(1),
            _ => (near + 1).min(len - 1),
        };
        for (place, share) in [(near, 0.75), (far, 0.25)] {
            if let Some(entry) = row.get_mut(place) {
                *entry += share;
            }
        }
    }
    Tensor::from_data(TensorData::new(matrix, [1, 1, 2 * len, len]), device)
}

/// What comes after a convolution's products.
fn finish(x: Tensor<4>, bias: Option<Tensor<1>>, slope: f64) -> Maps {
    ChannelsLast(match bias {
        Some(bias) => cpu::bias_leaky_relu(x, bias, slope),
        None if slope == 1.0 => x,
        None => cpu::leaky_relu(x, slope),
    })
}

fn transposed(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    [kernel, stride, padding]: [usize; 3],
) -> Maps {
    let [_, height, width, _] = x.dims();
    let geometry = Geometry {
        kernel,
        stride,
        padding,
        big: [height, width].map(|n| (n - 1) * stride + kernel - 2 * padding),
        groups: 1,
    };
    finish(cpu::conv_transpose2d(x, weight, geometry), bias, 1.0)
}

/// The kernel `[I, O, 4, 4]` of a transposed convolution with stride 2 and padding 1, A·w·Aᵀ. It
/// does what nearest ×2 and a convolution with `weight` `[O, I, 3, 3]` and padding 1 do. A row of A
/// says which of the three taps fall on the same pixel of the smaller image.
fn doubled(weight: Tensor<4>) -> Tensor<4> {
    const A: [[f32; 3]; 4] = [
        [0.0, 0.0, 1.0],
        [0.0, 1.0, 1.0],
        [1.0, 1.0, 0.0],
        [1.0, 0.0, 0.0],
    ];
    let [outputs, inputs, ..] = weight.dims();
    let (rows, columns) = (0..9, 0..16);
    let both: Vec<f32> = rows
        .flat_map(|from: usize| {
            columns.clone().map(move |to: usize| {
                let at = |to: usize, from: usize| {
                    A.get(to)
                        .and_then(|row| row.get(from))
                        .copied()
                        .unwrap_or(0.0)
                };
                at(to / 4, from / 3) * at(to % 4, from % 3)
            })
        })
        .collect();
    let both = Tensor::<2>::from_data(TensorData::new(both, [9, 16]), &weight.device());
    weight
        .reshape([outputs * inputs, 9])
        .matmul(both)
        .reshape([outputs, inputs, 4, 4])
        .swap_dims(0, 1)
}

/// As burn's module does it in training, running statistics included.
fn batch_norm(layer: &BatchNorm, x: Tensor<4>, slope: f64) -> Maps {
    let device = x.device();
    let (gamma, beta) = (layer.gamma.val(), layer.beta.val());
    let (output, mean, variance) = cpu::batch_norm(x, gamma, beta, layer.epsilon, slope);
    for (running, batch) in [(&layer.running_mean, mean), (&layer.running_var, variance)] {
        let before = running.value_sync().to_device(&device);
        let after =
            before.mul_scalar(1.0 - layer.momentum) + batch.detach().mul_scalar(layer.momentum);
        running.update(after.detach());
        // An update waits for the thread that made it, and the next step may be on another.
        let _ = running.value_sync();
    }
    ChannelsLast(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::init::Scheme;
    use crate::random::{Purpose, normals};

    #[test]
    fn doubling_and_halving_are_the_same_in_each_of_their_forms() {
        let device = Device::flex();
        let x = normals(1, Purpose::Score, 0, 2, 3 * 6 * 4, &device).reshape([2, 3, 6, 4]);
        let training = || Tensor::from_inner(x.clone());
        let near = |a: &Tensor<4>, b: &Tensor<4>| {
            let difference = (a.clone() - b.clone()).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-6, "{difference}");
        };
        let own = Maps::new(training()).doubled().into_tensor().inner();
        near(&own, &Maps::new(x.clone()).doubled().into_tensor());
        near(
            &own,
            &ChannelsFirst(training()).doubled().into_tensor().inner(),
        );
        let half = Maps::new(Tensor::from_inner(own.clone())).halved();
        let half = half.into_tensor().inner();
        near(&half, &ChannelsFirst(own.clone()).halved().into_tensor());
        // What has no detail comes back.
        let flat = x.ones_like();
        let back = Maps::new(flat.clone()).doubled().halved().into_tensor();
        near(&flat, &back);
    }

    #[test]
    fn nearest_and_a_convolution_are_one_transposed_convolution() {
        let device = Device::flex().autodiff();
        let mut init = Init::new(3, Purpose::GeneratorInit, Scheme::FanIn, &device);
        let layer = ResizeConv::new(&mut init, 5, 3, true);
        let x = normals(1, Purpose::Score, 0, 4, 5 * 6 * 7, &device).reshape([4, 5, 6, 7]);
        let expected = layer.conv.forward(layer.resize.forward(x.clone()));
        let found = Maps::new(x).resize_conv(&layer).into_tensor();
        let difference = (expected - found).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-5, "{difference}");
    }
}
