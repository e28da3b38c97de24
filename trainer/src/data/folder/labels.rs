//! Classes from a table beside the images, such as `labels.csv`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::entry::{Entry, Kind, TEST, path_in_archive};
use super::source::Source;
use super::table;

/// Bytes that a table may have.
const MAX_TABLE: u64 = 256 << 20;

/// Names, in lower case, of columns that are classes.
const LABEL_COLUMNS: [&str; 12] = [
    "label",
    "labels",
    "class",
    "class_name",
    "classname",
    "classes",
    "category",
    "target",
    "species",
    "breed",
    "label_name",
    "y",
];

/// The classes that tables give to files.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// By the file's path.
    pub(super) of: HashMap<String, String>,
    /// The tables that gave them, by their paths.
    pub(super) tables: Vec<String>,
    /// What the user should be told.
    pub(super) notes: Vec<String>,
}

impl Labels {
    /// Number of different classes.
    pub(super) fn classes(&self) -> usize {
        self.of.values().collect::<BTreeSet<_>>().len()
    }
}

/// Reads the tables among `entries`, for the images among them.
pub(super) fn read(source: &Source, entries: &[Entry]) -> Labels {
    let mut labels = Labels::default();
    for table in entries.iter().filter(|entry| entry.kind == Kind::Table) {
        let said = match source.read(table, MAX_TABLE) {
            Err(reason) => Err(reason),
            Ok(bytes) => labels.add(table, &bytes, entries),
        };
        labels.notes.push(match said {
            Ok(said) => format!("{}: {said}", table.path),
            Err(reason) => format!("{} gives no classes: {reason}", table.path),
        });
    }
    labels
}

/// The images of a folder by what a table may call them.
struct Images<'a> {
    /// By path below the table's folder, with and without the ending.
    paths: HashMap<&'a str, &'a str>,
    /// By name, with and without the ending; `None` where several have one name.
    names: HashMap<&'a str, Option<&'a str>>,
}

fn without_ending(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') => stem,
        _ => path,
    }
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl<'a> Images<'a> {
    /// The images below the folder of `table`, or all if there are none.
    fn of(table: &Entry, entries: &'a [Entry]) -> Self {
        let images = || entries.iter().filter(|entry| entry.kind == Kind::Image);
        let folder = table.path.strip_suffix(name(&table.path));
        let mut folder = folder.unwrap_or_default();
        if !images().any(|image| image.path.starts_with(folder)) {
            folder = "";
        }
        let mut found = Self {
            paths: HashMap::new(),
            names: HashMap::new(),
        };
        let mut others = HashMap::new();
        for image in images() {
            let Some(path) = image.path.strip_prefix(folder) else {
                continue;
            };
            // Test images may have the names of training images, which are meant then.
            let is_test = |part: &str| TEST.contains(&&*part.to_lowercase());
            let names = if path.split('/').any(is_test) {
                &mut others
            } else {
                &mut found.names
            };
            for path in [path, without_ending(path)] {
                found.paths.entry(path).or_insert(&image.path);
            }
            let (whole, stem) = (name(path), without_ending(name(path)));
            for name in [Some(whole), Some(stem).filter(|stem| *stem != whole)] {
                let Some(name) = name else { continue };
                let place = names.entry(name).or_insert(Some(&image.path));
                if *place != Some(&image.path) {
                    *place = None;
                }
            }
        }
        for (name, place) in others {
            found.names.entry(name).or_insert(place);
        }
        found
    }

    /// The path of the image that a field of a table means.
    fn find(&self, field: &str) -> Option<&'a str> {
        let path = path_in_archive(field)?;
        let by_path = self.paths.get(path.as_str()).copied();
        by_path.or_else(|| self.names.get(name(&path)).copied().flatten())
    }
}

impl Labels {
    /// Adds what a table says. What is said of it: which columns, and what is missing.
    fn add(&mut self, table: &Entry, bytes: &[u8], entries: &[Entry]) -> Result<String, String> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err("it is UTF-16: save it as UTF-8".to_owned());
        }
        let lines = table::parse(&String::from_utf8_lossy(bytes));
        let images = Images::of(table, entries);
        let width = lines.iter().map(Vec::len).max().unwrap_or(0);
        let field = |line: &'_ [String], column: usize| line.get(column).cloned();
        // The column that names the most images; the first of several.
        let named = |column: usize| {
            let fields = lines.iter().filter_map(|line| line.get(column));
            fields
                .filter_map(|field| images.find(field))
                .collect::<BTreeSet<_>>()
                .len()
        };
        let (count, files) = (0..width)
            .map(|column| (named(column), column))
            .max_by_key(|(count, column)| (*count, width - column))
            .filter(|(count, _)| *count > 0)
            .ok_or("no column has names of images here")?;
        let begins = |line: &Vec<String>| field(line, files).and_then(|f| images.find(&f));
        let (header, lines) = match lines.split_first() {
            Some((first, rest)) if begins(first).is_none() => (Some(first), rest),
            _ => (None, &lines[..]),
        };
        let title = |column: usize| match header.and_then(|header| header.get(column)) {
            Some(title) => format!("{title:?}"),
            None => format!("{}", column + 1),
        };
        let classes = label_column(header, lines, files).map_err(|possible| {
            let possible: Vec<String> = possible.into_iter().map(title).collect();
            match &possible[..] {
                [] => "no column has classes: call it \"label\"".to_owned(),
                some => format!(
                    "several columns may be classes ({}): call one of them \"label\"",
                    some.join(", ")
                ),
            }
        })?;
        let (mut strangers, mut empty, mut twice) = (0, 0, 0);
        for line in lines {
            let image = line.get(files).and_then(|field| images.find(field));
            let Some(image) = image else {
                strangers += 1;
                continue;
            };
            let Some(label) = field(line, classes).filter(|label| !label.is_empty()) else {
                empty += 1;
                continue;
            };
            match self.of.get(image) {
                Some(known) => twice += usize::from(*known != label),
                None => _ = self.of.insert(image.to_owned(), label),
            }
        }
        self.tables.push(table.path.clone());
        let mut said = format!(
            "column {} gives the classes of {count} images, which column {} names",
            title(classes),
            title(files)
        );
        for (number, what) in [
            (strangers, "lines name no image here"),
            (empty, "lines have no class"),
            (
                twice,
                "lines give an image another class than an earlier line and are left out",
            ),
        ] {
            if number > 0 {
                said += &format!("; {number} {what}");
            }
        }
        Ok(said)
    }
}

/// The column of classes: by its name, or the only one whose values come back. Otherwise those that
/// may be it.
fn label_column(
    header: Option<&Vec<String>>,
    lines: &[Vec<String>],
    files: usize,
) -> Result<usize, Vec<usize>> {
    let titles: Vec<String> = header
        .into_iter()
        .flatten()
        .map(|t| t.to_lowercase())
        .collect();
    let mut known = LABEL_COLUMNS.iter();
    let known = known.find_map(|known| titles.iter().position(|title| title == known));
    if let Some(column) = known.filter(|column| *column != files) {
        return Ok(column);
    }
    let mut values: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for line in lines {
        for (column, field) in line
            .iter()
            .enumerate()
            .filter(|(column, _)| *column != files)
        {
            if !field.is_empty() {
                values.entry(column).or_default().insert(field);
            }
        }
    }
    values.retain(|_, values| (2..=lines.len() / 2).contains(&values.len()));
    let possible: Vec<usize> = values.into_keys().collect();
    match possible[..] {
        [column] => Ok(column),
        _ => Err(possible),
    }
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;
