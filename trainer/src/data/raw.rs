//! What a loader gives: decoded images of the shape that they have, and their labels.

use super::shape::Shape;

/// Images of one shape, planar, one after the other.
#[derive(Debug)]
pub(super) struct Images {
    pub(super) shape: Shape,
    pub(super) pixels: Vec<u8>,
}

impl Images {
    pub(super) fn len(&self) -> usize {
        self.pixels
            .len()
            .checked_div(self.shape.image_len())
            .unwrap_or(0)
    }
}

/// A data set whose images have not got the shape of the nets yet.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) shape: Shape,
    pub(super) train: RawSplit,
    pub(super) test: RawSplit,
    pub(super) classes: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// One split of a [`Raw`] data set.
#[derive(Debug, Default)]
pub(super) struct RawSplit {
    pub(super) pixels: Vec<u8>,
    pub(super) labels: Option<Vec<u16>>,
}
