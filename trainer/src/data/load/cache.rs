//! Fitted pixels, kept in the user's cache folder.
//!
//! One file per data folder, size and channels, replaced when anything about the folder changes.
//! The key is SHA-256 of how files are decoded, the folder's path, shape, the colour under what is
//! transparent if it is not white, and each file's path, length and time of change (or checksum).
//! In the content, integers are little-endian `u64`:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | number of broken files |
//! | ... | for each: index into the listing, length of the reason, the reason |
//! | 8 | length of the pixels |
//! | ... | pixels of the good files |

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::error::DataError;
use super::super::folder::{Decoded, Listing};
use super::super::shape::{Shape, image_len};
use crate::atomic_file::{self, read_sealed, take_number, write_sealed};
use crate::colour::Colour;

/// Names the format.
const MAGIC: &[u8; 8] = b"DRMPIX01";

/// Of what is decoded how: a change makes caches of before stale.
const DECODING: u8 = 2;

/// The cache file of one data folder at one shape.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    pub(super) path: PathBuf,
    key: [u8; 32],
}

/// What is in the cache.
#[derive(Debug)]
pub(super) enum Found {
    /// The pixels of exactly this listing.
    Fresh(Decoded),
    /// Nothing, or the pixels of an earlier state of the folder.
    Nothing,
    /// A file that is not what was written.
    Damaged,
}

impl Cache {
    /// Names the cache of `data` below `root`, making the folder.
    pub(super) fn open(
        root: &Path,
        data: &Path,
        listing: &Listing,
        shape: Shape,
        background: Colour,
    ) -> Result<Self, DataError> {
        let folder = root.join("folders");
        fs::create_dir_all(&folder).map_err(|cause| unwritable(&folder, 0, cause))?;
        let data = data
            .canonicalize()
            .map_err(|cause| DataError::io("open", data, 0, cause))?;
        let [channels, _, width] = shape;
        let place = format!("{}\0{width}\0{channels}", data.to_string_lossy());
        let mut hash = Sha256::new();
        hash.update(MAGIC);
        hash.update([DECODING]);
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(place.as_bytes());
        if background != Colour::default() {
            field(&background.0);
        }
        for file in &listing.files {
            field(file.entry.path.as_bytes());
            field(&file.entry.len.to_le_bytes());
            field(&file.entry.changed.to_le_bytes());
        }
        let name = atomic_file::sha256(place.as_bytes());
        Ok(Self {
            path: folder.join(format!("{name:.16}.pixels")),
            folder,
            key: hash.finalize().into(),
        })
    }

    /// Reads the pixels, if they are there and sound.
    pub(super) fn read(&self, listing: &Listing, shape: Shape) -> Result<Found, DataError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(cause) => return Err(DataError::io("open", &self.path, 0, cause)),
        };
        let needed = file.metadata().map_or(0, |about| about.len());
        match read_sealed(file, MAGIC, &self.key) {
            Ok(None) => Ok(Found::Nothing),
            Ok(Some(content)) => Ok(
                parsed(content, listing.files.len(), shape).map_or(Found::Damaged, Found::Fresh)
            ),
            Err(cause) if cause.kind() == io::ErrorKind::OutOfMemory => {
                Err(DataError::Memory { needed })
            }
            Err(_) => Ok(Found::Damaged),
        }
    }

    /// Finds out before hours of decoding whether the result can be kept.
    pub(super) fn check_writable(&self) -> Result<(), DataError> {
        let probe = self.folder.join(format!(".{}.probe", std::process::id()));
        atomic_file::write_atomic(&probe, &[])
            .and_then(|()| fs::remove_file(&probe))
            .map_err(|cause| unwritable(&self.folder, 0, cause))
    }

    pub(super) fn write(&self, decoded: &Decoded) -> Result<(), DataError> {
        let number = |n: usize| (n as u64).to_le_bytes();
        let mut head = number(decoded.broken.len()).to_vec();
        for (index, reason) in &decoded.broken {
            let kept = format!("{reason:.500}");
            head.extend(number(*index));
            head.extend(number(kept.len()));
            head.extend(kept.as_bytes());
        }
        head.extend(number(decoded.pixels.len()));
        let needed = (MAGIC.len() + 64 + head.len() + decoded.pixels.len()) as u64;
        write_sealed(&self.path, MAGIC, &self.key, &[&head, &decoded.pixels])
            .map_err(|cause| unwritable(&self.path, needed, cause))
    }
}

fn unwritable(path: &Path, needed: u64, cause: io::Error) -> DataError {
    match DataError::io("write", path, needed, cause) {
        DataError::Io { cause, path, .. } => DataError::CacheUnwritable {
            folder: path,
            cause,
        },
        other => other,
    }
}

/// The images in the content of a cache of `files` files; `None` if it is not of that form.
fn parsed(mut content: Vec<u8>, files: usize, shape: Shape) -> Option<Decoded> {
    let mut rest = &content[..];
    let count = take_number(&mut rest)?;
    let mut broken = Vec::new();
    for _ in 0..count {
        let index = take_number(&mut rest).filter(|index| *index < files)?;
        let len = take_number(&mut rest)?;
        let reason = rest.split_off(..len)?.to_vec();
        broken.push((index, String::from_utf8(reason).ok()?));
    }
    let len = take_number(&mut rest)?;
    let good = files.checked_sub(count)?;
    if rest.len() != len || good.checked_mul(image_len(shape)) != Some(len) {
        return None;
    }
    content.drain(..content.len() - len);
    Some(Decoded {
        pixels: content,
        broken,
    })
}
