//! A run as a TensorBoard event file, for those who compare their runs there.

mod event;
mod record;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use prost::Message as _;

use self::event::{Content, Event, Image, Summary, SummaryValue, What};
use super::ReportError;
use super::log::Log;
use super::run_files::{RunFiles, SheetFile};
use crate::atomic_file::write_atomic;

/// Always this name: a second report replaces the first instead of doubling every curve.
const FILE: &str = "events.out.tfevents.0000000000.dreamlet";

/// Writes `folder/RUN/events.out.tfevents.…`: the numbers of `stats.jsonl` and `metrics.jsonl`, and
/// the sample images. TensorBoard shows every run below `folder`.
pub(crate) fn write(run: &RunFiles, folder: &Path) -> Result<PathBuf, ReportError> {
    let folder = folder.join(&run.name);
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Write { path, source }
    };
    fs::create_dir_all(&folder).map_err(write(&folder))?;
    let path = folder.join(FILE);
    write_atomic(&path, &events(run)).map_err(write(&path))?;
    Ok(path)
}

fn events(run: &RunFiles) -> Vec<u8> {
    let clock = Clock::of(run);
    let mut all: Vec<(u64, SummaryValue)> = Vec::new();
    all.extend(run.stats.iter().flat_map(|log| scalars("train", log)));
    let metrics = run.metrics.iter().flatten();
    all.extend(metrics.flat_map(|log| scalars("metrics", log)));
    all.extend(run.samples.iter().map(image_summary));
    // TensorBoard takes a step backwards for a restarted run and drops what came before.
    all.sort_by_key(|(step, _)| *step);
    let summaries = all.into_iter().map(|(step, value)| {
        let value = vec![value];
        (step, What::Summary(Summary { value }))
    });
    let version = (0, What::FileVersion("brain.Event:2".to_owned()));
    let mut out = Vec::new();
    for (step, what) in std::iter::once(version).chain(summaries) {
        let event = Event {
            wall_time: clock.at(step),
            step: i64::try_from(step).unwrap_or(i64::MAX),
            what: Some(what),
        };
        record::append(&mut out, &event.encode_to_vec());
    }
    out
}

fn scalars<'a>(prefix: &'a str, log: &'a Log) -> impl Iterator<Item = (u64, SummaryValue)> + 'a {
    log.series.iter().flat_map(move |series| {
        series.points.iter().map(move |(step, value)| {
            let tag = format!("{prefix}/{}", series.name);
            // The format has single precision.
            let content = Some(Content::Scalar(*value as f32));
            (*step, SummaryValue { tag, content })
        })
    })
}

fn image_summary(sheet: &SheetFile) -> (u64, SummaryValue) {
    let image = Image {
        height: sheet.height as i32,
        width: sheet.width as i32,
        colorspace: i32::from(sheet.channels),
        encoded_image_string: sheet.png.clone(),
    };
    let (tag, content) = ("samples".to_owned(), Some(Content::Image(image)));
    (sheet.step, SummaryValue { tag, content })
}

/// When a step was: `stats.jsonl` has the seconds of training, and its last change was at its last
/// line.
struct Clock {
    start: f64,
    seconds: Vec<(u64, f64)>,
}

impl Clock {
    fn of(run: &RunFiles) -> Self {
        let log = run.stats.as_ref().ok();
        let changed = fs::metadata(run.path.join("stats.jsonl"))
            .and_then(|m| m.modified())
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
            .map_or(0.0, |d| d.as_secs_f64());
        let duration = log.and_then(Log::duration).unwrap_or(0.0);
        Self {
            start: (changed - duration).max(0.0),
            seconds: log.map(|l| l.seconds.clone()).unwrap_or_default(),
        }
    }

    fn at(&self, step: u64) -> f64 {
        let after = self.seconds.partition_point(|(s, _)| *s <= step);
        let before = after.checked_sub(1).and_then(|i| self.seconds.get(i));
        self.start + before.map_or(0.0, |(_, seconds)| *seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    /// The records of a file: a reader written from the format's description, not from the writer.
    fn records(mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let sum = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let unmasked = |sum: u32| sum.wrapping_sub(0xa282_ead8).rotate_left(15);
            assert_eq!(unmasked(sum(8)), record::crc32c(&bytes[..8]));
            let body = &bytes[12..12 + length];
            assert_eq!(unmasked(sum(12 + length)), record::crc32c(body));
            events.push(Event::decode(body).unwrap());
            bytes = &bytes[16 + length..];
        }
        events
    }

    #[test]
    fn a_run_becomes_its_numbers_and_images_in_the_order_of_steps() {
        let folder = TestFolder::new();
        let sheet = image::DynamicImage::from(image::RgbImage::new(5, 4));
        let png = crate::sheet::png(&sheet).unwrap();
        folder.write("samples/000000.png", &png);
        folder.write("samples/000020.png", &png);
        folder.write(
            "stats.jsonl",
            b"{\"step\":10,\"loss\":2.5,\"seconds\":1.0}\n{\"step\":20,\"loss\":1.5,\"seconds\":2.0}\n{\"st",
        );
        folder.write("metrics.jsonl", b"{\"step\":20,\"frechet\":12.25}\n");
        let run = RunFiles::read(&folder.0).unwrap();
        let out = folder.0.join("board");
        let path = write(&run, &out).unwrap();
        assert_eq!(write(&run, &out).unwrap(), path);
        let events = records(&fs::read(&path).unwrap());
        let version = What::FileVersion("brain.Event:2".to_owned());
        assert_eq!(events[0].what, Some(version));
        assert!(events.windows(2).all(|w| w[0].step <= w[1].step));
        let mut seen = Vec::new();
        for event in &events[1..] {
            let Some(What::Summary(summary)) = &event.what else {
                panic!("{event:?}")
            };
            let value = &summary.value[0];
            let what = match value.content.as_ref().unwrap() {
                Content::Scalar(v) => format!("{v}"),
                Content::Image(i) => format!("{}x{}x{}", i.colorspace, i.height, i.width),
            };
            seen.push((event.step, value.tag.as_str(), what));
        }
        let expected = [
            (0, "samples", "3x4x5"),
            (10, "train/loss", "2.5"),
            (20, "train/loss", "1.5"),
            (20, "metrics/frechet", "12.25"),
            (20, "samples", "3x4x5"),
        ];
        let expected = expected.map(|(s, t, w)| (s, t, w.to_owned()));
        assert_eq!(seen, expected);
        // Ten steps took a second.
        let (first, last) = (&events[2], &events[3]);
        assert!((last.wall_time - first.wall_time - 1.0).abs() < 1e-3);
    }
}
