//! From the end of a process and the run folder it leaves to what became of the job.

use super::{Job, Outcome};
use crate::sweep::error::SweepError;
use crate::sweep::folder::run_in;
use crate::sweep::metric;
use crate::training::checkpoint;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It said that all is well.
    Well,
    /// It gave up, with a message.
    Error(String),
    /// It was killed, or nobody knows.
    Gone(String),
}

/// What became of `job` whose process ended so. The run folder has the last word: a run that stands
/// at the target is there, however its process ended.
///
/// # Errors
/// [`SweepError::NoMetric`] when the run is there and has no such metric.
pub(crate) fn outcome(job: &Job, exit: &Exit) -> Result<Outcome, SweepError> {
    let run = run_in(&job.out);
    let step = run
        .as_deref()
        .and_then(|run| checkpoint::newest(run).ok()?.0)
        .map_or(0, |(_, state)| state.step);
    if let Exit::Error(reason) = exit {
        return Ok(Outcome::Failed {
            reason: reason.clone(),
        });
    }
    if let Some(run) = run.filter(|_| step >= job.target) {
        return Ok(match metric::value_at(&run, &job.metric, job.target)? {
            Some(value) => Outcome::Reached { value },
            None => Outcome::Failed {
                reason: format!(
                    "{} is not a finite number at step {}",
                    job.metric.name(),
                    job.target
                ),
            },
        });
    }
    let reason = match exit {
        Exit::Gone(reason) => reason.clone(),
        _ => format!("it stopped at step {step} of {}", job.target),
    };
    Ok(Outcome::Died { reason, step })
}
