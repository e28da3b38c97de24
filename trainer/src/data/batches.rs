//! Which images come next.

use dreamlet_runtime::latent::Stream;
use serde::{Deserialize, Serialize};

use super::error::DataError;

/// Domain of the shuffling streams; the step is the epoch.
const DOMAIN: &str = "shuffle";

/// Where a run stands in its data; all of [`Batches`] that a checkpoint must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Times the data set has been gone through.
    pub epoch: u64,
    /// Images of this epoch that have been handed out.
    pub index: u64,
}

/// Indices of the images of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchIndices<'a> {
    /// The epoch they belong to; [`Augment`](super::Augment) wants it.
    pub epoch: u64,
    /// Indices into the training split, all different.
    pub indices: &'a [u32],
}

/// Batches of image indices, without end. Every epoch has its own order, which depends on the seed
/// and the epoch's number only; images that do not fill a last batch are left out of that epoch.
#[derive(Clone, Debug)]
pub(crate) struct Batches {
    seed: u64,
    batch: usize,
    epoch: u64,
    index: usize,
    order: Vec<u32>,
}

impl Batches {
    /// Begins at the first epoch of a data set of `images` images.
    ///
    /// # Errors
    /// [`DataError::BatchSize`] unless `batch` is from 1 to `images`; [`DataError::Memory`] above
    /// 2^32 images.
    pub(crate) fn new(seed: u64, images: usize, batch: usize) -> Result<Self, DataError> {
        Self::resume(seed, images, batch, Position::default())
    }

    /// Goes on where another stood, with the same seed, images and batch.
    ///
    /// # Errors
    /// As [`Self::new`], and [`DataError::Position`] when the position is beyond the data set.
    pub(crate) fn resume(
        seed: u64,
        images: usize,
        batch: usize,
        position: Position,
    ) -> Result<Self, DataError> {
        if batch == 0 || batch > images {
            return Err(DataError::BatchSize { batch, images });
        }
        let needed = images as u64;
        let last = u32::try_from(images).map_err(|_| DataError::Memory { needed })?;
        let index = usize::try_from(position.index)
            .ok()
            .filter(|index| *index <= images)
            .ok_or(DataError::Position {
                index: position.index,
                images,
            })?;
        let mut batches = Self {
            seed,
            batch,
            epoch: position.epoch,
            index,
            order: (0..last).collect(),
        };
        batches.shuffle();
        Ok(batches)
    }

    pub(crate) fn next_batch(&mut self) -> BatchIndices<'_> {
        if self.order.len() - self.index < self.batch {
            self.epoch = self.epoch.wrapping_add(1);
            self.index = 0;
            self.shuffle();
        }
        let from = self.index;
        self.index += self.batch;
        BatchIndices {
            epoch: self.epoch,
            indices: self.order.get(from..self.index).unwrap_or_default(),
        }
    }

    /// Where this stands: what to give to [`Self::resume`].
    pub(crate) fn position(&self) -> Position {
        Position {
            epoch: self.epoch,
            index: self.index as u64,
        }
    }

    pub(crate) fn per_epoch(&self) -> usize {
        self.order.len() / self.batch
    }

    /// The order of this epoch, from scratch.
    fn shuffle(&mut self) {
        for (place, index) in self.order.iter_mut().zip(0..) {
            *place = index;
        }
        Stream::at(self.seed, DOMAIN, 0, self.epoch).shuffle(&mut self.order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(batches: &mut Batches) -> Vec<u32> {
        (0..batches.per_epoch())
            .flat_map(|_| batches.next_batch().indices.to_vec())
            .collect()
    }

    #[test]
    fn a_resumed_order_goes_on_where_the_first_was() {
        let mut run = Batches::new(42, 1000, 64).unwrap();
        for _ in 0..20 {
            run.next_batch();
        }
        let mut resumed = Batches::resume(42, 1000, 64, run.position()).unwrap();
        assert_eq!(resumed.next_batch(), run.next_batch());
    }

    #[test]
    fn an_epoch_has_every_image_at_most_once_and_drops_the_last_part() {
        let mut batches = Batches::new(1, 103, 10).unwrap();
        assert_eq!(batches.per_epoch(), 10);
        let mut first = epoch(&mut batches);
        let mut second = epoch(&mut batches);
        assert_ne!(first, second);
        assert_eq!(batches.position().epoch, 1);
        for order in [&mut first, &mut second] {
            order.sort_unstable();
            order.dedup();
            assert_eq!(order.len(), 100);
            assert!(order.iter().all(|i| *i < 103));
        }
    }

    #[test]
    fn the_order_depends_on_seed_and_epoch_only() {
        let mut a = Batches::new(5, 50, 5).unwrap();
        let skipped = epoch(&mut a);
        let expected = epoch(&mut a);
        let mut b = Batches::resume(5, 50, 5, Position { epoch: 1, index: 0 }).unwrap();
        assert_eq!(epoch(&mut b), expected);
        // The batch size does not change the order either.
        let mut c = Batches::new(5, 50, 25).unwrap();
        assert_eq!(epoch(&mut c), skipped);
        let mut d = Batches::new(6, 50, 5).unwrap();
        assert_ne!(epoch(&mut d), skipped);
    }

    #[test]
    fn resuming_anywhere_gives_the_same_batches() {
        let mut run = Batches::new(9, 23, 4).unwrap();
        for _ in 0..20 {
            let mut resumed = Batches::resume(9, 23, 4, run.position()).unwrap();
            for _ in 0..12 {
                let mut ahead = run.clone();
                assert_eq!(ahead.next_batch(), resumed.clone().next_batch());
                resumed.next_batch();
                run.next_batch();
            }
        }
    }

    #[test]
    fn impossible_batches_and_positions_are_refused() {
        for (images, batch) in [(10, 0), (10, 11), (0, 1)] {
            let refused = Batches::new(0, images, batch);
            assert!(matches!(refused, Err(DataError::BatchSize { .. })));
        }
        let far = Position {
            epoch: 0,
            index: u64::MAX,
        };
        let refused = Batches::resume(0, 10, 2, far);
        assert!(matches!(refused, Err(DataError::Position { .. })));
    }

    #[test]
    fn the_first_order_is_pinned() {
        let mut batches = Batches::new(0, 10, 10).unwrap();
        // Changing this breaks `--resume` of every run there is.
        let pinned = [5, 3, 2, 4, 8, 1, 9, 0, 6, 7];
        assert_eq!(batches.next_batch().indices, pinned);
    }
}
