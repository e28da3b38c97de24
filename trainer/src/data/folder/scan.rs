//! Which files a folder has, what class each is, and which are for the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::super::error::{BrokenFile, DataError};
use super::super::idx_folder::check_folder;

/// Endings of the files that are read, in lower case.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];

/// Endings of other kinds of images, of which the user should know that they are not read.
const UNREAD: [&str; 9] = [
    "gif", "webp", "tif", "tiff", "avif", "heic", "jxl", "tga", "svg",
];

/// One broken file in so many stops the run.
const BROKEN_LIMIT: usize = 20;

/// Folders within folders: deeper is a loop of links.
const MAX_DEPTH: u32 = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct ImageFile {
    /// Where it is.
    pub(in crate::data) path: PathBuf,
    /// Where it is below the data folder, with `/` between the parts.
    pub(in crate::data) relative: String,
    /// From SHA-256 of the relative path: the file's place in the order, and in the split.
    hash: u64,
    /// Index into [`Listing::classes`].
    pub(in crate::data) class: Option<u16>,
    /// Whether it is held back for the test.
    pub(in crate::data) test: bool,
    /// Bytes.
    pub(in crate::data) len: u64,
    /// Nanoseconds since 1970 when it was last changed; 0 when that is not known.
    pub(in crate::data) changed: u128,
}

/// The index of a file that cannot be decoded, and why.
pub(in crate::data) type Broken = (usize, String);

/// What a folder holds: training files first. Each half is in the order of the hashes of the
/// relative paths: the classes are mixed, and the first so many files are a fair sample.
#[derive(Clone, Debug)]
pub(in crate::data) struct Listing {
    folder: PathBuf,
    pub(in crate::data) files: Vec<ImageFile>,
    pub(in crate::data) classes: Vec<String>,
    pub(in crate::data) notes: Vec<String>,
}

impl Listing {
    pub(in crate::data) fn refuse_many_broken(&self, broken: &[Broken]) -> Result<(), DataError> {
        if broken.len().saturating_mul(BROKEN_LIMIT) <= self.files.len() {
            return Ok(());
        }
        Err(DataError::TooManyBroken {
            path: self.folder.clone(),
            total: self.files.len(),
            broken: self.name_broken(broken),
        })
    }

    pub(in crate::data) fn name_broken(&self, broken: &[Broken]) -> Vec<BrokenFile> {
        let named = broken.iter().filter_map(|(index, reason)| {
            Some(BrokenFile {
                path: self.files.get(*index)?.relative.clone().into(),
                reason: reason.clone(),
            })
        });
        named.collect()
    }

    pub(in crate::data) fn note_broken(&self, broken: &[Broken]) -> Option<String> {
        let (broken, files) = (broken.len(), self.files.len());
        (broken > 0).then(|| format!("{broken} of {files} files cannot be decoded and are skipped"))
    }
}

/// What is found while a folder is listed.
#[derive(Default)]
struct Found {
    /// Each with the name of its class.
    files: Vec<(Option<String>, ImageFile)>,
    notes: Vec<String>,
    /// Number of files of each ending in [`UNREAD`].
    unread: BTreeMap<&'static str, usize>,
}

/// Lists the folder. With sub-folders `train` and `test`, these are the halves; otherwise about a
/// tenth of the files, chosen by the hash of the relative path, is for the test.
pub(in crate::data) fn scan(folder: &Path) -> Result<Listing, DataError> {
    check_folder(folder)?;
    let (train, test) = (folder.join("train"), folder.join("test"));
    let mut found = Found::default();
    let has_halves = train.is_dir() && test.is_dir();
    if has_halves {
        list_half(&train, "train/", false, &mut found)?;
        list_half(&test, "test/", true, &mut found)?;
    } else {
        list_half(folder, "", false, &mut found)?;
    }
    let mut notes = found.notes;
    if !found.unread.is_empty() {
        let kinds = found.unread.iter();
        let kinds: Vec<String> = kinds.map(|(kind, n)| format!("{n} {kind}")).collect();
        notes.push(format!(
            "images of other kinds than PNG, JPEG and BMP are left out ({}): convert them",
            kinds.join(", ")
        ));
    }
    let (mut files, classes) = number_classes(found.files)?;
    if !has_halves {
        hold_back(&mut files);
    }
    files.sort_by(|a, b| (a.test, a.hash, &a.relative).cmp(&(b.test, b.hash, &b.relative)));
    if files.iter().all(|file| file.test) {
        let path = if has_halves { train } else { folder.to_owned() };
        return Err(DataError::NoImages { path });
    }
    Ok(Listing {
        folder: folder.to_owned(),
        files,
        classes,
        notes,
    })
}

/// Lists one half. Its sub-folders are classes where they have images.
fn list_half(folder: &Path, prefix: &str, test: bool, found: &mut Found) -> Result<(), DataError> {
    let mut files = Vec::new();
    list(folder, prefix, 0, &mut files, &mut found.unread)?;
    let class = |file: &ImageFile| {
        let (class, _) = file.relative.strip_prefix(prefix)?.split_once('/')?;
        Some(class.to_owned())
    };
    let files = files.into_iter();
    let files = files.map(|file| (class(&file), ImageFile { test, ..file }));
    let (classed, loose): (Vec<_>, Vec<_>) = files.partition(|(class, _)| class.is_some());
    if classed.is_empty() {
        found.files.extend(loose);
        return Ok(());
    }
    if !loose.is_empty() {
        found.notes.push(format!(
            "{} images directly in {} are left out, because its sub-folders are classes",
            loose.len(),
            folder.display()
        ));
    }
    found.files.extend(classed);
    Ok(())
}

fn list(
    folder: &Path,
    prefix: &str,
    depth: u32,
    files: &mut Vec<ImageFile>,
    unread: &mut BTreeMap<&'static str, usize>,
) -> Result<(), DataError> {
    for (name, path, about) in entries(folder)? {
        let relative = format!("{prefix}{name}");
        let ending = path.extension().unwrap_or_default();
        let ending = ending.to_string_lossy().to_ascii_lowercase();
        if about.is_dir() && depth < MAX_DEPTH {
            list(&path, &format!("{relative}/"), depth + 1, files, unread)?;
        } else if about.is_file() && ENDINGS.contains(&&*ending) {
            let modified = about.modified().ok();
            let changed = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let digest = Sha256::digest(relative.as_bytes());
            files.push(ImageFile {
                path,
                hash: u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()),
                relative,
                class: None,
                test: false,
                len: about.len(),
                changed: changed.map_or(0, |since| since.as_nanos()),
            });
        } else if about.is_file()
            && let Some(kind) = UNREAD.into_iter().find(|kind| **kind == ending)
        {
            *unread.entry(kind).or_default() += 1;
        }
    }
    Ok(())
}

/// Entries that are not hidden, sorted by name; links count as what they point to, dangling ones
/// are left out.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf, Metadata)>, DataError> {
    let failed = |cause| DataError::io("read", folder, 0, cause);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "__MACOSX" {
            continue;
        }
        let path = entry.path();
        if let Ok(about) = fs::metadata(&path) {
            found.push((name, path, about));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// The files with their classes by number, and the classes' names, sorted.
fn number_classes(
    files: Vec<(Option<String>, ImageFile)>,
) -> Result<(Vec<ImageFile>, Vec<String>), DataError> {
    let names: BTreeSet<&String> = files.iter().filter_map(|(name, _)| name.as_ref()).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    if names.len() > usize::from(u16::MAX) {
        return Err(DataError::Inconsistent {
            expected: usize::from(u16::MAX),
            found: names.len(),
        });
    }
    let numbered = files.into_iter().map(|(name, file)| {
        let number = name.and_then(|name| names.binary_search(&name).ok());
        let class = number.and_then(|number| u16::try_from(number).ok());
        ImageFile { class, ..file }
    });
    Ok((numbered.collect(), names))
}

/// Marks files whose path's hash falls into the first tenth: adding files does not move the others.
/// A folder with two files or more has at least one in each half.
fn hold_back(files: &mut [ImageFile]) {
    for file in files.iter_mut() {
        file.test = file.hash < u64::MAX / 10;
    }
    let held = files.iter().filter(|file| file.test).count();
    let everything_is = held == files.len();
    if (everything_is || (held == 0 && files.len() > 1))
        && let Some(least) = files.iter_mut().min_by_key(|file| file.hash)
    {
        least.test = !everything_is;
    }
}
