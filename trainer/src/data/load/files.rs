//! A folder of image files: decoded to the shape that nets get, or taken from the cache.

use std::path::Path;

use super::super::convert::{self, Fitted};
use super::super::dataset::{Dataset, Split};
use super::super::error::DataError;
use super::super::folder::{self, ImageFile, Listing};
use super::super::idx_folder::check_folder;
use super::super::options::{DEFAULT_FOLDER_SIZE, LoadOptions};
use super::super::progress::Unit;
use super::super::shape::{Shape, check_channels, check_size};
use super::cache::{Cache, Found};

/// Loads the folder. A disk that is too full for the cache costs time at the next start, no more.
pub(super) fn load(path: &Path, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let shape = Shape::square(
        check_channels(options.channels.unwrap_or(3))?,
        check_size(options.size.unwrap_or(DEFAULT_FOLDER_SIZE))?,
    );
    check_folder(path)?;
    let listing = folder::scan(path)?;
    let mut notes = listing.notes.clone();
    let mut cache = if options.no_cache {
        None
    } else {
        let cache = Cache::open(&options.cache_dir()?, path, &listing, shape);
        if_there_is_space(cache, &mut notes)?
    };
    let found = match &cache {
        Some(cache) => cache.read(&listing, shape)?,
        None => Found::Nothing,
    };
    let decoded = if let Found::Fresh(decoded) = found {
        decoded
    } else {
        if let Some(open) = &cache
            && if_there_is_space(open.check_writable(), &mut notes)?.is_none()
        {
            cache = None;
        }
        let decoded = decode_all(&listing.files, shape, options)?;
        folder::refuse_many_broken(path, &listing, &decoded.broken)?;
        if let Some(cache) = &cache
            && if_there_is_space(cache.write(&decoded), &mut notes)?.is_some()
            && matches!(found, Found::Damaged)
        {
            notes.push(format!(
                "the cache {} was damaged and has been made again",
                cache.path().display()
            ));
        }
        decoded
    };
    folder::refuse_many_broken(path, &listing, &decoded.broken)?;
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

fn decode_all(
    files: &[ImageFile],
    shape: Shape,
    options: &LoadOptions<'_>,
) -> Result<Fitted, DataError> {
    let progress = options.progress;
    progress.start("decoding images", Some(files.len() as u64), Unit::Images);
    let decoded = convert::convert_files(files.len(), shape, options.threads, progress, |index| {
        folder::read(files, index)
    });
    progress.finish();
    decoded
}

/// Makes a data set of the listing and the pixels of its good files, the training files first.
fn sort_out(
    listing: Listing,
    decoded: Fitted,
    shape: Shape,
    mut notes: Vec<String>,
) -> Result<Dataset, DataError> {
    let broken = folder::name_broken(&listing, &decoded.broken);
    notes.extend(folder::note_broken(broken.len(), listing.files.len()));
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
    Ok(Dataset {
        name: String::new(),
        channels: shape.channels,
        height: shape.height,
        width: shape.width,
        classes: listing.classes,
        train,
        test,
        notes,
        broken,
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
