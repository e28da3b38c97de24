//! `--data folder:DIR`: PNG, JPEG, BMP, GIF and WebP files, with sub-folders as classes. A ZIP or TAR
//! archive is read as the folder that is packed in it.
//!
//! `source` gives files and their bytes, from `disk`, `zip` or `tar`. `scan` lists the files and says
//! what belongs where, with `labels` where a table gives the classes. `decode` makes images of them.
//! [`images`] gives the images part after part and keeps nothing, for images that are only
//! measured.

mod decode;
mod disk;
mod entry;
mod images;
mod labels;
mod scan;
mod source;
mod survey;
mod table;
mod tar;
mod zip;

pub(crate) use decode::read_image;
pub(super) use decode::{Decoded, decode};
pub(crate) use images::FolderImages;
pub(super) use scan::{ImageFile, Listing, scan};
pub(crate) use source::is_archive;
pub(crate) use survey::{Survey, survey};
