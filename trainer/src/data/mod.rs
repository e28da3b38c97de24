//! Images to train on: built-in glyphs, MNIST, Fashion-MNIST and stacked MNIST, IDX files, folders of images.
//!
//! [`load`](fn@load) reads a whole data set into memory as bytes, planar (channel, row, column), in the size
//! and with the channels that the options say. [`Batches`] says which images come next: a pure
//! function of a seed and a position. [`Augment`] changes them: a pure function of seed, epoch and
//! image.

mod augment;
mod batches;
mod convert;
mod dataset;
mod download;
mod error;
mod folder;
mod glyphs;
mod idx;
mod idx_folder;
mod load;
mod locations;
mod mnist;
mod options;
mod parallel;
mod progress;
mod shape;
mod spec;
mod stacked;

pub(crate) use augment::{Augment, gather, value_of_byte};
pub(crate) use batches::{BatchIndices, Batches, Position};
pub use dataset::Dataset;
pub(crate) use dataset::Split;
pub(crate) use error::DataError;
pub(crate) use folder::{FolderImages, Survey, is_archive, read_image, survey};
pub use load::load;
pub(crate) use locations::cache_dir;
pub use options::LoadOptions;
pub(crate) use progress::{Bar, Progress, Silent, Unit};
pub use spec::DataSpec;
pub(crate) use stacked::{DIGITS, Stack, stack};
