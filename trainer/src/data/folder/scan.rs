//! Which files a folder has, what class each is, and which are for the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::super::error::DataError;

/// Endings of the files that are read, in lower case.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];

/// Endings of other kinds of images, of which the user should know that they are not read.
const UNREAD: [&str; 9] = [
    "gif", "webp", "tif", "tiff", "avif", "heic", "jxl", "tga", "svg",
];

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

/// What a folder holds: training files first. Each half is in the order of the hashes of the
/// relative paths: the classes are mixed, and the first so many files are a fair sample.
#[derive(Clone, Debug, Default)]
pub(in crate::data) struct Listing {
    pub(in crate::data) files: Vec<ImageFile>,
    pub(in crate::data) classes: Vec<String>,
    pub(in crate::data) notes: Vec<String>,
    /// Number of files of each ending in [`UNREAD`].
    unread: BTreeMap<&'static str, usize>,
}

/// Lists the folder. With sub-folders `train` and `test`, these are the halves; otherwise about a
/// tenth of the files, chosen by the hash of the relative path, is for the test.
pub(in crate::data) fn scan(folder: &Path) -> Result<Listing, DataError> {
    let (train, test) = (folder.join("train"), folder.join("test"));
    let mut listing = Listing::default();
    let has_halves = train.is_dir() && test.is_dir();
    if has_halves {
        list_half(&train, "train/", false, &mut listing)?;
        list_half(&test, "test/", true, &mut listing)?;
    } else {
        list_half(folder, "", false, &mut listing)?;
    }
    number_classes(&mut listing)?;
    if !listing.unread.is_empty() {
        let kinds = listing.unread.iter();
        let kinds: Vec<String> = kinds.map(|(kind, n)| format!("{n} {kind}")).collect();
        listing.notes.push(format!(
            "images of other kinds than PNG, JPEG and BMP are left out ({}): convert them",
            kinds.join(", ")
        ));
    }
    if !has_halves {
        hold_back(&mut listing.files);
    }
    listing
        .files
        .sort_by(|a, b| (a.test, a.hash, &a.relative).cmp(&(b.test, b.hash, &b.relative)));
    if listing.files.iter().all(|file| file.test) {
        let path = if has_halves { train } else { folder.to_owned() };
        return Err(DataError::NoImages { path });
    }
    Ok(listing)
}

/// Lists one half. `listing.classes` gets the folder name of every file's class, in the files'
/// order; they are numbered afterwards.
fn list_half(
    folder: &Path,
    prefix: &str,
    test: bool,
    listing: &mut Listing,
) -> Result<(), DataError> {
    let mut loose = Vec::new();
    let mut classed = Vec::new();
    for (name, path, about) in entries(folder)? {
        if about.is_dir() {
            let mut files = Vec::new();
            let unread = &mut listing.unread;
            list_class(
                &path,
                &format!("{prefix}{name}/"),
                test,
                1,
                &mut files,
                unread,
            )?;
            classed.extend(files.into_iter().map(|file| (name.clone(), file)));
        } else if is_image(&path) {
            loose.push(image_file(path, format!("{prefix}{name}"), test, &about));
        } else {
            count_unread(&path, &mut listing.unread);
        }
    }
    if classed.is_empty() {
        listing.files.extend(loose);
        return Ok(());
    }
    if !loose.is_empty() {
        listing.notes.push(format!(
            "{} images directly in {} are left out, because its sub-folders are classes",
            loose.len(),
            folder.display()
        ));
    }
    for (class, mut file) in classed {
        // A place in `classes` for now; `number_classes` makes it a number.
        file.class = Some(u16::MAX);
        listing.classes.push(class);
        listing.files.push(file);
    }
    Ok(())
}

fn list_class(
    folder: &Path,
    prefix: &str,
    test: bool,
    depth: u32,
    files: &mut Vec<ImageFile>,
    unread: &mut BTreeMap<&'static str, usize>,
) -> Result<(), DataError> {
    for (name, path, about) in entries(folder)? {
        if about.is_dir() && depth < MAX_DEPTH {
            let prefix = format!("{prefix}{name}/");
            list_class(&path, &prefix, test, depth + 1, files, unread)?;
        } else if about.is_file() && is_image(&path) {
            files.push(image_file(path, format!("{prefix}{name}"), test, &about));
        } else if about.is_file() {
            count_unread(&path, unread);
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

/// The part of the name after the last dot, in lower case.
fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_string_lossy().to_ascii_lowercase())
}

fn is_image(path: &Path) -> bool {
    ending(path).is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn count_unread(path: &Path, unread: &mut BTreeMap<&'static str, usize>) {
    let ending = ending(path);
    let kind = UNREAD
        .into_iter()
        .find(|kind| ending.as_deref() == Some(kind));
    if let Some(kind) = kind {
        *unread.entry(kind).or_default() += 1;
    }
}

fn image_file(path: PathBuf, relative: String, test: bool, about: &Metadata) -> ImageFile {
    let changed = about
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos());
    let digest = Sha256::digest(relative.as_bytes());
    ImageFile {
        path,
        hash: u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()),
        relative,
        class: None,
        test,
        len: about.len(),
        changed,
    }
}

/// Replaces the class names of the files by sorted distinct names and the files' indices among
/// them.
fn number_classes(listing: &mut Listing) -> Result<(), DataError> {
    let names: BTreeSet<&String> = listing.classes.iter().collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let mut of_files = listing.classes.iter();
    for file in listing.files.iter_mut().filter(|file| file.class.is_some()) {
        let number = of_files
            .next()
            .and_then(|name| names.binary_search(name).ok());
        file.class = number.and_then(|number| u16::try_from(number).ok());
    }
    if names.len() > usize::from(u16::MAX) {
        return Err(DataError::Inconsistent {
            expected: usize::from(u16::MAX),
            found: names.len(),
        });
    }
    listing.classes = names;
    Ok(())
}

/// Marks files whose path's hash falls into the first tenth: adding files does not move the others.
/// A folder with two files or more has at least one in each half.
fn hold_back(files: &mut [ImageFile]) {
    let mut least: Option<(u64, usize)> = None;
    let mut held = 0;
    for (index, file) in files.iter_mut().enumerate() {
        let hash = file.hash;
        file.test = hash < u64::MAX / 10;
        held += usize::from(file.test);
        least = least.min(Some((hash, index))).or(Some((hash, index)));
    }
    let everything_is = held == files.len();
    if let Some((_, index)) = least.filter(|_| everything_is || (held == 0 && files.len() > 1))
        && let Some(file) = files.get_mut(index)
    {
        file.test = !everything_is;
    }
}
