//! Which files a folder has, what class each is, and which are for the test.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::super::error::{BrokenFile, DataError};
use super::entry::{Entry, Kind, TEST, TRAIN};
use super::labels::{self, Labels};
use super::source::Source;

/// One broken file in so many stops the run.
const BROKEN_LIMIT: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct ImageFile {
    pub(in crate::data) entry: Entry,
    /// From SHA-256 of its path: the file's place in the order, and in the split.
    hash: u64,
    /// Index into [`Listing::classes`].
    pub(in crate::data) class: Option<u16>,
    /// Whether it is held back for the test.
    pub(in crate::data) test: bool,
}

/// The index of a file that cannot be decoded, and why.
pub(in crate::data) type Broken = (usize, String);

/// What a folder holds: training files first. Each half is in the order of the hashes of the
/// paths: the classes are mixed, and the first so many files are a fair sample.
#[derive(Debug)]
pub(in crate::data) struct Listing {
    pub(in crate::data) source: Source,
    pub(in crate::data) files: Vec<ImageFile>,
    pub(in crate::data) classes: Vec<String>,
    pub(in crate::data) notes: Vec<String>,
    /// Whether no folder says which images are for the test.
    pub(in crate::data) split_here: bool,
}

impl Listing {
    pub(in crate::data) fn refuse_many_broken(&self, broken: &[Broken]) -> Result<(), DataError> {
        if broken.len().saturating_mul(BROKEN_LIMIT) <= self.files.len() {
            return Ok(());
        }
        Err(DataError::TooManyBroken {
            path: self.source.path().to_owned(),
            total: self.files.len(),
            broken: self.name_broken(broken),
        })
    }

    pub(in crate::data) fn name_broken(&self, broken: &[Broken]) -> Vec<BrokenFile> {
        let named = broken.iter().filter_map(|(index, reason)| {
            Some(BrokenFile {
                path: self.files.get(*index)?.entry.path.clone().into(),
                reason: reason.clone(),
            })
        });
        named.collect()
    }

    pub(in crate::data) fn note_broken(&self, broken: &[Broken]) -> Option<String> {
        let (broken, files) = (broken.len(), self.files.len());
        (broken > 0).then(|| format!("{broken} of {files} files cannot be decoded and are skipped"))
    }
}

/// What is found while a folder is listed.
#[derive(Default)]
struct Found {
    /// Each with the name of its sub-folder, which is its class.
    files: Vec<(Option<String>, ImageFile)>,
    notes: Vec<String>,
    /// Number of files of each ending of images that are not read.
    unread: BTreeMap<&'static str, usize>,
}

/// Lists a folder or an archive. With sub-folders such as `train` and `test`, these are the halves;
/// otherwise about a tenth of the files, chosen by the hash of the path, is for the test. A folder
/// that has nothing but another folder is looked through.
pub(in crate::data) fn scan(folder: &Path) -> Result<Listing, DataError> {
    let source = Source::open(folder)?;
    let entries = source.entries()?;
    let mut found = Found::default();
    let inner = unwrapped(&entries);
    let halves = halves(&entries, &inner);
    for (half, is_test) in &halves {
        found.list_half(&entries, half, *is_test);
    }
    if halves.is_empty() {
        found.list_half(&entries, &inner, false);
    }
    found.settle_classes(&folder.join(&inner), labels::read(&source, &entries))?;
    let mut notes = found.notes;
    if !found.unread.is_empty() {
        let kinds = found.unread.iter();
        let kinds: Vec<String> = kinds.map(|(kind, n)| format!("{n} {kind}")).collect();
        notes.push(format!(
            "images of other kinds than PNG, JPEG, BMP, GIF and WebP are left out ({}): convert them",
            kinds.join(", ")
        ));
    }
    let (mut files, classes) = number_classes(found.files)?;
    // A table of labels may have none for the images of the test.
    let split_here = halves.is_empty() || !files.iter().any(|file| file.test);
    if split_here {
        hold_back(&mut files);
    }
    files.sort_by(|a, b| {
        let order = |file: &ImageFile| (file.test, file.hash);
        (order(a), &a.entry.path).cmp(&(order(b), &b.entry.path))
    });
    if files.iter().all(|file| file.test) {
        let train = halves.iter().find(|(_, is_test)| !is_test);
        let path = train.map_or(folder.to_owned(), |(half, _)| folder.join(half));
        return Err(DataError::NoImages { path });
    }
    Ok(Listing {
        source,
        files,
        classes,
        notes,
        split_here,
    })
}

/// The names of the folders in the one whose paths begin with `prefix`, and whether images lie
/// beside them.
fn look_into<'a>(entries: &'a [Entry], prefix: &str) -> (BTreeSet<&'a str>, bool) {
    let mut folders = BTreeSet::new();
    let mut images = false;
    for entry in entries.iter().filter(|entry| entry.kind != Kind::Table) {
        let inner = entry.path.strip_prefix(prefix);
        match inner.map(|inner| inner.split_once('/')) {
            Some(Some((folder, _))) => _ = folders.insert(folder),
            Some(None) => images |= entry.kind == Kind::Image,
            None => {}
        }
    }
    (folders, images)
}

/// What paths begin with in the first folder that has something else than one folder: archives are
/// often packed in one.
fn unwrapped(entries: &[Entry]) -> String {
    let mut prefix = String::new();
    loop {
        let (folders, images) = look_into(entries, &prefix);
        let mut folders = folders.into_iter();
        match (folders.next(), folders.next()) {
            (Some(folder), None) if !images => prefix += &format!("{folder}/"),
            _ => return prefix,
        }
    }
}

/// What paths begin with in the sub-folders that are halves of a data set, and whether they are for
/// the test: none without at least one of each.
fn halves(entries: &[Entry], prefix: &str) -> Vec<(String, bool)> {
    let (folders, _) = look_into(entries, prefix);
    let halves = folders.into_iter().filter_map(|name| {
        let lower = name.to_lowercase();
        let is_test = TEST.contains(&&*lower);
        (is_test || TRAIN.contains(&&*lower)).then(|| (format!("{prefix}{name}/"), is_test))
    });
    let halves: Vec<_> = halves.collect();
    let both = [false, true].map(|half| halves.iter().any(|(_, is_test)| *is_test == half));
    if both == [true; 2] {
        halves
    } else {
        Vec::new()
    }
}

impl Found {
    /// Lists one half, each file with its sub-folder.
    fn list_half(&mut self, entries: &[Entry], prefix: &str, test: bool) {
        for entry in entries {
            let Some(inner) = entry.path.strip_prefix(prefix) else {
                continue;
            };
            match entry.kind {
                Kind::Image => {}
                Kind::Table => continue,
                Kind::Unread(kind) => {
                    *self.unread.entry(kind).or_default() += 1;
                    continue;
                }
            }
            let class = inner.split_once('/').map(|(folder, _)| folder.to_owned());
            let digest = Sha256::digest(entry.path.as_bytes());
            let file = ImageFile {
                entry: entry.clone(),
                hash: u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()),
                class: None,
                test,
            };
            self.files.push((class, file));
        }
    }

    /// Labels of tables are classes, unless sub-folders give as many.
    fn settle_classes(&mut self, folder: &Path, labels: Labels) -> Result<(), DataError> {
        let folders = self.files.iter().filter_map(|(class, _)| class.as_ref());
        let folders = folders.collect::<BTreeSet<_>>().len();
        let (classes, tables) = (labels.classes(), labels.tables.join(", "));
        self.notes.extend(labels.notes);
        if classes == 0 {
            self.take_sub_folders(folder);
        } else if folders == classes && folders > 1 {
            self.notes.push(format!(
                "the sub-folders are the classes: there are as many as in {tables}"
            ));
            self.take_sub_folders(folder);
        } else {
            if folders > 1 {
                self.notes.push(format!(
                    "{tables} has {classes} classes and there are {folders} sub-folders: the sub-folders are no classes"
                ));
            }
            return self.take_labels(&labels.of, &tables, folder);
        }
        Ok(())
    }

    /// Labels are classes. Sub-folders without a label are left out, and so are other images
    /// without one, if they are not the most.
    fn take_labels(
        &mut self,
        labels: &HashMap<String, String>,
        tables: &str,
        folder: &Path,
    ) -> Result<(), DataError> {
        let group = |class: &Option<String>, file: &ImageFile| (file.test, class.clone());
        let known = |file: &ImageFile| labels.get(&file.entry.path);
        let files = self.files.iter();
        let labelled = files.filter(|(_, file)| known(file).is_some());
        let groups: BTreeSet<_> = labelled.map(|(class, file)| group(class, file)).collect();
        let all = self.files.len();
        self.files
            .retain(|(class, file)| groups.contains(&group(class, file)));
        let rest = self.files.len();
        for (class, file) in &mut self.files {
            *class = labels.get(&file.entry.path).cloned();
        }
        self.files.retain(|(class, _)| class.is_some());
        let (labelled, missing) = (self.files.len(), rest - self.files.len());
        if missing > labelled {
            return Err(DataError::MostUnlabelled {
                path: folder.to_owned(),
                tables: tables.to_owned(),
                labelled,
                images: rest,
            });
        }
        for (number, what) in [
            (all - rest, "are in folders without any class"),
            (missing, "have no class"),
        ] {
            if number > 0 {
                self.notes.push(format!(
                    "{number} images are left out: they {what} in {tables}"
                ));
            }
        }
        Ok(())
    }

    /// Sub-folders are classes, unless most images lie beside them. Those beside classes are left
    /// out.
    fn take_sub_folders(&mut self, folder: &Path) {
        let (all, folder) = (self.files.len(), folder.display());
        let loose = self.files.iter().filter(|(class, _)| class.is_none());
        let loose = loose.count();
        if loose == 0 || loose == all {
            return;
        }
        if loose > all / 2 {
            self.files.iter_mut().for_each(|(class, _)| *class = None);
            self.notes.push(format!(
                "{loose} of {all} images in {folder} lie beside its sub-folders: all are used, and the sub-folders are no classes"
            ));
        } else {
            self.files.retain(|(class, _)| class.is_some());
            self.notes.push(format!(
                "{loose} images in {folder} lie beside its sub-folders and are left out, because these are classes"
            ));
        }
    }
}

/// The files with their classes by number, and the classes' names, sorted.
fn number_classes(
    files: Vec<(Option<String>, ImageFile)>,
) -> Result<(Vec<ImageFile>, Vec<String>), DataError> {
    let names: BTreeSet<&String> = files.iter().filter_map(|(name, _)| name.as_ref()).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    if names.len() > usize::from(u16::MAX) {
        return Err(DataError::Inconsistent {
            expected: usize::from(u16::MAX),
            found: names.len(),
        });
    }
    let numbered = files.into_iter().map(|(name, file)| {
        let number = name.and_then(|name| names.binary_search(&name).ok());
        let class = number.and_then(|number| u16::try_from(number).ok());
        ImageFile { class, ..file }
    });
    Ok((numbered.collect(), names))
}

/// Marks files whose path's hash falls into the first tenth: adding files does not move the others.
/// A folder with two files or more has at least one in each half.
fn hold_back(files: &mut [ImageFile]) {
    for file in files.iter_mut() {
        file.test = file.hash < u64::MAX / 10;
    }
    let held = files.iter().filter(|file| file.test).count();
    let everything_is = held == files.len();
    if (everything_is || (held == 0 && files.len() > 1))
        && let Some(least) = files.iter_mut().min_by_key(|file| file.hash)
    {
        least.test = !everything_is;
    }
}
