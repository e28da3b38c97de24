//! What can be wrong with a data set, one variant for each way.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The forms that `--data` takes, for help texts.
pub(crate) const VALID_SPECS: [&str; 6] = [
    "glyphs",
    "mnist",
    "fashion-mnist",
    "stacked-mnist",
    "idx:DIR",
    "folder:DIR",
];

/// How many broken files [`DataError::TooManyBroken`] names when it is printed.
const BROKEN_NAMED: usize = 20;

/// A file that could not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenFile {
    /// The file's path below the data folder.
    pub path: PathBuf,
    pub reason: String,
}

/// What can be wrong with a data set. The message says what was expected, what was found and what
/// to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    #[error("unknown data source {found:?}: {} Valid: {}", meant(found, *nearest), VALID_SPECS.join(", "))]
    UnknownSource {
        found: String,
        /// The valid name most like it, if one is near enough to be a slip.
        nearest: Option<&'static str>,
    },
    #[error("{scheme}: needs a folder: write --data {scheme}:DIR")]
    NoFolderNamed { scheme: &'static str },
    #[error("image size {found} is not possible: choose a multiple of 4 from 16 to 128")]
    Size { found: usize },
    /// The images' own shape is not one that nets take, and no size was given.
    #[error(
        "the images are {height}x{width} pixels, but nets take squares whose edge is a multiple \
         of 4 from 16 to 128: choose one with --size"
    )]
    NativeSize { height: usize, width: usize },
    #[error("{found} channels are not possible: choose 1 (grey), 3 (RGB) or 4 (RGB and alpha)")]
    Channels { found: usize },
    #[error("stacked-mnist has 3 channels, a digit in each, and not {found}: write --channels 3")]
    StackedChannels { found: usize },
    #[error("{name} has no transparency: choose 1 channel (grey) or 3 (RGB)")]
    NoAlpha { name: String },
    #[error("no folder {}: check the path", path.display())]
    FolderMissing { path: PathBuf },
    #[error("{} is not a folder", path.display())]
    NotAFolder { path: PathBuf },
    #[error("{} is neither a folder nor a ZIP or TAR archive: name one of these", path.display())]
    NotAFolderOrArchive { path: PathBuf },
    #[error(
        "{} is a {kind} archive, which is not read: unpack it ({tool} {}) and name the folder; ZIP, TAR and gzipped TAR are read as they are",
        path.display(), path.display()
    )]
    ArchiveKind {
        path: PathBuf,
        kind: &'static str,
        /// The command that unpacks it.
        tool: &'static str,
    },
    #[error(
        "{} cannot be read as a {kind} archive: {cause}; fetch it again, or unpack it and name the folder",
        path.display()
    )]
    Archive {
        path: PathBuf,
        kind: &'static str,
        #[source]
        cause: io::Error,
    },
    #[error(
        "no {file} (nor {file}.gz) in {}: IDX data needs train-images-idx3-ubyte, and may have \
         train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte",
        folder.display()
    )]
    FilesMissing { folder: PathBuf, file: String },
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// "read", "write" or the like.
        action: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// The disk, or the user's quota, is full.
    #[error(
        "no space left for {}: it needs {needed} bytes; free some, or point DREAMLET_CACHE_DIR to \
         a larger disk",
        path.display()
    )]
    NoSpace { path: PathBuf, needed: u64 },
    #[error(
        "cannot write to the cache folder {}: {cause}; make it writable, point DREAMLET_CACHE_DIR \
         to another folder, or switch the cache off with --no-cache",
        folder.display()
    )]
    CacheUnwritable {
        folder: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error(
        "no home folder for the cache: set DREAMLET_CACHE_DIR, or switch the cache off with --no-cache"
    )]
    NoCacheFolder,
    #[error(
        "{} does not begin as an IDX file of bytes: expected {expected}, found {}",
        path.display(),
        found.map(|byte| format!("{byte:02x}")).join(" ")
    )]
    Magic {
        path: PathBuf,
        expected: &'static str,
        found: [u8; 4],
    },
    /// Bytes are counted uncompressed, with the header.
    #[error("{} is truncated: {expected} bytes expected, {found} found; fetch it again", path.display())]
    Truncated {
        path: PathBuf,
        expected: u64,
        found: u64,
    },
    /// Bytes are counted uncompressed, with the header.
    #[error("{} is longer than the {expected} bytes its header promises; fetch it again", path.display())]
    TooLong { path: PathBuf, expected: u64 },
    #[error("{} is a damaged gzip file ({cause}); fetch it again", path.display())]
    Gzip {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error(
        "{} has dimensions {found:?}: expected [N, H, W], [N, C, H, W] or [N, H, W, C] with C 1 or 3 \
         and edges from 1 to 4096 for images, [N] for labels",
        path.display()
    )]
    Dimensions { path: PathBuf, found: Vec<u32> },
    /// Of one image.
    #[error("{} cannot be used: {reason}; give a PNG, JPEG, BMP, GIF or WebP file", path.display())]
    Image { path: PathBuf, reason: String },
    #[error("{} holds no items", path.display())]
    Empty { path: PathBuf },
    #[error("{} has {labels} labels for {images} images: the files do not belong together", path.display())]
    LabelCount {
        path: PathBuf,
        images: usize,
        labels: usize,
    },
    #[error(
        "{} holds images of {found:?} (channels, rows, columns), the training images are {expected:?}",
        path.display()
    )]
    ShapeMismatch {
        path: PathBuf,
        expected: [usize; 3],
        found: [usize; 3],
    },
    #[error(
        "{} is not the published file: SHA-256 {expected} expected, {found} found; delete it to \
         fetch it again, or read your own files with --data idx:DIR",
        path.display()
    )]
    Checksum {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error(
        "cannot download {file}:{} try again later (what has come is kept), or put the four files \
         into {}, or set DREAMLET_DATA_DIR to the folder above one that has them",
        tried.iter().map(|(url, reason)| format!(" {url}: {reason};")).collect::<String>(),
        folder.display()
    )]
    Download {
        file: String,
        /// The address and the reason, for each mirror.
        tried: Vec<(String, String)>,
        folder: PathBuf,
    },
    #[error(
        "{name} is not on this machine; looked into {}: put its four files into one of these, or allow the download",
        looked.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    Offline {
        name: &'static str,
        looked: Vec<PathBuf>,
    },
    #[error(
        "no PNG, JPEG, BMP, GIF or WebP files in {}: put images there, or into one sub-folder per class",
        path.display()
    )]
    NoImages { path: PathBuf },
    #[error(
        "{} of {total} images in {} cannot be decoded, more than 5 %; repair or remove them:{}",
        broken.len(),
        path.display(),
        listed(broken)
    )]
    TooManyBroken {
        path: PathBuf,
        total: usize,
        broken: Vec<BrokenFile>,
    },
    #[error(
        "the pixels need {needed} bytes of memory, more than there is: choose a smaller --size, \
         grey (--channels 1), or fewer images"
    )]
    Memory { needed: u64 },
    #[error(
        "{tables} has classes for {labelled} of {images} images in {} and none for the others: add their lines, or take the table or these images out of the folder",
        path.display()
    )]
    MostUnlabelled {
        path: PathBuf,
        /// The tables of labels.
        tables: String,
        labelled: usize,
        images: usize,
    },
    #[error("a split does not add up: {expected} expected, {found} found")]
    Inconsistent { expected: usize, found: usize },
    #[error(
        "a batch of {batch} is not possible with {images} training images: choose 1 to {images}"
    )]
    BatchSize { batch: usize, images: usize },
    #[error(
        "position {index} is beyond the {images} training images: the checkpoint belongs to other data"
    )]
    Position { index: u64, images: usize },
}

impl DataError {
    /// Wraps a failed operation on a file; a full disk is told apart.
    pub(super) fn io(action: &'static str, path: &Path, needed: u64, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                DataError::NoSpace { path, needed }
            }
            _ => DataError::Io {
                action,
                path,
                cause,
            },
        }
    }
}

/// What the user may have meant by an unknown source.
fn meant(found: &str, nearest: Option<&str>) -> String {
    match nearest {
        _ if Path::new(found).is_dir() => {
            format!("for the images in this folder write folder:{found}.")
        }
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => "it is none of these.".to_owned(),
    }
}

/// The first broken files, a line each, and how many more there are.
fn listed(broken: &[BrokenFile]) -> String {
    let named = broken.iter().take(BROKEN_NAMED);
    let mut text: String = named
        .map(|file| format!("\n  {}: {}", file.path.display(), file.reason))
        .collect();
    if broken.len() > BROKEN_NAMED {
        text += &format!("\n  and {} more", broken.len() - BROKEN_NAMED);
    }
    text
}
