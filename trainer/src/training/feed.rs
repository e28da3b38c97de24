//! Training images, batch after batch: the data's, or a teacher's.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::image::PixelRange;

use super::batch::{Batch, class_data, labels, range};
use super::error::TrainError;
use super::learner::Learner;
use super::state::State;
use super::teacher::Teacher;
use crate::config::Config;
use crate::data::{Augment, Batches, Dataset, Position, gather};

/// Batches that are made before they are asked for, on a GPU.
const AHEAD: usize = 2;

/// Gives the batches of a run from where it stands.
pub(super) struct Feed<'a> {
    source: Source<'a>,
    position: Position,
    per_epoch: u64,
    device: Device,
    /// Why a batch does not have the teacher's images.
    failed: Option<TrainError>,
}

/// What makes the batches.
enum Source<'a> {
    /// When they are asked for.
    Here(Box<Maker<'a>>),
    /// Another thread, ahead.
    Ahead(Receiver<Made>),
}

/// A batch in the processor's memory, and where the run stands after it.
struct Made {
    pixels: TensorData,
    classes: Option<TensorData>,
    position: Position,
    /// Why the teacher made no images.
    failed: Option<TrainError>,
}

struct Maker<'a> {
    config: &'a Config,
    data: &'a Dataset,
    batches: Batches,
    augment: Augment,
    range: PixelRange,
    teacher: Option<Teacher>,
}

impl Maker<'_> {
    fn next(&mut self) -> Made {
        let data = self.data;
        let batch = self.batches.next_batch();
        let indices = batch.indices.iter().map(|index| *index as usize);
        let classes = labels(self.config, &data.train, indices);
        let classes: Option<Vec<usize>> = classes.map(Iterator::collect);
        let (mut pixels, mut rows) = (Vec::new(), batch.indices.len());
        let taught = match &mut self.teacher {
            Some(teacher) => teacher.next(rows, classes.as_deref(), &mut pixels),
            None => {
                let seed = self.config.training.seed;
                rows = gather(data, &batch, self.augment, seed, self.range, &mut pixels);
                Ok(())
            }
        };
        let shape = [rows, data.channels, data.height, data.width];
        Made {
            pixels: TensorData::new(pixels, shape),
            classes: classes.map(class_data),
            position: self.batches.position(),
            failed: taught.err(),
        }
    }
}

impl<'a> Feed<'a> {
    /// Goes on at `state`; the batches are on `device`.
    pub(super) fn new(
        config: &'a Config,
        data: &'a Dataset,
        state: &State,
        device: Device,
    ) -> Result<Self, TrainError> {
        let position = Position {
            epoch: state.epoch,
            index: state.position,
        };
        let (seed, batch) = (config.training.seed, config.optimizer.batch);
        let batches = Batches::resume(seed, data.train.len(), batch, position)?;
        let next = state.step.wrapping_mul(Learner::batches_per_step(config));
        let range = range(config);
        Ok(Self {
            position: batches.position(),
            per_epoch: batches.per_epoch() as u64,
            device,
            failed: None,
            source: Source::Here(Box::new(Maker {
                config,
                data,
                batches,
                augment: Augment {
                    flip: config.data.flip,
                    shift: config.data.shift,
                    binarize: config.data.binarize,
                },
                range,
                teacher: Teacher::of(config, range, next)?,
            })),
        })
    }

    /// Whether the batches are the CPU's, which computes meanwhile.
    pub(super) fn on_cpu(&self) -> bool {
        self.device.clone().inner() == Device::flex()
    }

    /// The same batches, made on a thread of `scope` while the device computes. It ends with the
    /// feed.
    pub(super) fn ahead<'scope>(self, scope: &'scope Scope<'scope, '_>) -> Self
    where
        'a: 'scope,
    {
        let Source::Here(mut maker) = self.source else {
            return self;
        };
        let (send, receive) = sync_channel(AHEAD);
        scope.spawn(move || while send.send(maker.next()).is_ok() {});
        Self {
            source: Source::Ahead(receive),
            ..self
        }
    }

    /// The next batch; [`Self::check`] tells whether it could be made.
    ///
    /// # Panics
    /// When the thread that makes the batches has panicked.
    pub(super) fn next_batch(&mut self) -> Batch {
        let made = match &mut self.source {
            Source::Here(maker) => maker.next(),
            #[allow(clippy::expect_used, reason = "it ends with the feed, not before")]
            Source::Ahead(made) => made.recv().expect("the thread that makes batches"),
        };
        self.position = made.position;
        self.failed = self.failed.take().or(made.failed);
        Batch {
            pixels: Tensor::from_data(made.pixels, &self.device),
            classes: (made.classes).map(|classes| Tensor::from_data(classes, &self.device)),
        }
    }

    /// Whether all batches could be made.
    pub(super) fn check(&mut self) -> Result<(), TrainError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Where the run stands after the batches that it was given.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Batches in one pass over the data.
    pub(super) fn per_epoch(&self) -> u64 {
        self.per_epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSpec, LoadOptions, load};
    use crate::nets::testing::preset;

    #[test]
    fn batches_made_ahead_are_the_same_and_stand_at_the_same_place() {
        let config = preset("cgan", &["data.size=16", "batch=5", "data.shift=2"]);
        let options = LoadOptions {
            limit: Some(24),
            size: Some(16),
            ..LoadOptions::default()
        };
        let data = load(&DataSpec::Glyphs, &options).unwrap();
        let state = State::default();
        let new = || Feed::new(&config, &data, &state, Device::flex()).unwrap();
        let mut here = new();
        std::thread::scope(|scope| {
            let mut ahead = new().ahead(scope);
            // Into the third pass over the data.
            for _ in 0..11 {
                let (expected, found) = (here.next_batch(), ahead.next_batch());
                assert_eq!(expected.pixels.into_data(), found.pixels.into_data());
                let classes = |classes: Option<Tensor<1, _>>| classes.map(Tensor::into_data);
                assert!(expected.classes.is_some());
                assert_eq!(classes(expected.classes), classes(found.classes));
                assert_eq!(here.position(), ahead.position());
            }
        });
    }
}
