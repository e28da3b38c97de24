//! `--data mnist` and `--data fashion-mnist`: MNIST and Fashion-MNIST, found on this machine or
//! downloaded.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::download;
use super::error::DataError;
use super::idx;
use super::idx_folder;
use super::options::LoadOptions;
use super::raw::{Images, Raw};
use crate::atomic_file;

/// A data set that others publish as four gzipped IDX files.
#[derive(Debug)]
pub(super) struct Published {
    name: &'static str,
    classes: [&'static str; 10],
    /// Training images, training labels, test images, test labels.
    files: [PublishedFile; 4],
    mirrors: &'static [&'static str],
}

/// One file of a published set.
#[derive(Debug)]
struct PublishedFile {
    /// Name without `.gz`.
    name: &'static str,
    sum: Sum,
}

/// A published SHA-256.
#[derive(Clone, Copy, Debug)]
enum Sum {
    /// Of the uncompressed bytes, which do not depend on who packed them.
    Plain(&'static str),
    /// Of the `.gz` file.
    Gzipped(&'static str),
}

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// The MNIST digits of LeCun, Cortes and Burges.
pub(super) static MNIST: Published = Published {
    name: "mnist",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    files: [
        PublishedFile {
            name: NAMES[0],
            sum: Sum::Plain("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        },
        PublishedFile {
            name: NAMES[1],
            sum: Sum::Plain("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        },
        PublishedFile {
            name: NAMES[2],
            sum: Sum::Plain("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        },
        PublishedFile {
            name: NAMES[3],
            sum: Sum::Plain("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        },
    ],
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
};

/// Fashion-MNIST of Xiao, Rasul and Vollgraf. Known by the sums of its packed files.
pub(super) static FASHION_MNIST: Published = Published {
    name: "fashion-mnist",
    classes: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    files: [
        PublishedFile {
            name: NAMES[0],
            sum: Sum::Gzipped("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        },
        PublishedFile {
            name: NAMES[1],
            sum: Sum::Gzipped("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        },
        PublishedFile {
            name: NAMES[2],
            sum: Sum::Gzipped("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        },
        PublishedFile {
            name: NAMES[3],
            sum: Sum::Gzipped("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        },
    ],
    mirrors: &[
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
};

impl Published {
    /// Reads the set from the user's data folder, or from the cache, downloading what is missing or
    /// damaged there.
    pub(super) fn load(&self, options: &LoadOptions<'_>) -> Result<Raw, DataError> {
        let mut looked = Vec::new();
        if let Some(folder) = options.data_dir() {
            let folder = folder.join(self.name);
            if self.is_complete(&folder) {
                return self.read(|file| self.read_file(&folder, file));
            }
            looked.push(folder);
        }
        let folder = options.cache_dir()?.join(self.name);
        looked.push(folder.clone());
        if options.offline && !self.is_complete(&folder) {
            return Err(DataError::Offline {
                name: self.name,
                looked,
            });
        }
        self.read(|file| self.read_or_fetch(&folder, file, options))
    }

    fn is_complete(&self, folder: &Path) -> bool {
        self.files
            .iter()
            .all(|file| idx_folder::find(folder, &[file.name]).is_some())
    }

    /// Puts the four files together.
    fn read(
        &self,
        get: impl Fn(&PublishedFile) -> Result<(Items, PathBuf, Option<String>), DataError>,
    ) -> Result<Raw, DataError> {
        let mut notes = Vec::new();
        let mut halves = Vec::new();
        let mut test_path = PathBuf::new();
        let (pairs, _) = self.files.as_chunks::<2>();
        for [images, labels] in pairs {
            let (images, image_path, image_note) = get(images)?;
            let (labels, label_path, label_note) = get(labels)?;
            let images = images.images(&image_path)?;
            let labels = labels.labels(&label_path)?;
            if labels.len() != images.len() {
                return Err(DataError::LabelCount {
                    path: label_path,
                    images: images.len(),
                    labels: labels.len(),
                });
            }
            notes.extend(image_note.into_iter().chain(label_note));
            test_path = image_path;
            halves.push((images, Some(labels)));
        }
        let missing = || DataError::Inconsistent {
            expected: 2,
            found: 0,
        };
        let test = halves.pop().ok_or_else(missing)?;
        let train = halves.pop().ok_or_else(missing)?;
        let mut raw = idx_folder::join(train, test, &test_path)?;
        raw.classes = self.classes.iter().map(|name| (*name).to_owned()).collect();
        raw.notes = notes;
        Ok(raw)
    }

    /// Reads a file that must be the published one.
    fn read_file(
        &self,
        folder: &Path,
        file: &PublishedFile,
    ) -> Result<(Items, PathBuf, Option<String>), DataError> {
        let path =
            idx_folder::find(folder, &[file.name]).ok_or_else(|| DataError::FilesMissing {
                folder: folder.to_owned(),
                file: file.name.to_owned(),
            })?;
        let (items, verified) = file.read(&path)?;
        let note = (!verified).then(|| {
            format!(
                "{} is not compressed, and the published checksum is that of the .gz file: not verified",
                path.display()
            )
        });
        Ok((items, path, note))
    }

    fn read_or_fetch(
        &self,
        folder: &Path,
        file: &PublishedFile,
        options: &LoadOptions<'_>,
    ) -> Result<(Items, PathBuf, Option<String>), DataError> {
        match self.read_file(folder, file) {
            Err(DataError::Io {
                cause,
                action,
                path,
            }) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(DataError::Io {
                    cause,
                    action,
                    path,
                });
            }
            // What is damaged in the cache is ours to replace.
            Err(_) if !options.offline => {}
            result => return result,
        }
        fs::create_dir_all(folder).map_err(|cause| DataError::CacheUnwritable {
            folder: folder.to_owned(),
            cause,
        })?;
        let packed = format!("{}.gz", file.name);
        let mirrors: Vec<String> = if options.mirrors.is_empty() {
            self.mirrors.iter().map(|m| (*m).to_owned()).collect()
        } else {
            options.mirrors.clone()
        };
        download::fetch(
            &download::Request {
                name: &packed,
                mirrors: &mirrors,
                path: &folder.join(&packed),
                verify: &|path| file.read(path).map(|_| ()),
            },
            options.progress,
        )?;
        // A damaged uncompressed copy would be found before the one that has just come.
        let _ = fs::remove_file(folder.join(file.name));
        self.read_file(folder, file)
    }
}

/// What an IDX file holds.
enum Items {
    Images(Images),
    Labels(Vec<u16>),
}

impl Items {
    fn images(self, path: &Path) -> Result<Images, DataError> {
        match self {
            Items::Images(images) => Ok(images),
            Items::Labels(_) => Err(DataError::Magic {
                path: path.to_owned(),
                expected: "00 00 08 03",
                found: [0, 0, 8, 1],
            }),
        }
    }

    fn labels(self, path: &Path) -> Result<Vec<u16>, DataError> {
        match self {
            Items::Labels(labels) => Ok(labels),
            Items::Images(_) => Err(DataError::Magic {
                path: path.to_owned(),
                expected: "00 00 08 01",
                found: [0, 0, 8, 3],
            }),
        }
    }

    /// SHA-256 of the uncompressed file these items came from: the header is made again, which is
    /// the same.
    fn plain_sum(&self) -> String {
        let mut hash = Sha256::new();
        let mut header = |rank: u8, dims: &[usize]| {
            hash.update([0, 0, 8, rank]);
            for dim in dims {
                hash.update(u32::try_from(*dim).unwrap_or(u32::MAX).to_be_bytes());
            }
        };
        match self {
            Items::Images(images) => {
                header(3, &[images.len(), images.shape.height, images.shape.width]);
                hash.update(&images.pixels);
            }
            Items::Labels(labels) => {
                header(1, &[labels.len()]);
                let bytes: Vec<u8> = labels.iter().map(|l| l.to_le_bytes()[0]).collect();
                hash.update(&bytes);
            }
        }
        atomic_file::hex(&hash.finalize())
    }
}

impl PublishedFile {
    /// Reads the file and compares its sum with the published one. `false`: it parses, but there is
    /// no published sum for an uncompressed copy.
    fn read(&self, path: &Path) -> Result<(Items, bool), DataError> {
        let packed = |sum: &str| -> Result<Option<String>, DataError> {
            let bytes = fs::read(path).map_err(|cause| DataError::io("read", path, 0, cause))?;
            let is_packed = bytes.starts_with(&[0x1f, 0x8b]);
            if path.extension().is_some_and(|e| e == "gz" || e == "part") || is_packed {
                check(path, sum, atomic_file::sha256(&bytes)).map(Some)
            } else {
                Ok(None)
            }
        };
        // The sum of a packed file is looked at first: it says more than a parser's complaint.
        let mut verified = match self.sum {
            Sum::Gzipped(sum) => packed(sum)?.is_some(),
            Sum::Plain(_) => false,
        };
        let items = if self.name.contains("labels") {
            Items::Labels(idx::read_labels(path)?)
        } else {
            Items::Images(idx::read_images(path)?)
        };
        if let Sum::Plain(sum) = self.sum {
            check(path, sum, items.plain_sum())?;
            verified = true;
        }
        Ok((items, verified))
    }
}

fn check(path: &Path, expected: &str, found: String) -> Result<String, DataError> {
    if found == expected {
        Ok(found)
    } else {
        Err(DataError::Checksum {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found,
        })
    }
}

#[cfg(test)]
#[path = "mnist_tests.rs"]
mod tests;
