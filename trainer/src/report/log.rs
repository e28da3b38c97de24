//! `stats.jsonl` and `metrics.jsonl`: one JSON object a line, numbers against steps.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::chart::Series;

/// A file of lines, read as far as it can be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Log {
    /// Every numeric field but `step`, `epoch`, `images` and `seconds`, by name.
    pub series: Vec<Series>,
    /// Seconds of training at each step that has them, by rising step.
    pub seconds: Vec<(u64, f64)>,
    /// Images used at the last step that says so.
    pub images: Option<u64>,
    pub step: Option<u64>,
    /// Numbers of the lines, from 1, that are no JSON object with a step: a run that was killed
    /// leaves half a line.
    pub broken: Vec<usize>,
}

/// Fields that say where a line stands; they are no curves.
const PLACE: [&str; 4] = ["step", "epoch", "images", "seconds"];

impl Log {
    /// Reads the bytes of a file. Broken lines are counted and left out; of two lines with one step
    /// the later counts.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut log = Self::default();
        let mut series: BTreeMap<String, BTreeMap<u64, f64>> = BTreeMap::new();
        let mut seconds = BTreeMap::new();
        let text = String::from_utf8_lossy(bytes);
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let fields: Map<String, Value> = serde_json::from_str(line).unwrap_or_default();
            let Some(step) = fields.get("step").and_then(Value::as_u64) else {
                log.broken.push(number);
                continue;
            };
            if log.step.is_none_or(|last| step >= last) {
                log.step = Some(step);
                log.images = fields.get("images").and_then(Value::as_u64).or(log.images);
            }
            if let Some(at) = fields.get("seconds").and_then(Value::as_f64) {
                seconds.insert(step, at);
            }
            for (name, value) in fields {
                if let Some(value) = value.as_f64().filter(|v| v.is_finite())
                    && !PLACE.contains(&name.as_str())
                {
                    series.entry(name).or_default().insert(step, value);
                }
            }
        }
        log.seconds = seconds.into_iter().collect();
        for (name, points) in series {
            let points = points.into_iter().collect();
            log.series.push(Series { name, points });
        }
        log
    }

    /// Seconds of training in all, as far as the file says.
    pub(crate) fn duration(&self) -> Option<f64> {
        self.seconds.last().map(|(_, s)| *s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_lines_are_counted_and_the_others_are_read() {
        let text = b"{\"step\":1,\"loss\":2.5,\"images\":8,\"seconds\":0.5}\nnonsense\n\n[1]\n{\"loss\":1}\n{\"step\":2,\"loss\":1.5,\"seconds\":0.75,\"note\":\"x\",\"kl\":null}\n{\"step\":3,\"lo";
        let log = Log::read(text);
        assert_eq!(log.broken, [2, 4, 5, 7]);
        assert_eq!(log.series.len(), 1);
        assert_eq!(log.series[0].points, [(1, 2.5), (2, 1.5)]);
        assert_eq!((log.step, log.images), (Some(2), Some(8)));
        assert_eq!(log.duration(), Some(0.75));
    }

    #[test]
    fn a_step_written_twice_counts_once_with_its_later_value() {
        let log = Log::read(b"{\"step\":5,\"a\":1}\n{\"step\":4,\"a\":0}\n{\"step\":5,\"a\":2}\n");
        assert_eq!(log.series[0].points, [(4, 0.0), (5, 2.0)]);
    }

    #[test]
    fn bytes_that_are_no_text_are_one_broken_line() {
        assert_eq!(Log::read(&[0xff, 0xfe, 0x00]).broken, [1]);
        assert_eq!(Log::read(b""), Log::default());
    }
}
