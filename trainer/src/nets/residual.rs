//! Residual nets without normalization, after the baseline of Huang et al. 2024: learned constants
//! or images, and at each size residual blocks; sizes change by a fixed low-pass filter.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use super::init::Init;
use super::layers::{Maps, SLOPE, linear};
use super::pass::Pass;
use crate::config::{Config, ModelConfig};

/// What keeps the variance of LeakyReLU's output that of its input (He et al. 2015, equation 10).
fn gain() -> f64 {
    (2.0 / (1.0 + SLOPE * SLOPE)).sqrt()
}

/// Feature maps at each size, from the smallest one to the image's: the smallest is the image halved
/// until another halving would be odd or under 4 pixels. Each halving adds half of the `width` at
/// the image's size. 32 pixels and width 32 give `(4, [80, 64, 48, 32])`.
fn stages(size: usize, width: usize) -> (usize, Vec<usize>) {
    let mut edge = size;
    let mut maps = vec![width];
    while edge.is_multiple_of(2) && edge / 2 >= 4 {
        edge /= 2;
        maps.push(width + maps.len() * width / 2);
    }
    maps.reverse();
    (edge, maps)
}

/// What all blocks of a net have.
#[derive(Clone, Copy)]
struct Shape {
    /// Blocks at each size.
    blocks: usize,
    /// Channels of a group, 0 for one group.
    group: usize,
    /// What the first weights of a block are multiplied by: L^(−1/4) for L blocks, so that a step on
    /// all of them moves the net as far as one on one would (Zhang et al. 2019, section 3).
    scale: f64,
}

impl Shape {
    fn new(model: &ModelConfig, stages: usize) -> Self {
        let all = (model.blocks * stages).max(1);
        Self {
            blocks: model.blocks,
            group: model.group,
            scale: (all as f64).powf(-0.25),
        }
    }
}

/// 1x1, 3x3 and 1x1, added to what went in. With groups it is twice as wide inside.
#[derive(Module, Debug)]
pub(super) struct Block {
    first: Conv2d,
    middle: Conv2d,
    last: Conv2d,
}

impl Block {
    fn new(init: &mut Init<'_>, maps: usize, shape: Shape) -> Self {
        let (inner, groups) = match shape.group {
            0 => (maps, 1),
            group => (2 * maps, (2 * maps).div_ceil(group)),
        };
        let gain = gain() * shape.scale;
        Self {
            first: init.scaled_conv([maps, inner], 1, 1, true, gain),
            middle: init.scaled_conv([inner, inner], 3, groups, true, gain),
            // A block begins as one that does nothing.
            last: init.scaled_conv([inner, maps], 1, 1, false, 0.0),
        }
    }

    fn forward(&self, x: Maps, pass: &mut Pass) -> Maps {
        let inner = pass.conv(x.clone(), &self.first, SLOPE);
        let inner = pass.conv(inner, &self.middle, SLOPE);
        x.add(pass.conv(inner, &self.last, 1.0))
    }
}

/// The blocks at one size, and the 1x1 convolution to the channels of the next one, if they differ.
#[derive(Module, Debug)]
pub(super) struct Stage {
    blocks: Vec<Block>,
    next: Option<Conv2d>,
}

impl Stage {
    fn new(init: &mut Init<'_>, maps: usize, next: usize, shape: Shape) -> Self {
        Self {
            blocks: (0..shape.blocks)
                .map(|_| Block::new(init, maps, shape))
                .collect(),
            next: (maps != next).then(|| init.scaled_conv([maps, next], 1, 1, false, 1.0)),
        }
    }

    fn blocks(&self, x: Maps, pass: &mut Pass) -> Maps {
        let blocks = self.blocks.iter();
        blocks.fold(x, |x, block| block.forward(x, pass))
    }

    fn next(&self, x: Maps, pass: &mut Pass) -> Maps {
        match &self.next {
            Some(next) => pass.conv(x, next, 1.0),
            None => x,
        }
    }
}

/// From the smallest maps to an image: learned constants times what a dense layer makes of the
/// latent vector, then blocks and doublings.
#[derive(Module, Debug)]
pub(crate) struct ResidualGenerator {
    scales: Linear,
    /// `[1, C, edge, edge]`.
    constants: Param<Tensor<4>>,
    stages: Vec<Stage>,
    image: Conv2d,
}

impl ResidualGenerator {
    /// From `inputs` elements.
    pub(super) fn new(init: &mut Init<'_>, config: &Config, inputs: usize) -> Self {
        let width = config.model.width();
        let (edge, maps) = stages(config.data.size, width);
        let shape = Shape::new(&config.model, maps.len());
        let first = maps.first().copied().unwrap_or(width);
        let scales = init.scaled_linear(inputs, first, 1.0);
        let constants = init.normals([1, first, edge, edge]);
        let nexts = maps.iter().skip(1).chain(maps.last());
        let stages = maps.iter().zip(nexts);
        Self {
            scales,
            constants,
            stages: stages
                .map(|(&maps, &next)| Stage::new(init, maps, next, shape))
                .collect(),
            image: init.scaled_conv([width, config.data.channels], 1, 1, true, 1.0),
        }
    }

    /// Images before the last activation, `[N, C, H, W]`.
    pub(super) fn logits(&self, input: Tensor<2>) -> Tensor<4> {
        let [_, channels, ..] = self.constants.dims();
        let scales = linear(&self.scales, input, 1.0);
        let [rows, _] = scales.dims();
        let start = scales.reshape([rows, channels, 1, 1]) * self.constants.val();
        let pass = &mut Pass::Value;
        let mut x = Maps::new(start);
        for (at, stage) in self.stages.iter().enumerate() {
            if at > 0 {
                x = x.doubled();
            }
            x = stage.blocks(x, pass);
            // Before the doubling, where there are four times fewer pixels: both are linear.
            x = stage.next(x, pass);
        }
        x.conv(&self.image, 1.0).into_tensor()
    }
}

/// From images to the smallest maps: the generator mirrored.
#[derive(Module, Debug)]
pub(crate) struct ResidualFeatures {
    image: Conv2d,
    stages: Vec<Stage>,
}

impl ResidualFeatures {
    /// With the number of features.
    pub(super) fn new(init: &mut Init<'_>, config: &Config) -> (Self, usize) {
        let width = config.model.width();
        let (edge, mut maps) = stages(config.data.size, width);
        let shape = Shape::new(&config.model, maps.len());
        maps.reverse();
        let features = maps.last().copied().unwrap_or(width) * edge * edge;
        let image = init.scaled_conv([config.data.channels, width], 1, 1, false, 1.0);
        let nexts = maps.iter().skip(1).chain(maps.last());
        let stages = maps.iter().zip(nexts);
        let stages = stages.map(|(&maps, &next)| Stage::new(init, maps, next, shape));
        let stages = stages.collect();
        (Self { image, stages }, features)
    }

    /// The smallest maps of images `[N, C, H, W]`, `[N, features]`.
    pub(super) fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<2> {
        let mut x = pass.conv(Maps::new(x), &self.image, 1.0);
        for (at, stage) in self.stages.iter().enumerate() {
            x = stage.blocks(x, pass);
            if at + 1 < self.stages.len() {
                x = x.halved();
            }
            x = stage.next(x, pass);
        }
        x.into_tensor().flatten(1, 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_halve_to_four_pixels_and_maps_grow_by_half_of_the_width() {
        assert_eq!(stages(32, 32), (4, vec![80, 64, 48, 32]));
        assert_eq!(stages(28, 64), (7, vec![128, 96, 64]));
        assert_eq!(stages(64, 24), (4, vec![72, 60, 48, 36, 24]));
    }
}
