//! A compiled model, where it lies.

use super::check::check;
use super::class_names::class_name;
use super::format::{
    ALIGNMENT, FormatError, Glance, HEADER_LEN, Header, LAYER_LEN, Layer, checksum, split_trailer,
};
use super::limits::{MAX_LAYERS, ModelLimits};
use super::work::work;
use crate::image::{PixelRange, Shape};
use crate::latent::Distribution;

/// A compiled model that has been checked. It borrows the file's bytes and copies nothing.
#[derive(Clone, Copy)]
pub struct Model<'m> {
    header: Header,
    layers: &'m [u8],
    card: &'m [u8],
    weights: &'m [u8],
}

/// Without the bytes of layers and weights, which nobody reads.
impl core::fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut text = f.debug_struct("Model");
        text.field("header", &self.header).finish_non_exhaustive()
    }
}

impl<'m> Model<'m> {
    /// Checks a file of `dreamlet compile` and makes it ready. The bytes must begin at a multiple
    /// of 4, as [`include_model!`](crate::include_model) and memory maps do. Takes the time of
    /// reading the bytes once. A signature at the end is left aside: `new_signed` (feature `signed`)
    /// verifies it.
    ///
    /// # Errors
    /// [`FormatError`] with the first thing that is wrong, such as more work than
    /// [`ModelLimits::DEFAULT`] allows.
    pub fn new(file: &'m [u8]) -> Result<Self, FormatError> {
        Self::with_limits(file, &ModelLimits::DEFAULT)
    }

    /// The same, for files whose images may cost no more than `limits`.
    ///
    /// ```
    /// use dreamlet_runtime::engine::compiled::{FormatError, ModelLimits};
    /// # use dreamlet_runtime::{Model, ModelFile, include_model};
    /// # const DIGITS: ModelFile = include_model!("../../../../models/pico/pico.dream");
    /// # let file = DIGITS.bytes();
    /// let limits = ModelLimits { work: 10_000, ..ModelLimits::DEFAULT };
    /// let error = Model::with_limits(file, &limits).unwrap_err();
    /// assert!(matches!(error, FormatError::Work { limit: 10_000, .. }));
    /// ```
    ///
    /// # Errors
    /// [`FormatError`] with the first thing that is wrong.
    pub fn with_limits(file: &'m [u8], limits: &ModelLimits) -> Result<Self, FormatError> {
        let (file, _) = split_trailer(file);
        let header = Header::parse(file)?;
        if header.file_len as usize != file.len() {
            return Err(FormatError::Length {
                expected: header.file_len.into(),
                found: file.len(),
            });
        }
        let found = checksum(file.get(super::format::CHECKED_FROM..).unwrap_or_default());
        if found != header.checksum {
            return Err(FormatError::Checksum {
                expected: header.checksum,
                found,
            });
        }
        if header.layers > limits.layers {
            return Err(FormatError::Layers {
                limit: limits.layers,
                found: header.layers,
            });
        }
        let model = Self::without_checksum(file)?;
        let found = work(model.layers(), model.weights);
        if found > limits.work {
            return Err(FormatError::Work {
                limit: limits.work,
                found,
            });
        }
        Ok(model)
    }

    /// The same of bytes whose magic, version, length and checksum were found right before.
    pub(super) fn without_checksum(file: &'m [u8]) -> Result<Self, FormatError> {
        let header = Header::parse(file)?;
        if !file.as_ptr().addr().is_multiple_of(4) {
            return Err(FormatError::Unaligned);
        }
        check_header(&header)?;
        let model = Self::sections(file)?;
        for (index, layer) in model.layers().enumerate() {
            check(index, &layer?, &header, model.weights)?;
        }
        Ok(model)
    }

    /// Cuts a file into its sections.
    fn sections(file: &'m [u8]) -> Result<Self, FormatError> {
        let header = Header::parse(file)?;
        let (layers, rest) = section(file, HEADER_LEN, header.layers as usize * LAYER_LEN).ok_or(
            FormatError::Header {
                field: "number of layers",
                found: header.layers,
            },
        )?;
        let card_error = FormatError::Header {
            field: "bytes of the card",
            found: header.card_len,
        };
        let (card, rest) = section(file, rest, header.card_len as usize).ok_or(card_error)?;
        let weights = file
            .get(rest.next_multiple_of(ALIGNMENT)..)
            .ok_or(card_error)?;
        Ok(Self {
            header,
            layers,
            card,
            weights,
        })
    }

    /// The model in bytes that [`Self::new`] has accepted before; one without layers if they are
    /// others.
    #[cfg(feature = "std")]
    pub(super) fn checked(file: &'m [u8]) -> Self {
        Self::sections(file).unwrap_or(Self {
            header: Header::EMPTY,
            layers: &[],
            card: &[],
            weights: &[],
        })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The layers, in the order they are run. Of a checked model none is an error.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = Result<Layer, FormatError>> + use<'m> {
        let records: &'m [[u8; LAYER_LEN]] = self.layers.as_chunks().0;
        records
            .iter()
            .enumerate()
            .map(|(index, record)| Layer::parse(index, record))
    }

    /// Layer number `layer`.
    pub(super) fn layer(&self, layer: usize) -> Option<Layer> {
        let record = self.layers.as_chunks().0.get(layer)?;
        Layer::parse(layer, record).ok()
    }

    /// What sizes of memory depend on.
    pub(super) fn glance(&self) -> Glance {
        let last = self.layer(self.layers().len().saturating_sub(1));
        Glance {
            scratch_len: self.header.scratch_len as usize,
            shape: self.header.shape,
            layers: self.header.layers as usize,
            element_size: last.map_or(0, |layer| layer.output_dtype.size()),
        }
    }

    /// The table of layers.
    pub(super) const fn records(&self) -> &'m [u8] {
        self.layers
    }

    /// The section of weights.
    #[must_use]
    pub const fn weights(&self) -> &'m [u8] {
        self.weights
    }

    /// The card: JSON for `Card::from_json`, which needs feature `alloc`. Empty if there is none.
    #[must_use]
    pub const fn card(&self) -> &'m [u8] {
        self.card
    }

    /// Name of a class, from the card; `None` without a card, beyond the last class, and for a name
    /// with escaped characters. No heap is needed.
    #[must_use]
    pub fn class_name(&self, class: usize) -> Option<&'m str> {
        class_name(self.card, class)
    }

    /// Elements of the latent vector.
    #[must_use]
    pub const fn latent_len(&self) -> usize {
        self.header.latent_len as usize
    }

    /// What the latent vector is drawn from.
    #[must_use]
    pub const fn distribution(&self) -> Distribution {
        self.header.distribution
    }

    /// Shape of the image.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.header.shape
    }

    /// What black and white are in the image.
    #[must_use]
    pub const fn range(&self) -> PixelRange {
        self.header.range
    }

    /// Number of classes, 0 for an unconditional model.
    #[must_use]
    pub const fn classes(&self) -> usize {
        self.header.classes as usize
    }

    /// Elements of an image.
    #[must_use]
    pub const fn image_len(&self) -> usize {
        // Checked when the model was made.
        match self.header.shape.len() {
            Some(len) => len,
            None => 0,
        }
    }

    /// Scratch bytes for one image, room to align them included. In a constant:
    /// [`scratch_len`](super::scratch_len).
    #[must_use]
    pub const fn scratch_len(&self) -> usize {
        self.header.scratch_len as usize + ALIGNMENT - 1
    }
}

fn section(file: &[u8], from: usize, len: usize) -> Option<(&[u8], usize)> {
    let end = from.checked_add(len)?;
    Some((file.get(from..end)?, end))
}

fn check_header(header: &Header) -> Result<(), FormatError> {
    let wrong = |field, found| Err(FormatError::Header { field, found });
    if header.latent_len == 0 || header.latent_len > 1 << 16 {
        return wrong("length of the latent vector", header.latent_len);
    }
    if header.classes > 1 << 16 {
        return wrong("classes", header.classes);
    }
    if header.shape.check().is_err() {
        return wrong(
            "values of an image",
            u32::try_from(header.shape.len().unwrap_or(0)).unwrap_or(u32::MAX),
        );
    }
    if header.range.check().is_err() {
        return wrong("pixel range", header.range.low.to_bits());
    }
    if header.layers == 0 || header.layers > MAX_LAYERS {
        return wrong("number of layers", header.layers);
    }
    if header.scratch_len > 1 << 30 || !(header.scratch_len as usize).is_multiple_of(ALIGNMENT) {
        return wrong("bytes of scratch memory", header.scratch_len);
    }
    Ok(())
}

/// Bytes at a multiple of 64, for [`include_model!`](crate::include_model).
#[doc(hidden)]
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Aligned<T: ?Sized>(pub T);
