//! Figures while a model trains: distances to test pictures every so many steps, for `metrics.jsonl`.

use super::error::TrainError;
use super::learner::Learner;
use crate::config::Config;
use crate::data::{Bar, Dataset, Progress, Silent, cache_dir};
use crate::evaluation::{EvaluationError, Evaluator, FileSource, Metric, Options, classifiable};

/// The figure that picks the best checkpoint: smaller is better.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    /// Its key.
    pub(super) key: &'static str,
    /// Its name for people.
    pub(super) name: &'static str,
}

const FRECHET: Chosen = Chosen {
    key: "frechet_distance",
    name: "Fréchet distance of the data set's own classifier",
};
/// Of data without labels, for which there is no classifier.
const SLICED: Chosen = Chosen {
    key: "sliced_wasserstein",
    name: "sliced Wasserstein distance to test pictures, pixels 0..1",
};

/// What one measurement found.
pub(super) struct Measured {
    /// Keys and values of the figures.
    pub(super) figures: Vec<(&'static str, f64)>,
    /// Classes that next to none of the pictures is taken for.
    pub(super) missing: Vec<String>,
    /// What the figures were measured on, and real pictures against real ones.
    pub(super) stamps: serde_json::Value,
}

impl Measured {
    /// The figure with a key.
    pub(super) fn figure(&self, key: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| *value)
    }
}

/// Share of its frequency among test pictures below which a class is missing.
const MISSING: f64 = 0.1;
/// Pictures that must be expected of a class, that a few less are not luck.
const EXPECTED: f64 = 20.0;

/// The real side, computed once.
pub(super) struct Evaluating<'a> {
    evaluator: Evaluator<'a>,
    /// Class names, and how many test pictures are of each.
    classes: Vec<(String, usize)>,
    /// What picks the best checkpoint.
    pub(super) chosen: Chosen,
}

fn failed(error: EvaluationError) -> TrainError {
    TrainError::Evaluation(error.to_string())
}

impl<'a> Evaluating<'a> {
    /// `None` where the configuration asks for no figures.
    pub(super) fn new(
        config: &Config,
        data: &'a Dataset,
        quiet: bool,
    ) -> Result<Option<Self>, TrainError> {
        if config.training.eval_every == 0 {
            return Ok(None);
        }
        let (chosen, mut metrics) = if classifiable(data) {
            (FRECHET, vec![Metric::Frechet, Metric::PrecisionRecall])
        } else {
            (SLICED, vec![Metric::SlicedWasserstein, Metric::MsSsim])
        };
        if config.model.classes > 0 {
            metrics.push(Metric::ClassAccuracy);
        }
        let bar = Bar::default();
        let progress: &dyn Progress = if quiet { &Silent } else { &bar };
        // What is heard while the real side is made must not be heard at every step.
        let classifier = Options {
            samples: config.training.eval_samples,
            seed: config.training.seed,
            metrics,
            extractor: None,
            cache: cache_dir().ok(),
            keep: false,
            progress: &Silent,
        };
        progress.start(
            "real pictures for the figures",
            None,
            crate::data::Unit::Images,
        );
        let evaluator = Evaluator::new(data, classifier).map_err(failed);
        progress.finish();
        Ok(Some(Self {
            evaluator: evaluator?,
            classes: frequencies(data),
            chosen,
        }))
    }

    /// The figures of the generator as it would be exported now.
    pub(super) fn measure(
        &mut self,
        learner: &Learner,
        config: &Config,
    ) -> Result<Measured, TrainError> {
        let mut source = FileSource::trained(&learner.generator(), config).map_err(failed)?;
        let found = self
            .evaluator
            .evaluate("this run", &mut source)
            .map_err(failed)?;
        let figures = found.report.figures.iter();
        Ok(Measured {
            figures: figures.map(|figure| (figure.key, figure.value)).collect(),
            stamps: serde_json::Map::from_iter(found.report.figures.iter().map(|figure| {
                let (floor, method, stamp) = (figure.floor, &figure.method, &figure.stamp);
                let of = serde_json::json!({"floor": floor, "method": method, "stamp": stamp});
                (figure.key.to_owned(), of)
            }))
            .into(),
            missing: found
                .class_counts
                .map_or(Vec::new(), |counts| missing(&self.classes, &counts)),
        })
    }

    /// Number of classes of the data.
    pub(super) fn classes(&self) -> usize {
        self.classes.len()
    }
}

/// The classes with the number of test pictures of each.
fn frequencies(data: &Dataset) -> Vec<(String, usize)> {
    let mut classes: Vec<(String, usize)> =
        data.classes.iter().map(|name| (name.clone(), 0)).collect();
    for label in data.test.labels().into_iter().flatten() {
        if let Some((_, count)) = classes.get_mut(usize::from(*label)) {
            *count += 1;
        }
    }
    classes
}

/// Names of the classes of which there are far fewer among `found` than their frequency tells.
#[allow(clippy::cast_precision_loss)]
fn missing(classes: &[(String, usize)], found: &[usize]) -> Vec<String> {
    let real = classes.iter().map(|(_, count)| count).sum::<usize>().max(1) as f64;
    let fake = found.iter().sum::<usize>() as f64;
    classes
        .iter()
        .zip(found)
        .filter(|((_, count), found)| {
            let expected = *count as f64 / real * fake;
            expected >= EXPECTED && (**found as f64) < expected * MISSING
        })
        .map(|((name, _), _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_missing_if_far_fewer_are_found_than_its_frequency_tells() {
        let classes = [("0", 500), ("1", 490), ("rare", 10)].map(|(n, c)| (n.to_owned(), c));
        // Of 1040 pictures 10 or so are of the rare class: none may be luck.
        assert_eq!(missing(&classes, &[40, 1000, 0]), ["0"]);
        assert_eq!(missing(&classes, &[5000, 5000, 0]), ["rare"]);
        assert!(missing(&classes, &[60, 1000, 20]).is_empty());
        assert!(missing(&classes, &[0, 0, 0]).is_empty());
    }
}
