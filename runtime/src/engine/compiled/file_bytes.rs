//! The bytes of a model's file: read, or mapped from disk.

use alloc::vec;
use alloc::vec::Vec;
use std::io;
use std::path::Path;

use thiserror::Error;

use super::format::{ALIGNMENT, FormatError};
use crate::card::CardError;
use crate::generator::GenerateError;

/// Why a file is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompiledError {
    /// It cannot be read.
    #[error("the compiled model cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It is not a compiled model, or a damaged one.
    #[error("{0}")]
    Format(#[source] FormatError),
    /// Its card cannot be read.
    #[error("the compiled model's card: {0}")]
    Card(#[source] CardError),
    /// A call for an image is wrong.
    #[error("{0}")]
    Call(#[from] GenerateError),
}

/// Where the file's bytes are.
pub(super) enum FileBytes {
    /// In memory, from this byte on.
    Owned(Vec<u8>, usize),
    /// Mapped from disk.
    #[cfg(feature = "mmap")]
    Mapped(memmap2::Mmap),
}

impl FileBytes {
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Self::Owned(bytes, begin) => bytes.get(*begin..).unwrap_or_default(),
            #[cfg(feature = "mmap")]
            Self::Mapped(map) => map,
        }
    }

    /// Memory for so many bytes, aligned, filled by `fill`.
    pub(super) fn filled(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<Self> {
        let room = len
            .checked_add(ALIGNMENT)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; room];
        let begin = bytes.as_ptr().addr().next_multiple_of(ALIGNMENT) - bytes.as_ptr().addr();
        bytes.truncate(begin + len);
        fill(bytes.get_mut(begin..).unwrap_or_default())?;
        Ok(Self::Owned(bytes, begin))
    }

    #[cfg(feature = "mmap")]
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        super::mmap::map(path).map(Self::Mapped)
    }

    #[cfg(not(feature = "mmap"))]
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        use std::io::Read as _;
        let mut file = std::fs::File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        Self::filled(len, |bytes| file.read_exact(bytes))
    }
}
