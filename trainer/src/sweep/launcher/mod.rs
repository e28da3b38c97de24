//! What trains the trials: processes on this machine, or a cluster.

mod local;
mod slurm;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use local::Local;
pub(crate) use slurm::{Slurm, WorkerResult};

use super::error::SweepError;
use super::folder::{Sweep, run_in};
use super::metric;
use super::spec::Metric;
use super::trial::Trial;
use crate::config::Source;
use crate::training::checkpoint;

/// One piece of work: a trial, up to the end of its rung.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub trial: usize,
    /// Training steps at the end.
    pub target: u64,
    /// The folder that holds the trial's run folder.
    pub out: PathBuf,
    /// What is read when it is there.
    pub metric: Metric,
    begin: Vec<String>,
}

impl Job {
    /// The work that `trial` has before it.
    pub(crate) fn of(sweep: &Sweep, trial: &Trial) -> Self {
        let mut begin = match &sweep.spec.source {
            Source::Preset(name) => vec![name.clone()],
            Source::File(path) => vec!["--config".to_owned(), path.display().to_string()],
        };
        let data = sweep.spec.data.iter();
        begin.extend(data.flat_map(|d| ["--data".to_owned(), d.clone()]));
        let mut sets = sweep.spec.sets(trial.trial);
        // A first rung shorter than the distance between two lines of metrics would have none.
        if let Ok(config) = sweep.spec.config(trial.trial)
            && let Ok(first) = sweep.steps(trial.trial, 0)
            && config.training.log_every > first
        {
            sets.push(format!("training.log_every={first}"));
        }
        begin.extend(sets.into_iter().flat_map(|s| ["--set".to_owned(), s]));
        Self {
            trial: trial.trial,
            target: trial.target,
            out: sweep.out(trial.trial),
            metric: sweep.spec.metric.clone(),
            begin,
        }
    }

    #[cfg(test)]
    fn in_folder(out: PathBuf) -> Self {
        Self {
            trial: 0,
            target: 1,
            out,
            metric: Metric::Score,
            begin: Vec::new(),
        }
    }

    /// The arguments of `dreamlet` that do the work: `train …` for a new run, `train --resume …`
    /// for one that is there.
    pub(crate) fn arguments(&self, device: &str) -> Vec<String> {
        let mut arguments = vec!["train".to_owned()];
        match run_in(&self.out) {
            Some(run) => arguments.extend(["--resume".to_owned(), run.display().to_string()]),
            None => {
                arguments.extend(self.begin.iter().cloned());
                arguments.extend(["--out".to_owned(), self.out.display().to_string()]);
            }
        }
        arguments.extend(["--steps".to_owned(), self.target.to_string()]);
        arguments.extend(["--device".to_owned(), device.to_owned()]);
        arguments
    }

    /// What became of it when its process ended so. The run folder has the last word: a run that
    /// stands at the target is there, however its process ended.
    ///
    /// # Errors
    /// [`SweepError::NoMetric`] when the run is there and has no such metric.
    fn ended(&self, exit: &Exit) -> Result<Ended, SweepError> {
        let ended = |outcome| Ok((self.trial, outcome));
        if let Exit::Error(reason) = exit {
            return ended(JobOutcome::Failed(reason.clone()));
        }
        let run = run_in(&self.out);
        let newest = run.as_deref().and_then(|r| checkpoint::newest(r).ok()?.0);
        let step = newest.map_or(0, |(_, state)| state.step);
        if let Some(run) = run.filter(|_| step >= self.target) {
            let value = metric::value_at(&run, &self.metric, self.target)?;
            return ended(value.map(JobOutcome::Reached).unwrap_or_else(|| {
                let (metric, step) = (self.metric.name(), self.target);
                JobOutcome::Failed(format!("{metric} is not a finite number at step {step}"))
            }));
        }
        let reason = match exit {
            Exit::Gone(reason) => reason.clone(),
            _ => format!("it stopped at step {step} of {}", self.target),
        };
        ended(JobOutcome::Died { reason, step })
    }
}

/// The end of a process.
enum Exit {
    /// It said that all is well.
    Well,
    /// It gave up, with a message.
    Error(String),
    /// It was killed, or nobody knows.
    Gone(String),
}

/// What became of a job.
pub(crate) enum JobOutcome {
    /// The run came to the job's target, with this value of the metric.
    Reached(f64),
    /// The run cannot go on, for this reason.
    Failed(String),
    /// The process ended before the target; the run can be resumed.
    Died {
        /// What is known of its end.
        reason: String,
        /// The newest checkpoint, in steps.
        step: u64,
    },
}

/// A job that is over: its trial, and what became of it.
pub(crate) type Ended = (usize, JobOutcome);

/// Something that trains.
pub(crate) trait Launcher {
    /// How many jobs it takes at a time.
    fn slots(&self) -> usize;

    /// Starts jobs.
    ///
    /// # Errors
    /// When they cannot be started at all; a job that fails later is told by [`Launcher::poll`].
    fn submit(&mut self, jobs: &[Job]) -> Result<(), SweepError>;

    /// Takes over a job that an earlier process submitted, and returns `true`, if it is still under
    /// way.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn adopt(&mut self, job: &Job) -> Result<bool, SweepError>;

    /// The jobs that are over since the last call.
    ///
    /// # Errors
    /// When that cannot be found out, or a run has no such metric.
    fn poll(&mut self) -> Result<Vec<Ended>, SweepError>;

    /// Asks the jobs to stop after a checkpoint.
    fn stop(&mut self);

    /// Whether jobs end when this process asks them to; otherwise they go on without it.
    fn ends_with_us(&self) -> bool;

    /// How long to wait between two calls of [`Launcher::poll`].
    fn pause(&self) -> Duration;
}
