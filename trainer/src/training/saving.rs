//! Checkpoints of a session: measured, watched, written.

use std::path::PathBuf;

use super::checkpoint::{self, is_better};
use super::error::TrainError;
use super::evaluating::Figure;
use super::score::{self, Score};
use super::training_loop::Session;
use crate::config::OnCollapse;

/// Times a run goes back to its best checkpoint before it ends.
const ROLLBACKS: u64 = 3;

impl Session<'_> {
    /// Measures quality, then saves.
    pub(super) fn evaluate(&mut self) -> Result<PathBuf, TrainError> {
        let Some(evaluating) = &mut self.evaluating else {
            return self.save();
        };
        let measured = evaluating.measure(&self.learner, self.config, &self.test)?;
        let (message, collapsed) = if self.config.gan.is_some() {
            let (recall, classes) = (measured.figure("recall"), evaluating.classes());
            self.watch.coverage(
                self.state.age(),
                recall,
                &measured.missing,
                classes,
                self.config,
            )
        } else {
            (None, false)
        };
        let mut line = serde_json::Map::new();
        line.insert("step".into(), self.state.step.into());
        line.insert("images".into(), self.state.images.into());
        line.insert("seconds".into(), self.state.seconds.into());
        for (key, value) in &measured.figures {
            line.insert((*key).to_owned(), (*value).into());
        }
        self.run.metrics(&line.into(), &measured.stamps)?;
        let figures = measured.figures.iter();
        let words: Vec<String> = figures.map(|(k, v)| format!("{k} {v:.4}")).collect();
        self.progress
            .tell(&format!("step {}: {}", self.state.step, words.join("  ")));
        self.warn(message);
        let back = collapsed && self.go_back()?;
        let (score, back) = self.score(back)?;
        // Of nets that are gone no checkpoint has the figures.
        let chosen = measured.chosen.filter(|_| !back);
        let best = self.state.best_measured;
        match chosen {
            Some(Figure {
                value,
                larger_is_better,
            }) if best.is_none_or(|best| is_better(value, best, larger_is_better)) => {
                self.state.best_measured = Some(value);
                self.state.stale = 0;
            }
            _ => self.state.stale += 1,
        }
        self.write(&score, chosen)
    }

    /// Saves a checkpoint without measuring quality.
    pub(super) fn save(&mut self) -> Result<PathBuf, TrainError> {
        let (score, _) = self.score(false)?;
        self.write(&score, None)
    }

    /// The score of the nets that are in place afterwards, and whether these are others than before; `back` says whether they are already.
    fn score(&mut self, back: bool) -> Result<(Score, bool), TrainError> {
        let found = score::score(&self.learner, self.config, &self.test, &self.device);
        let Some(variety) = found.variety.filter(|_| !back) else {
            return Ok((found, back));
        };
        let (message, collapsed) = self.watch.variety(self.state.age(), variety, self.config);
        self.warn(message);
        if collapsed && self.go_back()? {
            let score = score::score(&self.learner, self.config, &self.test, &self.device);
            return Ok((score, true));
        }
        Ok((found, false))
    }

    /// Writes a checkpoint; where quality is measured, `measured` is what picks the best one.
    fn write(&mut self, score: &Score, measured: Option<Figure>) -> Result<PathBuf, TrainError> {
        // The losses are those before the last update: what it made of the nets shows here, and must not become the newest checkpoint.
        if !self.data.test.is_empty() && !score.value.is_finite() {
            let losses = format!("{}: {}", score.name, score.value);
            return Err(self.no_longer_finite(self.state.step, losses));
        }
        let (figure, name) = match &self.evaluating {
            Some(evaluating) => (measured, evaluating.chosen.name),
            None => (
                Some(Figure {
                    value: score.value,
                    larger_is_better: false,
                }),
                score.name,
            ),
        };
        let value = figure.map(|figure| figure.value);
        self.state.score = value;
        self.state.larger_is_better = figure.is_some_and(|figure| figure.larger_is_better);
        name.clone_into(&mut self.state.score_name);
        let path = checkpoint::save(
            self.run.path(),
            &self.learner,
            self.state.clone(),
            self.config.training.keep,
        )?;
        self.saved = Some(self.state.step);
        self.run.log(&match value {
            Some(value) => format!("checkpoint at step {}, {name}: {value:.4}", self.state.step),
            None => format!("checkpoint at step {}", self.state.step),
        });
        Ok(path)
    }

    pub(super) fn warn(&mut self, message: Option<String>) {
        if let Some(message) = message {
            self.progress
                .tell(&format!("step {}: {message}", self.state.step));
            self.run
                .log(&format!("step {}: {message}", self.state.step));
        }
    }

    /// The generator has collapsed: does what the configuration says, and whether other nets are in place now.
    fn go_back(&mut self) -> Result<bool, TrainError> {
        let again = self.config.training.on_collapse == OnCollapse::Rollback
            && self.state.rollbacks < ROLLBACKS;
        let best = checkpoint::best(self.run.path()).filter(|best| best.step < self.state.step);
        match best {
            Some(best) if again => {
                let folder = checkpoint::folder(self.run.path(), best.step);
                let state = checkpoint::read_state(&folder)?;
                checkpoint::load(&folder, &state, &mut self.learner)?;
                self.state.go_back(&state);
                self.watch.other_nets();
                self.warn(Some(format!(
                    "back to the nets of step {}; other latents and images follow than did the first time",
                    best.step
                )));
                Ok(true)
            }
            _ => {
                self.collapsed = self.config.training.on_collapse != OnCollapse::Ignore;
                Ok(false)
            }
        }
    }
}
