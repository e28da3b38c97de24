//! Which trial trains next: asynchronous successive halving.
//!
//! Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar, "A System for
//! Massively Parallel Hyperparameter Tuning" (MLSys 2020), algorithm 2. Random search is the case
//! of one rung.

use super::spec::{Algorithm, Goal};
use super::trial::{State, Trial};

/// The budgets at which trials are compared: r, r·η, r·η², … and last all of the budget.
///
/// The paper stops at the largest r·ηᵏ that fits; here the last rung is all of the budget, so that
/// the best trials get the whole budget that a person gave.
pub(crate) fn rungs(algorithm: Algorithm, budget: u64) -> Vec<u64> {
    let Algorithm::Asha { min, eta } = algorithm else {
        return vec![budget];
    };
    let all = std::iter::successors(Some(min), |rung| Some(rung.saturating_mul(eta.max(2))));
    all.take_while(|rung| *rung < budget)
        .chain([budget])
        .collect()
}

/// How many trials it takes until one is sure to get all of the budget: ηᵏ for k + 1 rungs.
pub(crate) fn trials_for_all_rungs(algorithm: Algorithm, rungs: usize) -> u64 {
    match algorithm {
        Algorithm::Random => 1,
        Algorithm::Asha { eta, .. } => eta.saturating_pow(rungs.saturating_sub(1) as u32),
    }
}

/// What a free worker should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Train this trial, which is on a lower rung, to the end of `rung`.
    Promote {
        trial: usize,
        rung: usize,
    },
    Begin(usize),
    /// Nothing, until another trial ends.
    Nothing,
}

/// The paper's `get_job`: from the highest rung down, a trial among the best 1/η of its rung that
/// was not promoted yet; where there is none, a new one, up to `total`. A failed trial counts in
/// the rung it failed on as the worst.
pub(crate) fn next(
    trials: &[Trial],
    algorithm: Algorithm,
    rungs: usize,
    goal: Goal,
    total: usize,
) -> Next {
    if let Algorithm::Asha { eta, .. } = algorithm {
        let eta = usize::try_from(eta).unwrap_or(usize::MAX).max(2);
        for rung in (0..rungs.saturating_sub(1)).rev() {
            if let Some(trial) = promotable(trials, rung, eta, goal) {
                let rung = rung + 1;
                return Next::Promote { trial, rung };
            }
        }
    }
    match trials.len() {
        begun if begun < total => Next::Begin(begun),
        _ => Next::Nothing,
    }
}

fn promotable(trials: &[Trial], rung: usize, eta: usize, goal: Goal) -> Option<usize> {
    let mut there: Vec<(Option<f64>, &Trial)> = trials
        .iter()
        .filter_map(|t| match t.at(rung) {
            Some(value) => Some((Some(value), t)),
            None if t.state == State::Failed && t.rung == rung => Some((None, t)),
            None => None,
        })
        .collect();
    there.sort_by(|(a, s), (b, t)| {
        match (a, b) {
            (Some(a), Some(b)) => goal.compare(*a, *b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
        .then_with(|| s.trial.cmp(&t.trial))
    });
    let mut best = there.iter().take(there.len() / eta);
    best.find(|(_, t)| t.state == State::Ended && t.rung == rung)
        .map(|(_, t)| t.trial)
}

#[cfg(test)]
mod tests {
    use super::super::trial::Reached;
    use super::*;

    const ASHA: Algorithm = Algorithm::Asha { min: 1, eta: 3 };

    fn ended(trial: usize, values: &[f64]) -> Trial {
        let mut t = Trial::new(trial, &Vec::new(), 1);
        t.state = State::Ended;
        t.rung = values.len() - 1;
        for (rung, &value) in values.iter().enumerate() {
            let step = 1;
            t.reached.push(Reached { rung, step, value });
        }
        t
    }

    #[test]
    fn rungs_grow_by_the_factor_and_end_with_the_whole_budget() {
        assert_eq!(rungs(ASHA, 27), [1, 3, 9, 27]);
        let uneven = Algorithm::Asha { min: 100, eta: 4 };
        assert_eq!(rungs(uneven, 1000), [100, 400, 1000]);
        assert_eq!(rungs(uneven, 100), [100]);
        assert_eq!(rungs(Algorithm::Random, 70), [70]);
    }

    #[test]
    fn nobody_is_promoted_before_there_are_eta_to_compare() {
        let two = [ended(0, &[5.0]), ended(1, &[4.0])];
        assert_eq!(next(&two, ASHA, 3, Goal::Min, 9), Next::Begin(2));
        assert_eq!(next(&two, ASHA, 3, Goal::Min, 2), Next::Nothing);
    }

    #[test]
    fn the_best_third_is_promoted_once() {
        let mut three = vec![ended(0, &[5.0]), ended(1, &[4.0]), ended(2, &[6.0])];
        let up = |trial, rung| Next::Promote { trial, rung };
        assert_eq!(next(&three, ASHA, 3, Goal::Min, 9), up(1, 1));
        assert_eq!(next(&three, ASHA, 3, Goal::Max, 9), up(2, 1));
        // While it trains for the next rung, and after, it still counts among the best of this one.
        three[1].state = State::Running;
        three[1].rung = 1;
        assert_eq!(next(&three, ASHA, 3, Goal::Min, 9), Next::Begin(3));
    }

    #[test]
    fn a_higher_rung_comes_first() {
        let best = [3.0, 2.0, 1.0].into_iter().enumerate();
        let mut trials: Vec<Trial> = best.map(|(i, v)| ended(i, &[v, v])).collect();
        trials.extend((3..12).map(|i| ended(i, &[9.0])));
        let highest = Next::Promote { trial: 2, rung: 2 };
        assert_eq!(next(&trials, ASHA, 3, Goal::Min, 99), highest);
    }

    #[test]
    fn a_failed_trial_counts_as_the_worst_and_is_never_promoted() {
        let mut trials = vec![ended(0, &[5.0]), ended(1, &[4.0]), ended(2, &[6.0])];
        for failed in [0, 2] {
            trials[failed].state = State::Failed;
            trials[failed].reached.clear();
        }
        let only = Next::Promote { trial: 1, rung: 1 };
        assert_eq!(next(&trials, ASHA, 2, Goal::Max, 3), only);
        trials[1].state = State::Failed;
        trials[1].reached.clear();
        assert_eq!(next(&trials, ASHA, 2, Goal::Max, 3), Next::Nothing);
    }

    #[test]
    fn random_search_only_begins() {
        let trials = vec![ended(0, &[5.0]), ended(1, &[4.0]), ended(2, &[6.0])];
        let next = |total| next(&trials, Algorithm::Random, 1, Goal::Min, total);
        assert_eq!(next(4), Next::Begin(3));
        assert_eq!(next(3), Next::Nothing);
    }
}
