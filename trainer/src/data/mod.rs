//! Images to train on: built-in glyphs, MNIST and Fashion-MNIST, IDX files, folders of images.
//!
//! [`load`] reads a whole data set into memory as bytes, planar (channel, row, column), with the size and
//! the number of channels that are asked for. [`Batches`] says which images come next, as a pure function of a
//! seed and a position, and [`Augment`] changes them, as a pure function of seed, epoch and image.
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
mod mnist;
mod parallel;
mod places;
mod progress;
mod spec;

use std::path::PathBuf;

pub use augment::{Augment, gather, value_of_byte};
pub use batches::{Batch, Batches, Position};
pub use dataset::{Dataset, Split};
pub use error::{BrokenFile, DataError};
pub use folder::FolderImages;
pub use places::{CACHE_DIR_VARIABLE, DATA_DIR_VARIABLE, cache_dir, data_dir};
pub use progress::{Bar, Progress, Silent, Unit};
pub use spec::{DataSpec, VALID_SPECS};

use convert::Shape;
use idx_folder::{Raw, RawSplit};

/// Edge length of images from a folder when none is asked for.
pub const DEFAULT_FOLDER_SIZE: usize = 64;

/// How to load a data set. The default asks for the images' own size and channels and looks into the
/// usual places.
#[derive(Clone)]
pub struct LoadOptions<'a> {
    /// Edge length in pixels, a multiple of 4 from 16 to 128. `None`: the images' own, or
    /// [`DEFAULT_FOLDER_SIZE`] for a folder.
    pub size: Option<usize>,
    /// 1 for grey, 3 for RGB. `None`: the images' own, or 3 for a folder.
    pub channels: Option<usize>,
    /// Only the first so many training images (all test images stay).
    pub limit: Option<usize>,
    /// The folder with the user's copies of published sets, instead of `DREAMLET_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
    /// The cache folder, instead of `DREAMLET_CACHE_DIR` or the system's.
    pub cache_dir: Option<PathBuf>,
    /// Decode a folder's images afresh and keep nothing.
    pub no_cache: bool,
    /// Never use the network.
    pub offline: bool,
    /// Addresses of folders to download from, instead of the built-in ones.
    pub mirrors: Vec<String>,
    /// Number of threads; 0 means one for each core. The result does not depend on it.
    pub threads: usize,
    /// Hears how far loading has come.
    pub progress: &'a dyn Progress,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self {
            size: None,
            channels: None,
            limit: None,
            data_dir: None,
            cache_dir: None,
            no_cache: false,
            offline: false,
            mirrors: Vec::new(),
            threads: 0,
            progress: &Silent,
        }
    }
}

impl LoadOptions<'_> {
    fn data_dir(&self) -> Option<PathBuf> {
        self.data_dir.clone().or_else(data_dir)
    }

    fn cache_dir(&self) -> Result<PathBuf, DataError> {
        self.cache_dir.clone().map_or_else(cache_dir, Ok)
    }

    fn threads(&self) -> usize {
        parallel::threads(self.threads)
    }
}

/// Loads a data set.
///
/// # Errors
/// [`DataError`], one variant for each way the data or the options can be wrong; its text says what to do.
pub fn load(spec: &DataSpec, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let mut data = match spec {
        DataSpec::Glyphs => glyphs::load(options)?,
        DataSpec::Mnist => fit(mnist::MNIST.load(options)?, options)?,
        DataSpec::FashionMnist => fit(mnist::FASHION_MNIST.load(options)?, options)?,
        DataSpec::Idx(folder) => fit(idx_folder::load(folder)?, options)?,
        DataSpec::Folder(folder) => folder::load(folder, options)?,
    };
    if let Some(limit) = options.limit {
        data.train.truncate(limit);
    }
    data.name = spec.name();
    Ok(data)
}

/// Brings a data set to the shape that is asked for.
fn fit(mut raw: Raw, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let shape = raw.shape.wanted(options.size, options.channels)?;
    if let Some(limit) = options.limit {
        raw.train
            .pixels
            .truncate(limit.saturating_mul(raw.shape.image_len()));
        if let Some(labels) = &mut raw.train.labels {
            labels.truncate(limit);
        }
    }
    let split = |half: RawSplit| {
        let pixels = convert::convert(
            half.pixels,
            raw.shape,
            shape,
            options.threads(),
            options.progress,
        )?;
        Split::new(pixels, half.labels, shape.image_len())
    };
    Ok(assemble(
        shape,
        raw.classes,
        split(raw.train)?,
        split(raw.test)?,
        raw.notes,
    ))
}

/// A data set without its name.
fn assemble(
    shape: Shape,
    classes: Vec<String>,
    train: Split,
    test: Split,
    notes: Vec<String>,
) -> Dataset {
    Dataset {
        name: String::new(),
        channels: shape.channels,
        height: shape.height,
        width: shape.width,
        classes,
        train,
        test,
        notes,
        broken: Vec::new(),
    }
}
