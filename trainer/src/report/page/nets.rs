//! The nets of a run as a report needs them. Nothing else of the report knows what nets there are.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::image::Shape;

use crate::config::DiscriminatorNorm;
use crate::data::{Dataset, value_of_byte};
use crate::export;
use crate::nets::{Discriminator, Encoder};
use crate::training::checkpoint::{folder, read_part};
use crate::training::saved::{Saved, Which};
use crate::training::{class_tensor, latent_use, load_module, range};

/// Images that go through a net together.
const BATCH: usize = 32;

/// The nets of one checkpoint, on the CPU.
pub(super) struct Nets {
    saved: Saved,
    second: SecondNet,
}

/// What stands beside the generator.
enum SecondNet {
    Encoder(Box<Encoder>),
    Discriminator(Box<Discriminator>),
    /// Why there is none.
    Missing(String),
}

impl Nets {
    /// Opens the newest checkpoint of `run` that is whole, or the best one.
    pub(super) fn open(run: &Path, best: bool) -> Result<Self, String> {
        let which = Which {
            best,
            ..Which::default()
        };
        let saved = Saved::open(run, which).map_err(|e| e.to_string())?;
        let device = Device::flex();
        let part = |name: &str| {
            let folder = folder(&saved.run, saved.state.step);
            read_part(&folder, &saved.state, name).map_err(|e| e.to_string())
        };
        let second = if saved.config.vae.is_some() {
            let net = Encoder::new(&saved.config, &device);
            let net = part("encoder").and_then(|bytes| load_module(net, bytes));
            net.map(|net| SecondNet::Encoder(Box::new(net)))
        } else {
            let net = Discriminator::new(&saved.config, &device);
            let net = part("discriminator").and_then(|bytes| load_module(net, bytes));
            net.map(|net| SecondNet::Discriminator(Box::new(net)))
        };
        Ok(Self {
            second: second.unwrap_or_else(SecondNet::Missing),
            saved,
        })
    }

    pub(super) fn step(&self) -> u64 {
        self.saved.state.step
    }

    pub(super) fn is_vae(&self) -> bool {
        self.saved.config.vae.is_some()
    }

    pub(super) fn has_batch_norm(&self) -> bool {
        let gan = self.saved.config.gan.as_ref();
        gan.is_some_and(|gan| gan.discriminator_norm == DiscriminatorNorm::Batch)
    }

    pub(super) fn has_second_stage(&self) -> bool {
        self.saved.generator.second().is_some()
    }

    /// Numbers that the generator learned.
    pub(super) fn parameters(&self) -> usize {
        self.saved.generator.num_params()
    }

    /// Number of classes, 0 for an unconditional generator.
    pub(super) fn classes(&self) -> usize {
        self.saved.config.model.classes
    }

    /// The generator as an ONNX file, without a card.
    pub(super) fn onnx(&self) -> Result<Vec<u8>, String> {
        let model = export::generator::graph(&self.saved.generator, &self.saved.config);
        Ok(export::onnx::to_bytes(&model.map_err(|e| e.to_string())?))
    }

    pub(super) fn latent_len(&self) -> usize {
        self.saved.config.model.latent
    }

    /// A planar image as it is seen, over the background if it has alpha.
    pub(super) fn seen(&self, image: &[u8]) -> Vec<u8> {
        let data = &self.saved.config.data;
        data.background().under(image, data.channels)
    }

    /// The shape of an image as it is seen.
    pub(super) fn shape(&self) -> Shape {
        let data = &self.saved.config.data;
        Shape {
            channels: data.seen_channels(),
            height: data.size,
            width: data.size,
        }
    }

    /// Numbers of an image, at least 1.
    pub(super) fn image_len(&self) -> usize {
        let data = &self.saved.config.data;
        (data.channels * data.size * data.size).max(1)
    }

    /// Images of latent vectors that follow each other, planar (channel, row, column), in the
    /// generator's range. `class` gives the class of each image of a conditional generator; its
    /// remainder by the number of classes counts.
    pub(super) fn generate(
        &self,
        latents: &[f32],
        class: impl Fn(usize) -> usize,
    ) -> Result<Vec<f32>, String> {
        let z = self.latent_len().max(1);
        let mut all = Vec::new();
        for (first, some) in (0..).step_by(BATCH).zip(latents.chunks(BATCH * z)) {
            let rows = some.len() / z;
            let classes = self.classes_of(first, rows, &class);
            all.extend(self.saved.generate(some, classes.as_deref(), rows)?);
        }
        Ok(all)
    }

    /// Classes of the images from `first` on; `None` if the model knows no classes.
    fn classes_of(
        &self,
        first: usize,
        rows: usize,
        class: &impl Fn(usize) -> usize,
    ) -> Option<Vec<i64>> {
        let count = self.saved.config.model.classes;
        let classes = (first..first + rows).map(|i| (class(i) % count) as i64);
        (count > 0).then(|| classes.collect())
    }

    /// Values in the generator's range as bytes, in the same order.
    pub(super) fn bytes_of(&self, values: &[f32]) -> Vec<u8> {
        let range = range(&self.saved.config);
        values.iter().map(|v| range.to_u8(*v)).collect()
    }

    /// Bytes as values in the generator's range, in the same order.
    pub(super) fn pixels_of(&self, bytes: &[u8]) -> Vec<f32> {
        let range = range(&self.saved.config);
        bytes.iter().map(|b| value_of_byte(range, *b)).collect()
    }

    /// KL of each latent dimension of a VAE in nats, mean over test images; `Ok(None)` for a GAN.
    pub(super) fn divergences(&self, data: &Dataset) -> Result<Option<Vec<f64>>, String> {
        if !self.is_vae() {
            return Ok(None);
        }
        let SecondNet::Encoder(encoder) = &self.second else {
            return Err(self.no("encoder"));
        };
        latent_use::divergences(encoder, &self.saved.config, data, &Device::flex()).map(Some)
    }

    /// The discriminator's logit of each image `[N, C, H, W]`, positive for "real". `class` as in
    /// [`Nets::generate`].
    pub(super) fn logits(
        &self,
        images: &[f32],
        class: impl Fn(usize) -> usize,
    ) -> Result<Vec<f64>, String> {
        let SecondNet::Discriminator(discriminator) = &self.second else {
            return Err(self.no("discriminator"));
        };
        let (shape, length, device) = (self.shape(), self.image_len(), Device::flex());
        let mut all = Vec::new();
        for (first, some) in (0..).step_by(BATCH).zip(images.chunks(BATCH * length)) {
            let dims = [
                some.len() / length,
                shape.channels,
                shape.height,
                shape.width,
            ];
            let batch = Tensor::<4>::from_data(TensorData::new(some.to_vec(), dims), &device);
            let classes = self.classes_of(first, dims[0], &class);
            let classes = classes.map(|classes| class_tensor(classes, &device));
            let logits = discriminator.forward(batch, classes).into_data();
            let logits = logits.try_to_vec::<f32>().map_err(|e| format!("{e:?}"))?;
            all.extend(logits.into_iter().map(f64::from));
        }
        Ok(all)
    }

    fn no(&self, what: &str) -> String {
        match &self.second {
            SecondNet::Missing(reason) => format!("The checkpoint has no {what} to ask: {reason}"),
            _ => format!("The model has no {what}."),
        }
    }
}
