//! Checkpoints of a session: measured, watched, written.

use std::path::PathBuf;

use super::error::TrainError;
use super::session::Session;
use super::{checkpoint, score};
use crate::config::OnCollapse;

/// Times a run goes back to its best checkpoint before it ends.
const ROLLBACKS: u64 = 3;

impl Session<'_> {
    /// Measures quality, then saves.
    pub(super) fn evaluate(&mut self) -> Result<PathBuf, TrainError> {
        let Some(evaluating) = &mut self.evaluating else {
            return self.save(None);
        };
        let measured = evaluating.measure(&self.learner, self.config)?;
        let (message, collapsed) = if self.config.gan.is_some() {
            let (recall, classes) = (measured.figure("recall"), evaluating.classes());
            self.watch.coverage(
                self.state.step,
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
        let chosen = measured.figure(evaluating.chosen.key);
        match (chosen, self.state.best_measured) {
            (Some(value), best) if best.is_none_or(|best| value < best) => {
                self.state.best_measured = Some(value);
                self.state.stale = 0;
            }
            _ => self.state.stale += 1,
        }
        self.warn(message);
        let back = collapsed && self.go_back()?;
        // The figures are those of nets that are gone.
        let chosen = chosen.filter(|_| !back);
        self.save(chosen)
    }

    /// Saves a checkpoint; where quality is measured, `measured` is what picks the best one.
    pub(super) fn save(&mut self, mut measured: Option<f64>) -> Result<PathBuf, TrainError> {
        let mut score = score::score(&self.learner, self.config, &self.test, &self.device);
        if let Some(variety) = score.variety {
            let (message, collapsed) = self.watch.variety(self.state.step, variety, self.config);
            self.warn(message);
            if collapsed && self.go_back()? {
                measured = None;
                score = score::score(&self.learner, self.config, &self.test, &self.device);
            }
        }
        // The losses are those before the last update: what it made of the nets shows here, and must not become the newest checkpoint.
        if !self.data.test.is_empty() && !score.value.is_finite() {
            let losses = format!("{}: {}", score.name, score.value);
            return Err(self.no_longer_finite(self.state.step, losses));
        }
        let (value, name) = match &self.evaluating {
            Some(evaluating) => (measured, evaluating.chosen.name),
            None => (Some(score.value), score.name),
        };
        self.state.score = value;
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
                self.state.rollbacks += 1;
                self.warn(Some(format!(
                    "back to the nets of step {}; other latents and pictures follow than did the first time",
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
