//! Generators, discriminators, encoders and decoders, as burn modules.

mod average;
mod classifier;
mod cpu;
mod dense;
mod discriminator;
mod generator;
mod init;
mod layers;
mod second_stage;
mod spectral;
mod vae;

pub use average::follow;
pub use classifier::Classifier;
pub use discriminator::{ConvDiscriminator, DenseDiscriminator, Discriminator, DiscriminatorNet};
pub use generator::{ConvGenerator, DenseGenerator, Generator, GeneratorNet, Upsample};
pub use init::{Init, Scheme};
pub use second_stage::{LatentDecoder, LatentEncoder};
pub use vae::Encoder;

use burn::tensor::Tensor;

use crate::config::OutputActivation;

/// Feature maps at each size of a convolutional net: from the smallest map to half the picture's size.
///
/// The smallest map is the picture halved until another halving would be odd or under 4 pixels; `width` feature
/// maps at half the picture's size double with each halving, up to 512. 28 pixels and width 64 give
/// `(7, [128, 64])`, 64 pixels `(4, [512, 256, 128, 64])`, the nets of Radford et al. 2016.
#[must_use]
pub fn pyramid(size: usize, width: usize) -> (usize, Vec<usize>) {
    let mut side = size / 2;
    let mut maps = vec![width];
    while side.is_multiple_of(2) && side / 2 >= 4 {
        side /= 2;
        maps.push((maps.last().copied().unwrap_or(width) * 2).min(512.max(width)));
    }
    maps.reverse();
    (side, maps)
}

pub(crate) fn activate<const D: usize>(logits: Tensor<D>, output: OutputActivation) -> Tensor<D> {
    match output {
        OutputActivation::Sigmoid => burn::tensor::activation::sigmoid(logits),
        OutputActivation::Tanh => burn::tensor::activation::tanh(logits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, Source, resolve};
    use burn::tensor::Device;

    #[test]
    fn the_pyramid_gives_the_published_dcgans() {
        // 28 has one halving to 14 and one to 7, the dense layer makes 7x7x128.
        assert_eq!(pyramid(28, 64), (7, vec![128, 64]));
        assert_eq!(pyramid(64, 64), (4, vec![512, 256, 128, 64]));
    }

    #[test]
    fn nets_take_every_size_and_channel_count_they_promise() {
        let device = Device::flex();
        for net in ["dcgan", "dcgan-resize", "seed-gan"] {
            for (size, channels) in [
                (16, 1),
                (20, 3),
                (28, 1),
                (36, 3),
                (44, 1),
                (64, 3),
                (128, 1),
            ] {
                let mut sets = vec![format!("size={size}"), format!("channels={channels}")];
                if net != "seed-gan" {
                    sets.push("width=4".to_owned());
                }
                let config = resolve(
                    &Source::Preset(net.into()),
                    &Overrides {
                        sets,
                        ..Overrides::default()
                    },
                )
                .unwrap();
                let z = Tensor::zeros([2, config.model.latent], &device);
                let x = Generator::new(&config, &device).forward(z, None);
                assert_eq!(x.dims(), [2, channels, size, size], "{net}");
                assert_eq!(
                    Discriminator::new(&config, &device).forward(x, None).dims(),
                    [2, 1],
                    "{net}"
                );
            }
        }
    }
}
