//! Checkpoints of a run: measured, watched, written, and the way back to the best one.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::batch::Batch;
use super::checkpoint::{self, is_better};
use super::error::TrainError;
use super::evaluating::{Evaluating, Merit};
use super::journal::Journal;
use super::learner::Learner;
use super::score::{self, Score};
use super::state::State;
use crate::config::{Config, OnCollapse};
use crate::data::Dataset;

/// Times a run goes back to its best checkpoint before it ends.
const ROLLBACKS: u64 = 3;

/// A model in training and where it stands, which a checkpoint holds, and who tells of it.
pub(super) struct Trainee<'a> {
    pub(super) learner: Learner,
    pub(super) state: State,
    pub(super) journal: Journal<'a>,
}

/// Writes checkpoints, and knows which is the best.
pub(super) struct Keeper<'a> {
    config: &'a Config,
    device: Device,
    /// Test images of the score.
    test: Batch,
    evaluating: Option<Evaluating<'a>>,
    /// The step of the last checkpoint.
    saved: Option<u64>,
    /// Whether the run is to end because the generator has collapsed.
    pub(super) collapsed: bool,
}

impl<'a> Keeper<'a> {
    /// Computes the real side of the metrics, where the configuration has any.
    pub(super) fn new(
        config: &'a Config,
        [data, seen]: [&'a Dataset; 2],
        quiet: bool,
        device: Device,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            config,
            test: Batch::of_test(config, data, score::IMAGES, &device),
            device,
            evaluating: Evaluating::new(config, seen, quiet)?,
            saved: None,
            collapsed: false,
        })
    }

    /// Goes on with the checkpoint in `folder`, which is that of the trainee's state.
    pub(super) fn load(
        &mut self,
        folder: &Path,
        trainee: &mut Trainee<'_>,
    ) -> Result<(), TrainError> {
        checkpoint::load(folder, &trainee.state, &mut trainee.learner)?;
        self.saved = Some(trainee.state.step);
        Ok(())
    }

    /// The checkpoint of the trainee's step, written now unless it is there.
    pub(super) fn last(&mut self, trainee: &mut Trainee<'_>) -> Result<PathBuf, TrainError> {
        let step = trainee.state.step;
        if self.saved == Some(step) {
            Ok(checkpoint::folder(trainee.journal.run.path(), step))
        } else {
            self.evaluate(trainee)
        }
    }

    /// Measures quality, where the configuration says so, then saves.
    pub(super) fn evaluate(&mut self, trainee: &mut Trainee<'_>) -> Result<PathBuf, TrainError> {
        let Some(evaluating) = &mut self.evaluating else {
            return self.save(trainee);
        };
        let measured = evaluating.measure(&trainee.learner, self.config, &self.test)?;
        let classes = evaluating.classes();
        trainee.journal.write_metrics(&trainee.state, &measured)?;
        let collapsed = self.config.gan.is_some()
            && trainee
                .journal
                .has_little_coverage(&trainee.state, &measured, classes);
        let back = collapsed && self.go_back(trainee)?;
        let (score, back) = self.score(trainee, back)?;
        // Of nets that are gone no checkpoint has the metrics.
        let merit = measured.merit.filter(|_| !back);
        let state = &mut trainee.state;
        let best = state.best_measured;
        match merit {
            Some(Merit {
                value,
                larger_is_better,
            }) if best.is_none_or(|best| is_better(value, best, larger_is_better)) => {
                state.best_measured = Some(value);
                state.stale = 0;
            }
            _ => state.stale += 1,
        }
        self.write(trainee, &score, merit)
    }

    /// Saves a checkpoint without measuring quality.
    pub(super) fn save(&mut self, trainee: &mut Trainee<'_>) -> Result<PathBuf, TrainError> {
        let (score, _) = self.score(trainee, false)?;
        self.write(trainee, &score, None)
    }

    /// The score of the nets that are in place afterwards, and whether these are others than
    /// before; `back` says whether they are already.
    fn score(
        &mut self,
        trainee: &mut Trainee<'_>,
        back: bool,
    ) -> Result<(Score, bool), TrainError> {
        let found = score::score(&trainee.learner, self.config, &self.test, &self.device);
        let Some(variety) = found.variety.filter(|_| !back) else {
            return Ok((found, back));
        };
        if trainee.journal.has_little_variety(&trainee.state, variety) && self.go_back(trainee)? {
            let score = score::score(&trainee.learner, self.config, &self.test, &self.device);
            return Ok((score, true));
        }
        Ok((found, false))
    }

    /// Writes a checkpoint; where quality is measured, `measured` is what picks the best one.
    fn write(
        &mut self,
        trainee: &mut Trainee<'_>,
        score: &Score,
        measured: Option<Merit>,
    ) -> Result<PathBuf, TrainError> {
        let (state, journal) = (&mut trainee.state, &mut trainee.journal);
        let [test_images, ..] = self.test.pixels.dims();
        // The losses are those before the last update: what it made of the nets shows here, and
        // must not become the newest checkpoint.
        if test_images > 0 && !score.value.is_finite() {
            let losses = format!("{}: {}", score.name, score.value);
            return Err(journal.not_finite(state.step, losses));
        }
        let (merit, name) = match &self.evaluating {
            Some(evaluating) => (measured, evaluating.merit_name()),
            None => (
                Some(Merit {
                    value: score.value,
                    larger_is_better: false,
                }),
                score.name,
            ),
        };
        let value = merit.map(|merit| merit.value);
        state.score = value;
        state.larger_is_better = merit.is_some_and(|merit| merit.larger_is_better);
        name.clone_into(&mut state.score_name);
        let (step, keep) = (state.step, self.config.training.keep);
        let path = checkpoint::save(journal.run.path(), &trainee.learner, state.clone(), keep)?;
        self.saved = Some(step);
        journal.run.log(&match value {
            Some(value) => format!("checkpoint at step {step}, {name}: {value:.4}"),
            None => format!("checkpoint at step {step}"),
        });
        Ok(path)
    }

    /// The generator has collapsed: does what the configuration says. Whether other nets are in
    /// place now.
    fn go_back(&mut self, trainee: &mut Trainee<'_>) -> Result<bool, TrainError> {
        let Trainee {
            learner,
            state,
            journal,
        } = trainee;
        let on_collapse = self.config.training.on_collapse;
        let again = on_collapse == OnCollapse::Rollback && state.rollbacks < ROLLBACKS;
        let best = checkpoint::best(journal.run.path()).filter(|best| best.step < state.step);
        let Some(best) = best.filter(|_| again) else {
            self.collapsed = on_collapse != OnCollapse::Ignore;
            return Ok(false);
        };
        let folder = checkpoint::folder(journal.run.path(), best.step);
        let earlier = checkpoint::read_state(&folder)?;
        checkpoint::load(&folder, &earlier, learner)?;
        state.go_back(&earlier);
        journal.diagnostics.other_nets();
        let message = format!(
            "back to the nets of step {}; other latents and images follow than did the first time",
            best.step
        );
        journal.warn(state.step, Some(message));
        Ok(true)
    }
}
