//! A data set in memory: pixels, labels, class names.

use std::borrow::Cow;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::error::{BrokenFile, DataError};
use crate::colour::Colour;

/// Images of one shape with or without labels. All images are there at once, one byte per channel.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Split {
    pixels: Vec<u8>,
    labels: Option<Vec<u16>>,
    image_len: usize,
}

impl Split {
    /// Takes `pixels`, the images one after the other, each planar (channel, row, column) and
    /// `image_len` bytes, and one label per image, if there are labels.
    ///
    /// # Errors
    /// [`DataError::Inconsistent`] when the pixels are not whole images or the labels are not as
    /// many as the images.
    pub fn new(
        pixels: Vec<u8>,
        labels: Option<Vec<u16>>,
        image_len: usize,
    ) -> Result<Self, DataError> {
        let images = pixels.len().checked_div(image_len).unwrap_or(0);
        let pairs = [
            (images.saturating_mul(image_len), pixels.len()),
            (images, labels.as_ref().map_or(images, Vec::len)),
        ];
        if let Some((expected, found)) = pairs.into_iter().find(|(a, b)| a != b) {
            return Err(DataError::Inconsistent { expected, found });
        }
        Ok(Self {
            pixels,
            labels,
            image_len,
        })
    }

    pub fn len(&self) -> usize {
        self.pixels.len().checked_div(self.image_len).unwrap_or(0)
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of one image: channels x rows x columns.
    pub fn image_len(&self) -> usize {
        self.image_len
    }

    /// Image `index`, planar (channel, row, column), 0 black to 255 white.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let start = index.checked_mul(self.image_len)?;
        self.pixels.get(start..start.checked_add(self.image_len)?)
    }

    /// Class of image `index`, an index into [`Dataset::classes`].
    pub fn label(&self, index: usize) -> Option<u16> {
        self.labels.as_ref()?.get(index).copied()
    }

    /// All pixels, N x C x H x W.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All labels, if the data set has any.
    pub fn labels(&self) -> Option<&[u16]> {
        self.labels.as_deref()
    }

    /// Gives each label another number.
    pub(super) fn relabel(&mut self, number: impl Fn(u16) -> usize) {
        for label in self.labels.iter_mut().flatten() {
            *label = u16::try_from(number(*label)).unwrap_or(0);
        }
    }

    /// Keeps the first `count` images at most.
    pub(super) fn truncate(&mut self, count: usize) {
        self.pixels.truncate(count.saturating_mul(self.image_len));
        self.pixels.shrink_to_fit();
        if let Some(labels) = &mut self.labels {
            labels.truncate(count);
        }
    }

    /// The same images and labels with the pixels that `change` makes of these.
    pub(super) fn with_pixels(
        self,
        image_len: usize,
        change: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, DataError>,
    ) -> Result<Self, DataError> {
        Self::new(change(self.pixels)?, self.labels, image_len)
    }

    fn hash_into(&self, hash: &mut Sha256) {
        hash.update((self.len() as u64).to_le_bytes());
        hash.update(&self.pixels);
        match &self.labels {
            None => hash.update([0]),
            Some(labels) => {
                hash.update([1]);
                let bytes: Vec<u8> = labels.iter().flat_map(|l| l.to_le_bytes()).collect();
                hash.update(&bytes);
            }
        }
    }
}

impl std::fmt::Debug for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Split")
            .field("images", &self.len())
            .field("image_len", &self.image_len)
            .field("labelled", &self.labels.is_some())
            .finish()
    }
}

/// A data set in memory.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Short name: `glyphs`, `mnist`, `fashion-mnist`, or the folder's.
    pub name: String,
    /// 1 for grey, 3 for red, green, blue, 4 for these and alpha. Colours are straight: not
    /// multiplied with alpha.
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// Names of the classes in the order of the labels; empty when there are no labels.
    pub classes: Vec<String>,
    pub train: Split,
    /// Images held back to measure with.
    pub test: Split,
    /// Of a stacked set: the grey set whose images are its channels.
    pub digits: Option<Arc<Dataset>>,
    /// What the user should be told: skipped files, a split made here. One sentence each.
    pub notes: Vec<String>,
    /// Files that were skipped because they cannot be decoded (folders only).
    pub broken: Vec<BrokenFile>,
    /// Whether the test images of a folder were chosen here: it does not say which they are.
    pub split_here: bool,
}

impl Dataset {
    /// Deals all images anew, every second one for the test: for a folder that nothing is trained
    /// on, only compared with.
    pub fn hold_back_half(&mut self) {
        let all = |split: &Split| -> Vec<(Vec<u8>, Option<u16>)> {
            let image = |index| Some((split.image(index)?.to_vec(), split.label(index)));
            (0..split.len()).filter_map(image).collect()
        };
        let images = [all(&self.train), all(&self.test)].concat();
        let length = self.image_len();
        let every_second = |first: usize| {
            let dealt = || images.iter().skip(first).step_by(2);
            let pixels = dealt().flat_map(|(pixels, _)| pixels.iter().copied());
            let labels: Option<Vec<u16>> = dealt().map(|(_, label)| *label).collect();
            Split::new(pixels.collect(), labels, length)
        };
        if let (Ok(train), Ok(test)) = (every_second(0), every_second(1)) {
            (self.train, self.test) = (train, test);
        }
    }

    /// SHA-256, in hexadecimal, of all that training depends on: shape, class names, pixels and
    /// labels of both splits, in order. The same data gives the same fingerprint on every machine.
    ///
    /// Hashed are, in this order:
    /// - the text `dreamlet.dataset.1`;
    /// - as little-endian `u64`: the channels, rows, columns and number of classes;
    /// - each class name as its length and bytes;
    /// - for each split: the number of images, the pixels, a byte 0 or 1 for "has labels", and the
    ///   labels as little-endian `u16`.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"dreamlet.dataset.1");
        for number in [self.channels, self.height, self.width, self.classes.len()] {
            hash.update((number as u64).to_le_bytes());
        }
        for class in &self.classes {
            hash.update((class.len() as u64).to_le_bytes());
            hash.update(class.as_bytes());
        }
        self.train.hash_into(&mut hash);
        self.test.hash_into(&mut hash);
        crate::atomic_file::hex(&hash.finalize())
    }

    /// The same images as they are seen over `background`: without alpha.
    pub(crate) fn over(&self, background: Colour) -> Cow<'_, Self> {
        if self.channels != 4 {
            return Cow::Borrowed(self);
        }
        let image_len = self.image_len() / 4 * 3;
        let split = |split: &Split| Split {
            pixels: (0..split.len())
                .filter_map(|index| split.image(index))
                .flat_map(|image| background.under(image, 4))
                .collect(),
            labels: split.labels.clone(),
            image_len,
        };
        Cow::Owned(Self {
            name: self.name.clone(),
            channels: 3,
            classes: self.classes.clone(),
            train: split(&self.train),
            test: split(&self.test),
            digits: self.digits.clone(),
            notes: self.notes.clone(),
            broken: self.broken.clone(),
            ..*self
        })
    }

    /// Channels, rows and columns of an image.
    pub(crate) fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// Bytes (and generator outputs) of one image: channels x rows x columns.
    pub fn image_len(&self) -> usize {
        self.train.image_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Dataset {
        Dataset {
            name: "tiny".into(),
            channels: 1,
            height: 1,
            width: 2,
            classes: vec!["a".into(), "b".into()],
            train: Split::new(vec![1, 2, 3, 4], Some(vec![0, 1]), 2).unwrap(),
            test: Split::new(vec![5, 6], None, 2).unwrap(),
            ..Dataset::default()
        }
    }

    #[test]
    fn images_outside_the_split_are_none() {
        let data = tiny();
        assert_eq!(data.train.len(), 2);
        assert_eq!(data.train.image(1), Some(&[3, 4][..]));
        assert_eq!(data.train.image(2), None);
        assert_eq!(data.train.image(usize::MAX), None);
        assert_eq!(data.train.label(1), Some(1));
        assert_eq!(data.train.label(2), None);
        assert_eq!(data.test.label(0), None);
    }

    #[test]
    fn a_split_that_does_not_add_up_is_refused() {
        assert!(Split::new(vec![0; 5], None, 2).is_err());
        assert!(Split::new(vec![0; 5], None, 0).is_err());
        assert!(Split::new(vec![0; 4], Some(vec![0; 3]), 2).is_err());
        assert!(Split::new(Vec::new(), None, 0).unwrap().is_empty());
    }

    #[test]
    fn the_fingerprint_sees_every_part_and_not_the_name() {
        let base = tiny().fingerprint();
        let changed = |change: fn(&mut Dataset)| {
            let mut data = tiny();
            change(&mut data);
            data.fingerprint()
        };
        assert_eq!(base, changed(|d| d.name.push('x')));
        assert_ne!(base, changed(|d| d.width = 1));
        assert_ne!(base, changed(|d| d.classes[1].push('x')));
        assert_ne!(base, changed(|d| d.train.pixels[3] = 9));
        assert_ne!(base, changed(|d| d.train.labels = Some(vec![1, 1])));
        assert_ne!(base, changed(|d| d.train.labels = None));
        assert_ne!(base, changed(|d| d.test.pixels[0] = 9));
    }
}
