//! The IDX format of MNIST: two zero bytes, the type, the number of dimensions, the dimensions as
//! big-endian `u32`, then the items (Y. LeCun, "The MNIST database of handwritten digits", "File
//! formats").

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::error::DataError;
use super::shape::{Shape, image_len};
use crate::atomic_file::hex;

/// The type code of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// What gzipped files begin with.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Rows or columns an image may have.
const MAX_EDGE: u32 = 4096;

/// Bytes of pixels a file may hold: enough for a million RGB images of 128x128, and a bound on what
/// a forged header can make the program read.
const MAX_BYTES: u64 = 64 << 30;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) path: PathBuf,
    /// The dimensions, slowest first; not 0.
    dims: Vec<u32>,
    /// In the order of the file.
    pub(super) bytes: Vec<u8>,
}

impl Items {
    /// Number of images or labels.
    pub(super) fn len(&self) -> usize {
        self.dims[0] as usize
    }

    /// SHA-256 of the uncompressed file: the header is made again, which is the same.
    pub(super) fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update([0, 0, UNSIGNED_BYTE, self.dims.len() as u8]);
        for dim in &self.dims {
            hash.update(dim.to_be_bytes());
        }
        hash.update(&self.bytes);
        hex(&hash.finalize())
    }

    /// The shape of images, and their planar pixels.
    pub(super) fn planar(self) -> (Shape, Vec<u8>) {
        let (shape, interleaved) = shape(&self.dims).unwrap_or_default();
        let shape = shape.map(|edge| edge as usize);
        let mut pixels = self.bytes;
        if interleaved {
            deinterleave(&mut pixels, shape);
        }
        (shape, pixels)
    }
}

/// Channels, rows and columns of images, and whether the channels stand side by side. Labels are
/// images of one byte.
fn shape(dims: &[u32]) -> Option<([u32; 3], bool)> {
    match *dims {
        [_] => Some(([1, 1, 1], false)),
        [_, h, w] => Some(([1, h, w], false)),
        [_, c @ (1 | 3), h, w] => Some(([c, h, w], false)),
        [_, h, w, c @ (1 | 3)] => Some(([c, h, w], true)),
        _ => None,
    }
}

/// Reads a file of images: `[N, H, W]`, `[N, C, H, W]` or `[N, H, W, C]` with C 1 or 3.
pub(super) fn read_images(path: &Path) -> Result<Items, DataError> {
    read(path, &[3, 4], "00 00 08 03 or 00 00 08 04")
}

/// Reads a file of labels, `[N]`.
pub(super) fn read_labels(path: &Path) -> Result<Items, DataError> {
    read(path, &[1], "00 00 08 01")
}

/// Reads a file with as many dimensions as one of `ranks`.
fn read(path: &Path, ranks: &[u8], expected: &'static str) -> Result<Items, DataError> {
    let mut source = Source::open(path)?;
    let magic = source.exactly(0, 4)?;
    let found = magic.first_chunk().copied().unwrap_or_default();
    let rank = match found {
        [0, 0, UNSIGNED_BYTE, rank] if ranks.contains(&rank) => u64::from(rank),
        _ => {
            return Err(DataError::Magic {
                path: path.to_owned(),
                expected,
                found,
            });
        }
    };
    let header = source.exactly(4, 4 * rank)?;
    let words = header.as_chunks::<4>().0.iter();
    let dims: Vec<u32> = words.map(|word| u32::from_be_bytes(*word)).collect();
    let dimensions = || DataError::Dimensions {
        path: path.to_owned(),
        found: dims.clone(),
    };
    let ([channels, height, width], _) = shape(&dims).ok_or_else(dimensions)?;
    let count = dims[0];
    if count == 0 {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    if !(1..=MAX_EDGE).contains(&height) || !(1..=MAX_EDGE).contains(&width) {
        return Err(dimensions());
    }
    let total = [count, channels, height, width]
        .into_iter()
        .try_fold(1, |product: u64, n| product.checked_mul(n.into()))
        .filter(|total| *total <= MAX_BYTES)
        .ok_or_else(dimensions)?;
    let bytes = source.exactly(4 + 4 * rank, total)?;
    source.end(4 + 4 * rank + total)?;
    Ok(Items {
        path: path.to_owned(),
        dims,
        bytes,
    })
}

/// From row, column, channel to channel, row, column, image by image.
fn deinterleave(pixels: &mut [u8], shape: Shape) {
    let channels = shape[0];
    for image in pixels.chunks_exact_mut(image_len(shape).max(1)) {
        let plane = |channel| image.iter().skip(channel).step_by(channels).copied();
        let planar: Vec<u8> = (0..channels).flat_map(plane).collect();
        image.copy_from_slice(&planar);
    }
}

/// The uncompressed bytes of a file, gzipped or not.
struct Source<'a> {
    path: &'a Path,
    bytes: Box<dyn Read>,
    gzipped: bool,
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self, DataError> {
        let failed = |cause| DataError::io("open", path, 0, cause);
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        let gzipped = file.fill_buf().map_err(failed)?.starts_with(&GZIP);
        let bytes: Box<dyn Read> = if gzipped {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        Ok(Self {
            path,
            bytes,
            gzipped,
        })
    }

    fn failed(&self, cause: io::Error) -> DataError {
        if self.gzipped {
            DataError::Gzip {
                path: self.path.to_owned(),
                cause,
            }
        } else {
            DataError::io("read", self.path, 0, cause)
        }
    }

    /// The next `len` bytes, after the `before` first ones. Memory grows with what is really there.
    fn exactly(&mut self, before: u64, len: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        match self.bytes.by_ref().take(len).read_to_end(&mut bytes) {
            Ok(_) => {}
            // A gzip stream that ends early is a truncated file, not a damaged one.
            Err(cause) if self.gzipped && cause.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(cause) if cause.kind() == io::ErrorKind::OutOfMemory => {
                return Err(DataError::Memory { needed: len });
            }
            Err(cause) => return Err(self.failed(cause)),
        }
        if (bytes.len() as u64) < len {
            return Err(DataError::Truncated {
                path: self.path.to_owned(),
                expected: before + len,
                found: before + bytes.len() as u64,
            });
        }
        Ok(bytes)
    }

    /// The file must end here. Reading a byte more also makes the decompressor check its checksum.
    fn end(&mut self, expected: u64) -> Result<(), DataError> {
        match self.bytes.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(DataError::TooLong {
                path: self.path.to_owned(),
                expected,
            }),
            Err(cause) => Err(self.failed(cause)),
        }
    }
}

#[cfg(test)]
#[path = "idx_tests.rs"]
pub(super) mod tests;
