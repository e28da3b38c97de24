//! The images of a folder one part after the other, so that none need be kept.

use std::path::Path;

use super::super::error::DataError;
use super::super::progress::Silent;
use super::super::shape::{Shape, image_len, wanted};
use super::decode::decode;
use super::scan::{Broken, Listing, scan};
use crate::colour::Colour;

/// The images of a folder, in the order of [`load`](fn@crate::data::load): training and test images
/// alike, decoded when they are wanted.
#[derive(Debug)]
pub(crate) struct FolderImages {
    listing: Listing,
    shape: Shape,
    background: Colour,
    read: usize,
    /// The broken ones among them.
    broken: Vec<Broken>,
}

impl FolderImages {
    /// Lists the folder or archive. Images will be squares of `size` pixels with so many `channels`, 1, 3 or 4,
    /// over `background` where they are transparent.
    ///
    /// # Errors
    /// [`DataError`]: a size or number of channels that cannot be, a folder that cannot be read or
    /// has no images.
    pub(crate) fn open(
        folder: &Path,
        size: usize,
        channels: usize,
        background: Colour,
    ) -> Result<Self, DataError> {
        Ok(Self {
            background,
            shape: wanted([channels, size, size], Some(size), None)?,
            listing: scan(folder)?,
            read: 0,
            broken: Vec::new(),
        })
    }

    pub(crate) fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of images: files that are not found to be broken so far.
    pub(crate) fn len(&self) -> usize {
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
        let wanted = count.saturating_mul(image_len(self.shape));
        let mut pixels = Vec::new();
        while pixels.len() < wanted && self.read < self.listing.files.len() {
            let missing = (wanted - pixels.len()) / image_len(self.shape);
            let end = (self.read + missing).min(self.listing.files.len());
            let files = &self.listing.files[self.read..end];
            let found = decode(
                &self.listing.source,
                files,
                self.shape,
                self.background,
                &Silent,
            )?;
            let broken = found.broken.into_iter();
            self.broken
                .extend(broken.map(|(index, reason)| (self.read + index, reason)));
            pixels.extend(found.pixels);
            self.read = end;
            self.listing.refuse_many_broken(&self.broken)?;
        }
        Ok(pixels)
    }

    /// What the user should be told: files that are left out. One sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let notes = self.listing.notes.iter().cloned();
        notes
            .chain(self.listing.note_broken(&self.broken))
            .collect()
    }
}
