//! How far a run is, by the limits it has, and what is due at a step.

use std::time::{Duration, Instant};

use super::state::State;
use crate::config::TrainingConfig;

/// Measures time from where a run begins or goes on.
pub(super) struct Clock<'a> {
    limits: &'a TrainingConfig,
    steps_per_epoch: u64,
    before: Duration,
    start: Instant,
    first_step: u64,
    first_images: u64,
}

/// What is to be done after a step.
pub(super) struct Due {
    pub(super) log: bool,
    pub(super) sample: bool,
    pub(super) evaluate: bool,
    pub(super) save: bool,
}

impl<'a> Clock<'a> {
    /// Starts now, with the run at `state`.
    pub(super) fn start(limits: &'a TrainingConfig, steps_per_epoch: u64, state: &State) -> Self {
        Self {
            limits,
            steps_per_epoch: steps_per_epoch.max(1),
            before: Duration::from_secs_f64(state.seconds.max(0.0)),
            start: Instant::now(),
            first_step: state.step,
            first_images: state.images,
        }
    }

    /// Seconds of training in all.
    pub(super) fn seconds(&self) -> f64 {
        (self.before + self.start.elapsed()).as_secs_f64()
    }

    /// Steps since the start.
    pub(super) fn steps(&self, state: &State) -> u64 {
        state.step - self.first_step
    }

    pub(super) fn images_per_second(&self, state: &State) -> f64 {
        let seconds = self.start.elapsed().as_secs_f64().max(1e-9);
        (state.images - self.first_images) as f64 / seconds
    }

    /// How much is done, from 0 to 1, by whichever limit is nearest; 1 is the end.
    pub(super) fn fraction(&self, state: &State) -> f64 {
        let part = |done: f64, limit: u64| if limit == 0 { 0.0 } else { done / limit as f64 };
        let total = self.limits.epochs.saturating_mul(self.steps_per_epoch);
        part(state.step as f64, total)
            .max(part(state.step as f64, self.limits.steps))
            .max(part(state.seconds, self.limits.seconds))
    }

    /// How far schedules are: by steps alone, so that the clock changes no image.
    pub(super) fn schedule_fraction(&self, state: &State) -> f64 {
        let epochs = self.limits.epochs.saturating_mul(self.steps_per_epoch);
        let limits = [epochs, self.limits.steps].into_iter();
        let total = limits.filter(|limit| *limit > 0).min();
        total.map_or(0.0, |total| state.step as f64 / total as f64)
    }

    /// Time to the end, where it can be told.
    pub(super) fn left(&self, state: &State) -> Option<Duration> {
        let fraction = self.fraction(state);
        let begun = if state.step == 0 {
            0.0
        } else {
            fraction * (1.0 - self.steps(state) as f64 / state.step as f64)
        };
        (fraction - begun > 1e-9).then(|| {
            let share = (1.0 - fraction) / (fraction - begun);
            self.start.elapsed().mul_f64(share.clamp(0.0, 1e6))
        })
    }

    pub(super) fn due(&self, state: &State) -> Due {
        let due = |every: u64| every > 0 && state.step.is_multiple_of(every);
        let evaluate = due(self.limits.eval_every);
        Due {
            log: due(self.limits.log_every),
            sample: due(self.limits.sample_every),
            evaluate,
            save: due(self.limits.checkpoint_every) || evaluate,
        }
    }
}
