//! `--data folder:DIR`: PNG, JPEG and BMP files, with sub-folders as classes.
//!
//! `scan` lists the files and says what belongs where, and `decode` makes images of them.
//! [`images`] gives the images part after part and keeps nothing, for images that are only
//! measured.

mod decode;
mod images;
mod scan;

pub(super) use decode::{Decoded, decode};
pub(crate) use images::FolderImages;
pub(super) use scan::{ImageFile, Listing, scan};
