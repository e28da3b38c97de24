use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::*;
use crate::atomic_file::TestFolder;
use crate::nets::testing::preset;
use crate::training::saved::{Saved, Which};

/// A run folder of a tiny VAE with a checkpoint at each of `scores`, steps 1, 2, …, and the learner
/// in it.
fn run(scores: &[f64], keep: usize) -> (TestFolder, Learner) {
    let config = preset("vae-dense", &["model.hidden=[8]", "data.size=16"]);
    let learner = Learner::new(&config, &Device::flex().autodiff()).unwrap();
    let run = TestFolder::new();
    run.write("config.toml", config.to_toml().unwrap().as_bytes());
    for (score, step) in scores.iter().zip(1..) {
        save(&run.0, &learner, state(step, *score), keep).unwrap();
    }
    (run, learner)
}

fn state(step: u64, score: f64) -> State {
    State {
        step,
        score: Some(score),
        ..State::default()
    }
}

fn damage(run: &Path, step: u64) {
    fs::write(folder(run, step).join("generator.bpk"), b"cut").unwrap();
}

fn names(run: &Path) -> Vec<String> {
    let entries = fs::read_dir(run.join("checkpoints")).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_newest_and_the_best_stay() {
    let (run, _) = run(&[3.0, 1.0, 2.0, 1.5, 4.0], 2);
    assert_eq!(steps(&run.0), [2, 4, 5]);
    assert_eq!(best(&run.0).unwrap().step, 2);
}

#[test]
fn a_checkpoint_whose_removal_was_interrupted_is_gone_and_not_damaged() {
    let (run, learner) = run(&[1.0, 2.0, 3.0], 3);
    // Where the process was killed: the folder has its new name, and some of its files.
    let hidden = run.0.join("checkpoints/.00000002.old.tmp");
    fs::rename(folder(&run.0, 2), &hidden).unwrap();
    fs::remove_file(hidden.join("state.json")).unwrap();
    assert_eq!(steps(&run.0), [1, 3]);
    let lines = tidy(&run.0, |_, _| Ok(())).unwrap();
    assert_eq!(lines, [] as [String; 0]);
    assert_eq!(names(&run.0), ["00000001", "00000003", "best.json"]);
    // Also where the next removal comes before that.
    fs::create_dir(run.0.join("checkpoints/.00000001.old.tmp")).unwrap();
    save(&run.0, &learner, state(4, 4.0), 1).unwrap();
    assert_eq!(steps(&run.0), [1, 4], "the best stays");
}

#[test]
fn the_largest_score_is_the_best_where_larger_is_better() {
    let (run, learner) = run(&[], 1);
    for (score, step) in [0.5, 0.75, 0.75, 0.25].into_iter().zip(1..) {
        let state = State {
            larger_is_better: true,
            ..state(step, score)
        };
        save(&run.0, &learner, state, 1).unwrap();
    }
    assert_eq!(steps(&run.0), [2, 4]);
    assert_eq!(best(&run.0).unwrap().step, 2);
    fs::remove_file(run.0.join("checkpoints/best.json")).unwrap();
    tidy(&run.0, |_, _| Ok(())).unwrap();
    assert_eq!(best(&run.0).unwrap().step, 2);
}

#[test]
fn the_first_of_checkpoints_that_are_as_good_is_the_best() {
    // Without its feature float_roundtrip serde_json reads this number back as another one.
    let score: f64 = 0.383_357_801_510_157_97;
    let (run, _) = run(&[score; 3], 3);
    let best = best(&run.0).unwrap();
    assert_eq!((best.step, best.score.to_bits()), (1, score.to_bits()));
    assert!(is_better(1.0, 1.0 + 1e-9, false) && is_better(1.0 + 1e-9, 1.0, true));
    assert!(!is_better(1.0, 1.0, false) && !is_better(1.0, 1.0, true));
    assert!(is_better(-0.5, 0.0, false) && !is_better(f64::NAN, 0.0, true));
}

#[test]
fn a_checkpoint_of_an_earlier_version_has_a_score_of_which_less_is_better() {
    let (run, learner) = run(&[2.0, 3.0], 2);
    for step in [1, 2] {
        let path = folder(&run.0, step).join("state.json");
        let text = fs::read_to_string(&path).unwrap();
        let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
        let fields = old.as_object_mut().unwrap();
        fields.remove("larger_is_better").unwrap();
        fields.remove("sealed").unwrap();
        fs::write(&path, old.to_string()).unwrap();
        fs::remove_file(path.with_file_name(SEAL)).unwrap();
    }
    assert_eq!(tidy(&run.0, |_, _| Ok(())).unwrap(), [""; 0]);
    assert_eq!(best(&run.0).unwrap().step, 1);
    save(&run.0, &learner, state(3, 1.0), 2).unwrap();
    assert_eq!(best(&run.0).unwrap().step, 3);
}

#[test]
fn a_score_of_an_earlier_version_is_compared_under_its_new_name() {
    let (run, learner) = run(&[], 2);
    for (step, score, name) in [(1, 1.0, "test pictures"), (2, 2.0, "test images")] {
        let state = State {
            score_name: name.to_owned(),
            ..state(step, score)
        };
        save(&run.0, &learner, state, 2).unwrap();
    }
    assert_eq!(best(&run.0).unwrap().step, 1);
}

#[test]
fn nets_are_as_old_as_the_steps_that_are_in_them() {
    let state = |step: u64| State {
        step,
        ..State::default()
    };
    let early = State {
        augment: 0.25,
        ..state(300)
    };
    let mut now = state(1000);
    now.augment = 0.75;
    now.go_back(&early);
    assert_eq!((now.step, now.age(), now.rollbacks), (1000, 300, 1));
    assert!((now.augment - 0.25).abs() < 1e-12);
    now.step += 200;
    assert_eq!(now.age(), 500);
    // Back to a checkpoint that was written after the first time.
    let mut later = now.clone();
    later.step += 900;
    later.go_back(&now);
    assert_eq!((later.step, later.age(), later.rollbacks), (2100, 500, 2));
}

#[test]
fn checkpoints_that_are_all_damaged_are_an_error_that_names_them_and_none_at_all_is_not() {
    let (run, _) = run(&[1.0, 2.0], 2);
    assert_eq!(newest(&run.0).unwrap().0.unwrap().1.step, 2);
    damage(&run.0, 1);
    fs::remove_file(folder(&run.0, 2).join("state.json")).unwrap();
    let message = newest(&run.0).unwrap_err().to_string();
    for part in [
        "00000001 is damaged: generator.bpk",
        "00000002 is damaged: state.json",
        "config.toml",
    ] {
        assert!(message.contains(part), "{message}");
    }
    fs::remove_dir_all(run.0.join("checkpoints")).unwrap();
    assert!(newest(&run.0).unwrap().0.is_none());
}

#[test]
fn damaged_checkpoints_are_put_aside_and_never_count_as_the_newest() {
    let (run, learner) = run(&[3.0, 2.0, 1.0, 4.0], 4);
    damage(&run.0, 3);
    damage(&run.0, 4);
    fs::create_dir(run.0.join("checkpoints/.00000005.tmp")).unwrap();
    let left: PathBuf = run.write("checkpoints/.best.json.1-1.tmp", b"{");
    let lines = tidy(&run.0, |_, _| Ok(())).unwrap();
    assert!(!left.exists());
    assert!(lines[0].contains("damaged-00000003"), "{lines:?}");
    assert!(lines[2].contains("that of step 2"), "{lines:?}");
    let aside = ["damaged-00000003", "damaged-00000004"];
    assert_eq!(
        names(&run.0),
        [&["00000001", "00000002", "best.json"][..], &aside[..]].concat()
    );
    // The run comes by there again, and is damaged there again.
    save(&run.0, &learner, state(3, 2.5), 2).unwrap();
    assert_eq!(steps(&run.0), [2, 3]);
    damage(&run.0, 3);
    tidy(&run.0, |_, _| Ok(())).unwrap();
    assert!(names(&run.0).contains(&"damaged-00000003-2".to_owned()));
    assert_eq!(tidy(&run.0, |_, _| Ok(())).unwrap(), [""; 0]);
}

#[test]
fn what_was_just_saved_stays_though_folders_with_higher_numbers_are_there() {
    let (run, learner) = run(&[2.0], 1);
    for step in [7, 8, 9] {
        fs::create_dir(folder(&run.0, step)).unwrap();
    }
    save(&run.0, &learner, state(2, 3.0), 1).unwrap();
    save(&run.0, &learner, state(3, 4.0), 1).unwrap();
    assert_eq!(steps(&run.0), [1, 3, 7, 8, 9]);
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_nothing() {
    let (run, learner) = run(&[1.0], 2);
    // A file where the folder of the checkpoint is to be.
    fs::write(folder(&run.0, 2), b"").unwrap();
    assert!(save(&run.0, &learner, state(2, 0.5), 2).is_err());
    assert_eq!(names(&run.0), ["00000001", "00000002", "best.json"]);
    assert_eq!(best(&run.0).unwrap().step, 1);
}

#[test]
fn a_best_checkpoint_that_is_damaged_is_refused_with_what_to_do() {
    let (run, _) = run(&[1.0, 2.0], 2);
    damage(&run.0, 1);
    let best = Which {
        best: true,
        ..Which::default()
    };
    let message = Saved::open(&run.0, best).unwrap_err().to_string();
    for part in ["best.json", "step 1", "generator.bpk", "leave --best out"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(Saved::open(&run.0, Which::default()).unwrap().state.step, 2);
}

/// Writes another `state.json` as if it were right: without a seal, as earlier versions did, or
/// with one.
fn rewrite(run: &Path, step: u64, sealed: bool, change: impl Fn(&mut State)) {
    let checkpoint = folder(run, step);
    let bytes = fs::read(checkpoint.join(STATE)).unwrap();
    let mut state: State = serde_json::from_slice(&bytes).unwrap();
    state.sealed = sealed;
    change(&mut state);
    let bytes = serde_json::to_vec(&state).unwrap();
    fs::write(checkpoint.join(STATE), &bytes).unwrap();
    if sealed {
        fs::write(checkpoint.join(SEAL), seal(&bytes)).unwrap();
    } else {
        let _ = fs::remove_file(checkpoint.join(SEAL));
    }
}

#[test]
fn every_byte_of_a_state_is_covered_and_it_must_agree_with_its_folder() {
    let (run, _) = run(&[1.0, 2.0], 2);
    let checkpoint = folder(&run.0, 2);
    let whole = fs::read(checkpoint.join(STATE)).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(checkpoint.join(STATE), bytes).unwrap();
        assert_eq!(newest(&run.0).unwrap().0.unwrap().1.step, 1, "byte {at}");
    }
    fs::write(checkpoint.join(STATE), &whole).unwrap();
    assert_eq!(newest(&run.0).unwrap().0.unwrap().1.step, 2);
    fs::remove_file(checkpoint.join(SEAL)).unwrap();
    let error = read_state(&checkpoint).unwrap_err().to_string();
    assert!(error.contains("state.sha256"), "{error}");
    // A checkpoint of an earlier version.
    rewrite(&run.0, 2, false, |_| ());
    assert_eq!(read_state(&checkpoint).unwrap().step, 2);
    for sealed in [false, true] {
        rewrite(&run.0, 2, sealed, |state| state.step = 1);
        let error = read_state(&checkpoint).unwrap_err().to_string();
        assert!(error.contains("it is of step 1"), "{error}");
        rewrite(&run.0, 2, sealed, |state| state.step = 2);
    }
}

#[test]
fn numbers_that_no_run_has_are_refused_with_their_bounds() {
    let (run, _) = run(&[1.0], 1);
    type Change = fn(&mut State);
    let changes: [(&str, Change); 7] = [
        ("seconds is 1e308", |state| state.seconds = 1e308),
        ("seconds is -1.0, expected 0 to 320000000000.0", |state| {
            state.seconds = -1.0
        }),
        ("augment is 7.0, expected 0 to 1.0", |state| {
            state.augment = 7.0
        }),
        ("images is 18446744073709551615", |state| {
            state.images = u64::MAX
        }),
        ("position is", |state| state.position = u64::MAX),
        ("lost is 2, expected 0 to 1", |state| state.lost = 2),
        ("stale is", |state| state.stale = u64::MAX),
    ];
    for (expected, change) in changes {
        rewrite(&run.0, 1, true, |_| ());
        rewrite(&run.0, 1, true, change);
        let error = newest(&run.0).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let calm: Change = |state| {
            *state = State {
                files: std::mem::take(&mut state.files),
                format: FORMAT,
                sealed: true,
                step: 1,
                ..State::default()
            };
        };
        rewrite(&run.0, 1, true, calm);
    }
}

#[test]
fn a_checkpoint_that_cannot_be_loaded_is_passed_over() {
    let (run, _) = run(&[1.0, 2.0], 2);
    let newest = folder(&run.0, 2);
    // Its hashes are right, and its nets are others'.
    let bytes = b"no record";
    fs::write(newest.join("generator.bpk"), bytes).unwrap();
    rewrite(&run.0, 2, true, |state| {
        state
            .files
            .insert("generator.bpk".to_owned(), sha256(bytes));
    });
    let saved = Saved::open(&run.0, Which::default()).unwrap();
    assert_eq!(saved.state.step, 1);
}
