//! A stack of dense layers with ReLU between them.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::init::Init;
use super::layers::linear;

/// Dense layers; ReLU after each but the last.
#[derive(Module, Debug)]
pub(super) struct Dense {
    layers: Vec<Linear>,
}

impl Dense {
    pub(super) fn new(init: &mut Init<'_>, widths: impl IntoIterator<Item = usize>) -> Self {
        let widths: Vec<usize> = widths.into_iter().collect();
        let layers = widths
            .iter()
            .zip(widths.iter().skip(1))
            .map(|(&a, &b)| init.linear(a, b))
            .collect();
        Self { layers }
    }

    pub(super) fn layers(&self) -> &[Linear] {
        &self.layers
    }

    pub(super) fn layers_mut(&mut self) -> &mut [Linear] {
        &mut self.layers
    }

    /// `[N, first width]` to `[N, last width]`.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let last = self.layers.len().saturating_sub(1);
        self.layers.iter().enumerate().fold(x, |x, (i, layer)| {
            linear(layer, x, if i == last { 1.0 } else { 0.0 })
        })
    }
}
