//! The sweep's loop: gives free slots to trials, and writes down what they come to.

use std::sync::atomic::Ordering;

use super::error::SweepError;
use super::folder::Sweep;
use super::launcher::{Job, JobOutcome, Launcher};
use super::schedule::{Next, next};
use super::trial::{Reached, State, Trial};
use crate::training::StopFlag;

/// How often a trial's process may die without coming any further before the trial counts as
/// failed.
const MOST_DEATHS: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every trial has all that the algorithm gives it.
    Finished,
    /// Somebody asked it to stop; the same command goes on.
    Stopped,
}

/// What happened to a trial, for whoever watches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// It began, or goes on from where it stood.
    Started,
    /// It came to the end of its rung.
    Reached(Reached),
    Failed(String),
    /// Its process died; it will be resumed.
    Died(String),
}

/// Called after each event, with the sweep as it stands then.
pub(crate) type Watch<'a> = dyn FnMut(&Sweep, usize, &Event) -> Result<(), SweepError> + 'a;

/// Runs a sweep to its end or until `stop` is set. Whatever an earlier process left running is
/// resumed.
///
/// Each change is written to the trial's file before anything is started, so this process may be
/// killed at any moment.
///
/// # Errors
/// [`SweepError`]; what was reached until then stays.
pub(crate) fn run(
    sweep: &mut Sweep,
    launcher: &mut dyn Launcher,
    stop: &StopFlag,
    watch: &mut Watch<'_>,
) -> Result<Ending, SweepError> {
    let (mut in_flight, mut waiting) = (Vec::new(), Vec::new());
    for trial in sweep.trials.iter().filter(|t| t.state == State::Running) {
        let job = Job::of(sweep, trial);
        if launcher.adopt(&job)? {
            in_flight.push(job.trial);
        } else {
            waiting.push(job);
        }
    }
    // The lowest number first, from the end of the list.
    waiting.reverse();
    let result = go(sweep, launcher, stop, watch, &mut in_flight, &mut waiting);
    if result.is_err() {
        launcher.stop();
    }
    result
}

fn go(
    sweep: &mut Sweep,
    launcher: &mut dyn Launcher,
    stop: &StopFlag,
    watch: &mut Watch<'_>,
    in_flight: &mut Vec<usize>,
    waiting: &mut Vec<Job>,
) -> Result<Ending, SweepError> {
    let mut stopping = false;
    loop {
        for (trial, outcome) in launcher.poll()? {
            in_flight.retain(|t| *t != trial);
            waiting.extend(record(sweep, trial, outcome, stopping, watch)?);
        }
        if stop.load(Ordering::Relaxed) && !stopping {
            stopping = true;
            launcher.stop();
        }
        if stopping {
            if in_flight.is_empty() || !launcher.ends_with_us() {
                return Ok(Ending::Stopped);
            }
        } else {
            let mut jobs = Vec::new();
            while in_flight.len() < launcher.slots()
                && let Some(job) = pick(sweep, waiting)?
            {
                in_flight.push(job.trial);
                jobs.push(job);
            }
            if !jobs.is_empty() {
                for job in &jobs {
                    watch(sweep, job.trial, &Event::Started)?;
                }
                launcher.submit(&jobs)?;
            } else if in_flight.is_empty() {
                return Ok(Ending::Finished);
            }
        }
        std::thread::sleep(launcher.pause());
    }
}

/// The job for a free slot: one that died or was left, or what the algorithm says.
fn pick(sweep: &mut Sweep, waiting: &mut Vec<Job>) -> Result<Option<Job>, SweepError> {
    if let Some(job) = waiting.pop() {
        return Ok(Some(job));
    }
    let spec = &sweep.spec;
    let rungs = sweep.rungs.len();
    let trial = match next(&sweep.trials, spec.algorithm, rungs, spec.goal, spec.trials) {
        Next::Nothing => return Ok(None),
        Next::Begin(number) => Trial::new(number, &spec.settings(number), sweep.steps(number, 0)?),
        Next::Promote { trial, rung } => {
            let Some(found) = sweep.trials.get(trial) else {
                return Ok(None);
            };
            Trial {
                state: State::Running,
                rung,
                target: sweep.steps(trial, rung)?,
                deaths: 0,
                ..found.clone()
            }
        }
    };
    let job = Job::of(sweep, &trial);
    put(sweep, trial)?;
    Ok(Some(job))
}

/// Writes down how a trial ended; returns the job that resumes it, if it must be.
fn record(
    sweep: &mut Sweep,
    number: usize,
    outcome: JobOutcome,
    stopping: bool,
    watch: &mut Watch<'_>,
) -> Result<Option<Job>, SweepError> {
    let Some(mut trial) = sweep.trials.get(number).cloned() else {
        return Ok(None);
    };
    let event = match outcome {
        JobOutcome::Reached(value) => {
            let reached = Reached {
                rung: trial.rung,
                step: trial.target,
                value: twelve_digits(value),
            };
            trial.state = State::Ended;
            trial.reached.push(reached);
            trial.deaths = 0;
            trial.reason = None;
            Event::Reached(reached)
        }
        JobOutcome::Failed(reason) => Event::Failed(reason),
        // It was asked to stop, and left a checkpoint: no fault of its own.
        JobOutcome::Died { .. } if stopping => return Ok(None),
        JobOutcome::Died { reason, step } => {
            let further = step > trial.died_at;
            trial.deaths = if further { 1 } else { trial.deaths + 1 };
            trial.died_at = step;
            match trial.deaths {
                MOST_DEATHS.. => Event::Failed(format!(
                    "its process died {MOST_DEATHS} times at step {step}: {reason}"
                )),
                _ => Event::Died(reason),
            }
        }
    };
    if let Event::Failed(reason) | Event::Died(reason) = &event {
        trial.reason = Some(reason.clone());
    }
    if let Event::Failed(_) = event {
        trial.state = State::Failed;
    }
    let again = matches!(event, Event::Died(_)).then(|| Job::of(sweep, &trial));
    put(sweep, trial)?;
    watch(sweep, number, &event)?;
    Ok(again)
}

/// As many digits as every reader of JSON gives back to the last bit, and more than a metric has.
fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

fn put(sweep: &mut Sweep, trial: Trial) -> Result<(), SweepError> {
    sweep.save(&trial)?;
    match sweep.trials.get_mut(trial.trial) {
        Some(place) => *place = trial,
        None => sweep.trials.push(trial),
    }
    Ok(())
}

/// Lets failed trials go on from where they stand.
pub(crate) fn retry_failed(sweep: &mut Sweep) -> Result<usize, SweepError> {
    let mut failed = sweep.trials.clone();
    failed.retain(|t| t.state == State::Failed);
    let count = failed.len();
    for trial in failed {
        let again = Trial {
            state: State::Running,
            deaths: 0,
            reason: None,
            ..trial
        };
        put(sweep, again)?;
    }
    Ok(count)
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
