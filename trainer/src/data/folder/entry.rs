//! A file of a data folder: what it is called, what it is and where it is.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Endings of the files that are read, in lower case. What a file is, its content says.
const ENDINGS: [&str; 9] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "gif", "webp",
];

/// Endings of other kinds of images, of which the user should know that they are not read.
const UNREAD: [&str; 7] = ["tif", "tiff", "avif", "heic", "jxl", "tga", "svg"];

/// Names of tables of labels, in lower case and without ending, and the endings.
const TABLES: [&str; 5] = ["labels", "train", "train_labels", "metadata", "annotations"];
const TABLE_ENDINGS: [&str; 2] = ["csv", "tsv"];

/// Names, in lower case, of sub-folders with the images to train with and to measure with.
pub(super) const TRAIN: [&str; 2] = ["train", "training"];
pub(super) const TEST: [&str; 7] = [
    "test",
    "testing",
    "tests",
    "val",
    "valid",
    "validation",
    "eval",
];

/// What files without an ending begin with if they are images: PNG, JPEG, BMP, GIF, WebP (RIFF).
const BEGINNINGS: [&[u8]; 5] = [b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF"];

/// Bytes of the longest of [`BEGINNINGS`].
pub(super) const BEGINNING: usize = 4;

/// Folders within folders: deeper is a loop of links.
pub(super) const MAX_DEPTH: usize = 17;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    /// An image of a kind that is not read: its ending.
    Unread(&'static str),
    /// A table that may have labels.
    Table,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct Entry {
    /// Where it is below the data folder, with `/` between the parts.
    pub(in crate::data) path: String,
    pub(super) kind: Kind,
    /// Bytes.
    pub(in crate::data) len: u64,
    /// A number that changes with the content: nanoseconds since 1970 when it was last changed,
    /// 0 when that is not known, or a checksum.
    pub(in crate::data) changed: u128,
    pub(super) place: Place,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Disk(PathBuf),
    Zip(Member),
    /// At this byte of the TAR archive.
    Tar(u64),
}

/// Where a file is in a ZIP archive, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Where its local header begins.
    pub(super) offset: u64,
    pub(super) packed: u64,
    pub(super) method: u16,
    pub(super) encrypted: bool,
    pub(super) crc: u32,
}

/// When a file was last changed: nanoseconds since 1970, 0 if that is not known.
pub(super) fn changed(about: &std::fs::Metadata) -> u128 {
    let modified = about.modified().ok();
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos())
}

/// Whether a file or folder of this name is not looked at.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX"
}

/// A file's name in an archive: UTF-8 or, where it is not, each byte a character, so that no two
/// names become one.
pub(super) fn name_in_archive(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.unwrap_or_else(|_| bytes.iter().copied().map(char::from).collect())
}

/// The path below the data folder of a file that is called `name` in an archive; `None` of one that
/// is hidden or lies too deep. It is a name and no more: no file of the disk is meant by it.
pub(super) fn path_in_archive(name: &str) -> Option<String> {
    // Programs for Windows wrote `\` for `/`.
    let backslash = !name.contains('/');
    let parts = name.split(|c| c == '/' || (c == '\\' && backslash));
    let parts: Vec<&str> = parts
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect();
    let good = (1..=MAX_DEPTH + 1).contains(&parts.len()) && !parts.iter().any(|p| is_hidden(p));
    good.then(|| parts.join("/"))
}

/// What a file is, by the ending of its name or, without one, by its first bytes; `None` of what is
/// of no interest.
pub(super) fn kind_of(
    name: &str,
    beginning: impl FnOnce() -> Option<[u8; BEGINNING]>,
) -> Option<Kind> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let Some((stem, ending)) = name.rsplit_once('.') else {
        let begin = beginning()?;
        let known = BEGINNINGS.iter().any(|known| begin.starts_with(known));
        return known.then_some(Kind::Image);
    };
    let ending = ending.to_ascii_lowercase();
    if ENDINGS.contains(&&*ending) {
        return Some(Kind::Image);
    }
    if TABLE_ENDINGS.contains(&&*ending) && TABLES.contains(&&*stem.to_ascii_lowercase()) {
        return Some(Kind::Table);
    }
    let unread = UNREAD.into_iter().find(|kind| **kind == ending);
    unread.map(Kind::Unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_archives_stay_below_the_data_folder() {
        for (name, expected) in [
            ("a/b.png", Some("a/b.png")),
            ("../../a//./b.png", Some("a/b.png")),
            ("/etc/passwd", Some("etc/passwd")),
            (r"cats\1.png", Some("cats/1.png")),
            (r"b\c/1.png", Some(r"b\c/1.png")),
            ("__MACOSX/a/._b.png", None),
            ("a/.hidden/b.png", None),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(path_in_archive(name).as_deref(), expected, "{name}");
        }
        assert_eq!(path_in_archive(&"a/".repeat(40)), None);
    }
}
