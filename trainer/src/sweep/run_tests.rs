use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::super::launcher::Ended;
use super::super::report;
use super::super::spec::{Goal, Settings};
use super::super::trial::{best, ranked};
use super::*;
use crate::atomic_file::TestFolder;

/// Trains by formula: a job takes as long as it has steps before it, and what it comes to depends
/// on its settings.
struct Simulated {
    curve: fn(&Settings, u64) -> Option<f64>,
    settings: Vec<Settings>,
    slots: usize,
    running: Vec<(Job, u64)>,
    done: BTreeMap<usize, u64>,
    trained: u64,
    /// Set on a simulated kill: after so many polls the sweep's process is gone.
    polls_left: Option<u32>,
    /// Trials whose process dies each time, at this step.
    dying: Option<(usize, u64)>,
}

impl Simulated {
    fn new(sweep: &Sweep, slots: usize, curve: fn(&Settings, u64) -> Option<f64>) -> Self {
        let done = sweep.trials.iter();
        Self {
            curve,
            settings: (0..sweep.spec.trials)
                .map(|t| sweep.spec.settings(t))
                .collect(),
            slots,
            running: Vec::new(),
            done: done
                .filter_map(|t| Some((t.trial, t.last()?.step)))
                .collect(),
            trained: 0,
            polls_left: None,
            dying: None,
        }
    }
}

impl Launcher for Simulated {
    fn slots(&self) -> usize {
        self.slots
    }

    fn submit(&mut self, jobs: &[Job]) -> Result<(), SweepError> {
        for job in jobs {
            let from = self.done.get(&job.trial).copied().unwrap_or(0);
            self.running.push((job.clone(), job.target - from));
        }
        assert!(self.running.len() <= self.slots);
        Ok(())
    }

    fn adopt(&mut self, _: &Job) -> Result<bool, SweepError> {
        Ok(false)
    }

    fn poll(&mut self) -> Result<Vec<Ended>, SweepError> {
        if let Some(left) = &mut self.polls_left {
            if *left == 0 {
                let folder = "killed".into();
                return Err(SweepError::Busy { folder });
            }
            *left -= 1;
        }
        let Some(time) = self.running.iter().map(|(_, left)| *left).min() else {
            return Ok(Vec::new());
        };
        let (over, on): (Vec<_>, Vec<_>) = std::mem::take(&mut self.running)
            .into_iter()
            .map(|(job, left)| (job, left - time))
            .partition(|(_, left)| *left == 0);
        self.trained += time * (over.len() + on.len()) as u64;
        self.running = on;
        let end = |(job, _): (Job, u64)| {
            let value = (self.curve)(&self.settings[job.trial], job.target);
            let outcome = match (self.dying, value) {
                (Some((trial, step)), _) if trial == job.trial => JobOutcome::Died {
                    reason: "signal 9".to_owned(),
                    step,
                },
                (_, Some(value)) => JobOutcome::Reached(value),
                (_, None) => JobOutcome::Failed("the loss is no longer finite".to_owned()),
            };
            self.done.insert(job.trial, job.target);
            (job.trial, outcome)
        };
        Ok(over.into_iter().map(end).collect())
    }

    fn stop(&mut self) {}

    fn ends_with_us(&self) -> bool {
        true
    }

    fn pause(&self) -> Duration {
        Duration::ZERO
    }
}

/// Best at a step size of 1e-3 and β₁ = 0.5; each decade away costs 1, and too large a step
/// diverges. Falls with training, and the better settings are ahead from the beginning.
fn curve(settings: &Settings, step: u64) -> Option<f64> {
    let get = |name: &str| {
        let found = settings.iter().find(|(key, _)| key.ends_with(name));
        found.unwrap().1.as_float().unwrap()
    };
    let (rate, beta) = (get("learning_rate"), get("beta1"));
    if rate > 5e-2 {
        return None;
    }
    let away = (rate.log10() + 3.0).powi(2) + (beta - 0.5).powi(2);
    Some(away + 20.0 / (step as f64).sqrt())
}

const SWEEP: &str = r#"
preset = "vae-dense"
trials = TRIALS
seed = SEED
algorithm = "ALGORITHM"
[budget]
steps = 810
MORE
[parameters]
"optimizer.learning_rate" = { log = [1e-6, 1e-1] }
"optimizer.beta1" = { uniform = [0.0, 0.9] }
"#;

fn open(folder: &Path, algorithm: &str, trials: usize, seed: u64) -> Sweep {
    let asha = algorithm == "asha";
    let more = if asha { "min = 30\neta = 3" } else { "" };
    let text = SWEEP
        .replace("TRIALS", &trials.to_string())
        .replace("SEED", &seed.to_string())
        .replace("ALGORITHM", algorithm)
        .replace("MORE", more);
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("file.toml");
    fs::write(&file, text).unwrap();
    Sweep::create(&file, &folder.join("sweep")).unwrap().0
}

/// Runs the trials in `folder` to the end, `slots` at a time.
fn finished(
    folder: &Path,
    algorithm: &str,
    trials: usize,
    seed: u64,
    slots: usize,
) -> (Sweep, Simulated) {
    let mut sweep = open(folder, algorithm, trials, seed);
    let mut launcher = Simulated::new(&sweep, slots, curve);
    assert_eq!(finish(&mut sweep, &mut launcher), Ending::Finished);
    (sweep, launcher)
}

fn failed(sweep: &Sweep) -> usize {
    sweep
        .trials
        .iter()
        .filter(|t| t.state == State::Failed)
        .count()
}

fn quiet(_: &Sweep, _: usize, _: &Event) -> Result<(), SweepError> {
    Ok(())
}

fn finish(sweep: &mut Sweep, launcher: &mut Simulated) -> Ending {
    run(sweep, launcher, &StopFlag::default(), &mut quiet).unwrap()
}

/// How far the best trial's settings are from the best there are.
fn regret(sweep: &Sweep) -> f64 {
    let trial = best(&sweep.trials, Goal::Min).unwrap();
    curve(&sweep.spec.settings(trial.trial), 810).unwrap() - curve_at_best()
}

fn curve_at_best() -> f64 {
    20.0 / 810_f64.sqrt()
}

#[test]
fn halving_finds_what_random_search_finds_with_far_fewer_steps() {
    let folder = TestFolder::new();
    for seed in 0..5 {
        let here = folder.0.join(seed.to_string());
        let (random, all) = finished(&here.join("random"), "random", 54, seed, 4);
        let (asha, halved) = finished(&here.join("asha"), "asha", 54, seed, 4);
        assert_eq!(all.trained, 54 * 810);
        assert!(
            halved.trained * 3 < all.trained,
            "seed {seed}: {} of {} steps",
            halved.trained,
            all.trained
        );
        // The same settings win: good ones are ahead early on this curve.
        assert_eq!(regret(&asha), regret(&random), "seed {seed}");
        assert!(regret(&asha) < 0.2, "seed {seed}: {}", regret(&asha));
        // And the top rung was reached by few.
        let top = asha.trials.iter().filter(|t| t.rung == 3).count();
        assert!((1..=6).contains(&top), "seed {seed}: {top} trials on top");
    }
}

#[test]
fn a_trial_that_diverges_is_marked_and_ranks_last() {
    let folder = TestFolder::new();
    let (sweep, _) = finished(&folder.0, "random", 40, 2, 3);
    let failed = failed(&sweep);
    assert!((1..10).contains(&failed), "{failed}");
    let mut last = ranked(&sweep.trials, Goal::Min)
        .into_iter()
        .skip(40 - failed);
    assert!(last.all(|t| t.state == State::Failed));
    assert!(report::table(&sweep, 99).contains("no longer finite"));
}

#[test]
fn a_sweep_killed_again_and_again_ends_with_the_table_of_an_undisturbed_one() {
    for (algorithm, slots) in [("asha", 1), ("random", 3)] {
        let folder = TestFolder::new();
        let (calm, _) = finished(&folder.0.join("calm"), algorithm, 27, 2, slots);
        let rough = folder.0.join("rough");
        let mut kills = 0;
        let sweep = loop {
            let mut sweep = open(&rough, algorithm, 27, 2);
            let mut launcher = Simulated::new(&sweep, slots, curve);
            launcher.polls_left = Some(2);
            match run(&mut sweep, &mut launcher, &StopFlag::default(), &mut quiet) {
                Ok(ending) => {
                    assert_eq!(ending, Ending::Finished);
                    break sweep;
                }
                Err(_) => kills += 1,
            }
            assert!(kills < 500, "the sweep never ends");
        };
        assert!(kills > 5, "only {kills} kills: the test does not test");
        assert_eq!(report::table(&sweep, 99), report::table(&calm, 99));
        assert_eq!(report::csv(&sweep), report::csv(&calm));
    }
}

#[test]
fn more_trials_later_change_nothing_of_the_first() {
    let folder = TestFolder::new();
    let (few, _) = finished(&folder.0, "random", 5, 3, 2);
    let mut more = open(&folder.0, "random", 9, 3);
    assert_eq!(more.trials, few.trials);
    let mut launcher = Simulated::new(&more, 2, curve);
    finish(&mut more, &mut launcher);
    assert_eq!(more.trials.len(), 9);
    assert_eq!(more.trials[..5], few.trials);
    assert_eq!(launcher.trained, 4 * 810);
}

#[test]
fn a_trial_whose_process_keeps_dying_at_one_step_fails_and_the_others_finish() {
    let folder = TestFolder::new();
    let mut sweep = open(&folder.0, "random", 4, 0);
    let mut launcher = Simulated::new(&sweep, 2, curve);
    launcher.dying = Some((1, 40));
    let mut died = 0;
    let mut count = |_: &Sweep, _: usize, event: &Event| {
        died += usize::from(matches!(event, Event::Died(_)));
        Ok(())
    };
    run(&mut sweep, &mut launcher, &StopFlag::default(), &mut count).unwrap();
    assert_eq!(died, 2);
    assert_eq!(sweep.trials[1].state, State::Failed);
    let reason = sweep.trials[1].reason.clone().unwrap();
    assert!(reason.contains("3 times at step 40: signal 9"), "{reason}");
    assert_eq!(retry_failed(&mut sweep).unwrap(), 1);
    launcher.dying = None;
    launcher.done.remove(&1);
    finish(&mut sweep, &mut launcher);
    assert!(sweep.trials.iter().all(|t| t.state == State::Ended));
}

#[test]
fn the_best_settings_are_a_configuration_that_trains() {
    use crate::config::{Overrides, Source, resolve};
    let folder = TestFolder::new();
    let (sweep, _) = finished(&folder.0, "asha", 12, 5, 2);
    report::write(&sweep).unwrap();
    let trial = best(&sweep.trials, Goal::Min).unwrap();
    let file = Source::File(sweep.path.join("best.toml"));
    let config = resolve(&file, &Overrides::default()).unwrap();
    assert_eq!(config, sweep.spec.config(trial.trial).unwrap());
    let beta = trial.settings["optimizer.beta1"].as_float().unwrap();
    assert_eq!(config.optimizer.beta1, beta);
    // The printed command says the same.
    let command = report::train_command(&sweep, trial);
    let sets = command.split(" --set ").skip(1);
    let overrides = Overrides {
        sets: sets.map(|s| s.trim_matches('\'').to_owned()).collect(),
        ..Overrides::default()
    };
    let typed = resolve(&Source::Preset("vae-dense".into()), &overrides).unwrap();
    assert_eq!(typed, config);
    // A panel for each setting, and a mark for each trial in each panel.
    let svg = fs::read_to_string(sweep.path.join("sweep.svg")).unwrap();
    assert_eq!(svg.matches("<circle").count(), 2 * (12 - failed(&sweep)));
}
