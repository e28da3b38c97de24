//! How much each latent dimension of a VAE tells about an image.

use burn::tensor::Device;

use super::batch::{class_tensor, image_tensor, range};
use crate::config::Config;
use crate::data::Dataset;
use crate::loss::elbo;
use crate::nets::Encoder;

/// Nats below which a latent dimension counts as unused.
pub(crate) const UNUSED: f64 = 0.01;
/// Test images that the encoder reads.
const IMAGES: usize = 1024;
/// Images that go through the encoder together.
const BATCH: usize = 32;
/// Unused dimensions that are named.
const NAMED: usize = 12;

/// KL(q(z|x) ‖ N(0, 1)) of each latent dimension in nats (Kingma and Welling 2014, appendix B),
/// mean over the first 1024 test images, or over training images where there are no test images.
/// `encoder` is on `device`, without gradients.
pub(crate) fn divergences(
    encoder: &Encoder,
    config: &Config,
    data: &Dataset,
    device: &Device,
) -> Result<Vec<f64>, String> {
    // A small folder may have no test images.
    let split = if data.test.is_empty() {
        &data.train
    } else {
        &data.test
    };
    let (channels, side) = (config.data.channels, config.data.size);
    let length = (channels * side * side).max(1);
    if split.image_len() != length {
        return Err(format!(
            "the data set's images have {} values each, the generator's {length}",
            split.image_len()
        ));
    }
    let count = split.len().min(IMAGES);
    let pixels = split.pixels().get(..count * length).unwrap_or_default();
    let mut sums = vec![0.0; config.model.latent];
    for (some, first) in pixels.chunks(BATCH * length).zip((0..).step_by(BATCH)) {
        let rows = some.len() / length;
        let shape = [rows, channels, side, side];
        let images = image_tensor(some, shape, range(config), device);
        let classes = config.model.classes;
        let label = |index| split.label(index).map_or(0, usize::from) % classes.max(1);
        let classes = (classes > 0).then(|| class_tensor((first..first + rows).map(label), device));
        let (mean, log_variance) = encoder.forward(images, classes);
        let found = elbo::divergences(mean, log_variance).into_data();
        let found = found.try_to_vec::<f32>().map_err(|e| format!("{e:?}"))?;
        let weight = rows as f64;
        for (sum, value) in sums.iter_mut().zip(found) {
            *sum += weight * f64::from(value);
        }
    }
    let count = count.max(1) as f64;
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

/// How many of the dimensions are unused, as a sentence without its end.
pub(crate) fn how_many(divergences: &[f64]) -> String {
    match unused(divergences).count() {
        0 => format!("None of the {} dimensions is unused", divergences.len()),
        1 => format!("1 of the {} dimensions is unused", divergences.len()),
        n => format!("{n} of the {} dimensions are unused", divergences.len()),
    }
}

/// The same with their names, and with what can be done.
pub(crate) fn in_words(divergences: &[f64]) -> String {
    let names: Vec<String> = unused(divergences).map(|i| format!("z{i}")).collect();
    let words = format!(
        "{} (KL below {UNUSED} nats on test images)",
        how_many(divergences)
    );
    if names.is_empty() {
        return words;
    }
    let shown = names.get(..NAMED).unwrap_or(&names).join(", ");
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{words}: {shown}{more}. A model.latent without them makes images as good; vae.warmup or vae.free_bits may bring them into use"
    )
}

/// The dimensions that are.
fn unused(divergences: &[f64]) -> impl Iterator<Item = usize> {
    let all = divergences.iter().enumerate();
    all.filter(|(_, kl)| **kl < UNUSED).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use dreamlet_runtime::image::PixelRange;

    use super::*;
    use crate::data::{DataSpec, LoadOptions, load};
    use crate::nets::testing::preset;

    #[test]
    fn divergences_are_means_over_all_images_whatever_their_batches() {
        let sets = ["data.size=16", "hidden=[8]", "latent=3", "model.classes=10"];
        let config = preset("vae-dense", &sets);
        let options = LoadOptions {
            limit: Some(BATCH + 7),
            size: Some(16),
            ..LoadOptions::default()
        };
        let mut data = load(&DataSpec::Glyphs, &options).unwrap();
        data.test = data.train.clone();
        let device = Device::flex();
        let encoder = Encoder::new(&config, &device);
        let found = divergences(&encoder, &config, &data, &device).unwrap();
        let rows = data.test.len();
        assert_eq!(rows, BATCH + 7);
        let images = image_tensor(
            data.test.pixels(),
            [rows, 1, 16, 16],
            PixelRange::UNIT,
            &device,
        );
        let labels = data.test.labels().unwrap().iter().copied();
        let classes = class_tensor(labels.map(usize::from), &device);
        let (mean, log_variance) = encoder.forward(images, Some(classes));
        let at_once = elbo::divergences(mean, log_variance).into_data();
        let at_once: Vec<f32> = at_once.try_to_vec().unwrap();
        assert_eq!(found.len(), 3);
        for (found, expected) in found.iter().zip(at_once) {
            let expected = f64::from(expected);
            assert!(
                expected > 1e-6 && (found - expected).abs() < 1e-4 * expected,
                "{found} {expected}"
            );
        }
        data.test = load(
            &DataSpec::Glyphs,
            &LoadOptions {
                limit: Some(40),
                ..LoadOptions::default()
            },
        )
        .unwrap()
        .test;
        let message = divergences(&encoder, &config, &data, &device).unwrap_err();
        assert!(
            message.contains("784") && message.contains("256"),
            "{message}"
        );
    }

    #[test]
    fn unused_dimensions_are_counted_and_named_up_to_some() {
        let words = in_words(&[0.5, 0.01, 2.0]);
        assert!(words.starts_with("None of the 3 dimensions"), "{words}");
        assert!(!words.contains("model.latent"), "{words}");
        let words = in_words(&[0.5, 0.009, 2.0]);
        assert!(
            words.starts_with("1 of the 3") && words.contains(": z1. "),
            "{words}"
        );
        let mut many = [0.0; 20];
        many[3] = 1.0;
        let words = in_words(&many);
        assert!(words.starts_with("19 of the 20"), "{words}");
        assert!(
            words.contains("z2, z4,") && words.contains("z12 and 7 more"),
            "{words}"
        );
    }
}
