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
    /// A folder of IDX files, plain or gzipped.
    Idx(PathBuf),
    /// A folder of PNG, JPEG and BMP images.
    Folder(PathBuf),
}

impl DataSpec {
    /// A short name for run folders and cards: `glyphs`, `mnist`, `fashion-mnist`, or the folder's
    /// own name.
    pub fn name(&self) -> String {
        match self {
            DataSpec::Glyphs => "glyphs".to_owned(),
            DataSpec::Mnist => "mnist".to_owned(),
            DataSpec::FashionMnist => "fashion-mnist".to_owned(),
            DataSpec::Idx(folder) | DataSpec::Folder(folder) => folder
                .canonicalize()
                .ok()
                .as_deref()
                .unwrap_or(folder)
                .file_name()
                .map_or_else(|| "folder".to_owned(), |n| n.to_string_lossy().into_owned()),
        }
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
        if let Some((kind, folder)) = text.split_once(':') {
            let spec: (&'static str, fn(PathBuf) -> DataSpec) = match kind {
                "idx" => ("idx", DataSpec::Idx),
                "folder" => ("folder", DataSpec::Folder),
                _ => return Err(unknown(text, kind)),
            };
            return match folder {
                "" => Err(DataError::NoFolderNamed { scheme: spec.0 }),
                folder => Ok(spec.1(PathBuf::from(folder))),
            };
        }
        match text {
            "glyphs" => Ok(DataSpec::Glyphs),
            "mnist" => Ok(DataSpec::Mnist),
            "fashion-mnist" => Ok(DataSpec::FashionMnist),
            "idx" => Err(DataError::NoFolderNamed { scheme: "idx" }),
            "folder" => Err(DataError::NoFolderNamed { scheme: "folder" }),
            other => Err(unknown(other, other)),
        }
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataSpec::Glyphs => f.write_str("glyphs"),
            DataSpec::Mnist => f.write_str("mnist"),
            DataSpec::FashionMnist => f.write_str("fashion-mnist"),
            DataSpec::Idx(folder) => write!(f, "idx:{}", folder.display()),
            DataSpec::Folder(folder) => write!(f, "folder:{}", folder.display()),
        }
    }
}

/// The error for `text`, whose part before the colon is `kind`.
fn unknown(text: &str, kind: &str) -> DataError {
    let wanted: String = kind
        .chars()
        .take(32)
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .collect();
    let far = |valid: &str| {
        let bare: String = valid
            .trim_end_matches(":DIR")
            .chars()
            .filter(|c| c.is_alphanumeric())
            .collect();
        distance(&wanted, &bare)
    };
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
        for text in [
            "glyphs",
            "mnist",
            "fashion-mnist",
            "idx:a/b",
            "folder:/x y/z:w",
        ] {
            let spec: DataSpec = text.parse().unwrap();
            assert_eq!(spec.to_string(), text);
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
            match text.parse::<DataSpec>() {
                Err(DataError::UnknownSource { nearest, .. }) => {
                    assert_eq!(nearest, Some(expected))
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let message = |text: &str| text.parse::<DataSpec>().unwrap_err().to_string();
        assert!(!message("photographs/of/cats").contains("did you mean"));
        let folder = env!("CARGO_MANIFEST_DIR");
        assert!(message(folder).contains(&format!("folder:{folder}")));
    }

    #[test]
    fn a_source_without_its_folder_says_so() {
        for text in ["idx", "idx:", "folder", "folder:"] {
            let error = text.parse::<DataSpec>().unwrap_err();
            assert!(
                matches!(error, DataError::NoFolderNamed { .. }),
                "{text}: {error}"
            );
        }
    }
}
