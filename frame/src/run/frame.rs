//! An image between the two threads.

use std::time::Duration;

use crate::picture::Canvas;

/// An image that was made.
#[derive(Debug)]
pub struct Frame {
    /// The image.
    pub canvas: Canvas,
    /// How long it took to make.
    pub took: Duration,
    /// Its seed; on a walk the seed it comes from.
    pub seed: u64,
    /// Which round of orders it belongs to: a button or a new model begins another.
    pub round: u32,
}
