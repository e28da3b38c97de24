//! What lies in a run folder, read as far as it can be: a fresh, a running or a damaged run is a
//! run too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ReportError;
use super::log::Log;
use crate::atomic_file::read_regular;
use crate::config::Config;
use crate::training::checkpoint::{self, State};
use crate::training::run::read_config;

/// A sheet of images as a PNG file.
#[derive(Clone, Debug)]
pub(crate) struct SheetFile {
    /// The step it was made at; 0 for `reals.png`.
    pub step: u64,
    pub png: Vec<u8>,
    pub width: u32,
    pub height: u32,
    /// 1 for grey, 3 for RGB.
    pub channels: u8,
}

/// One checkpoint of a run.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    /// The step in its folder's name.
    pub step: u64,
    /// What it says of itself, or what is wrong with it.
    pub state: Result<State, String>,
    /// Whether `best.json` names it.
    pub best: bool,
}

/// Everything a report is made from. What is missing or damaged is a sentence instead.
#[derive(Clone, Debug)]
pub(crate) struct RunFiles {
    pub path: PathBuf,
    pub name: String,
    pub config_text: Result<String, String>,
    pub config: Result<Config, String>,
    pub environment: Result<Value, String>,
    pub stats: Result<Log, String>,
    pub metrics: Option<Result<Log, String>>,
    /// `metrics.stamp.json`.
    pub provenance: Option<Value>,
    /// `eval.json`.
    pub evaluation: Option<Result<Value, String>>,
    /// Images of `samples/` by step, thinned out.
    pub samples: Vec<SheetFile>,
    pub samples_found: usize,
    /// Sample images that could not be read, one sentence each.
    pub samples_broken: Vec<String>,
    pub reals: Result<SheetFile, String>,
    pub checkpoints: Vec<Checkpoint>,
}

/// Most sample sheets in a report.
const MAX_SHEETS: usize = 60;
/// Most bytes of them together, so that a page of large colour images still opens on a phone. The
/// first and the last stay whatever they weigh.
const MAX_SHEET_BYTES: u64 = 12 << 20;

impl RunFiles {
    /// Reads a run folder.
    ///
    /// # Errors
    /// [`ReportError::Folder`] when it cannot be read, [`ReportError::NotARun`] when nothing in it
    /// is a run's.
    pub(crate) fn read(path: &Path) -> Result<Self, ReportError> {
        let folder = |source| ReportError::Folder {
            path: path.to_owned(),
            source,
        };
        fs::read_dir(path).map_err(folder)?;
        let file = |name| path.join(name);
        let parts = ["config.toml", "stats.jsonl", "samples", "checkpoints"];
        if !parts.into_iter().any(|name| file(name).exists()) {
            return Err(ReportError::NotARun {
                path: path.to_owned(),
            });
        }
        let name = path
            .canonicalize()
            .unwrap_or_else(|_| path.to_owned())
            .file_name()
            .map_or_else(|| "run".to_owned(), |n| n.to_string_lossy().into_owned());
        let there = |name| Some(file(name)).filter(|file| file.exists());
        let log = |file: PathBuf| bytes(&file).map(|b| Log::read(&b));
        let config_text = bytes(&file("config.toml"));
        let (samples, samples_found, samples_broken) = samples(&file("samples"));
        Ok(Self {
            path: path.to_owned(),
            name,
            config_text: config_text.map(|b| String::from_utf8_lossy(&b).into_owned()),
            config: read_config(path).map_err(|e| e.to_string()),
            environment: json(&file("environment.json")),
            stats: log(file("stats.jsonl")),
            metrics: there("metrics.jsonl").map(log),
            provenance: json(&file("metrics.stamp.json")).ok(),
            evaluation: there("eval.json").map(|file| json(&file)),
            samples,
            samples_found,
            samples_broken,
            reals: sheet(&file("reals.png"), 0),
            checkpoints: checkpoints(path),
        })
    }

    pub(crate) fn state(&self) -> Option<&State> {
        let newest_first = self.checkpoints.iter().rev();
        newest_first.flat_map(|c| &c.state).next()
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    read_regular(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => format!("The run has no {}.", name_of(path)),
        _ => format!("{} cannot be read: {e}.", name_of(path)),
    })
}

fn json(path: &Path) -> Result<Value, String> {
    let value = serde_json::from_slice(&bytes(path)?);
    value.map_err(|e| format!("{} is damaged: {e}.", name_of(path)))
}

fn sheet(path: &Path, step: u64) -> Result<SheetFile, String> {
    let png = bytes(path)?;
    // Decoded whole: a browser shows half an image of a damaged file without a word.
    let image = image::load_from_memory_with_format(&png, image::ImageFormat::Png)
        .map_err(|e| format!("{} is damaged: {e}.", name_of(path)))?;
    Ok(SheetFile {
        step,
        width: image.width(),
        height: image.height(),
        channels: if image.color().has_color() { 3 } else { 1 },
        png,
    })
}

/// The sheets to show, the number of files there are, and what is wrong with some.
fn samples(folder: &Path) -> (Vec<SheetFile>, usize, Vec<String>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(u64, PathBuf, u64)> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let step = path.file_stem()?.to_str()?.parse().ok()?;
            let is_png = path.extension().is_some_and(|e| e == "png");
            let length = entry.metadata().map_or(0, |m| m.len());
            is_png.then_some((step, path, length))
        })
        .collect();
    files.sort();
    let found = files.len();
    let bytes: u64 = files.iter().map(|f| f.2).sum();
    let mean = (bytes / (found as u64).max(1)).max(1);
    let affordable = usize::try_from(MAX_SHEET_BYTES / mean).unwrap_or(MAX_SHEETS);
    let (mut sheets, mut broken) = (Vec::new(), Vec::new());
    let shown = evenly_spread(found, affordable.clamp(2, MAX_SHEETS)).into_iter();
    for (step, path, _) in shown.filter_map(|index| files.get(index)) {
        match sheet(path, *step) {
            Ok(sheet) => sheets.push(sheet),
            Err(message) => broken.push(message),
        }
    }
    (sheets, found, broken)
}

/// Indices of at most `most` of `count` things, evenly spread, the first and the last among them.
fn evenly_spread(count: usize, most: usize) -> Vec<usize> {
    let (last, steps) = (count.saturating_sub(1), most.saturating_sub(1).max(1));
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|i| i * last / steps).collect()
}

fn checkpoints(run: &Path) -> Vec<Checkpoint> {
    let best = checkpoint::best(run).map(|b| b.step);
    checkpoint::steps(run)
        .into_iter()
        .map(|step| Checkpoint {
            step,
            state: checkpoint::read_state(&checkpoint::folder(run, step))
                .map_err(|e| e.to_string()),
            best: best == Some(step),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    #[test]
    fn thinning_keeps_the_first_and_the_last() {
        assert_eq!(evenly_spread(0, 60), [] as [usize; 0]);
        assert_eq!(evenly_spread(3, 60), [0, 1, 2]);
        let many = evenly_spread(1000, 60);
        assert_eq!((many.len(), many[0], many[59]), (60, 0, 999));
        assert!(many.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(evenly_spread(9, 2), [0, 8]);
    }

    #[test]
    fn a_folder_of_something_else_is_refused_and_a_bare_run_is_not() {
        let folder = TestFolder::new();
        let missing = RunFiles::read(&folder.0.join("nowhere")).unwrap_err();
        assert!(missing.to_string().contains("nowhere"), "{missing}");
        let error = RunFiles::read(&folder.0).unwrap_err();
        assert!(matches!(error, ReportError::NotARun { .. }), "{error}");
        folder.write("stats.jsonl", b"");
        let run = RunFiles::read(&folder.0).unwrap();
        assert!(run.config.is_err() && run.reals.is_err() && run.state().is_none());
        assert_eq!((run.samples_found, run.checkpoints.len()), (0, 0));
    }

    #[test]
    fn a_damaged_image_is_named_and_the_others_are_shown() {
        let folder = TestFolder::new();
        let image = image::DynamicImage::from(image::GrayImage::new(4, 3));
        let png = crate::sheet::png(&image).unwrap();
        folder.write("samples/000010.png", &png);
        folder.write("samples/000020.png", &png[..png.len() / 2]);
        folder.write("samples/notes.txt", b"x");
        folder.write("samples/.000030.png.1-1.tmp", b"x");
        let run = RunFiles::read(&folder.0).unwrap();
        assert_eq!((run.samples.len(), run.samples_found), (1, 2));
        assert_eq!((run.samples[0].width, run.samples[0].height), (4, 3));
        assert!(run.samples_broken[0].contains("000020.png"));
    }
}
