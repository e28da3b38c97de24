//! The sweep's loop: gives free slots to trials, and writes down what they come to.

use std::sync::atomic::Ordering;

use super::error::SweepError;
use super::folder::Sweep;
use super::launcher::{Ended, Job, Launcher, Outcome};
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
    let mut in_flight = Vec::new();
    let left: Vec<Job> = sweep
        .trials
        .iter()
        .filter(|t| t.state == State::Running)
        .map(|t| Job::of(sweep, t))
        .collect();
    let mut waiting = Vec::new();
    for job in left {
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
        for ended in launcher.poll()? {
            in_flight.retain(|t| *t != ended.trial);
            let again = record(sweep, &ended, stopping, watch)?;
            waiting.extend(again);
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
            while in_flight.len() < launcher.slots() {
                let Some(job) = pick(sweep, waiting)? else {
                    break;
                };
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
    ended: &Ended,
    stopping: bool,
    watch: &mut Watch<'_>,
) -> Result<Option<Job>, SweepError> {
    let Some(mut trial) = sweep.trials.get(ended.trial).cloned() else {
        return Ok(None);
    };
    let event = match &ended.outcome {
        Outcome::Reached { value } => {
            let reached = Reached {
                rung: trial.rung,
                step: trial.target,
                value: twelve_digits(*value),
            };
            trial.state = State::Ended;
            trial.reached.push(reached);
            trial.deaths = 0;
            trial.reason = None;
            Event::Reached(reached)
        }
        Outcome::Failed { reason } => {
            trial.state = State::Failed;
            trial.reason = Some(reason.clone());
            Event::Failed(reason.clone())
        }
        // It was asked to stop, and left a checkpoint: no fault of its own.
        Outcome::Died { .. } if stopping => return Ok(None),
        Outcome::Died { reason, step } => {
            trial.deaths = if *step > trial.died_at {
                1
            } else {
                trial.deaths + 1
            };
            trial.died_at = *step;
            if trial.deaths >= MOST_DEATHS {
                let reason =
                    format!("its process died {MOST_DEATHS} times at step {step}: {reason}");
                trial.state = State::Failed;
                trial.reason = Some(reason.clone());
                Event::Failed(reason)
            } else {
                trial.reason = Some(reason.clone());
                Event::Died(reason.clone())
            }
        }
    };
    let again = matches!(event, Event::Died(_)).then(|| Job::of(sweep, &trial));
    put(sweep, trial)?;
    watch(sweep, ended.trial, &event)?;
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
    let failed: Vec<Trial> = sweep
        .trials
        .iter()
        .filter(|t| t.state == State::Failed)
        .cloned()
        .collect();
    let count = failed.len();
    for mut trial in failed {
        trial.state = State::Running;
        trial.deaths = 0;
        trial.reason = None;
        put(sweep, trial)?;
    }
    Ok(count)
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
