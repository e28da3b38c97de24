//! Images to train on: built-in glyphs, MNIST and Fashion-MNIST, IDX files, folders of images.
//!
//! [`load`] reads a whole data set into memory as bytes, planar (channel, row, column), in the size
//! and with the channels that the options say. [`Batches`] says which images come next: a pure
//! function of a seed and a position. [`Augment`] changes them: a pure function of seed, epoch and
//! image.
//!
//! ```
//! use dreamlet_trainer::data::{self, Batches, DataSpec, LoadOptions};
//! let options = LoadOptions { limit: Some(100), ..LoadOptions::default() };
//! let data = data::load(&DataSpec::Glyphs, &options)?;
//! assert_eq!((data.channels, data.height, data.width), (1, 28, 28));
//! let mut batches = Batches::new(7, data.train.len(), 32)?;
//! let batch = batches.next_batch();
//! assert_eq!(batch.indices.len(), 32);
//! # Ok::<(), data::DataError>(())
//! ```

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
mod raw;
mod shape;
mod spec;

pub(crate) use augment::{Augment, gather, value_of_byte};
pub(crate) use batches::{BatchIndices, Batches, Position};
pub use dataset::Dataset;
pub(crate) use dataset::Split;
pub(crate) use error::DataError;
pub(crate) use folder::FolderImages;
pub use load::load;
pub(crate) use locations::cache_dir;
pub use options::LoadOptions;
pub(crate) use progress::{Bar, Progress, Silent, Unit};
pub use spec::DataSpec;
