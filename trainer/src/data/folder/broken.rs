//! Files that cannot be decoded: how many there may be, and how they are told.

use std::path::Path;

use super::super::convert::Broken;
use super::super::error::{BrokenFile, DataError};
use super::scan::Listing;

/// One broken file in so many stops the run.
const BROKEN_LIMIT: usize = 20;

pub(in crate::data) fn refuse_many_broken(
    folder: &Path,
    listing: &Listing,
    broken: &[Broken],
) -> Result<(), DataError> {
    let total = listing.files.len();
    if broken.len().saturating_mul(BROKEN_LIMIT) <= total {
        return Ok(());
    }
    Err(DataError::TooManyBroken {
        path: folder.to_owned(),
        total,
        broken: name_broken(listing, broken),
    })
}

pub(in crate::data) fn note_broken(broken: usize, files: usize) -> Option<String> {
    (broken > 0).then(|| format!("{broken} of {files} files cannot be decoded and are skipped"))
}

pub(in crate::data) fn name_broken(listing: &Listing, broken: &[Broken]) -> Vec<BrokenFile> {
    broken
        .iter()
        .filter_map(|(index, reason)| {
            Some(BrokenFile {
                path: listing.files.get(*index)?.relative.clone().into(),
                reason: reason.clone(),
            })
        })
        .collect()
}
