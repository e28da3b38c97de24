//! Sealed files in the user's cache folder, of the wanted thing or not used at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::matrix::Matrix;
use crate::atomic_file::{hex, read_sealed, take_number, write_sealed};

const MAGIC: &[u8; 8] = b"DRMEVA01";

/// A place for one thing.
#[derive(Debug)]
pub(super) struct Slot {
    path: PathBuf,
    key: [u8; 32],
}

impl Slot {
    /// The place, below the cache folder `root`, of a thing of `kind` that depends on `parts` and
    /// nothing else.
    pub(super) fn new(root: &Path, kind: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in [MAGIC, kind.as_bytes()]
            .into_iter()
            .chain(parts.iter().copied())
        {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let key: [u8; 32] = hash.finalize().into();
        let name = hex(&key[..12]);
        Self {
            path: root.join("evaluation").join(format!("{kind}-{name}")),
            key,
        }
    }

    /// The content, if it is there and sound.
    pub(super) fn read(&self) -> Option<Vec<u8>> {
        let file = File::open(&self.path).ok()?;
        read_sealed(file, MAGIC, &self.key).ok()?
    }

    /// Keeps the content. A cache that cannot be written costs time, nothing else, so that this
    /// says nothing.
    pub(super) fn write(&self, content: &[u8]) {
        if let Some(folder) = self.path.parent()
            && fs::create_dir_all(folder).is_ok()
        {
            let _ = write_sealed(&self.path, MAGIC, &self.key, &[content]);
        }
    }

    /// The matrices that [`Slot::write_matrices`] kept, if there are exactly `count`.
    pub(super) fn read_matrices(&self, count: usize) -> Option<Vec<Matrix>> {
        let bytes = self.read()?;
        let mut rest = bytes.as_slice();
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (rows, width) = (take_number(&mut rest)?, take_number(&mut rest)?);
            let len = rows.checked_mul(width)?.checked_mul(4)?;
            let values = rest.split_off(..len)?.as_chunks::<4>().0.iter();
            let values = values.map(|b| f32::from_le_bytes(*b)).collect();
            found.push(Matrix::new(values, width));
        }
        (found.len() == count).then_some(found)
    }

    pub(super) fn write_matrices(&self, matrices: &[&Matrix]) {
        let mut bytes = Vec::new();
        for matrix in matrices {
            bytes.extend((matrix.rows() as u64).to_le_bytes());
            bytes.extend((matrix.width() as u64).to_le_bytes());
            bytes.extend(matrix.values().iter().flat_map(|v| v.to_le_bytes()));
        }
        self.write(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    #[test]
    fn matrices_come_back_and_another_key_finds_nothing() {
        let folder = TestFolder::new();
        let slot = Slot::new(&folder.0, "features", &[b"a"]);
        assert!(slot.read_matrices(1).is_none());
        let matrix = Matrix::new(vec![1.5, -2.0, 3.0, 4.0], 2);
        slot.write_matrices(&[&matrix, &matrix]);
        assert_eq!(slot.read_matrices(2).unwrap()[1], matrix);
        assert!(slot.read_matrices(1).is_none());
        assert!(Slot::new(&folder.0, "features", &[b"b"]).read().is_none());
        // Parts do not run into each other.
        assert_ne!(
            Slot::new(&folder.0, "f", &[b"ab", b"c"]).key,
            Slot::new(&folder.0, "f", &[b"a", b"bc"]).key
        );
    }

    #[test]
    fn a_damaged_or_cut_file_is_not_used() {
        let folder = TestFolder::new();
        let slot = Slot::new(&folder.0, "x", &[]);
        slot.write(b"content");
        let whole = fs::read(&slot.path).unwrap();
        assert_eq!(slot.read().unwrap(), b"content");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&slot.path, damaged).unwrap();
            assert!(slot.read().is_none(), "byte {at}");
            fs::write(&slot.path, &whole[..at]).unwrap();
            assert!(slot.read().is_none(), "cut at {at}");
        }
    }
}
