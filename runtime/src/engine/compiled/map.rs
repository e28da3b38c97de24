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
    // SAFETY: the map is private and only read. A program that cuts the file short while it is used would end this one with a bus
    // error; one that writes to it changes weights (floats of any bits) or records, which are checked anew whenever they are read.
    unsafe { Mmap::map(&file) }
}
