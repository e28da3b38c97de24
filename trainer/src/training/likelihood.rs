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
    let Some(vae) = &config.vae else {
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
    let bernoulli = vae.likelihood == Likelihood::Bernoulli;
    let progress = options.progress;
    progress.start(
        "evidence lower bound",
        Some(data.test.len() as u64),
        Unit::Images,
    );
    let (mut total, mut total_binarized, mut seen) = (0.0, 0.0, 0);
    for (pixels, index) in batches(data.test.len()) {
        let [rows, ..] = shape(pixels);
        let bound = |x| learner.negative_bound(batch(x, index), index);
        total += bound(grey(pixels)).unwrap_or(f64::NAN) * count(rows);
        if bernoulli {
            let bound = bound(binarized(pixels, index));
            total_binarized += bound.unwrap_or(f64::NAN) * count(rows);
        }
        seen += rows;
        progress.advance(rows as u64);
    }
    progress.finish();
    let pixels = match vae.likelihood {
        Likelihood::Bernoulli => "Bernoulli".to_owned(),
        Likelihood::ContinuousBernoulli => "continuous Bernoulli".to_owned(),
        Likelihood::Gaussian => format!("Gaussian, σ {}", vae.sigma),
        Likelihood::GaussianLearned => "Gaussian, σ that suits each batch best".to_owned(),
    };
    let metric = |key, name: &str, value: f64, error, method, real| MetricValue {
        key,
        name: name.to_owned(),
        value,
        error,
        floor: None,
        better: Better::Lower,
        method,
        provenance: evaluator.provenance_on_test(real),
    };
    let bound = total / count(seen.max(1));
    finite(bound)?;
    let method = format!("nats an image, grey pixels, {pixels}, 1 draw");
    let mut found = vec![metric(
        "negative_elbo",
        "negative ELBO",
        bound,
        None,
        method,
        seen,
    )];
    if !bernoulli {
        return Ok(found);
    }
    let bound = total_binarized / count(seen.max(1));
    finite(bound)?;
    found.push(metric(
        "negative_elbo_binarized",
        "negative ELBO, binarized",
        bound,
        None,
        "nats an image, binarized pixels, 1 draw".to_owned(),
        seen,
    ));
    if options.draws == 0 {
        return Ok(found);
    }
    let images = options.images.min(data.test.len());
    progress.start(
        "importance-weighted bound",
        Some(images as u64),
        Unit::Images,
    );
    let mut all = Vec::new();
    for (pixels, index) in batches(images) {
        let rows = (pixels.len() / data.image_len().max(1)).min(images - all.len());
        let pixels = pixels.get(..rows * data.image_len()).unwrap_or(pixels);
        let x = batch(binarized(pixels, index), index);
        let bounds = learner.importance_bound(x, options.draws as u64, index);
        all.extend(bounds.unwrap_or_default());
        progress.advance(rows as u64);
    }
    progress.finish();
    let n = count(all.len().max(1));
    let mean = all.iter().sum::<f64>() / n;
    finite(mean)?;
    let variance = all.iter().map(|b| (b - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let method = format!("nats an image, binarized pixels, {} draws", options.draws);
    let error = Some((variance / n).sqrt());
    found.push(metric(
        "negative_iwae",
        "importance-weighted bound",
        mean,
        error,
        method,
        all.len(),
    ));
    Ok(found)
}

fn count(n: usize) -> f64 {
    n as f64
}

fn finite(bound: f64) -> Result<(), EvaluationError> {
    match bound.is_finite() {
        true => Ok(()),
        false => Err(EvaluationError::NotFinite {
            what: "the bounds",
            image: 0,
        }),
    }
}
