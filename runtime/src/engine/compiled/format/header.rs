//! The first bytes of the file.

use super::bytes::word;
use super::error::FormatError;
use crate::image::{PixelRange, Shape};
use crate::latent::Distribution;

/// The first eight bytes of the file.
pub const MAGIC: [u8; 8] = *b"dreamlet";
/// The newest format that is written and read.
pub const VERSION: u16 = 3;
/// Bytes of the header.
pub const HEADER_LEN: usize = 64;
/// Where the checksummed bytes begin.
pub const CHECKED_FROM: usize = 20;

/// Where the fields begin, in bytes.
pub(crate) mod field {
    pub(crate) const VERSION: usize = 8;
    pub(crate) const FILE_LEN: usize = 12;
    pub(crate) const CHECKSUM: usize = 16;
    pub(crate) const SCRATCH_LEN: usize = 20;
    pub(crate) const LATENT_LEN: usize = 24;
    pub(crate) const CLASSES: usize = 28;
    pub(crate) const CHANNELS: usize = 32;
    pub(crate) const HEIGHT: usize = 36;
    pub(crate) const WIDTH: usize = 40;
    pub(crate) const LOW: usize = 44;
    pub(crate) const HIGH: usize = 48;
    pub(crate) const LAYERS: usize = 52;
    pub(crate) const CARD_LEN: usize = 56;
    pub(crate) const DISTRIBUTION: usize = 60;
}

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Header {
    /// The format: the first one that has all the file's operations
    /// ([`Layer::version`](super::Layer::version)), so that older engines read what they can run.
    pub version: u16,
    /// Bytes of the whole file.
    pub file_len: u32,
    /// [`checksum`](super::checksum()) of the bytes from 20 to the end.
    pub checksum: u32,
    /// Bytes of scratch memory for one image, without room to align it.
    pub scratch_len: u32,
    /// Elements of the latent vector.
    pub latent_len: u32,
    /// Number of classes, 0 for an unconditional model.
    pub classes: u32,
    /// Shape of the image.
    pub shape: Shape,
    /// What black and white are in the image.
    pub range: PixelRange,
    /// What the latent vector is drawn from.
    pub distribution: Distribution,
    /// Number of layers.
    pub layers: u32,
    /// Bytes of the card, JSON; 0 for none.
    pub card_len: u32,
}

impl Header {
    /// Of a model that makes nothing.
    #[cfg(feature = "std")]
    pub(crate) const EMPTY: Self = Self {
        version: VERSION,
        file_len: 0,
        checksum: 0,
        scratch_len: 0,
        latent_len: 0,
        classes: 0,
        shape: Shape {
            channels: 1,
            height: 0,
            width: 0,
        },
        range: PixelRange::UNIT,
        distribution: Distribution::Normal,
        layers: 0,
        card_len: 0,
    };

    /// Reads a header and checks magic and version, nothing else.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn parse(file: &[u8]) -> Result<Self, FormatError> {
        let Some(bytes) = file.first_chunk::<HEADER_LEN>() else {
            return Err(FormatError::TooShort {
                expected: HEADER_LEN,
                found: file.len(),
            });
        };
        if !bytes.starts_with(&MAGIC) {
            return Err(FormatError::Magic);
        }
        let version = u16::from_le_bytes([bytes[field::VERSION], bytes[field::VERSION + 1]]);
        if version == 0 || version > VERSION {
            return Err(FormatError::Version {
                newest: VERSION,
                found: version,
            });
        }
        // All of them are within the header.
        let word = |at| word(bytes, at).unwrap_or_default();
        let distribution = match word(field::DISTRIBUTION) {
            0 => Distribution::Normal,
            1 => Distribution::Uniform,
            found => {
                return Err(FormatError::Header {
                    field: "distribution",
                    found,
                });
            }
        };
        Ok(Self {
            version,
            file_len: word(field::FILE_LEN),
            checksum: word(field::CHECKSUM),
            scratch_len: word(field::SCRATCH_LEN),
            latent_len: word(field::LATENT_LEN),
            classes: word(field::CLASSES),
            shape: Shape {
                channels: word(field::CHANNELS) as usize,
                height: word(field::HEIGHT) as usize,
                width: word(field::WIDTH) as usize,
            },
            range: PixelRange {
                low: f32::from_bits(word(field::LOW)),
                high: f32::from_bits(word(field::HIGH)),
            },
            distribution,
            layers: word(field::LAYERS),
            card_len: word(field::CARD_LEN),
        })
    }

    /// Writes the header.
    pub fn emit(&self, bytes: &mut [u8; HEADER_LEN]) {
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let fields = [
            (field::VERSION, u32::from(self.version)),
            (field::FILE_LEN, self.file_len),
            (field::CHECKSUM, self.checksum),
            (field::SCRATCH_LEN, self.scratch_len),
            (field::LATENT_LEN, self.latent_len),
            (field::CLASSES, self.classes),
            (field::CHANNELS, size(self.shape.channels)),
            (field::HEIGHT, size(self.shape.height)),
            (field::WIDTH, size(self.shape.width)),
            (field::LOW, self.range.low.to_bits()),
            (field::HIGH, self.range.high.to_bits()),
            (field::LAYERS, self.layers),
            (field::CARD_LEN, self.card_len),
            (
                field::DISTRIBUTION,
                match self.distribution {
                    Distribution::Normal => 0,
                    Distribution::Uniform => 1,
                },
            ),
        ];
        bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
        for (at, value) in fields {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
    }
}
