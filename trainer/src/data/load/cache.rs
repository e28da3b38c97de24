//! Fitted pixels, kept in the user's cache folder.
//!
//! One file per data folder, size and channels, replaced when anything about the folder changes.
//! Integers are little-endian `u64`:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `DRMPIX01` |
//! | 32 | key: SHA-256 of the folder's path, shape, and each file's path, length and time of change |
//! | 8 | number of broken files |
//! | ... | for each: index into the listing, length of the reason, the reason |
//! | 8 | length of the pixels |
//! | ... | pixels of the good files |
//! | 32 | SHA-256 of everything before |

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::convert::Fitted;
use super::super::error::DataError;
use super::super::folder::Listing;
use super::super::shape::Shape;
use crate::atomic_file;

/// Names the format; a change of format or of decoding changes it.
const MAGIC: &[u8; 8] = b"DRMPIX01";

/// Longest reason that is kept, in bytes.
const MAX_REASON: u64 = 1 << 12;

/// The cache file of one data folder at one shape.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    path: PathBuf,
    key: [u8; 32],
}

/// What is in the cache.
#[derive(Debug)]
pub(super) enum Found {
    /// The pixels of exactly this listing.
    Fresh(Fitted),
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
    ) -> Result<Self, DataError> {
        let folder = root.join("folders");
        fs::create_dir_all(&folder).map_err(|cause| unwritable(&folder, 0, cause))?;
        let data = data
            .canonicalize()
            .map_err(|cause| DataError::io("open", data, 0, cause))?;
        let place = format!(
            "{}\0{}\0{}",
            data.to_string_lossy(),
            shape.width,
            shape.channels
        );
        let mut hash = Sha256::new();
        hash.update(MAGIC);
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(place.as_bytes());
        for file in &listing.files {
            field(file.relative.as_bytes());
            field(&file.len.to_le_bytes());
            field(&file.changed.to_le_bytes());
        }
        let name: String = atomic_file::sha256(place.as_bytes())
            .chars()
            .take(16)
            .collect();
        Ok(Self {
            path: folder.join(format!("{name}.pixels")),
            folder,
            key: hash.finalize().into(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the pixels, if they are there and sound.
    pub(super) fn read(&self, listing: &Listing, shape: Shape) -> Result<Found, DataError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(cause) => return Err(DataError::io("open", &self.path, 0, cause)),
        };
        let len = file.metadata().map_or(0, |about| about.len());
        let mut reader = Reader {
            file: BufReader::with_capacity(1 << 16, file),
            hash: Sha256::new(),
            left: len,
        };
        match reader.body(&self.key, listing.files.len(), shape) {
            Ok(Some(decoded)) => Ok(Found::Fresh(decoded)),
            Ok(None) => Ok(Found::Nothing),
            Err(cause) if cause.kind() == io::ErrorKind::OutOfMemory => {
                Err(DataError::Memory { needed: len })
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

    pub(super) fn write(&self, decoded: &Fitted) -> Result<(), DataError> {
        let mut head = MAGIC.to_vec();
        let number = |head: &mut Vec<u8>, n: usize| head.extend((n as u64).to_le_bytes());
        head.extend(self.key);
        number(&mut head, decoded.broken.len());
        for (index, reason) in &decoded.broken {
            let kept: String = reason.chars().take(500).collect();
            number(&mut head, *index);
            number(&mut head, kept.len());
            head.extend(kept.as_bytes());
        }
        number(&mut head, decoded.pixels.len());
        let mut hash = Sha256::new();
        hash.update(&head);
        hash.update(&decoded.pixels);
        let sum = hash.finalize();
        let needed = (head.len() + sum.len()) as u64 + decoded.pixels.len() as u64;
        atomic_file::write_atomic_parts(&self.path, &[&head, &decoded.pixels, &sum])
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

/// Reads with a running hash, never past the end of the file.
struct Reader {
    file: BufReader<File>,
    hash: Sha256,
    left: u64,
}

impl Reader {
    /// `None`: an older state of the folder.
    fn body(&mut self, key: &[u8; 32], files: usize, shape: Shape) -> io::Result<Option<Fitted>> {
        if self.bytes(8)? != MAGIC {
            return Err(damaged());
        }
        if self.bytes(32)? != key {
            return Ok(None);
        }
        let count = self.number()?;
        if count > files as u64 {
            return Err(damaged());
        }
        let mut broken = Vec::new();
        for _ in 0..count {
            let index = usize::try_from(self.number()?).map_err(|_| damaged())?;
            let len = self.number()?;
            if index >= files || len > MAX_REASON {
                return Err(damaged());
            }
            let reason = String::from_utf8(self.bytes(len)?).map_err(|_| damaged())?;
            broken.push((index, reason));
        }
        let good = (files as u64).saturating_sub(count);
        let len = self.number()?;
        if good.checked_mul(shape.image_len() as u64) != Some(len) {
            return Err(damaged());
        }
        let pixels = self.bytes(len)?;
        let sum = self.hash.clone().finalize();
        if self.bytes(32)?[..] != sum[..] || self.left != 0 {
            return Err(damaged());
        }
        Ok(Some(Fitted { pixels, broken }))
    }

    fn number(&mut self) -> io::Result<u64> {
        let bytes = self.bytes(8)?;
        let word = <[u8; 8]>::try_from(&bytes[..]).map_err(|_| damaged())?;
        Ok(u64::from_le_bytes(word))
    }

    fn bytes(&mut self, len: u64) -> io::Result<Vec<u8>> {
        self.left = self.left.checked_sub(len).ok_or_else(damaged)?;
        let len = usize::try_from(len).map_err(|_| damaged())?;
        let mut bytes = atomic_file::try_zeros(len).ok_or(io::ErrorKind::OutOfMemory)?;
        self.file.read_exact(&mut bytes)?;
        self.hash.update(&bytes);
        Ok(bytes)
    }
}

fn damaged() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
