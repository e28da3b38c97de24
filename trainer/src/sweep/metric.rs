//! The metric of a run at a step, from the files that training leaves behind.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::error::SweepError;
use super::spec::Metric;
use crate::atomic_file::read_regular;
use crate::training::checkpoint;

/// The files that hold metrics, one JSON object with a `step` a line; the first that has the field
/// counts.
const FILES: [&str; 2] = ["metrics.jsonl", "stats.jsonl"];

/// What a file says of a step and is no metric.
const NOT_METRICS: [&str; 5] = ["step", "epoch", "images", "seconds", "images_per_second"];

/// The metric of `run` at `step`: the last line of it that is no later. `None` when it is there and
/// is not a finite number. A score of which more is better is given with the other sign, so that of
/// all scores the smallest is best.
///
/// # Errors
/// [`SweepError::NoMetric`] when the run has no such metric, [`SweepError::File`].
pub(crate) fn value_at(run: &Path, metric: &Metric, step: u64) -> Result<Option<f64>, SweepError> {
    let missing = |found| SweepError::NoMetric {
        metric: metric.name().to_owned(),
        run: run.to_owned(),
        found,
    };
    match metric {
        Metric::Score => {
            if let Ok((Some((_, state)), _)) = checkpoint::newest(run) {
                let sign = if state.larger_is_better { -1.0 } else { 1.0 };
                return Ok(state.score.filter(|s| s.is_finite()).map(|s| sign * s));
            }
        }
        Metric::Field(name) => {
            for file in FILES {
                let lines = lines(&run.join(file))?;
                let early = |line: &&Value| line["step"].as_u64().is_some_and(|at| at <= step);
                let mut values = lines.iter().filter(early).filter_map(|line| line.get(name));
                if let Some(value) = values.next_back() {
                    return Ok(value.as_f64().filter(|v| v.is_finite()));
                }
            }
        }
    }
    Err(missing(fields(run)?))
}

/// Names of the metrics that `run` has.
fn fields(run: &Path) -> Result<Vec<String>, SweepError> {
    let mut names = Vec::new();
    for file in FILES {
        for line in lines(&run.join(file))? {
            for (name, _) in line.as_object().into_iter().flatten() {
                if !NOT_METRICS.contains(&name.as_str()) && !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
    }
    Ok(names)
}

/// The lines of a file that are JSON; one that is damaged or was cut short is not. None when there is no such
/// file.
fn lines(path: &Path) -> Result<Vec<Value>, SweepError> {
    match read_regular(path) {
        Ok(text) => {
            let lines = text.split(|byte| *byte == b'\n');
            let lines = lines.map(serde_json::from_slice);
            Ok(lines.filter_map(Result::ok).collect())
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(SweepError::file(path, "reading the metrics in")(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    fn field(name: &str) -> Metric {
        Metric::Field(name.to_owned())
    }

    #[test]
    fn the_last_line_that_is_not_later_counts_and_metrics_come_before_stats() {
        let run = TestFolder::new();
        run.write(
            "metrics.jsonl",
            b"{\"step\":10,\"frechet\":9.0}\n{\"step\":20,\"frechet\":7.5}\n{\"step\":30,\"frechet\":8.0}\n{\"step\":40,\"fre",
        );
        run.write(
            "stats.jsonl",
            b"{\"step\":20,\"frechet\":1.0,\"loss\":3.5,\"seconds\":2}\n",
        );
        assert_eq!(value_at(&run.0, &field("frechet"), 29).unwrap(), Some(7.5));
        assert_eq!(value_at(&run.0, &field("frechet"), 30).unwrap(), Some(8.0));
        assert_eq!(value_at(&run.0, &field("loss"), 30).unwrap(), Some(3.5));
    }

    #[test]
    fn a_figure_that_is_not_finite_is_there_and_no_number() {
        let run = TestFolder::new();
        run.write("stats.jsonl", b"{\"step\":20,\"loss\":null}\n");
        assert_eq!(value_at(&run.0, &field("loss"), 20).unwrap(), None);
    }

    #[test]
    fn a_score_of_which_more_is_better_counts_with_the_other_sign() {
        let run = TestFolder::new();
        for (larger_is_better, expected) in [(false, 0.75), (true, -0.75)] {
            let state = checkpoint::State {
                format: checkpoint::FORMAT,
                step: 5,
                score: Some(0.75),
                larger_is_better,
                ..checkpoint::State::default()
            };
            let json = serde_json::to_vec(&state).unwrap();
            run.write("checkpoints/00000005/state.json", &json);
            let found = value_at(&run.0, &Metric::Score, 5).unwrap();
            assert_eq!(found, Some(expected));
        }
    }

    #[test]
    fn a_name_that_no_file_has_is_refused_with_those_there_are() {
        let run = TestFolder::new();
        run.write(
            "stats.jsonl",
            b"{\"step\":20,\"seconds\":1,\"recall\":0.5}\n",
        );
        let refused = |metric| value_at(&run.0, &metric, 20).unwrap_err().to_string();
        let message = refused(field("recal"));
        assert!(message.contains("did you mean \"recall\"?"), "{message}");
        assert!(!message.contains("seconds"), "{message}");
        let message = refused(Metric::Score);
        assert!(message.contains("\"score\""), "{message}");
    }
}
