//! Passes through a discriminator as a linear function: what its logits change by when its images
//! change by a direction, computed layer by layer as the logits are (forward mode).
//!
//! A net of linear layers and LeakyReLU is linear around an image, where each activation lets
//! through what it let through for the image itself. So one pass records what that was, and another
//! one goes along a direction. What layers add, their biases, takes part in it by a share: 0 gives
//! the derivative along the direction, 1 with the image itself gives the logits again, and s of the
//! image with s of the biases and a direction gives s times the logits and the derivative in one.
//! Backwards such a pass is differentiated as any other.

use std::vec::IntoIter;

use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use super::cpu;
use super::layers::{Maps, linear};

/// What a forward pass of a discriminator computes.
#[allow(clippy::large_enum_variant, reason = "a program has a few of them")]
#[derive(Debug)]
pub(crate) enum Pass {
    /// Logits.
    Value,
    /// Logits; keeps the output of each activation, `[N, elements]`.
    Record(Vec<Tensor<2>>),
    /// A linear function of what goes in, at the images of a recorded pass.
    Along(Along),
}

/// See [`Pass::Along`].
#[derive(Debug)]
pub(crate) struct Along {
    kept: IntoIter<Tensor<2>>,
    /// How often what layers add counts for each image, `[N]`, without gradients.
    share: Tensor<1>,
}

impl Pass {
    /// The linear pass at the images of this one, which was recorded. What layers add counts
    /// `share` times, `[N]`.
    pub(crate) fn along(self, share: Tensor<1>) -> Self {
        match self {
            Self::Record(kept) => Self::Along(Along {
                kept: kept.into_iter(),
                share,
            }),
            other => other,
        }
    }

    /// How often what is added counts for each image, `[N]`; `None` for once.
    pub(crate) fn share(&self) -> Option<&Tensor<1>> {
        match self {
            Self::Along(along) => Some(&along.share),
            _ => None,
        }
    }

    /// As [`Maps::conv`].
    pub(super) fn conv(&mut self, maps: Maps, layer: &Conv2d, slope: f64) -> Maps {
        match self {
            Self::Along(along) => {
                let mut layer = layer.clone();
                let bias = layer.bias.take().map(|bias| bias.val());
                let maps = maps.conv(&layer, 1.0);
                maps.map(|x| along.end(x, bias, slope))
            }
            _ => maps.conv(layer, slope).map(|x| self.keep(x, slope)),
        }
    }

    /// As [`linear`].
    pub(super) fn linear(&mut self, layer: &Linear, x: Tensor<2>, slope: f64) -> Tensor<2> {
        match self {
            Self::Along(along) => {
                let mut layer = layer.clone();
                let bias = layer.bias.take().map(|bias| bias.val());
                along.end(linear(&layer, x, 1.0), bias, slope)
            }
            _ => self.keep(linear(layer, x, slope), slope),
        }
    }

    /// LeakyReLU by itself.
    #[cfg(test)]
    pub(crate) fn leaky_relu(&mut self, x: Tensor<2>, slope: f64) -> Tensor<2> {
        match self {
            Self::Along(along) => along.end(x, None, slope),
            _ => self.keep(burn::tensor::activation::leaky_relu(x, slope), slope),
        }
    }

    /// An activation's output, recorded if need be.
    fn keep<const D: usize>(&mut self, y: Tensor<D>, slope: f64) -> Tensor<D> {
        if let (Self::Record(kept), true) = (self, slope != 1.0) {
            let rows = y.shape().dims::<D>()[0];
            kept.push(y.clone().inner().reshape([rows as i32, -1]));
        }
        y
    }
}

impl Along {
    /// What ends a layer: its bias and its activation.
    fn end<const D: usize>(
        &mut self,
        x: Tensor<D>,
        bias: Option<Tensor<1>>,
        slope: f64,
    ) -> Tensor<D> {
        let open = (slope != 1.0).then(|| match self.kept.next() {
            Some(y) => y,
            None => unreachable!("both passes go through the same layers"),
        });
        let bias = bias.map(|bias| (bias, self.share.clone()));
        cpu::let_through(x, bias, open, slope)
    }
}
