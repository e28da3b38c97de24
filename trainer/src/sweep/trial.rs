//! What is known of one trial: its file in the sweep folder.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::spec::{Goal, Settings};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It trains, or it did when the sweep was stopped.
    Running,
    /// It reached its rung and waits there, for good or until it is promoted.
    Ended,
    /// It cannot go on, and counts as worse than all others.
    Failed,
}

/// The metric of a trial at the end of one rung.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// The rung, from 0.
    pub rung: usize,
    pub step: u64,
    pub value: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// Its number, from 0, which fixes its settings.
    pub trial: usize,
    /// Its settings, for a reader; they are drawn again from the sweep's seed.
    pub settings: BTreeMap<String, toml::Value>,
    pub state: State,
    /// The rung it trains for, or the last one it reached.
    pub rung: usize,
    /// Training steps at the end of that rung.
    pub target: u64,
    /// What it reached so far, lowest rung first.
    pub reached: Vec<Reached>,
    /// How often its process died without having come any further.
    pub deaths: u32,
    /// Where its process died last, in steps.
    pub died_at: u64,
    /// Why it failed, or died last.
    pub reason: Option<String>,
}

impl Trial {
    /// A trial that begins its first rung of `target` steps.
    pub(crate) fn new(trial: usize, settings: &Settings, target: u64) -> Self {
        Self {
            trial,
            settings: settings
                .iter()
                .map(|(k, v)| ((*k).into(), v.clone()))
                .collect(),
            state: State::Running,
            rung: 0,
            target,
            reached: Vec::new(),
            deaths: 0,
            died_at: 0,
            reason: None,
        }
    }

    pub(crate) fn last(&self) -> Option<Reached> {
        self.reached.last().copied()
    }

    pub(crate) fn at(&self, rung: usize) -> Option<f64> {
        let found = self.reached.iter().find(|r| r.rung == rung);
        found.map(|r| r.value)
    }
}

/// Trials in order of merit: those that failed last, those on higher rungs first, then by their
/// metric, then by number.
pub(crate) fn ranked(trials: &[Trial], goal: Goal) -> Vec<&Trial> {
    let mut sorted: Vec<&Trial> = trials.iter().collect();
    sorted.sort_by(|a, b| {
        let failed = |t: &Trial| t.state == State::Failed;
        failed(a)
            .cmp(&failed(b))
            .then_with(|| match (a.last(), b.last()) {
                (Some(x), Some(y)) => y
                    .rung
                    .cmp(&x.rung)
                    .then_with(|| goal.compare(x.value, y.value)),
                (x, y) => y.is_some().cmp(&x.is_some()),
            })
            .then_with(|| a.trial.cmp(&b.trial))
    });
    sorted
}

/// The best trial, if any came to a metric: the best one of the highest rung, since metrics of
/// different rungs do not compare.
pub(crate) fn best(trials: &[Trial], goal: Goal) -> Option<&Trial> {
    ranked(trials, goal)
        .into_iter()
        .find(|t| t.state != State::Failed && t.last().is_some())
}
