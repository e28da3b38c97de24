//! What can be wrong with a data set, one variant for each way.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::spec::VALID_SPECS;

/// How many broken files [`DataError::TooManyBroken`] names when it is printed.
const BROKEN_NAMED: usize = 20;

/// A file that could not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenFile {
    /// The file's path below the data folder.
    pub path: PathBuf,
    /// What the decoder said.
    pub reason: String,
}

/// What can be wrong with a data set. The printed form says what was expected, what was found and what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum DataError {
    /// `--data` names no source.
    UnknownSource {
        /// The name as given.
        found: String,
        /// The valid name most like it, if one is near enough to be a slip.
        nearest: Option<&'static str>,
    },
    /// `idx:` or `folder:` without a folder after the colon.
    NoFolderNamed {
        /// `idx` or `folder`.
        source: &'static str,
    },
    /// An edge length the nets cannot take.
    Size {
        /// The edge length asked for.
        found: usize,
    },
    /// The images' own shape is not one the nets can take, and no size was asked for.
    NativeSize {
        /// Rows of the images.
        height: usize,
        /// Columns of the images.
        width: usize,
    },
    /// A number of channels other than 1 and 3.
    Channels {
        /// The number found or asked for.
        found: usize,
    },
    /// A folder that is not there.
    FolderMissing {
        /// The folder.
        path: PathBuf,
    },
    /// A path that should be a folder and is something else.
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// A folder without the IDX files that are needed.
    FilesMissing {
        /// The folder looked into.
        folder: PathBuf,
        /// The missing file (each may end in `.gz`).
        file: String,
    },
    /// Reading or writing failed.
    Io {
        /// What was tried: "read", "create".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// The disk (or the user's quota) is full.
    NoSpace {
        /// The file that was written.
        path: PathBuf,
        /// Bytes that file needs.
        needed: u64,
    },
    /// The cache folder cannot be written.
    CacheUnwritable {
        /// The cache folder.
        folder: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// No home folder to put a cache into.
    NoCacheFolder,
    /// A file that is not IDX.
    Magic {
        /// The file.
        path: PathBuf,
        /// The four first bytes that were expected, as hexadecimal.
        expected: &'static str,
        /// The four first bytes of the file.
        found: [u8; 4],
    },
    /// A file that ends early.
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes its header promises (uncompressed, header included).
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A file that goes on after its end.
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes its header promises (uncompressed, header included).
        expected: u64,
    },
    /// A damaged gzip file.
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        cause: io::Error,
    },
    /// Image dimensions that are zero, too large, or not those of grey or RGB images.
    Dimensions {
        /// The file.
        path: PathBuf,
        /// The dimensions in the header, slowest first.
        found: Vec<u32>,
    },
    /// A file without a single item.
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// As many labels as images are needed.
    LabelCount {
        /// The label file.
        path: PathBuf,
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// Test images of another shape than the training images.
    ShapeMismatch {
        /// The test file.
        path: PathBuf,
        /// Channels, rows and columns of the training images.
        expected: [usize; 3],
        /// Channels, rows and columns of the test images.
        found: [usize; 3],
    },
    /// A file that is not the published one.
    Checksum {
        /// The file or address.
        path: PathBuf,
        /// The published SHA-256.
        expected: String,
        /// The SHA-256 of what was found.
        found: String,
    },
    /// None of the mirrors gave the file.
    Download {
        /// The file wanted.
        file: String,
        /// The address and the reason, for each mirror tried.
        tried: Vec<(String, String)>,
        /// Where to put the files by hand.
        folder: PathBuf,
    },
    /// The files are not on this machine and downloading is switched off.
    Offline {
        /// The data set.
        name: &'static str,
        /// The folders looked into.
        looked: Vec<PathBuf>,
    },
    /// A folder without images.
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// More than one file in twenty cannot be decoded.
    TooManyBroken {
        /// The folder.
        path: PathBuf,
        /// All image files in it.
        total: usize,
        /// Those that are broken.
        broken: Vec<BrokenFile>,
    },
    /// The pixels do not fit this machine's memory.
    Memory {
        /// Bytes they need.
        needed: u64,
    },
    /// A split whose pixels or labels do not add up.
    Inconsistent {
        /// Bytes or labels expected.
        expected: usize,
        /// Bytes or labels found.
        found: usize,
    },
    /// A batch that is empty or larger than the data set.
    BatchSize {
        /// The batch size asked for.
        batch: usize,
        /// Number of training images.
        images: usize,
    },
    /// A position that no run over this data set can have reached.
    Position {
        /// The place within the epoch, in images.
        index: u64,
        /// Number of training images.
        images: usize,
    },
}

impl DataError {
    /// Wraps a failed operation on a file; a full disk is told apart.
    pub(super) fn io(action: &'static str, path: &Path, needed: u64, cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DataError::NoSpace {
                path: path.to_owned(),
                needed,
            },
            _ => DataError::Io {
                action,
                path: path.to_owned(),
                cause,
            },
        }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataError::UnknownSource { found, nearest } => {
                write!(f, "unknown data source {found:?}: ")?;
                match nearest {
                    _ if Path::new(found).is_dir() => {
                        write!(f, "for the images in this folder write folder:{found}.")?;
                    }
                    Some(nearest) => write!(f, "did you mean {nearest:?}?")?,
                    None => f.write_str("it is none of these.")?,
                }
                write!(f, " Valid: {}", VALID_SPECS.join(", "))
            }
            DataError::NoFolderNamed { source } => {
                write!(f, "{source}: needs a folder: write --data {source}:DIR")
            }
            DataError::Size { found } => write!(
                f,
                "image size {found} is not possible: choose a multiple of 4 from 16 to 128"
            ),
            DataError::NativeSize { height, width } => write!(
                f,
                "the images are {height}x{width} pixels, but nets take squares whose edge is a multiple \
                 of 4 from 16 to 128: choose one with --size"
            ),
            DataError::Channels { found } => write!(
                f,
                "{found} channels are not possible: choose 1 (grey) or 3 (RGB)"
            ),
            DataError::FolderMissing { path } => {
                write!(f, "no folder {}: check the path", path.display())
            }
            DataError::NotAFolder { path } => write!(f, "{} is not a folder", path.display()),
            DataError::FilesMissing { folder, file } => write!(
                f,
                "no {file} (nor {file}.gz) in {}: IDX data needs train-images-idx3-ubyte, and may have \
                 train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte",
                folder.display()
            ),
            DataError::Io {
                action,
                path,
                cause,
            } => write!(f, "cannot {action} {}: {cause}", path.display()),
            DataError::NoSpace { path, needed } => write!(
                f,
                "no space left for {}: it needs {needed} bytes; free some, or point DREAMLET_CACHE_DIR to \
                 a larger disk",
                path.display()
            ),
            DataError::CacheUnwritable { folder, cause } => write!(
                f,
                "cannot write to the cache folder {}: {cause}; make it writable, point DREAMLET_CACHE_DIR \
                 to another folder, or switch the cache off with --no-cache",
                folder.display()
            ),
            DataError::NoCacheFolder => write!(
                f,
                "no home folder for the cache: set DREAMLET_CACHE_DIR, or switch the cache off with --no-cache"
            ),
            DataError::Magic {
                path,
                expected,
                found: [a, b, c, d],
            } => write!(
                f,
                "{} does not begin as an IDX file of bytes: expected {expected}, found {a:02x} {b:02x} \
                 {c:02x} {d:02x}",
                path.display()
            ),
            DataError::Truncated {
                path,
                expected,
                found,
            } => write!(
                f,
                "{} is truncated: {expected} bytes expected, {found} found; fetch it again",
                path.display()
            ),
            DataError::TooLong { path, expected } => write!(
                f,
                "{} is longer than the {expected} bytes its header promises; fetch it again",
                path.display()
            ),
            DataError::Gzip { path, cause } => write!(
                f,
                "{} is a damaged gzip file ({cause}); fetch it again",
                path.display()
            ),
            DataError::Dimensions { path, found } => write!(
                f,
                "{} has dimensions {found:?}: expected [N, H, W], [N, C, H, W] or [N, H, W, C] with C 1 or 3 \
                 and edges from 1 to 4096 for images, [N] for labels",
                path.display()
            ),
            DataError::Empty { path } => write!(f, "{} holds no items", path.display()),
            DataError::LabelCount {
                path,
                images,
                labels,
            } => write!(
                f,
                "{} has {labels} labels for {images} images: the files do not belong together",
                path.display()
            ),
            DataError::ShapeMismatch {
                path,
                expected,
                found,
            } => write!(
                f,
                "{} holds images of {found:?} (channels, rows, columns), the training images are {expected:?}",
                path.display()
            ),
            DataError::Checksum {
                path,
                expected,
                found,
            } => write!(
                f,
                "{} is not the published file: SHA-256 {expected} expected, {found} found; delete it to \
                 fetch it again, or read your own files with --data idx:DIR",
                path.display()
            ),
            DataError::Download {
                file,
                tried,
                folder,
            } => {
                write!(f, "cannot download {file}:")?;
                for (url, reason) in tried {
                    write!(f, " {url}: {reason};")?;
                }
                write!(
                    f,
                    " try again later (what has come is kept), or put the four files into {}, or set \
                     DREAMLET_DATA_DIR to the folder above one that has them",
                    folder.display()
                )
            }
            DataError::Offline { name, looked } => {
                write!(f, "{name} is not on this machine; looked into")?;
                for (index, folder) in looked.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma} {}", folder.display())?;
                }
                write!(
                    f,
                    ": put its four files into one of these, or allow the download"
                )
            }
            DataError::NoImages { path } => write!(
                f,
                "no PNG, JPEG or BMP files in {}: put images there, or into one sub-folder per class",
                path.display()
            ),
            DataError::TooManyBroken {
                path,
                total,
                broken,
            } => {
                write!(
                    f,
                    "{} of {total} images in {} cannot be decoded, more than 5 %; repair or remove them:",
                    broken.len(),
                    path.display()
                )?;
                for file in broken.iter().take(BROKEN_NAMED) {
                    write!(f, "\n  {}: {}", file.path.display(), file.reason)?;
                }
                match broken.len().checked_sub(BROKEN_NAMED) {
                    Some(more) if more > 0 => write!(f, "\n  and {more} more"),
                    _ => Ok(()),
                }
            }
            DataError::Memory { needed } => write!(
                f,
                "the pixels need {needed} bytes of memory, more than there is: choose a smaller --size, \
                 grey (--channels 1), or fewer images"
            ),
            DataError::Inconsistent { expected, found } => write!(
                f,
                "a split does not add up: {expected} expected, {found} found"
            ),
            DataError::BatchSize { batch, images } => write!(
                f,
                "a batch of {batch} is not possible with {images} training images: choose 1 to {images}"
            ),
            DataError::Position { index, images } => write!(
                f,
                "position {index} is beyond the {images} training images: the checkpoint belongs to other data"
            ),
        }
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DataError::Io { cause, .. }
            | DataError::CacheUnwritable { cause, .. }
            | DataError::Gzip { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
