//! The feature extractor that this program trains itself: a classifier of the data set's own
//! labels.

use std::path::Path;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::store::ModuleRecord;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use dreamlet_runtime::image::PixelRange;
use rayon::prelude::*;

use super::cache::Slot;
use super::error::EvaluationError;
use super::matrix::{ImageRows, Matrix, ReadRows, count};
use crate::atomic_file::sha256;
use crate::data::{Augment, BatchIndices, Batches, Dataset, Progress, Silent, Split, Unit, gather};
use crate::nets::{Classifier, ClassifierConfig};

/// Version of the net and of how it is trained; a change of either changes it, and with it all
/// metrics.
pub(super) const VERSION: u32 = 1;

/// Everything about the training is fixed, so that a data set has one classifier on a machine.
const SEED: u64 = 0;
const BATCH: usize = 128;
const LEARNING_RATE: f64 = 2e-3;
/// Four passes over MNIST; small sets are passed more often, large images less.
const STEPS: usize = 1600;

/// A classifier and what must be said of it.
#[derive(Debug)]
pub(super) struct TrainedClassifier {
    net: Classifier,
    channels: usize,
    size: usize,
    /// SHA-256 of its weights.
    pub sha256: String,
    /// Share of the test images that it puts into their class.
    pub accuracy: f64,
}

/// Indices of training images that the classifier never sees, for the real-against-real floor; and
/// the others. As many as there are test images, a quarter of the training images at most.
pub(super) fn hold_out(data: &Dataset) -> (Vec<u32>, Vec<u32>) {
    let mut order: Vec<u32> = (0..u32::try_from(data.train.len()).unwrap_or(u32::MAX)).collect();
    dreamlet_runtime::latent::Stream::new(SEED, "eval.held", 0).shuffle(&mut order);
    let held = data.test.len().min(order.len() / 4);
    let rest = order.split_off(held);
    (order, rest)
}

/// Whether a classifier of `data` can be trained: it has labels, of two classes at least.
pub(crate) fn classifiable(data: &Dataset) -> bool {
    data.train.labels().is_some() && data.test.labels().is_some() && data.classes.len() > 1
}

impl TrainedClassifier {
    /// The classifier of `data`, from the cache folder or trained now.
    pub(super) fn of(
        data: &Dataset,
        fingerprint: &str,
        cache: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Self, EvaluationError> {
        if !classifiable(data) {
            return Err(EvaluationError::NoLabels {
                data: data.name.clone(),
            });
        }
        let slot = cache.map(|root| {
            let parts = [fingerprint.as_bytes(), &VERSION.to_le_bytes()];
            Slot::new(root, "classifier", &parts)
        });
        if let Some(bytes) = slot.as_ref().and_then(Slot::read)
            && let Some((accuracy, weights)) = bytes.split_first_chunk::<8>()
            && let Ok(found) = Self::open(data, weights.to_vec(), f64::from_le_bytes(*accuracy))
        {
            return Ok(found);
        }
        let what = format!("training a classifier of {}", data.name);
        let images = Some((steps(data) * BATCH) as u64);
        let net = progress.during(&what, images, Unit::Images, || train(data, progress))?;
        let weights = net
            .valid()
            .into_record()
            .into_bytes()
            .map_err(|error| failed(&error))?
            .to_vec();
        // What is used now is what a later call reads.
        let mut found = Self::open(data, weights.clone(), 0.0)?;
        found.accuracy = found.accuracy_on(&data.test)?;
        if let Some(slot) = slot {
            slot.write(&[found.accuracy.to_le_bytes().as_slice(), &weights].concat());
        }
        Ok(found)
    }

    fn open(data: &Dataset, weights: Vec<u8>, accuracy: f64) -> Result<Self, EvaluationError> {
        let sha256 = sha256(&weights);
        let empty = empty(data, &Device::flex());
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(weights));
        let record = record.map_err(|error| failed(&error))?;
        let net = empty.try_load_record(record);
        Ok(Self {
            net: net.map_err(|error| failed(&error))?,
            channels: data.channels,
            size: data.height,
            sha256,
            accuracy,
        })
    }

    fn accuracy_on(&self, split: &Split) -> Result<f64, EvaluationError> {
        let (_, probabilities) = self.run(split.pixels(), &Silent)?;
        let rows = probabilities.iter().enumerate();
        let hits = rows.filter(|(i, row)| split.label(*i).map(usize::from) == likeliest(row));
        Ok(count(hits.count()) / count(split.len().max(1)))
    }

    /// Features `[N, 64]` and class probabilities `[N, classes]` of planar images.
    ///
    /// # Errors
    /// [`EvaluationError::Net`] with burn's words.
    pub(super) fn run(
        &self,
        pixels: &[u8],
        progress: &dyn Progress,
    ) -> Result<(Matrix, Matrix), EvaluationError> {
        let width = self.channels * self.size * self.size;
        let found: Result<Vec<_>, EvaluationError> = pixels
            .par_chunks(250 * width)
            .map(|pixels| {
                let images = ImageRows::of(pixels, width);
                let rows = images.rows();
                let shape = [rows, self.channels, self.size, self.size];
                let values = TensorData::new(images.read(0, rows), shape);
                let x = Tensor::<4>::from_data(values, &Device::flex());
                let (features, logits) = self.net.forward(x);
                progress.advance(rows as u64);
                let numbers = |x: Tensor<2>| {
                    x.into_data()
                        .try_into_vec::<f32>()
                        .map_err(|e| failed(&format!("{e:?}")))
                };
                Ok((numbers(features)?, numbers(softmax(logits, 1))?))
            })
            .collect();
        let (features, probabilities): (Vec<_>, Vec<_>) = found?.into_iter().unzip();
        let rows = (pixels.len() / width).max(1);
        let matrix = |parts: Vec<Vec<f32>>| {
            let values = parts.concat();
            let width = values.len() / rows;
            Matrix::new(values, width)
        };
        Ok((matrix(features), matrix(probabilities)))
    }
}

/// The class with the largest probability.
pub(super) fn likeliest(probabilities: &[f32]) -> Option<usize> {
    let all = probabilities.iter().enumerate();
    all.max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(class, _)| class)
}

fn empty(data: &Dataset, device: &Device) -> Classifier {
    let config = ClassifierConfig {
        channels: data.channels,
        size: data.height,
        classes: data.classes.len(),
        seed: SEED,
    };
    Classifier::new(config, device)
}

/// Steps of training: fewer for small sets and for large images, which cost more each.
fn steps(data: &Dataset) -> usize {
    let passes = data.train.len().saturating_mul(40) / BATCH;
    let area = (data.height * data.width / 1024).max(1);
    (STEPS / area.min(4)).min(passes).max(50)
}

fn train(data: &Dataset, progress: &dyn Progress) -> Result<Classifier, EvaluationError> {
    let (_, rest) = hold_out(data);
    let batch = BATCH.min(rest.len());
    if batch < 2 {
        return Err(EvaluationError::TooFew {
            what: "training images",
            needed: 4,
            found: data.train.len(),
            advice: "add images",
        });
    }
    let device = Device::flex().autodiff();
    let classes = data.classes.len();
    let mut net = empty(data, &device);
    let mut optimizer = AdamConfig::new().init();
    let mut batches = Batches::new(SEED, rest.len(), batch)?;
    // A class does not change when an image moves a little.
    let augment = Augment {
        shift: 2,
        ..Augment::default()
    };
    let mut pixels = Vec::new();
    let steps = steps(data);
    for step in 0..steps {
        let next = batches.next_batch();
        let chosen = next.indices.iter().map(|i| rest[*i as usize]);
        let indices: Vec<u32> = chosen.collect();
        let of = BatchIndices {
            epoch: next.epoch,
            indices: &indices,
        };
        let rows = gather(data, &of, augment, SEED, PixelRange::UNIT, &mut pixels);
        let mut targets = vec![0.0_f32; rows * classes];
        for (row, index) in targets.chunks_exact_mut(classes).zip(&indices) {
            let label = data.train.label(*index as usize).map_or(0, usize::from);
            if let Some(target) = row.get_mut(label) {
                *target = 1.0;
            }
        }
        let shape = [rows, data.channels, data.height, data.width];
        let x = Tensor::<4>::from_data(TensorData::new(pixels.clone(), shape), &device);
        let y = Tensor::<2>::from_data(TensorData::new(targets, [rows, classes]), &device);
        let (_, logits) = net.forward(x);
        let loss = (log_softmax(logits, 1) * y).sum().div_scalar(-count(rows));
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        // Half a cosine, from the learning rate to 0.
        let done = count(step) / count(steps);
        let rate = LEARNING_RATE * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        net = optimizer.step(rate, net, gradients);
        progress.advance(rows as u64);
    }
    Ok(net)
}

fn failed(reason: &impl ToString) -> EvaluationError {
    EvaluationError::Net {
        net: "the classifier",
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::glyphs;

    #[test]
    fn training_is_repeatable_and_learns_and_the_cache_gives_the_same_net() {
        let data = glyphs(1200);
        let folder = crate::atomic_file::TestFolder::new();
        let fingerprint = data.fingerprint();
        let of = |cache| TrainedClassifier::of(&data, &fingerprint, cache, &Silent).unwrap();
        let first = of(Some(folder.0.as_path()));
        assert!(first.accuracy > 0.8, "{}", first.accuracy);
        let cached = of(Some(folder.0.as_path()));
        assert_eq!(cached.sha256, first.sha256);
        assert_eq!(cached.accuracy, first.accuracy);
        assert_eq!(of(None).sha256, first.sha256);
    }

    #[test]
    fn images_of_the_floor_are_not_trained_on() {
        let (held, rest) = hold_out(&glyphs(1200));
        assert_eq!((held.len(), rest.len()), (300, 900));
        assert!(held.iter().all(|index| !rest.contains(index)));
    }

    #[test]
    fn a_set_without_labels_is_told_what_to_do() {
        let mut data = glyphs(100);
        data.train = Split::new(data.train.pixels().to_vec(), None, 784).unwrap();
        let error = TrainedClassifier::of(&data, "", None, &Silent).unwrap_err();
        assert!(error.to_string().contains("--extractor"), "{error}");
    }
}
