//! `--data mnist` and `--data fashion-mnist`: MNIST and Fashion-MNIST, found on this machine or
//! downloaded.

use std::fs;
use std::io;
use std::path::Path;

use super::dataset::Dataset;
use super::download;
use super::error::DataError;
use super::idx::{self, GZIP, Items};
use super::idx_folder::{self, Half};
use super::options::LoadOptions;
use crate::atomic_file;

/// A data set that others publish as four gzipped IDX files.
#[derive(Debug)]
pub(super) struct Published {
    name: &'static str,
    classes: [&'static str; 10],
    /// SHA-256 of each file.
    sums: [&'static str; 4],
    /// Whether the sums are those of the `.gz` files, not of the uncompressed bytes, which do not
    /// depend on who packed them.
    packed: bool,
    mirrors: &'static [&'static str],
}

/// Training images, training labels, test images, test labels; without `.gz`.
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
    sums: [
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ],
    packed: false,
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
    sums: [
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ],
    packed: true,
    mirrors: &[
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
};

impl Published {
    /// Reads the set from the user's data folder, or from the cache, downloading what is missing or
    /// damaged there.
    pub(super) fn load(&self, options: &LoadOptions<'_>) -> Result<Dataset, DataError> {
        let mut looked = Vec::new();
        if let Some(folder) = options.data_dir() {
            let folder = folder.join(self.name);
            if is_complete(&folder) {
                return self.read(&folder, None);
            }
            looked.push(folder);
        }
        let folder = options.cache_dir()?.join(self.name);
        looked.push(folder.clone());
        if options.offline && !is_complete(&folder) {
            return Err(DataError::Offline {
                name: self.name,
                looked,
            });
        }
        self.read(&folder, (!options.offline).then_some(options))
    }

    /// Puts the four files together; those that `fetch` is given for are downloaded where they are
    /// missing or damaged.
    fn read(&self, folder: &Path, fetch: Option<&LoadOptions<'_>>) -> Result<Dataset, DataError> {
        let mut notes = Vec::new();
        let mut half = |first: usize| {
            let images = self.read_or_fetch(first, folder, fetch, &mut notes)?;
            let labels = self.read_or_fetch(first + 1, folder, fetch, &mut notes)?;
            Half::of(images, Some(labels))
        };
        let data = idx_folder::join(half(0)?, half(2)?)?;
        Ok(Dataset {
            classes: self.classes.map(str::to_owned).into(),
            notes,
            ..data
        })
    }

    fn read_or_fetch(
        &self,
        number: usize,
        folder: &Path,
        fetch: Option<&LoadOptions<'_>>,
        notes: &mut Vec<String>,
    ) -> Result<Items, DataError> {
        let (name, found) = (NAMES[number], self.read_in(folder, number, notes));
        // What is damaged in the cache is ours to replace.
        let replaceable = match &found {
            Ok(_) => false,
            Err(DataError::Io { cause, .. }) => cause.kind() == io::ErrorKind::NotFound,
            Err(_) => true,
        };
        let Some(options) = fetch.filter(|_| replaceable) else {
            return found;
        };
        fs::create_dir_all(folder).map_err(|cause| DataError::CacheUnwritable {
            folder: folder.to_owned(),
            cause,
        })?;
        let packed = format!("{name}.gz");
        download::fetch(&download::Request {
            name: &packed,
            mirrors: self.mirrors,
            path: &folder.join(&packed),
            verify: &|path| self.read_file(path, number).map(|_| ()),
            progress: options.progress,
        })?;
        // A damaged uncompressed copy would be found before the one that has just come.
        let _ = fs::remove_file(folder.join(name));
        self.read_in(folder, number, notes)
    }

    /// Reads a file that must be the published one.
    fn read_in(
        &self,
        folder: &Path,
        number: usize,
        notes: &mut Vec<String>,
    ) -> Result<Items, DataError> {
        let name = NAMES[number];
        let path = idx_folder::find(folder, &[name]).ok_or_else(|| DataError::FilesMissing {
            folder: folder.to_owned(),
            file: name.to_owned(),
        })?;
        let (items, verified) = self.read_file(&path, number)?;
        if !verified {
            notes.push(format!(
                "{} is not compressed, and the published checksum is that of the .gz file: not verified",
                path.display()
            ));
        }
        Ok(items)
    }

    /// Reads the file and compares its sum with the published one. `false`: it parses, but there is
    /// no published sum for an uncompressed copy.
    fn read_file(&self, path: &Path, number: usize) -> Result<(Items, bool), DataError> {
        let check = |found: String| {
            let expected = self.sums[number].to_owned();
            if found == expected {
                return Ok(());
            }
            Err(DataError::Checksum {
                path: path.to_owned(),
                expected,
                found,
            })
        };
        let mut verified = true;
        // The sum of a packed file is looked at first: it says more than a parser's complaint.
        if self.packed {
            let bytes = fs::read(path).map_err(|cause| DataError::io("read", path, 0, cause))?;
            let packed = path.extension().is_some_and(|e| e == "gz" || e == "part");
            verified = packed || bytes.starts_with(&GZIP);
            if verified {
                check(atomic_file::sha256(&bytes))?;
            }
        }
        let items = match number {
            0 | 2 => idx::read_images(path)?,
            _ => idx::read_labels(path)?,
        };
        if !self.packed {
            check(items.sha256())?;
        }
        Ok((items, verified))
    }
}

fn is_complete(folder: &Path) -> bool {
    let mut names = NAMES.iter();
    names.all(|name| idx_folder::find(folder, &[name]).is_some())
}

#[cfg(test)]
#[path = "mnist_tests.rs"]
mod tests;
