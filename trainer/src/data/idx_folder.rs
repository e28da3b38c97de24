//! `--data idx:DIR`: a folder of IDX files under their usual names.

use std::path::{Path, PathBuf};

use dreamlet_runtime::latent::Stream;

use super::error::DataError;
use super::idx;
use super::raw::{Images, Raw, RawSplit};
use super::shape::Shape;

/// Reads the folder. Without test images, a tenth of the training images is held back, always the
/// same one.
pub(super) fn load(folder: &Path) -> Result<Raw, DataError> {
    check_folder(folder)?;
    let path =
        find(folder, &TRAIN_IMAGES).ok_or_else(|| missing(folder, "train-images-idx3-ubyte"))?;
    let images = idx::read_images(&path)?;
    let labels = find(folder, &TRAIN_LABELS)
        .map(|path| read_labels(&path, images.len()))
        .transpose()?;
    let train = (images, labels);
    let Some(path) = find(folder, &TEST_IMAGES) else {
        return Ok(hold_back(train));
    };
    let images = idx::read_images(&path)?;
    let labels = find(folder, &TEST_LABELS)
        .map(|path| read_labels(&path, images.len()))
        .transpose()?;
    join(train, (images, labels), &path)
}

/// A path that is there and is a folder.
pub(super) fn check_folder(path: &Path) -> Result<(), DataError> {
    match path.metadata() {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(DataError::NotAFolder {
            path: path.to_owned(),
        }),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Err(DataError::FolderMissing {
                path: path.to_owned(),
            })
        }
        Err(cause) => Err(DataError::io("open", path, 0, cause)),
    }
}

/// Reads as many labels as there are images.
pub(super) fn read_labels(path: &Path, images: usize) -> Result<Vec<u16>, DataError> {
    let labels = idx::read_labels(path)?;
    if labels.len() == images {
        Ok(labels)
    } else {
        Err(DataError::LabelCount {
            path: path.to_owned(),
            images,
            labels: labels.len(),
        })
    }
}

/// Puts the two halves of a data set together; `path` is the file of the test images.
pub(super) fn join(
    (train, train_labels): (Images, Option<Vec<u16>>),
    (test, test_labels): (Images, Option<Vec<u16>>),
    path: &Path,
) -> Result<Raw, DataError> {
    if train.shape != test.shape {
        let list = |s: Shape| [s.channels, s.height, s.width];
        return Err(DataError::ShapeMismatch {
            path: path.to_owned(),
            expected: list(train.shape),
            found: list(test.shape),
        });
    }
    let classes = class_names(train_labels.iter().chain(&test_labels));
    Ok(Raw {
        shape: train.shape,
        train: RawSplit {
            pixels: train.pixels,
            labels: train_labels,
        },
        test: RawSplit {
            pixels: test.pixels,
            labels: test_labels,
        },
        classes,
        notes: Vec::new(),
    })
}

fn class_names<'a>(labels: impl Iterator<Item = &'a Vec<u16>>) -> Vec<String> {
    labels
        .flatten()
        .max()
        .map(|max| (0..=*max).map(|class| class.to_string()).collect())
        .unwrap_or_default()
}

/// Seed of the split, fixed so that everyone holds back the same images.
const SPLIT_SEED: u64 = 0;

fn hold_back((images, labels): (Images, Option<Vec<u16>>)) -> Raw {
    let count = images.len();
    let held = if count < 2 { 0 } else { (count / 10).max(1) };
    let mut order: Vec<usize> = (0..count).collect();
    Stream::new(SPLIT_SEED, "idx-split", count as u64).shuffle(&mut order);
    let mut is_test = vec![false; count];
    for index in order.iter().take(held) {
        if let Some(flag) = is_test.get_mut(*index) {
            *flag = true;
        }
    }
    let classes = class_names(labels.iter());
    let part = |test: bool| RawSplit {
        pixels: images
            .pixels
            .chunks_exact(images.shape.image_len().max(1))
            .zip(&is_test)
            .filter(|(_, flag)| **flag == test)
            .flat_map(|(image, _)| image)
            .copied()
            .collect(),
        labels: labels.as_ref().map(|labels| {
            labels
                .iter()
                .zip(&is_test)
                .filter(|(_, flag)| **flag == test)
                .map(|(label, _)| *label)
                .collect()
        }),
    };
    Raw {
        shape: images.shape,
        train: part(false),
        test: part(true),
        classes,
        notes: vec![format!(
            "no test images in the folder: {held} of the {count} training images are held back for the test"
        )],
    }
}

const TRAIN_IMAGES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-images.idx3-ubyte",
    "train-images-idx4-ubyte",
    "train-images.idx4-ubyte",
];
const TRAIN_LABELS: [&str; 2] = ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"];
const TEST_IMAGES: [&str; 6] = [
    "t10k-images-idx3-ubyte",
    "t10k-images.idx3-ubyte",
    "t10k-images-idx4-ubyte",
    "test-images-idx3-ubyte",
    "test-images.idx3-ubyte",
    "test-images-idx4-ubyte",
];
const TEST_LABELS: [&str; 4] = [
    "t10k-labels-idx1-ubyte",
    "t10k-labels.idx1-ubyte",
    "test-labels-idx1-ubyte",
    "test-labels.idx1-ubyte",
];

/// The first of `names`, plain or gzipped, that is a file in `folder`.
pub(super) fn find(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}

fn missing(folder: &Path, file: &str) -> DataError {
    DataError::FilesMissing {
        folder: folder.to_owned(),
        file: file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    fn images(count: u32, edge: u32) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3];
        for dim in [count, edge, edge] {
            bytes.extend(dim.to_be_bytes());
        }
        bytes.extend((0..count).flat_map(|i| vec![i as u8; (edge * edge) as usize]));
        bytes
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 1];
        bytes.extend((labels.len() as u32).to_be_bytes());
        bytes.extend(labels);
        bytes
    }

    #[test]
    fn four_files_make_a_data_set() {
        let folder = TestFolder::new();
        folder.write("train-images-idx3-ubyte", &images(3, 4));
        folder.write("train-labels.idx1-ubyte", &labels(&[0, 2, 1]));
        folder.write("t10k-images.idx3-ubyte", &images(2, 4));
        folder.write("t10k-labels-idx1-ubyte", &labels(&[3, 0]));
        let raw = load(&folder.0).unwrap();
        assert_eq!(raw.classes, ["0", "1", "2", "3"]);
        assert_eq!(raw.train.pixels.len(), 3 * 16);
        assert_eq!(raw.test.labels, Some(vec![3, 0]));
        assert!(raw.notes.is_empty());
    }

    #[test]
    fn a_tenth_is_held_back_when_there_are_no_test_images() {
        let folder = TestFolder::new();
        folder.write("train-images-idx3-ubyte", &images(50, 2));
        let all: Vec<u8> = (0..50).collect();
        folder.write("train-labels-idx1-ubyte", &labels(&all));
        let raw = load(&folder.0).unwrap();
        let (train, test) = (raw.train.labels.unwrap(), raw.test.labels.unwrap());
        assert_eq!((train.len(), test.len()), (45, 5));
        let mut joined: Vec<u16> = train.iter().chain(&test).copied().collect();
        joined.sort_unstable();
        assert_eq!(joined, (0..50).collect::<Vec<u16>>());
        let pixels: Vec<u16> = raw
            .test
            .pixels
            .iter()
            .step_by(4)
            .map(|p| u16::from(*p))
            .collect();
        assert_eq!(pixels, test);
        assert_eq!(load(&folder.0).unwrap().test.labels.unwrap(), test);
        assert_eq!(raw.notes.len(), 1);
    }

    #[test]
    fn every_way_to_be_wrong_has_its_error() {
        let folder = TestFolder::new();
        assert!(matches!(
            load(&folder.0.join("none")),
            Err(DataError::FolderMissing { .. })
        ));
        assert!(matches!(
            load(&folder.0),
            Err(DataError::FilesMissing { .. })
        ));
        let file = folder.write("train-images-idx3-ubyte", &images(3, 4));
        assert!(matches!(load(&file), Err(DataError::NotAFolder { .. })));
        folder.write("train-labels-idx1-ubyte", &labels(&[1, 2]));
        assert!(matches!(
            load(&folder.0),
            Err(DataError::LabelCount {
                images: 3,
                labels: 2,
                ..
            })
        ));
        folder.write("train-labels-idx1-ubyte", &labels(&[1, 2, 3]));
        folder.write("t10k-images-idx3-ubyte", &images(3, 5));
        assert!(matches!(
            load(&folder.0),
            Err(DataError::ShapeMismatch {
                found: [1, 5, 5],
                ..
            })
        ));
    }
}
