//! How to load a data set.

use std::path::PathBuf;

use super::error::DataError;
use super::locations::{cache_dir, data_dir};
use super::progress::Progress;
use crate::colour::Colour;

/// Edge length of images from a folder when none is given.
pub(crate) const DEFAULT_FOLDER_SIZE: usize = 64;

/// How to load a data set. The default asks for the images' own size and channels and looks into
/// the usual places.
#[derive(Clone, Default)]
pub struct LoadOptions<'a> {
    /// Edge length in pixels, a multiple of 4 from 16 to 128. `None`: the images' own, or
    /// [`DEFAULT_FOLDER_SIZE`] for a folder.
    pub size: Option<usize>,
    /// 1 for grey, 3 for RGB, 4 for RGB and alpha (folders only). `None`: the images' own, or 3 for a folder.
    pub channels: Option<usize>,
    /// Under what is transparent in a folder's images, and the colour of pixels that are wholly
    /// transparent; white by default.
    pub background: Colour,
    /// Only the first so many training images (all test images stay).
    pub limit: Option<usize>,
    /// The folder with the user's copies of published sets, instead of `DREAMLET_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
    /// The cache folder, instead of `DREAMLET_CACHE_DIR` or the system's.
    pub cache_dir: Option<PathBuf>,
    /// Decode a folder's images afresh and keep nothing.
    pub no_cache: bool,
    pub offline: bool,
    /// Hears how far loading has come.
    pub progress: &'a dyn Progress,
}

impl LoadOptions<'_> {
    pub(super) fn data_dir(&self) -> Option<PathBuf> {
        self.data_dir.clone().or_else(data_dir)
    }

    pub(super) fn cache_dir(&self) -> Result<PathBuf, DataError> {
        self.cache_dir.clone().map_or_else(cache_dir, Ok)
    }
}
