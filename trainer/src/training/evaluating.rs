//! Figures while a model trains: distances to test pictures every so many steps, for `metrics.jsonl`.

use super::error::TrainError;
use super::learner::Learner;
use crate::config::Config;
use crate::data::{Bar, Dataset, Progress, Silent, cache_dir};
use crate::evaluation::{EvaluationError, Evaluator, FileSource, Metric, Options};

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

/// The real side, computed once.
pub(super) struct Evaluating<'a> {
    evaluator: Evaluator<'a>,
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
        let (chosen, mut metrics) = if data.train.labels().is_some() && data.classes.len() > 1 {
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
            chosen,
        }))
    }

    /// Keys and values of the figures of the generator as it would be exported now.
    pub(super) fn measure(
        &mut self,
        learner: &Learner,
        config: &Config,
    ) -> Result<Vec<(&'static str, f64)>, TrainError> {
        let mut source = FileSource::trained(&learner.generator(), config).map_err(failed)?;
        let found = self
            .evaluator
            .evaluate("this run", &mut source)
            .map_err(failed)?;
        let figures = found.report.figures.iter();
        Ok(figures.map(|figure| (figure.key, figure.value)).collect())
    }
}
