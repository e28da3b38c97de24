//! The files of a model, under their names, with their digests.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::key::hex;

/// Names that are never signed, at the top of the model.
pub(crate) const NEVER: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// Bytes that are read at once.
const BUFFER: usize = 1 << 18;

/// How the files of a model become a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A digest for each.
    Files,
    /// A digest for each so many bytes.
    Shards(u64),
}

/// What stands under a name.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A file, or a link to one where links are followed.
    File(PathBuf),
    /// Anything else, and why it cannot be signed.
    Other(Error),
}

/// Everything below a model, by name: `/` between the parts, nothing that is left out.
pub(crate) fn entries(
    model: &Path,
    left_out: &[String],
    follow: bool,
) -> Result<BTreeMap<String, Entry>, Error> {
    let kind = fs::metadata(model).map_err(|error| read(model, error))?;
    let mut found = BTreeMap::new();
    if !kind.is_dir() {
        let entry = match kind.is_file() {
            true => Entry::File(model.into()),
            false => Entry::Other(Error::Special { path: model.into() }),
        };
        found.insert(base_name(model)?, entry);
        return Ok(found);
    }
    let root = model.canonicalize().map_err(|error| read(model, error))?;
    let mut folders = vec![(String::new(), model.to_path_buf())];
    while let Some((above, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| read(&folder, error))? {
            let path = entry.map_err(|error| read(&folder, error))?.path();
            let name = match above.as_str() {
                "" => base_name(&path),
                _ => base_name(&path).map(|base| format!("{above}/{base}")),
            };
            let name = name?;
            if left_out.iter().any(|one| is_at_or_below(&name, one)) {
                continue;
            }
            let kind = fs::symlink_metadata(&path).map_err(|error| read(&path, error))?;
            let kind = match (kind.is_symlink(), follow) {
                (false, _) => kind,
                (true, false) => {
                    found.insert(name, Entry::Other(Error::Symlink { path }));
                    continue;
                }
                (true, true) => match target(&path, &root) {
                    Ok(kind) => kind,
                    Err(error) => {
                        found.insert(name, Entry::Other(error));
                        continue;
                    }
                },
            };
            if kind.is_dir() {
                folders.push((name, path));
            } else if kind.is_file() {
                found.insert(name, Entry::File(path));
            } else {
                found.insert(name, Entry::Other(Error::Special { path }));
            }
        }
    }
    Ok(found)
}

/// What a link leads to, if that is within the model and not above the link.
fn target(link: &Path, root: &Path) -> Result<fs::Metadata, Error> {
    let wrong = |where_to| Error::SymlinkTarget {
        path: link.into(),
        where_to,
    };
    let target = link.canonicalize().map_err(|_| wrong("nowhere"))?;
    let folder = link.parent().unwrap_or(link);
    let folder = folder.canonicalize().map_err(|error| read(link, error))?;
    if !target.starts_with(root) {
        return Err(wrong("out of the model"));
    }
    if folder.starts_with(&target) {
        return Err(wrong("in a circle"));
    }
    fs::metadata(&target).map_err(|error| read(link, error))
}

/// The last part of a path, as text.
pub(crate) fn base_name(path: &Path) -> Result<String, Error> {
    // `.` and `a/..` have no name of their own.
    let full = path.file_name().is_none().then(|| path.canonicalize());
    let full = full.and_then(Result::ok).unwrap_or_else(|| path.into());
    match full.file_name().map(|name| name.to_str()) {
        Some(Some(name)) => Ok(name.into()),
        Some(None) => Err(Error::Name { path: path.into() }),
        None => Ok("model".into()),
    }
}

/// Whether a name is another, or lies in the folder of that name.
fn is_at_or_below(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The name that a path has within a model; `None` if it lies elsewhere.
pub(crate) fn name_within(model: &Path, path: &Path) -> Option<String> {
    let absolute = |path: &Path| {
        // The last part may not be there yet.
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(parent.join(path.file_name()?))
    };
    let root = model.canonicalize().ok()?;
    let path = absolute(path).or_else(|| path.canonicalize().ok())?;
    let parts = path.strip_prefix(&root).ok()?;
    let parts: Option<Vec<_>> = parts.iter().map(|part| part.to_str()).collect();
    parts
        .map(|parts| parts.join("/"))
        .filter(|name| !name.is_empty())
}

/// Whether a name can only be that of a file within the model.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.contains('\0') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Digests of a file, by the names of its parts.
pub(crate) fn digests(
    name: &str,
    path: &Path,
    method: Method,
) -> Result<Vec<(String, String)>, Error> {
    let failed = |error| read(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; BUFFER];
    match method {
        Method::Files => {
            let (digest, _) = digest(&mut file, u64::MAX, &mut buffer).map_err(failed)?;
            Ok(vec![(name.into(), digest)])
        }
        Method::Shards(size) => {
            let (mut parts, mut begin) = (Vec::new(), 0_u64);
            loop {
                let (digest, len) = digest(&mut file, size, &mut buffer).map_err(failed)?;
                if len == 0 {
                    return Ok(parts);
                }
                let end = begin.saturating_add(len);
                parts.push((format!("{name}:{begin}:{end}"), digest));
                begin = end;
            }
        }
    }
}

/// SHA-256 of the next bytes of a file, at most so many, and how many they were.
fn digest(file: &mut File, most: u64, buffer: &mut [u8]) -> io::Result<(String, u64)> {
    let (mut hasher, mut len) = (Sha256::new(), 0);
    let mut part = file.take(most);
    loop {
        let read = match part.read(buffer) {
            Ok(0) => return Ok((hex(&hasher.finalize()), len)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..read).unwrap_or_default());
        len += read as u64;
    }
}

/// The file of a part: `weights.bin` of `weights.bin:0:1000`.
pub(crate) fn file_of_shard(name: &str) -> Option<&str> {
    let (rest, end) = name.rsplit_once(':')?;
    let (file, begin) = rest.rsplit_once(':')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(begin) && number(end)).then_some(file)
}

pub(crate) fn read(path: &Path, error: io::Error) -> Error {
    Error::Read {
        path: path.into(),
        error,
    }
}
