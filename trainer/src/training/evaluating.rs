//! Metrics while a model trains: distances to test images every so many steps, for `metrics.jsonl`.

use super::batch::Batch;
use super::error::TrainError;
use super::learner::Learner;
use crate::config::{BestBy, Config};
use crate::data::{Bar, Dataset, Progress, Silent, cache_dir};
use crate::evaluation::{
    Better, EvaluationError, EvaluationOptions, Evaluator, FileSource, Metric, MetricValue,
    classifiable,
};
use crate::export;
use crate::nets::Generator;

/// The metric that picks the best checkpoint.
#[derive(Clone, Copy)]
struct BestMetric {
    metric: Metric,
    key: &'static str,
    /// Its name for people.
    name: &'static str,
}

impl BestMetric {
    fn of(best_by: BestBy, data: &Dataset) -> Self {
        let (metric, key, name) = match best_by {
            BestBy::Auto if classifiable(data) => return Self::of(BestBy::Frechet, data),
            // Without labels there is no classifier.
            BestBy::Auto | BestBy::SlicedWasserstein => (
                Metric::SlicedWasserstein,
                "sliced_wasserstein",
                "sliced Wasserstein distance to test images, pixels 0..1",
            ),
            BestBy::Frechet => (
                Metric::Frechet,
                "frechet_distance",
                "Fréchet distance of the data set's own classifier",
            ),
            BestBy::Kernel => (
                Metric::Kernel,
                "kernel_distance",
                "kernel distance of the data set's own classifier",
            ),
            BestBy::InceptionScore => (
                Metric::InceptionScore,
                "inception_score",
                "inception score of the data set's own classifier",
            ),
            BestBy::Recall => (
                Metric::PrecisionRecall,
                "recall",
                "recall in features of the data set's own classifier",
            ),
            BestBy::Coverage => (
                Metric::DensityCoverage,
                "coverage",
                "coverage in features of the data set's own classifier",
            ),
            BestBy::ClassAccuracy => (
                Metric::ClassAccuracy,
                "class_accuracy",
                "class accuracy by the data set's own classifier",
            ),
            BestBy::Likelihood => (
                Metric::Likelihood,
                "negative_elbo",
                "negative ELBO on test images, nats",
            ),
        };
        Self { metric, key, name }
    }
}

/// The value that picks the best checkpoint, and which way is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Merit {
    pub(super) value: f64,
    pub(super) larger_is_better: bool,
}

/// What one measurement found.
pub(super) struct Measured {
    /// Keys and values.
    pub(super) metrics: Vec<(&'static str, f64)>,
    /// What picks the best checkpoint, unless it is NaN or infinite.
    pub(super) merit: Option<Merit>,
    /// Classes that next to none of the images is taken for.
    pub(super) missing: Vec<String>,
    /// What the metrics were measured on, and real images against real ones.
    pub(super) provenance: serde_json::Value,
}

impl Measured {
    pub(super) fn metric(&self, key: &str) -> Option<f64> {
        let found = self.metrics.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| *value)
    }
}

/// Share of its frequency among test images below which a class is missing.
const MISSING: f64 = 0.1;
/// Images that must be expected of a class, that a few less are not luck.
const EXPECTED: f64 = 20.0;

/// The real side, computed once.
pub(super) struct Evaluating<'a> {
    evaluator: Evaluator<'a>,
    /// Class names, and how many test images are of each.
    classes: Vec<(String, usize)>,
    /// What picks the best checkpoint.
    best: BestMetric,
}

/// The images of a trained generator, as the graph that would be exported.
///
/// # Errors
/// [`EvaluationError::Generate`] if it cannot be exported.
pub(crate) fn generator_source(
    generator: &Generator,
    config: &Config,
) -> Result<FileSource, EvaluationError> {
    let graph =
        export::generator::graph(generator, config).map_err(|error| EvaluationError::Generate {
            reason: error.to_string(),
        })?;
    let assumptions = export::generator::assumptions(config);
    FileSource::new(&export::onnx::to_bytes(&graph), &assumptions)
}

fn failed(error: EvaluationError) -> TrainError {
    TrainError::Evaluation(error.to_string())
}

impl<'a> Evaluating<'a> {
    /// `None` where the configuration has no metrics.
    pub(super) fn new(
        config: &Config,
        data: &'a Dataset,
        quiet: bool,
    ) -> Result<Option<Self>, TrainError> {
        if config.training.eval_every == 0 {
            return Ok(None);
        }
        let best = BestMetric::of(config.training.best_by, data);
        let mut metrics = if classifiable(data) {
            vec![Metric::Frechet, Metric::PrecisionRecall]
        } else {
            vec![Metric::SlicedWasserstein, Metric::MsSsim]
        };
        if data.digits.is_some() {
            metrics.push(Metric::Modes);
        }
        if config.model.classes > 0 {
            metrics.push(Metric::ClassAccuracy);
        }
        if !metrics.contains(&best.metric) {
            metrics.push(best.metric);
        }
        let bar = Bar::default();
        let progress: &dyn Progress = if quiet { &Silent } else { &bar };
        // What is heard while the real side is made must not be heard at every step.
        let classifier = EvaluationOptions {
            samples: config.training.eval_samples,
            seed: config.training.seed,
            metrics,
            extractor: None,
            cache: cache_dir().ok(),
            keep: false,
            progress: &Silent,
        };
        progress.start(
            "real images for the metrics",
            None,
            crate::data::Unit::Images,
        );
        let evaluator = Evaluator::new(data, classifier).map_err(failed);
        progress.finish();
        Ok(Some(Self {
            evaluator: evaluator?,
            classes: frequencies(data),
            best,
        }))
    }

    /// The metrics of the generator as it would be exported now; `test` are the images of a VAE's
    /// bound.
    pub(super) fn measure(
        &mut self,
        learner: &Learner,
        config: &Config,
        test: &Batch,
    ) -> Result<Measured, TrainError> {
        let mut source = generator_source(&learner.generator(), config).map_err(failed)?;
        let found = self
            .evaluator
            .evaluate("this run", &mut source)
            .map_err(failed)?;
        let missing = found
            .class_counts
            .map_or(Vec::new(), |counts| missing(&self.classes, &counts));
        let mut metrics = found.report.metrics;
        if self.best.metric == Metric::Likelihood {
            metrics.extend(self.bound(learner, test));
        }
        let merit = metrics.iter().find(|metric| metric.key == self.best.key);
        let merit = merit.map(|metric| Merit {
            value: metric.value,
            larger_is_better: metric.better == Better::Higher,
        });
        let provenance = metrics.iter().map(|metric| {
            let of = serde_json::json!({
                "name": metric.name,
                "floor": metric.floor,
                "better": metric.better,
                "method": metric.method,
                "stamp": metric.provenance,
            });
            (metric.key.to_owned(), of)
        });
        Ok(Measured {
            provenance: serde_json::Map::from_iter(provenance).into(),
            metrics: metrics.iter().map(|m| (m.key, m.value)).collect(),
            merit: merit.filter(|merit| merit.value.is_finite()),
            missing,
        })
    }

    /// The negative evidence lower bound of a VAE on `test`.
    fn bound(&self, learner: &Learner, test: &Batch) -> Option<MetricValue> {
        let [images, ..] = test.pixels.dims();
        Some(MetricValue {
            key: self.best.key,
            name: self.best.name.to_owned(),
            value: learner.vae()?.negative_bound(test.clone(), 0),
            error: None,
            floor: None,
            better: Better::Lower,
            method: "nats an image, 1 draw".to_owned(),
            provenance: self.evaluator.provenance_on_test(images),
        })
    }

    /// Name of what picks the best checkpoint.
    pub(super) fn merit_name(&self) -> &'static str {
        self.best.name
    }

    /// Number of classes of the data.
    pub(super) fn classes(&self) -> usize {
        self.classes.len()
    }
}

/// The classes with the number of test images of each.
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
        // Of 1040 images 10 or so are of the rare class: none may be luck.
        assert_eq!(missing(&classes, &[40, 1000, 0]), ["0"]);
        assert_eq!(missing(&classes, &[5000, 5000, 0]), ["rare"]);
        assert!(missing(&classes, &[60, 1000, 20]).is_empty());
        assert!(missing(&classes, &[0, 0, 0]).is_empty());
    }
}
