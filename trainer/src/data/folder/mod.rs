//! `--data folder:DIR`: PNG, JPEG and BMP files, with sub-folders as classes.
//!
//! `scan` lists the files and says what belongs where, and `decode` makes an image of one.
//! [`images`] gives the images part after part and keeps nothing, for images that are only
//! measured.

mod broken;
mod decode;
mod images;
mod scan;

pub(super) use broken::{name_broken, note_broken, refuse_many_broken};
pub(super) use decode::read;
pub(crate) use images::FolderImages;
pub(super) use scan::{ImageFile, Listing, scan};
