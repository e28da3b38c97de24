//! Generators, discriminators, encoders and decoders, as burn modules.

mod classifier;
pub(crate) mod cpu;
mod dense;
mod discriminator;
mod ema;
mod encoder;
mod generator;
mod init;
mod layers;
mod pass;
mod residual;
mod second_stage;
mod spectral;

pub(crate) use classifier::{Classifier, ClassifierConfig};
pub(crate) use discriminator::Discriminator;
pub(crate) use ema::ema_update;
pub(crate) use encoder::Encoder;
pub(crate) use generator::Generator;
pub(crate) use pass::Pass;

#[cfg(test)]
pub(crate) mod testing {
    //! Configurations for tests.

    use crate::config::{Config, Overrides, Source, resolve};

    /// A preset with some settings changed.
    pub(crate) fn preset(name: &str, sets: &[&str]) -> Config {
        let overrides = Overrides {
            sets: sets.iter().map(|set| (*set).to_owned()).collect(),
            ..Overrides::default()
        };
        resolve(&Source::Preset(name.into()), &overrides).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::layers::pyramid;
    use super::testing::preset;
    use super::*;
    use burn::tensor::{Device, Tensor, TensorData};

    #[test]
    fn the_pyramid_gives_the_published_dcgans() {
        // 28 has one halving to 14 and one to 7, the dense layer makes 7x7x128.
        assert_eq!(pyramid(28, 64), (7, vec![128, 64]));
        assert_eq!(pyramid(64, 64), (4, vec![512, 256, 128, 64]));
    }

    #[test]
    fn nets_take_every_size_and_channel_count_they_promise() {
        let device = Device::flex();
        for (net, hidden) in [
            ("dcgan", 0),
            ("dcgan", 8),
            ("dcgan-resize", 8),
            ("seed-gan", 0),
            ("r3-32", 0),
            ("r3-32", 8),
        ] {
            for (size, channels) in [
                (16, 1),
                (20, 3),
                (28, 1),
                (36, 3),
                (44, 1),
                (64, 3),
                (128, 1),
            ] {
                let [size_set, channels_set, hidden] = [
                    format!("size={size}"),
                    format!("channels={channels}"),
                    format!("discriminator_hidden={hidden}"),
                ];
                let mut sets = vec![size_set.as_str(), &channels_set];
                if net != "seed-gan" {
                    sets.extend(["width=4", &hidden]);
                }
                let config = preset(net, &sets);
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

    #[test]
    fn only_a_hidden_layer_lets_far_parts_of_an_image_speak_together() {
        // Without it the logit is a sum over places, each of which sees 10x10 pixels: far changes
        // add up.
        let device = Device::flex();
        let interaction = |hidden: usize| {
            let hidden = format!("discriminator_hidden={hidden}");
            let config = preset("dcgan", &["width=4", &hidden, "discriminator_norm=none"]);
            let net = Discriminator::new(&config, &device);
            let logit = |top: f32, bottom: f32| {
                let image = (0..784).map(|i| match i / 28 {
                    0..8 => top,
                    20.. => bottom,
                    _ => 0.0,
                });
                let pixels = TensorData::new(image.collect::<Vec<f32>>(), [1, 1, 28, 28]);
                let x = Tensor::from_data(pixels, &device);
                f64::from(net.forward(x, None).into_scalar::<f32>())
            };
            let [a, b, both, none] = [(9.0, 0.0), (0.0, 9.0), (9.0, 9.0), (0.0, 0.0)]
                .map(|(top, bottom)| logit(top, bottom));
            ((both - none) - (a - none) - (b - none)).abs() / (both - none).abs()
        };
        let (sum, more) = (interaction(0), interaction(32));
        assert!(sum < 1e-3 && more > 0.02, "{sum} {more}");
    }
}
