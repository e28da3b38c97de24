//! The files of a folder on the disk.

use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::error::DataError;
use super::entry::{Entry, MAX_DEPTH, Place, changed, is_hidden, kind_of};

/// All files that count, in the folder and below; links count as what they point to, dangling ones
/// are left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<Entry>, DataError> {
    let mut found = Vec::new();
    list(folder, "", 0, &mut found)?;
    Ok(found)
}

fn list(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<Entry>,
) -> Result<(), DataError> {
    let failed = |cause| DataError::io("read", folder, 0, cause);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        let Ok(about) = fs::metadata(&path) else {
            continue;
        };
        if is_hidden(&name) {
            continue;
        }
        let relative = format!("{prefix}{name}");
        if about.is_dir() {
            if depth < MAX_DEPTH {
                list(&path, &format!("{relative}/"), depth + 1, found)?;
            }
        } else if about.is_file() {
            found.extend(file(relative, path, &about));
        }
    }
    Ok(())
}

fn file(relative: String, path: PathBuf, about: &Metadata) -> Option<Entry> {
    let beginning = || {
        let mut begin = [0; _];
        File::open(&path).ok()?.read_exact(&mut begin).ok()?;
        Some(begin)
    };
    Some(Entry {
        kind: kind_of(&relative, beginning)?,
        path: relative,
        len: about.len(),
        changed: changed(about),
        place: Place::Disk(path),
    })
}
