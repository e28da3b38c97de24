//! `--data`: which data set is meant.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::{DataError, VALID_SPECS};
use crate::suggest::distance;

/// Which data set is meant: what `--data` says, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DataSpec {
    /// Digits drawn by the program: 28x28 grey, 60,000 to train and 10,000 to test.
    #[default]
    Glyphs,
    Mnist,
    FashionMnist,
    /// Three MNIST digits as the colours of an image: 60,000 to train and 10,000 to test.
    StackedMnist,
    /// A folder of IDX files, plain or gzipped.
    Idx(PathBuf),
    /// A folder of images, or a ZIP or TAR archive of one.
    Folder(PathBuf),
}

impl DataSpec {
    /// A short name for run folders and cards: `glyphs`, `mnist`, `fashion-mnist`, `stacked-mnist`, or the folder's
    /// own name, without the ending of an archive.
    pub fn name(&self) -> String {
        let (DataSpec::Idx(folder) | DataSpec::Folder(folder)) = self else {
            return self.to_string();
        };
        let path = folder.canonicalize().ok();
        let path = path.as_deref().unwrap_or(folder);
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.as_deref().unwrap_or("folder");
        let endings = [".zip", ".tar", ".tgz", ".tar.gz"].into_iter();
        let mut stems = endings.filter_map(|ending| name.strip_suffix(ending));
        let stem = stems.find(|stem| path.is_file() && !stem.is_empty());
        stem.unwrap_or(name).to_owned()
    }

    /// The same data set named from any working folder: a relative path becomes an absolute one.
    pub fn absolute(self) -> Self {
        let from_root = |folder: PathBuf| std::path::absolute(&folder).unwrap_or(folder);
        match self {
            DataSpec::Idx(folder) => DataSpec::Idx(from_root(folder)),
            DataSpec::Folder(folder) => DataSpec::Folder(from_root(folder)),
            other => other,
        }
    }
}

impl FromStr for DataSpec {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let (kind, folder) = match text.split_once(':') {
            Some((kind, folder)) => (kind, Some(folder)),
            None => (text, None),
        };
        match (kind, folder) {
            ("glyphs", None) => Ok(DataSpec::Glyphs),
            ("mnist", None) => Ok(DataSpec::Mnist),
            ("fashion-mnist", None) => Ok(DataSpec::FashionMnist),
            ("stacked-mnist", None) => Ok(DataSpec::StackedMnist),
            ("idx", None | Some("")) => Err(DataError::NoFolderNamed { scheme: "idx" }),
            ("folder", None | Some("")) => Err(DataError::NoFolderNamed { scheme: "folder" }),
            ("idx", Some(folder)) => Ok(DataSpec::Idx(folder.into())),
            ("folder", Some(folder)) => Ok(DataSpec::Folder(folder.into())),
            _ => Err(unknown(text, kind)),
        }
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataSpec::Glyphs => f.write_str("glyphs"),
            DataSpec::Mnist => f.write_str("mnist"),
            DataSpec::FashionMnist => f.write_str("fashion-mnist"),
            DataSpec::StackedMnist => f.write_str("stacked-mnist"),
            DataSpec::Idx(folder) => write!(f, "idx:{}", folder.display()),
            DataSpec::Folder(folder) => write!(f, "folder:{}", folder.display()),
        }
    }
}

/// The error for `text`, whose part before the colon is `kind`.
fn unknown(text: &str, kind: &str) -> DataError {
    let bare = |text: &str| text.replace(|c: char| !c.is_alphanumeric(), "");
    let kind: String = kind.chars().take(32).collect();
    let wanted = bare(&kind.to_lowercase());
    let far = |valid: &str| distance(&wanted, &bare(valid.trim_end_matches(":DIR")));
    DataError::UnknownSource {
        found: text.to_owned(),
        nearest: VALID_SPECS
            .into_iter()
            .map(|valid| (far(valid), valid))
            .filter(|(far, valid)| *far <= valid.len().max(wanted.len()) / 2)
            .min()
            .map(|(_, valid)| valid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_as_it_is_written() {
        let spec: DataSpec = "folder:images/cats".parse().unwrap();
        assert_eq!(spec, DataSpec::Folder("images/cats".into()));
        assert_eq!(spec.to_string(), "folder:images/cats");
    }

    #[test]
    fn specs_are_read_back_as_they_print() {
        let folders = ["idx:a/b", "folder:/x y/z:w"];
        for text in VALID_SPECS[..4].iter().chain(&folders) {
            let spec: DataSpec = text.parse().unwrap();
            assert_eq!(spec.to_string(), *text);
        }
    }

    #[test]
    fn an_absolute_spec_names_the_same_folder_from_anywhere() {
        let here = std::env::current_dir().unwrap();
        let spec: DataSpec = "folder:a/b".parse().unwrap();
        assert_eq!(spec.absolute(), DataSpec::Folder(here.join("a/b")));
        for text in ["glyphs", "idx:/x"] {
            let spec: DataSpec = text.parse().unwrap();
            assert_eq!(spec.clone().absolute(), spec);
        }
    }

    #[test]
    fn an_unknown_name_gives_the_nearest_valid_one() {
        for (text, expected) in [
            ("mnits", "mnist"),
            ("MNIST", "mnist"),
            ("fashion_mnist", "fashion-mnist"),
            ("fashionmnist", "fashion-mnist"),
            ("glyph", "glyphs"),
            ("folders:/tmp", "folder:DIR"),
            ("id:/tmp", "idx:DIR"),
        ] {
            let Err(DataError::UnknownSource { nearest, .. }) = text.parse::<DataSpec>() else {
                panic!("{text}")
            };
            assert_eq!(nearest, Some(expected));
        }
        let message = |text: &str| text.parse::<DataSpec>().unwrap_err().to_string();
        assert!(!message("photographs/of/cats").contains("did you mean"));
        let folder = env!("CARGO_MANIFEST_DIR");
        assert!(message(folder).contains(&format!("folder:{folder}")));
    }

    #[test]
    fn a_source_without_its_folder_says_so() {
        for text in ["idx", "idx:", "folder", "folder:"] {
            let parsed = text.parse::<DataSpec>();
            assert!(
                matches!(parsed, Err(DataError::NoFolderNamed { .. })),
                "{text}"
            );
        }
    }
}
