//! The bounds of a run's VAE on test images.

use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::Stream;

use super::batch::{Batch, image_tensor, label_tensor};
use super::learner::Learner;
use crate::config::{Config, Likelihood};
use crate::data::{Dataset, Progress, Unit, value_of_byte};
use crate::evaluation::{Better, EvaluationError, Evaluator, MetricValue};

/// Images in a call.
const BATCH: usize = 250;

/// How to measure bounds.
pub(crate) struct BoundOptions<'a> {
    /// Draws for each image of the importance-weighted bound; 0 leaves it out.
    pub draws: usize,
    /// Test images of the importance-weighted bound.
    pub images: usize,
    /// Fixes the binarization.
    pub seed: u64,
    /// Hears how far it has come.
    pub progress: &'a dyn Progress,
}

/// The negative evidence lower bound on all test images as they are and, for the Bernoulli
/// likelihood, on binarized pixels, each drawn with its grey value as probability (Burda et al.
/// 2016, section 5), and the importance-weighted bound on those, in nats an image. Empty for a GAN.
pub(crate) fn likelihood_metrics(
    learner: &Learner,
    config: &Config,
    data: &Dataset,
    options: &BoundOptions<'_>,
    evaluator: &Evaluator<'_>,
) -> Result<Vec<MetricValue>, EvaluationError> {
    let (Some(settings), Some(vae)) = (&config.vae, learner.vae()) else {
        return Ok(Vec::new());
    };
    let device = Device::flex();
    let batch = |pixels: Tensor<4>, index: u64| {
        let [rows, ..] = pixels.dims();
        let first = usize::try_from(index).unwrap_or(usize::MAX) * BATCH;
        Batch {
            classes: label_tensor(config, &data.test, first..first + rows, &device),
            pixels,
        }
    };
    let shape = |pixels: &[u8]| {
        let rows = pixels.len() / data.image_len().max(1);
        [rows, data.channels, data.height, data.width]
    };
    let grey = |pixels: &[u8]| image_tensor(pixels, shape(pixels), PixelRange::UNIT, &device);
    // Black or white, each pixel drawn with its grey value as probability.
    let binarized = |pixels: &[u8], index: u64| -> Tensor<4> {
        let mut stream = Stream::new(options.seed, "eval.binarize", index);
        let grey = pixels
            .iter()
            .map(|byte| value_of_byte(PixelRange::UNIT, *byte));
        let values = grey.map(|grey| f32::from(u8::from(stream.uniform() < grey)));
        Tensor::from_data(TensorData::new(values.collect(), shape(pixels)), &device)
    };
    let batches = |images: usize| {
        let pixels = data.test.pixels().chunks(BATCH * data.image_len().max(1));
        pixels.zip(0_u64..).take(images.div_ceil(BATCH))
    };
    let bernoulli = settings.likelihood == Likelihood::Bernoulli;
    let progress = options.progress;
    let all = Some(data.test.len() as u64);
    progress.start("evidence lower bound", all, Unit::Images);
    let (mut total, mut total_binarized, mut seen) = (0.0, 0.0, 0);
    for (pixels, index) in batches(data.test.len()) {
        let [rows, ..] = shape(pixels);
        let bound = |x| vae.negative_bound(batch(x, index), index) * rows as f64;
        total += bound(grey(pixels));
        if bernoulli {
            total_binarized += bound(binarized(pixels, index));
        }
        seen += rows;
        progress.advance(rows as u64);
    }
    progress.finish();
    let pixels = match settings.likelihood {
        Likelihood::Bernoulli => "Bernoulli".to_owned(),
        Likelihood::ContinuousBernoulli => "continuous Bernoulli".to_owned(),
        Likelihood::Gaussian => format!("Gaussian, σ {}", settings.sigma),
        Likelihood::GaussianLearned => "Gaussian, σ that suits each batch best".to_owned(),
    };
    let mut found = Vec::new();
    let mut add = |key, name: &str, value: f64, error, method: String, real| {
        if !value.is_finite() {
            return Err(EvaluationError::NotFinite {
                what: "the bounds",
                image: 0,
            });
        }
        found.push(MetricValue {
            key,
            name: name.to_owned(),
            value,
            error,
            floor: None,
            better: Better::Lower,
            method: format!("nats an image, {method}"),
            provenance: evaluator.provenance_on_test(real),
        });
        Ok(())
    };
    let n = seen.max(1) as f64;
    let method = format!("grey pixels, {pixels}, 1 draw");
    add(
        "negative_elbo",
        "negative ELBO",
        total / n,
        None,
        method,
        seen,
    )?;
    if !bernoulli {
        return Ok(found);
    }
    let (key, name) = ("negative_elbo_binarized", "negative ELBO, binarized");
    let method = "binarized pixels, 1 draw".to_owned();
    add(key, name, total_binarized / n, None, method, seen)?;
    if options.draws == 0 {
        return Ok(found);
    }
    let images = options.images.min(data.test.len());
    let name = "importance-weighted bound";
    progress.start(name, Some(images as u64), Unit::Images);
    let mut all = Vec::new();
    for (pixels, index) in batches(images) {
        let rows = (pixels.len() / data.image_len().max(1)).min(images - all.len());
        let pixels = pixels.get(..rows * data.image_len()).unwrap_or(pixels);
        let x = batch(binarized(pixels, index), index);
        all.extend(vae.importance_bound(x, options.draws as u64, index));
        progress.advance(rows as u64);
    }
    progress.finish();
    let n = all.len().max(1) as f64;
    let mean = all.iter().sum::<f64>() / n;
    let variance = all.iter().map(|b| (b - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let method = format!("binarized pixels, {} draws", options.draws);
    let error = Some((variance / n).sqrt());
    add("negative_iwae", name, mean, error, method, all.len())?;
    Ok(found)
}
