//! TAR archives, plain or gzipped: ustar, with long names of GNU and of pax.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entries, EntryType, PaxExtensions};

use super::super::error::DataError;
use super::entry::{BEGINNING, Entry, Place, changed, kind_of, name_in_archive, path_in_archive};

/// Bytes that a gzipped archive may have when it is unpacked: it is kept in memory.
const MAX_UNPACKED: u64 = 8 << 30;

/// Bytes that a long name, or the attributes of a file, may have.
const MAX_HEADER: u64 = 1 << 20;

/// An archive.
#[derive(Debug)]
pub(in crate::data) struct Tar {
    path: PathBuf,
    gzip: bool,
    /// The whole archive, if it is gzipped, from the first file on that is wanted.
    unpacked: OnceLock<Result<Vec<u8>, String>>,
}

impl Tar {
    pub(super) fn new(path: PathBuf, gzip: bool) -> Self {
        let unpacked = OnceLock::new();
        Self {
            path,
            gzip,
            unpacked,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The files of the archive that count, in its order.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, DataError> {
        let failed = |cause: io::Error| DataError::Archive {
            path: self.path.clone(),
            kind: if self.gzip { "gzipped TAR" } else { "TAR" },
            cause,
        };
        let file = File::open(&self.path).map_err(failed)?;
        let time = file.metadata().map_or(0, |about| changed(&about));
        let found = if self.gzip {
            let mut archive = Archive::new(unpacker(file));
            let found = archive.entries().and_then(|entries| list(entries, time));
            found.and_then(|found| {
                // To its end, by which it is seen to be whole.
                io::copy(&mut archive.into_inner(), &mut io::sink())?;
                Ok(found)
            })
        } else {
            let mut archive = Archive::new(BufReader::new(file));
            let entries = archive.entries_with_seek();
            entries.and_then(|entries| list(entries, time))
        };
        found.map_err(failed)
    }

    /// The `len` bytes at `at`.
    pub(super) fn read(&self, at: u64, len: u64) -> Result<Vec<u8>, String> {
        let cut = || "the archive ends in the middle of the file".to_owned();
        if !self.gzip {
            let mut bytes = Vec::new();
            let read = || {
                let mut file = File::open(&self.path)?;
                file.seek(SeekFrom::Start(at))?;
                file.take(len).read_to_end(&mut bytes)
            };
            let found = { read }().map_err(|error| error.to_string())?;
            return (found as u64 == len).then_some(bytes).ok_or_else(cut);
        }
        let unpacked = self.unpacked.get_or_init(|| {
            let mut bytes = Vec::new();
            let mut unpacker = unpacker(File::open(&self.path).map_err(|e| e.to_string())?);
            let read = unpacker.read_to_end(&mut bytes);
            read.map_err(|error| error.to_string())?;
            Ok(bytes)
        });
        let unpacked = unpacked.as_ref().map_err(String::clone)?;
        let range = usize::try_from(at).ok().zip(usize::try_from(len).ok());
        let range = range.and_then(|(at, len)| Some(at..at.checked_add(len)?));
        let bytes = range.and_then(|range| unpacked.get(range));
        bytes.map(<[u8]>::to_vec).ok_or_else(cut)
    }
}

/// What a gzipped archive holds, up to a limit.
struct Unpacker {
    content: MultiGzDecoder<BufReader<File>>,
    left: u64,
}

fn unpacker(file: File) -> Unpacker {
    Unpacker {
        content: MultiGzDecoder::new(BufReader::new(file)),
        left: MAX_UNPACKED,
    }
}

impl Read for Unpacker {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(into)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| {
            io::Error::other(format!(
                "it has more than {MAX_UNPACKED} bytes when it is unpacked"
            ))
        })?;
        Ok(read)
    }
}

/// Long names are taken here and not by `Entries`, which would read them whatever their length.
fn list<R: Read>(entries: Entries<'_, R>, changed: u128) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    let mut long_name = None;
    for entry in entries.raw(true) {
        let mut entry = entry?;
        let (kind, len) = (entry.header().entry_type(), entry.size());
        if matches!(kind, EntryType::GNULongName | EntryType::XHeader) {
            if len > MAX_HEADER {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the name of a file has {len} bytes"),
                ));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            let name = match kind {
                EntryType::GNULongName => Some(bytes.strip_suffix(b"\0").unwrap_or(&bytes)),
                _ => pax_path(&bytes),
            };
            long_name = name.map(name_in_archive).or(long_name);
            continue;
        }
        let own_name = || name_in_archive(&entry.path_bytes());
        let name = long_name.take().unwrap_or_else(own_name);
        // Folders, links and devices are no files.
        let Some(path) = path_in_archive(&name).filter(|_| kind.is_file()) else {
            continue;
        };
        let at = entry.raw_file_position();
        let beginning = || {
            let mut begin = [0; BEGINNING];
            entry.read_exact(&mut begin).ok()?;
            Some(begin)
        };
        if let Some(kind) = kind_of(&path, beginning) {
            found.push(Entry {
                path,
                kind,
                len,
                changed,
                place: Place::Tar(at),
            });
        }
    }
    Ok(found)
}

/// The path among the attributes of a file.
fn pax_path(attributes: &[u8]) -> Option<&[u8]> {
    let mut attributes = PaxExtensions::new(attributes);
    let path = attributes.find_map(|a| a.ok().filter(|a| a.key_bytes() == b"path"));
    path.map(|path| path.value_bytes())
}

#[cfg(test)]
#[path = "tar_tests.rs"]
mod tests;
