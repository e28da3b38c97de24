//! Maps a file from disk.
#![allow(
    unsafe_code,
    reason = "mapping a file is unsafe by its nature, see below"
)]

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

/// The file's bytes, where the operating system has them.
pub(super) fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the map is private and only read. What no program can rule out is that another one
    // writes to the file or cuts it short while it is mapped: records are checked when the model is
    // opened and trusted from then on. `CompiledGenerator::open` says so; files are replaced by
    // renaming (as `dreamlet compile` does), never written over.
    unsafe { Mmap::map(&file) }
}
