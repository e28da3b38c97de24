//! A folder of image files: decoded to the shape that nets get, or taken from the cache.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use super::super::dataset::{Dataset, Split};
use super::super::error::DataError;
use super::super::folder::{self, Decoded, ImageFile, Listing};
use super::super::options::{DEFAULT_FOLDER_SIZE, LoadOptions};
use super::super::progress::Unit;
use super::super::shape::{Shape, image_len, wanted};
use super::cache::{Cache, Found};

/// Loads the folder. A disk that is too full for the cache costs time at the next start, no more.
pub(super) fn load(path: &Path, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
    let usual = [3, DEFAULT_FOLDER_SIZE, DEFAULT_FOLDER_SIZE];
    let shape = wanted(usual, options.size, options.channels)?;
    let listing = folder::scan(path)?;
    let mut notes = listing.notes.clone();
    let mut cache = if options.no_cache {
        None
    } else {
        let cache = Cache::open(
            &options.cache_dir()?,
            path,
            &listing,
            shape,
            options.background,
        );
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
        let (progress, files) = (options.progress, &listing.files);
        let count = Some(files.len() as u64);
        let decoded = progress.during("decoding images", count, Unit::Images, || {
            folder::decode(&listing.source, files, shape, options.background, progress)
        })?;
        listing.refuse_many_broken(&decoded.broken)?;
        if let Some(cache) = &cache
            && if_there_is_space(cache.write(&decoded), &mut notes)?.is_some()
            && matches!(found, Found::Damaged)
        {
            notes.push(format!(
                "the cache {} was damaged and has been made again",
                cache.path.display()
            ));
        }
        decoded
    };
    listing.refuse_many_broken(&decoded.broken)?;
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

/// Makes a data set of the listing and the pixels of its good files, the training files first.
fn sort_out(
    listing: Listing,
    decoded: Decoded,
    shape: Shape,
    mut notes: Vec<String>,
) -> Result<Dataset, DataError> {
    notes.extend(listing.note_broken(&decoded.broken));
    let broken = listing.name_broken(&decoded.broken);
    let mut bad = decoded.broken.iter().map(|(index, _)| *index).peekable();
    let files = listing.files.iter().enumerate();
    let good = files.filter(|(index, _)| bad.next_if_eq(index).is_none());
    let good: Vec<_> = good.collect();
    notes.extend(note_copies(&good, &decoded.pixels, image_len(shape)));
    let good = good.into_iter();
    let (test, train): (Vec<_>, Vec<_>) = good.map(|(_, file)| file).partition(|file| file.test);
    let mut train_pixels = decoded.pixels;
    let cut = train.len().saturating_mul(image_len(shape));
    let test_pixels = train_pixels.split_off(cut.min(train_pixels.len()));
    let split = |pixels, files: Vec<&ImageFile>| {
        let labels = files.iter().map(|file| file.class).collect();
        Split::new(pixels, labels, image_len(shape))
    };
    let [channels, height, width] = shape;
    Ok(Dataset {
        name: String::new(),
        channels,
        height,
        width,
        train: split(train_pixels, train)?,
        test: split(test_pixels, test)?,
        classes: listing.classes,
        notes,
        broken,
        digits: None,
        split_here: listing.split_here,
    })
}

/// Says how many images are copies of others. `pixels` has the images of the files in their order.
fn note_copies(files: &[(usize, &ImageFile)], pixels: &[u8], len: usize) -> Option<String> {
    let mut first = HashMap::new();
    let (mut copies, mut across, mut example) = (0, 0, None);
    for ((_, file), image) in files.iter().zip(pixels.chunks_exact(len.max(1))) {
        match first.entry(image) {
            Entry::Vacant(place) => _ = place.insert(*file),
            Entry::Occupied(place) => {
                let original: &ImageFile = place.get();
                copies += 1;
                across += usize::from(original.test != file.test);
                example.get_or_insert((&file.entry.path, &original.entry.path));
            }
        }
    }
    let (copy, original) = example?;
    let also = match across {
        0 => String::new(),
        _ => format!(
            "; {across} of them are test images that are trained on too, so measurements flatter"
        ),
    };
    Some(format!(
        "{copies} of {} images look the same as another one, {copy} as {original} for example: each counts as often as it is there{also}",
        files.len()
    ))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
