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

pub use augment::{Augment, gather, value_of_byte};
pub use batches::{BatchIndices, Batches, Position};
pub use dataset::{Dataset, Split};
pub use error::{BrokenFile, DataError, VALID_SPECS};
pub use folder::FolderImages;
pub use load::load;
pub use locations::{CACHE_DIR_VARIABLE, DATA_DIR_VARIABLE, cache_dir, data_dir};
pub use options::{DEFAULT_FOLDER_SIZE, LoadOptions};
pub use progress::{Bar, Progress, Silent, Unit};
pub use spec::DataSpec;
