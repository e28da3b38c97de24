//! What a run tells while it trains: its losses, its log, what goes wrong, and the progress.

use std::time::Instant;

use serde_json::json;

use super::checkpoint;
use super::clock::Clock;
use super::diagnostics::{Diagnostics, Judged};
use super::error::TrainError;
use super::evaluating::Measured;
use super::loss_buffer::{LossBuffer, Losses};
use super::progress::TrainingProgress;
use super::run::RunFolder;
use super::state::State;
use crate::config::Config;

/// Writes `stats.jsonl`, `metrics.jsonl` and `log.txt`, and shows the progress.
pub(super) struct Journal<'a> {
    config: &'a Config,
    pub(super) run: RunFolder,
    pub(super) progress: TrainingProgress,
    pub(super) losses: LossBuffer,
    pub(super) diagnostics: Diagnostics,
    /// When `stats.jsonl` had its last line, and the images used by then.
    last_line: (Instant, u64),
}

impl<'a> Journal<'a> {
    pub(super) fn new(config: &'a Config, run: RunFolder, quiet: bool) -> Self {
        Self {
            config,
            run,
            progress: TrainingProgress::new(quiet),
            losses: LossBuffer::default(),
            diagnostics: Diagnostics::default(),
            last_line: (Instant::now(), 0),
        }
    }

    /// Training begins now, at `state`.
    pub(super) fn begin(&mut self, state: &State) {
        self.last_line = (Instant::now(), state.images);
    }

    /// Reads the losses back; gives those of each step.
    pub(super) fn read(&mut self) -> Result<Vec<Losses>, TrainError> {
        let found = self.losses.read();
        found.map_err(|(step, losses)| self.not_finite(step, losses.to_string()))
    }

    /// Tells and logs the end of a run whose numbers have become NaN or infinite.
    pub(super) fn not_finite(&mut self, step: u64, losses: String) -> TrainError {
        self.progress.done();
        let checkpoint = checkpoint::newest(self.run.path()).ok();
        let error = TrainError::NonFinite {
            step,
            losses,
            checkpoint: checkpoint.and_then(|(newest, _)| Some(newest?.0)),
        };
        self.run.log(&error.to_string());
        error
    }

    /// Shows where the run stands.
    pub(super) fn show(&mut self, state: &State, clock: &Clock<'_>) {
        self.progress.show(state, clock, &self.losses.means());
    }

    /// Writes a line of `stats.jsonl`, of the steps since the last one, if there are any.
    pub(super) fn write_stats(&mut self, state: &State) -> Result<(), TrainError> {
        if self.losses.is_empty() {
            return Ok(());
        }
        let (last, images) = self.last_line;
        let rate = (state.images - images) as f64 / last.elapsed().as_secs_f64().max(1e-9);
        let mut line = json!({
            "step": state.step,
            "epoch": state.epoch,
            "images": state.images,
            "seconds": state.seconds,
            "images_per_second": rate,
        });
        let means = self.losses.means();
        for (name, value) in &means {
            line[*name] = (*value).into();
        }
        let gan = self.config.gan.as_ref();
        if gan.is_some_and(|gan| gan.augment_target > 0.0) {
            line["augment"] = state.augment.into();
        }
        self.run.stats(&line)?;
        if let Some(judged) = Judged::of(&means) {
            let diagnostics = &mut self.diagnostics;
            let message = diagnostics.discriminator(state.step, judged, self.config);
            self.warn(state.step, message);
        }
        self.losses.clear();
        self.last_line = (Instant::now(), state.images);
        Ok(())
    }

    /// Writes a line of `metrics.jsonl`, and tells it.
    pub(super) fn write_metrics(
        &mut self,
        state: &State,
        measured: &Measured,
    ) -> Result<(), TrainError> {
        let mut line =
            json!({ "step": state.step, "images": state.images, "seconds": state.seconds });
        for (key, value) in &measured.metrics {
            line[*key] = (*value).into();
        }
        self.run.metrics(&line, &measured.provenance)?;
        let metrics = measured.metrics.iter();
        let words: Vec<String> = metrics.map(|(k, v)| format!("{k} {v:.4}")).collect();
        self.progress
            .tell(&format!("step {}: {}", state.step, words.join("  ")));
        Ok(())
    }

    /// Tells and logs something that is to stay.
    pub(super) fn warn(&mut self, step: u64, message: Option<String>) {
        if let Some(message) = message {
            let line = format!("step {step}: {message}");
            self.progress.tell(&line);
            self.run.log(&line);
        }
    }

    /// Whether the generator has collapsed, by how different its images are from each other, as a
    /// share of how different real ones are.
    pub(super) fn has_little_variety(&mut self, state: &State, share: f64) -> bool {
        let (age, diagnostics) = (state.age(), &mut self.diagnostics);
        let (message, collapsed) = diagnostics.variety(age, share, self.config);
        self.warn(state.step, message);
        collapsed
    }

    /// Whether the generator has collapsed, by what its images leave out; of so many `classes`.
    pub(super) fn has_little_coverage(
        &mut self,
        state: &State,
        measured: &Measured,
        classes: usize,
    ) -> bool {
        let (recall, missing) = (measured.metric("recall"), &measured.missing);
        let (age, diagnostics) = (state.age(), &mut self.diagnostics);
        let (message, collapsed) = diagnostics.coverage(age, recall, missing, classes, self.config);
        self.warn(state.step, message);
        collapsed
    }
}
