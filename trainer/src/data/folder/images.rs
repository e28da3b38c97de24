//! The images of a folder one part after the other, so that none need be kept.

use std::path::{Path, PathBuf};

use super::super::convert::{Broken, convert_files};
use super::super::error::DataError;
use super::super::idx_folder::check_folder;
use super::super::progress::Silent;
use super::super::shape::{Shape, check_channels, check_size};
use super::broken::{note_broken, refuse_many_broken};
use super::decode::read;
use super::scan::{self, Listing};

/// The images of a folder, in the order of [`load`](fn@crate::data::load): training and test images
/// alike, decoded when they are wanted.
#[derive(Debug)]
pub(crate) struct FolderImages {
    folder: PathBuf,
    listing: Listing,
    shape: Shape,
    read: usize,
    /// The broken ones among them.
    broken: Vec<Broken>,
}

impl FolderImages {
    /// Lists the folder. Images will be squares of `size` pixels with so many `channels`, 1 or 3.
    ///
    /// # Errors
    /// [`DataError`]: a size or number of channels that cannot be, a folder that cannot be read or
    /// has no images.
    pub(crate) fn open(folder: &Path, size: usize, channels: usize) -> Result<Self, DataError> {
        let shape = Shape::square(check_channels(channels)?, check_size(size)?);
        check_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            listing: scan::scan(folder)?,
            shape,
            read: 0,
            broken: Vec::new(),
        })
    }

    pub(crate) fn shape(&self) -> [usize; 3] {
        [self.shape.channels, self.shape.height, self.shape.width]
    }

    /// Number of images: files that are not found to be broken so far.
    pub(crate) fn images(&self) -> usize {
        self.listing.files.len() - self.broken.len()
    }

    /// Number of images that were given since the beginning.
    pub(crate) fn given(&self) -> usize {
        self.read - self.broken.len()
    }

    /// Goes back to the first image.
    pub(crate) fn rewind(&mut self) {
        self.read = 0;
        self.broken.clear();
    }

    /// The next `count` images, planar, one after the other; fewer at the end. Broken files are
    /// left out.
    pub(crate) fn next_images(&mut self, count: usize) -> Result<Vec<u8>, DataError> {
        let wanted = count.saturating_mul(self.shape.image_len());
        let mut pixels = Vec::new();
        while pixels.len() < wanted && self.read < self.listing.files.len() {
            let missing = (wanted - pixels.len()) / self.shape.image_len().max(1);
            let end = (self.read + missing).min(self.listing.files.len());
            let files = self.listing.files.get(self.read..end).unwrap_or_default();
            let found = convert_files(files.len(), self.shape, 0, &Silent, |index| {
                read(files, index)
            })?;
            let broken = found.broken.into_iter();
            self.broken
                .extend(broken.map(|(index, reason)| (self.read + index, reason)));
            pixels.extend(found.pixels);
            self.read = end;
            refuse_many_broken(&self.folder, &self.listing, &self.broken)?;
        }
        Ok(pixels)
    }

    /// What the user should be told: files that are left out. One sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.listing.notes.clone();
        notes.extend(note_broken(self.broken.len(), self.listing.files.len()));
        notes
    }
}
