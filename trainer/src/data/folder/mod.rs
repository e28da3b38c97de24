//! `--data folder:DIR`: PNG, JPEG and BMP files, with sub-folders as classes.
//!
//! [`scan`] lists the files and says what belongs where, [`decode`] makes pixels of them, and [`cache`]
//! keeps those so that the second start does not decode anything. [`images`] decodes part after part and keeps nothing, for
//! images that are only measured.

mod cache;
mod decode;
mod images;
mod scan;

use std::path::Path;

use super::convert::{Shape, check_channels, check_size};
use super::dataset::{Dataset, Split};
use super::error::{BrokenFile, DataError};
use super::idx_folder::check_folder;
use super::{DEFAULT_FOLDER_SIZE, LoadOptions, assemble};
use decode::Decoded;
pub use images::FolderImages;
use scan::Listing;

/// One broken file in so many stops the run.
const BROKEN_LIMIT: usize = 20;

/// Loads the folder. A disk that is too full for the cache costs time at the next start, no more.
pub(super) fn load(folder: &Path, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let shape = Shape::square(
        check_channels(options.channels.unwrap_or(3))?,
        check_size(options.size.unwrap_or(DEFAULT_FOLDER_SIZE))?,
    );
    check_folder(folder)?;
    let listing = scan::scan(folder)?;
    let mut notes = listing.notes.clone();
    let mut cache = if options.no_cache {
        None
    } else {
        let cache = cache::Cache::open(&options.cache_dir()?, folder, &listing, shape);
        if_there_is_space(cache, &mut notes)?
    };
    let found = match &cache {
        Some(cache) => cache.read(&listing, shape)?,
        None => cache::Found::Nothing,
    };
    let decoded = if let cache::Found::Fresh(decoded) = found {
        decoded
    } else {
        if let Some(open) = &cache
            && if_there_is_space(open.check_writable(), &mut notes)?.is_none()
        {
            cache = None;
        }
        let decoded = decode::decode_all(&listing, shape, options)?;
        refuse_many_broken(folder, &listing, &decoded)?;
        if let Some(cache) = &cache
            && if_there_is_space(cache.write(&decoded), &mut notes)?.is_some()
            && matches!(found, cache::Found::Damaged)
        {
            notes.push(format!(
                "the cache {} was damaged and has been made again",
                cache.path().display()
            ));
        }
        decoded
    };
    refuse_many_broken(folder, &listing, &decoded)?;
    sort_out(listing, decoded, shape, notes)
}

/// `None` and a note where the disk was too full for what was to be done with the cache.
fn if_there_is_space<T>(
    done: Result<T, DataError>,
    notes: &mut Vec<String>,
) -> Result<Option<T>, DataError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error @ DataError::NoSpace { .. }) => {
            notes.push(format!(
                "the decoded images are not kept and will be decoded again at the next start: {error}"
            ));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn refuse_many_broken(
    folder: &Path,
    listing: &Listing,
    decoded: &Decoded,
) -> Result<(), DataError> {
    let total = listing.files.len();
    if decoded.broken.len().saturating_mul(BROKEN_LIMIT) <= total {
        return Ok(());
    }
    Err(DataError::TooManyBroken {
        path: folder.to_owned(),
        total,
        broken: name_broken(listing, decoded),
    })
}

fn note_broken(broken: usize, files: usize) -> Option<String> {
    (broken > 0).then(|| format!("{broken} of {files} files cannot be decoded and are skipped"))
}

fn name_broken(listing: &Listing, decoded: &Decoded) -> Vec<BrokenFile> {
    decoded
        .broken
        .iter()
        .filter_map(|(index, reason)| {
            Some(BrokenFile {
                path: listing.files.get(*index)?.relative.clone().into(),
                reason: reason.clone(),
            })
        })
        .collect()
}

/// Makes a data set of the listing and the pixels of its good files, the training files first.
fn sort_out(
    listing: Listing,
    decoded: Decoded,
    shape: Shape,
    mut notes: Vec<String>,
) -> Result<Dataset, DataError> {
    let broken = name_broken(&listing, &decoded);
    notes.extend(note_broken(broken.len(), listing.files.len()));
    let mut bad = decoded.broken.iter().map(|(index, _)| *index).peekable();
    let good: Vec<_> = listing
        .files
        .iter()
        .enumerate()
        .filter(|(index, _)| bad.next_if_eq(index).is_none())
        .map(|(_, file)| file)
        .collect();
    let train_count = good.iter().filter(|file| !file.test).count();
    let labels = |test: bool| -> Option<Vec<u16>> {
        good.iter()
            .filter(|file| file.test == test)
            .map(|file| file.class)
            .collect()
    };
    let (train_labels, test_labels) = (labels(false), labels(true));
    let mut train_pixels = decoded.pixels;
    let cut = train_count
        .saturating_mul(shape.image_len())
        .min(train_pixels.len());
    let test_pixels = train_pixels.split_off(cut);
    let train = Split::new(train_pixels, train_labels, shape.image_len())?;
    let test = Split::new(test_pixels, test_labels, shape.image_len())?;
    let mut data = assemble(shape, listing.classes, train, test, notes);
    data.broken = broken;
    Ok(data)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
