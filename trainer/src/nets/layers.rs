//! Layers as the nets use them: burn's modules, on the CPU in training by the operations of [`cpu`](super::cpu).

use burn::nn::BatchNorm;
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::tensor::Tensor;
use burn::tensor::activation::{leaky_relu, relu};

use super::cpu::{self, Geometry};

/// The slope of LeakyReLU in discriminators (Radford et al. 2016).
pub(super) const SLOPE: f64 = 0.2;

fn with_bias(x: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
    match bias {
        Some(bias) => {
            let [channels] = bias.dims();
            x + bias.reshape([1, channels, 1, 1])
        }
        None => x,
    }
}

/// A convolution, `[N, C, H, W]`, with the same padding on all sides.
pub(super) fn convolve(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let [kernel, columns] = layer.kernel_size;
    let [stride, across] = layer.stride;
    let burn::nn::PaddingConfig2d::Explicit(padding, left, bottom, right) = layer.padding else {
        return layer.forward(x);
    };
    let even = kernel == columns
        && stride == across
        && [left, bottom, right] == [padding; 3]
        && layer.dilation == [1, 1]
        && layer.groups == 1;
    if !even || !cpu::usable(&x) {
        return layer.forward(x);
    }
    let [_, _, height, width] = x.dims();
    let geometry = Geometry {
        kernel,
        stride,
        padding,
        big: [height, width],
    };
    let y = cpu::convolve(x, layer.weight.val(), geometry);
    with_bias(y, layer.bias.as_ref().map(|bias| bias.val()))
}

/// A transposed convolution, `[N, C, H, W]`.
pub(super) fn convolve_transposed(layer: &ConvTranspose2d, x: Tensor<4>) -> Tensor<4> {
    let ([kernel, columns], [stride, across], [padding, side]) =
        (layer.kernel_size, layer.stride, layer.padding);
    let even = kernel == columns
        && stride == across
        && padding == side
        && layer.padding_out == [0, 0]
        && layer.dilation == [1, 1]
        && layer.groups == 1;
    if !even || !cpu::usable(&x) {
        return layer.forward(x);
    }
    let [_, _, height, width] = x.dims();
    let geometry = Geometry {
        kernel,
        stride,
        padding,
        big: [height, width].map(|n| (n - 1) * stride + kernel - 2 * padding),
    };
    let y = cpu::convolve_transposed(x, layer.weight.val(), geometry);
    with_bias(y, layer.bias.as_ref().map(|bias| bias.val()))
}

/// Batch normalization and ReLU.
pub(super) fn normalize_relu(layer: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    if cpu::usable(&x) {
        normalize(layer, x, 0.0)
    } else {
        relu(layer.forward(x))
    }
}

/// Batch normalization and LeakyReLU of [`SLOPE`].
pub(super) fn normalize_leak(layer: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    if cpu::usable(&x) {
        normalize(layer, x, SLOPE)
    } else {
        leaky_relu(layer.forward(x), SLOPE)
    }
}

/// LeakyReLU of [`SLOPE`].
pub(super) fn leak(x: Tensor<4>) -> Tensor<4> {
    if cpu::usable(&x) {
        cpu::leak(x, SLOPE)
    } else {
        leaky_relu(x, SLOPE)
    }
}

/// As burn's module does it in training, running statistics included.
fn normalize(layer: &BatchNorm, x: Tensor<4>, slope: f64) -> Tensor<4> {
    let device = x.device();
    let (output, mean, variance) =
        cpu::normalize(x, layer.gamma.val(), layer.beta.val(), layer.epsilon, slope);
    for (running, batch) in [(&layer.running_mean, mean), (&layer.running_var, variance)] {
        let before = running.value_sync().to_device(&device);
        let after =
            before.mul_scalar(1.0 - layer.momentum) + batch.detach().mul_scalar(layer.momentum);
        running.update(after.detach());
    }
    output
}
