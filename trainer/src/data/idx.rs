//! The IDX format of MNIST: two zero bytes, the type, the number of dimensions, the dimensions as
//! big-endian `u32`, then the items (Y. LeCun, "The MNIST database of handwritten digits", "File
//! formats").

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::DataError;
use super::raw::Images;
use super::shape::Shape;

/// The type code of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// Rows or columns an image may have.
const MAX_EDGE: u32 = 4096;

/// Bytes of pixels a file may hold: enough for a million RGB images of 128x128, and a bound on what
/// a forged header can make the program read.
const MAX_BYTES: u64 = 64 << 30;

/// Reads a file of images: `[N, H, W]`, `[N, C, H, W]` or `[N, H, W, C]` with C 1 or 3.
pub(super) fn read_images(path: &Path) -> Result<Images, DataError> {
    let mut source = Source::open(path)?;
    let dims = source.header(&[3, 4], "00 00 08 03 or 00 00 08 04")?;
    let dimensions = || DataError::Dimensions {
        path: path.to_owned(),
        found: dims.clone(),
    };
    let (count, channels, height, width, interleaved) = match dims[..] {
        [n, h, w] => (n, 1, h, w, false),
        [n, c @ (1 | 3), h, w] => (n, c, h, w, false),
        [n, h, w, c @ (1 | 3)] => (n, c, h, w, true),
        _ => return Err(dimensions()),
    };
    if count == 0 {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    if !(1..=MAX_EDGE).contains(&height) || !(1..=MAX_EDGE).contains(&width) {
        return Err(dimensions());
    }
    let image = u64::from(channels) * u64::from(height) * u64::from(width);
    let total = u64::from(count)
        .checked_mul(image)
        .filter(|total| *total <= MAX_BYTES)
        .ok_or_else(dimensions)?;
    let mut pixels = source.items(total)?;
    let shape = Shape {
        channels: channels as usize,
        height: height as usize,
        width: width as usize,
    };
    if interleaved {
        deinterleave(&mut pixels, shape);
    }
    Ok(Images { shape, pixels })
}

/// Reads a file of labels, `[N]`.
pub(super) fn read_labels(path: &Path) -> Result<Vec<u16>, DataError> {
    let mut source = Source::open(path)?;
    let dims = source.header(&[1], "00 00 08 01")?;
    let count = dims.first().copied().unwrap_or(0);
    if count == 0 {
        return Err(DataError::Empty {
            path: path.to_owned(),
        });
    }
    let items = source.items(u64::from(count))?;
    Ok(items.into_iter().map(u16::from).collect())
}

/// From row, column, channel to channel, row, column, image by image.
fn deinterleave(pixels: &mut [u8], shape: Shape) {
    let area = shape.height.saturating_mul(shape.width).max(1);
    let mut planar = vec![0; shape.image_len()];
    for image in pixels.chunks_exact_mut(shape.image_len().max(1)) {
        for (channel, plane) in planar.chunks_exact_mut(area).enumerate() {
            let values = image.iter().skip(channel).step_by(shape.channels);
            for (to, from) in plane.iter_mut().zip(values) {
                *to = *from;
            }
        }
        image.copy_from_slice(&planar);
    }
}

/// The uncompressed bytes of a file, gzipped or not.
pub(super) fn open_plain(path: &Path) -> io::Result<(Box<dyn Read>, bool)> {
    let mut start = [0; 2];
    let mut file = File::open(path)?;
    let mut filled = 0;
    while let Some(rest) = start.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let file = BufReader::with_capacity(1 << 16, File::open(path)?);
    if start == [0x1f, 0x8b] {
        Ok((Box::new(MultiGzDecoder::new(file)), true))
    } else {
        Ok((Box::new(file), false))
    }
}

struct Source<'a> {
    path: &'a Path,
    bytes: Box<dyn Read>,
    gzipped: bool,
    header_len: u64,
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self, DataError> {
        let (bytes, gzipped) =
            open_plain(path).map_err(|cause| DataError::io("open", path, 0, cause))?;
        Ok(Self {
            path,
            bytes,
            gzipped,
            header_len: 0,
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

    /// Up to `len` bytes: fewer only at the end of the file. Grows with what is really there.
    fn up_to(&mut self, len: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        match self.bytes.by_ref().take(len).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            // A gzip stream that ends early is a truncated file, not a damaged one.
            Err(cause) if self.gzipped && cause.kind() == io::ErrorKind::UnexpectedEof => Ok(bytes),
            Err(cause) if cause.kind() == io::ErrorKind::OutOfMemory => {
                Err(DataError::Memory { needed: len })
            }
            Err(cause) => Err(self.failed(cause)),
        }
    }

    /// The dimensions, slowest first.
    fn header(&mut self, ranks: &[u8], expected: &'static str) -> Result<Vec<u32>, DataError> {
        let magic = self.up_to(4)?;
        let Ok(magic) = <[u8; 4]>::try_from(&magic[..]) else {
            return Err(self.truncated(4, magic.len() as u64));
        };
        let [0, 0, UNSIGNED_BYTE, rank] = magic else {
            return Err(self.magic(expected, magic));
        };
        if !ranks.contains(&rank) {
            return Err(self.magic(expected, magic));
        }
        let len = u64::from(rank) * 4;
        self.header_len = 4 + len;
        let bytes = self.up_to(len)?;
        if bytes.len() as u64 != len {
            return Err(self.truncated(self.header_len, 4 + bytes.len() as u64));
        }
        let (words, _) = bytes.as_chunks::<4>();
        Ok(words.iter().map(|word| u32::from_be_bytes(*word)).collect())
    }

    fn items(&mut self, len: u64) -> Result<Vec<u8>, DataError> {
        let bytes = self.up_to(len)?;
        let expected = self.header_len.saturating_add(len);
        if (bytes.len() as u64) < len {
            return Err(
                self.truncated(expected, self.header_len.saturating_add(bytes.len() as u64))
            );
        }
        // Reading one byte more also makes the decompressor check its checksum.
        let mut more = [0];
        match self.bytes.read(&mut more) {
            Ok(0) => Ok(bytes),
            Ok(_) => Err(DataError::TooLong {
                path: self.path.to_owned(),
                expected,
            }),
            Err(cause) => Err(self.failed(cause)),
        }
    }

    fn magic(&self, expected: &'static str, found: [u8; 4]) -> DataError {
        DataError::Magic {
            path: self.path.to_owned(),
            expected,
            found,
        }
    }

    fn truncated(&self, expected: u64, found: u64) -> DataError {
        DataError::Truncated {
            path: self.path.to_owned(),
            expected,
            found,
        }
    }
}

#[cfg(test)]
#[path = "idx_tests.rs"]
mod tests;
