//! Where image files come from: a folder, a ZIP archive or a TAR archive.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::error::DataError;
use super::entry::{Entry, Place};
use super::tar::Tar;
use super::{disk, zip};

/// A folder or an archive.
#[derive(Debug)]
pub(in crate::data) enum Source {
    Folder(PathBuf),
    Zip(PathBuf),
    Tar(Tar),
}

/// Kinds of archives by their first bytes, and what unpacks those that are not read.
const OTHER_ARCHIVES: [(&[u8], &str, &str); 5] = [
    (b"\xfd7zXZ\0", "xz", "tar -xf"),
    (b"BZh", "bzip2", "tar -xf"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "tar -xf"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "7z x"),
    (b"Rar!", "RAR", "unrar x"),
];

impl Source {
    /// Finds out what `path` is. Nothing of an archive is unpacked to the disk.
    pub(in crate::data) fn open(path: &Path) -> Result<Self, DataError> {
        let owned = || path.to_owned();
        let failed = |cause| DataError::io("open", path, 0, cause);
        match path.metadata() {
            Ok(about) if about.is_dir() => return Ok(Source::Folder(owned())),
            Ok(_) => {}
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(DataError::FolderMissing { path: owned() });
            }
            Err(cause) => return Err(failed(cause)),
        }
        let mut head = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(512).read_to_end(&mut head).map_err(failed)?;
        let named = |ending| {
            path.extension()
                .is_some_and(|e| e.eq_ignore_ascii_case(ending))
        };
        if head.starts_with(b"PK") || named("zip") {
            return Ok(Source::Zip(owned()));
        }
        let gzip = head.starts_with(&[0x1f, 0x8b]);
        if gzip || head.get(257..262) == Some(b"ustar") || named("tar") {
            return Ok(Source::Tar(Tar::new(owned(), gzip)));
        }
        for (magic, kind, tool) in OTHER_ARCHIVES {
            if head.starts_with(magic) {
                let path = owned();
                return Err(DataError::ArchiveKind { path, kind, tool });
            }
        }
        Err(DataError::NotAFolderOrArchive { path: owned() })
    }

    pub(in crate::data) fn path(&self) -> &Path {
        match self {
            Source::Folder(path) | Source::Zip(path) => path,
            Source::Tar(tar) => tar.path(),
        }
    }

    /// The files that count, sorted by path; of two with one path, the last one.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, DataError> {
        let mut entries = match self {
            Source::Folder(path) => disk::entries(path)?,
            Source::Zip(path) => zip::entries(path)?,
            Source::Tar(tar) => tar.entries()?,
        };
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries.dedup_by(|later, earlier| {
            let same = later.path == earlier.path;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Ok(entries)
    }

    /// The bytes of a file of not more than `limit` bytes, or why there are none.
    pub(in crate::data) fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, String> {
        if entry.len > limit {
            let len = entry.len;
            return Err(format!("the file has {len} bytes, more than {limit}"));
        }
        match (self, &entry.place) {
            (_, Place::Disk(path)) => std::fs::read(path).map_err(|error| error.to_string()),
            (Source::Zip(archive), Place::Zip(member)) => zip::read(archive, member, entry.len),
            (Source::Tar(tar), Place::Tar(at)) => tar.read(*at, entry.len),
            _ => Err("the file is not of this archive".to_owned()),
        }
    }
}

/// Whether the path is a ZIP or TAR archive.
pub(crate) fn is_archive(path: &Path) -> bool {
    matches!(Source::open(path), Ok(Source::Zip(_) | Source::Tar(_)))
}
