//! Files that are either whole or not there, as the compiler writes them, and hashes of files.
//!
//! Caches are sealed files:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | name of the format |
//! | 32 | key: SHA-256 of all that the content depends on |
//! | ... | content |
//! | 32 | SHA-256 of everything before |

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) use dreamlet_compiler::atomic_file::{
    rename_synced, sync_folder, write_atomic, write_atomic_parts, write_synced,
};
pub(crate) use dreamlet_runtime::card::sha256;
use sha2::{Digest, Sha256};

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a regular file: reading a pipe or a device would wait, or never end.
///
/// # Errors
/// As reading; [`io::ErrorKind::InvalidInput`] where something else has the name.
pub(crate) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() {
        fs::read(path)
    } else {
        Err(not_regular())
    }
}

/// That something is no file of data.
pub(crate) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// The sub-folders of `folder`, sorted by name.
pub(crate) fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a sealed file; its content comes in parts.
pub(crate) fn write_sealed(
    path: &Path,
    format: &[u8; 8],
    key: &[u8; 32],
    content: &[&[u8]],
) -> io::Result<()> {
    let parts = [&[&format[..], key], content].concat();
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let sum = hash.finalize();
    write_atomic_parts(path, &[&parts[..], &[&sum]].concat())
}

/// The content of a sealed file of this format; `None` if it has another key.
///
/// # Errors
/// As reading; [`io::ErrorKind::InvalidData`] of a file that is not what was written.
pub(crate) fn read_sealed(
    mut file: File,
    format: &[u8; 8],
    key: &[u8; 32],
) -> io::Result<Option<Vec<u8>>> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = [0; 40];
    file.read_exact(&mut head)?;
    if !head.starts_with(format) {
        return Err(damaged());
    }
    if !head.ends_with(key) {
        return Ok(None);
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    let end = content.len().checked_sub(32).ok_or_else(damaged)?;
    let mut hash = Sha256::new_with_prefix(head);
    hash.update(&content[..end]);
    if hash.finalize()[..] != content[end..] {
        return Err(damaged());
    }
    content.truncate(end);
    Ok(Some(content))
}

/// Takes a little-endian `u64` from the front of bytes.
pub(crate) fn take_number(bytes: &mut &[u8]) -> Option<usize> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    usize::try_from(u64::from_le_bytes(*number)).ok()
}

/// A fresh folder for a test, removed when dropped.
#[cfg(test)]
pub(crate) struct TestFolder(pub(crate) PathBuf);

#[cfg(test)]
impl TestFolder {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let path = std::env::temp_dir().join(format!(
            "dreamlet-test-{}-{}",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

#[cfg(test)]
impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_read() {
        let folder = TestFolder::new();
        let pipe = folder.0.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        // Reading it would wait for a writer.
        for path in [&pipe, &folder.0] {
            let error = read_regular(path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        }
        assert_eq!(read_regular(&folder.write("a", b"b")).unwrap(), b"b");
    }

    #[test]
    fn hashes_are_sha_256_in_hexadecimal() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
