//! `--data idx:DIR`: a folder of IDX files under their usual names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dreamlet_runtime::latent::Stream;

use super::dataset::{Dataset, Split};
use super::error::DataError;
use super::idx::{self, Items};
use super::shape::{Shape, image_len};

/// Reads the folder. Without test images, a tenth of the training images is held back, always the
/// same one.
pub(super) fn load(folder: &Path) -> Result<Dataset, DataError> {
    check_folder(folder)?;
    let half = |images: &Path, labels: &[&str]| {
        let images = idx::read_images(images)?;
        let labels = find(folder, labels).map(|path| idx::read_labels(&path));
        Half::of(images, labels.transpose()?)
    };
    let path = find(folder, &TRAIN_IMAGES).ok_or_else(|| DataError::FilesMissing {
        folder: folder.to_owned(),
        file: "train-images-idx3-ubyte".to_owned(),
    })?;
    let train = half(&path, &TRAIN_LABELS)?;
    let data = match find(folder, &TEST_IMAGES) {
        Some(path) => join(train, half(&path, &TEST_LABELS)?),
        None => hold_back(train),
    }?;
    Ok(without_empty_classes(data))
}

/// Labels that no image has are no classes: those of EMNIST's letters begin with 1.
fn without_empty_classes(mut data: Dataset) -> Dataset {
    let labels = [&data.train, &data.test].into_iter();
    let labels = labels.filter_map(Split::labels).flatten();
    let found: BTreeSet<u16> = labels.copied().collect();
    let found: Vec<u16> = found.into_iter().collect();
    for split in [&mut data.train, &mut data.test] {
        split.relabel(|label| found.binary_search(&label).unwrap_or(0));
    }
    let name = |class: &u16| data.classes.get(usize::from(*class)).cloned();
    data.classes = found.iter().filter_map(name).collect();
    data
}

/// A path that is there and is a folder.
pub(super) fn check_folder(path: &Path) -> Result<(), DataError> {
    let owned = || path.to_owned();
    match path.metadata() {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(DataError::NotAFolder { path: owned() }),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Err(DataError::FolderMissing { path: owned() })
        }
        Err(cause) => Err(DataError::io("open", path, 0, cause)),
    }
}

/// The training or the test images.
pub(super) struct Half {
    path: PathBuf,
    shape: Shape,
    split: Split,
}

impl Half {
    /// Of images and as many labels.
    pub(super) fn of(images: Items, labels: Option<Items>) -> Result<Self, DataError> {
        let count = images.len();
        if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != count) {
            return Err(DataError::LabelCount {
                path: labels.path.clone(),
                images: count,
                labels: labels.len(),
            });
        }
        let labels = labels.map(|labels| labels.bytes.into_iter().map(u16::from).collect());
        let path = images.path.clone();
        let (shape, pixels) = images.planar();
        let split = Split::new(pixels, labels, image_len(shape))?;
        Ok(Self { path, shape, split })
    }
}

/// Puts the two halves of a data set together.
pub(super) fn join(train: Half, test: Half) -> Result<Dataset, DataError> {
    if train.shape != test.shape {
        return Err(DataError::ShapeMismatch {
            path: test.path,
            expected: train.shape,
            found: test.shape,
        });
    }
    Ok(data_set(train.shape, train.split, test.split))
}

fn data_set([channels, height, width]: Shape, train: Split, test: Split) -> Dataset {
    let labels = [&train, &test].into_iter().filter_map(Split::labels);
    let last = labels.flatten().max().copied();
    let names = last.map(|last| (0..=last).map(|class| class.to_string()).collect());
    Dataset {
        channels,
        height,
        width,
        classes: names.unwrap_or_default(),
        train,
        test,
        ..Dataset::default()
    }
}

/// Seed of the split, fixed so that everyone holds back the same images.
const SPLIT_SEED: u64 = 0;

fn hold_back(all: Half) -> Result<Dataset, DataError> {
    let count = all.split.len();
    let held = if count < 2 { 0 } else { (count / 10).max(1) };
    let mut order: Vec<usize> = (0..count).collect();
    Stream::new(SPLIT_SEED, "idx-split", count as u64).shuffle(&mut order);
    let mut is_test = vec![false; count];
    for index in order.iter().take(held) {
        is_test[*index] = true;
    }
    let part = |test: bool| {
        let indices = || (0..count).filter(|index| is_test[*index] == test);
        let images = indices().filter_map(|index| all.split.image(index));
        let labels = all.split.labels();
        let labels = labels.map(|labels| indices().map(|index| labels[index]).collect());
        Split::new(
            images.collect::<Vec<_>>().concat(),
            labels,
            image_len(all.shape),
        )
    };
    let mut data = data_set(all.shape, part(false)?, part(true)?);
    data.notes = vec![format!(
        "no test images in the folder: {held} of the {count} training images are held back for the test"
    )];
    Ok(data)
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

#[cfg(test)]
mod tests {
    use super::super::idx::tests::idx;
    use super::*;
    use crate::atomic_file::TestFolder;

    fn images(count: u32, edge: u32) -> Vec<u8> {
        let pixels = (0..count).flat_map(|i| vec![i as u8; (edge * edge) as usize]);
        idx(&[count, edge, edge], &pixels.collect::<Vec<u8>>())
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        idx(&[labels.len() as u32], labels)
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
        assert_eq!(raw.train.pixels().len(), 3 * 16);
        assert_eq!(raw.test.labels(), Some(&[3, 0][..]));
        assert!(raw.notes.is_empty());
    }

    #[test]
    fn a_label_that_no_image_has_is_no_class() {
        let folder = TestFolder::new();
        folder.write("train-images-idx3-ubyte", &images(3, 4));
        folder.write("train-labels-idx1-ubyte", &labels(&[1, 26, 2]));
        folder.write("t10k-images-idx3-ubyte", &images(2, 4));
        folder.write("t10k-labels-idx1-ubyte", &labels(&[26, 1]));
        let raw = load(&folder.0).unwrap();
        assert_eq!(raw.classes, ["1", "2", "26"]);
        assert_eq!(raw.train.labels(), Some(&[0, 2, 1][..]));
        assert_eq!(raw.test.labels(), Some(&[2, 0][..]));
    }

    #[test]
    fn a_tenth_is_held_back_when_there_are_no_test_images() {
        let folder = TestFolder::new();
        folder.write("train-images-idx3-ubyte", &images(50, 2));
        let all: Vec<u8> = (0..50).collect();
        folder.write("train-labels-idx1-ubyte", &labels(&all));
        let raw = load(&folder.0).unwrap();
        let (train, test) = (raw.train.labels().unwrap(), raw.test.labels().unwrap());
        assert_eq!((train.len(), test.len()), (45, 5));
        let mut joined: Vec<u16> = train.iter().chain(test).copied().collect();
        joined.sort_unstable();
        assert_eq!(joined, (0..50).collect::<Vec<u16>>());
        let pixels = raw.test.pixels().iter().step_by(4);
        let pixels: Vec<u16> = pixels.map(|p| u16::from(*p)).collect();
        assert_eq!(pixels, test);
        assert_eq!(load(&folder.0).unwrap().test.labels().unwrap(), test);
        assert_eq!(raw.notes.len(), 1);
    }

    #[test]
    fn every_way_to_be_wrong_has_its_error() {
        let folder = TestFolder::new();
        let found = load(&folder.0.join("none"));
        assert!(matches!(found, Err(DataError::FolderMissing { .. })));
        let found = load(&folder.0);
        assert!(matches!(found, Err(DataError::FilesMissing { .. })));
        let file = folder.write("train-images-idx3-ubyte", &images(3, 4));
        assert!(matches!(load(&file), Err(DataError::NotAFolder { .. })));
        folder.write("train-labels-idx1-ubyte", &labels(&[1, 2]));
        let Err(DataError::LabelCount {
            images: 3,
            labels: 2,
            ..
        }) = load(&folder.0)
        else {
            panic!("labels of other images are taken");
        };
        folder.write("train-labels-idx1-ubyte", &labels(&[1, 2, 3]));
        folder.write("t10k-images-idx3-ubyte", &images(3, 5));
        let Err(DataError::ShapeMismatch { found, .. }) = load(&folder.0) else {
            panic!("images of two shapes are taken");
        };
        assert_eq!(found, [1, 5, 5]);
    }
}
