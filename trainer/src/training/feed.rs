//! Training images, batch after batch.

use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::image::PixelRange;

use super::batch::{Batch, label_tensor, range};
use super::state::State;
use crate::config::Config;
use crate::data::{Augment, Batches, DataError, Dataset, Position, gather};

/// Gives the batches of a run from where it stands.
pub(super) struct Feed<'a> {
    config: &'a Config,
    data: &'a Dataset,
    batches: Batches,
    augment: Augment,
    range: PixelRange,
    device: Device,
}

impl<'a> Feed<'a> {
    /// Goes on at `state`; the batches are on `device`.
    pub(super) fn new(
        config: &'a Config,
        data: &'a Dataset,
        state: &State,
        device: Device,
    ) -> Result<Self, DataError> {
        let position = Position {
            epoch: state.epoch,
            index: state.position,
        };
        let (seed, batch) = (config.training.seed, config.optimizer.batch);
        Ok(Self {
            config,
            data,
            batches: Batches::resume(seed, data.train.len(), batch, position)?,
            augment: Augment {
                flip: config.data.flip,
                shift: config.data.shift,
                binarize: config.data.binarize,
            },
            range: range(config),
            device,
        })
    }

    pub(super) fn next_batch(&mut self) -> Batch {
        let (data, device) = (self.data, &self.device);
        let batch = self.batches.next_batch();
        let indices = batch.indices.iter().map(|index| *index as usize);
        let classes = label_tensor(self.config, &data.train, indices, device);
        let seed = self.config.training.seed;
        let mut pixels = Vec::new();
        let rows = gather(data, &batch, self.augment, seed, self.range, &mut pixels);
        let shape = [rows, data.channels, data.height, data.width];
        Batch {
            pixels: Tensor::from_data(TensorData::new(pixels, shape), device),
            classes,
        }
    }

    pub(super) fn position(&self) -> Position {
        self.batches.position()
    }

    /// Batches in one pass over the data.
    pub(super) fn per_epoch(&self) -> u64 {
        self.batches.per_epoch() as u64
    }
}
