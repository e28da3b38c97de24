//! A run that measures itself keeps its best checkpoint.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A new folder with a small IDX data set in it, blobs whose class is the row they are in.
fn scratch(name: &str, labelled: bool) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (split, count) in [("train", 320_u32), ("t10k", 128)] {
        let mut images = vec![0, 0, 8, 3];
        for n in [count, 16, 16] {
            images.extend(n.to_be_bytes());
        }
        for i in 0..count {
            for y in 0..16_u32 {
                for x in 0..16_u32 {
                    let near = (x + 16 - i * 5 % 16) % 16 < 5 && (y + 16 - i % 4 * 4) % 16 < 4;
                    images.push(if near { 255 - (i % 50) as u8 } else { 0 });
                }
            }
        }
        fs::write(folder.join(format!("{split}-images-idx3-ubyte")), images).unwrap();
        if labelled {
            let mut labels = vec![0, 0, 8, 1];
            labels.extend(count.to_be_bytes());
            labels.extend((0..count).map(|i| (i % 4) as u8));
            fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
        }
    }
    folder
}

/// `dreamlet train PRESET` in `folder`, with the data there and `sets`.
fn train(preset: &str, folder: &Path, sets: &[&str], more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dreamlet"));
    command.stdin(Stdio::null());
    command.env("DREAMLET_CACHE_DIR", folder.join("cache"));
    let data = format!("idx:{}", folder.display());
    command.args(["train", preset, "--data", &data, "--size", "16", "--out"]);
    command.arg(folder.join("out"));
    let common = ["batch=8", "hidden=[16]", "eval_samples=128", "seed=3"];
    for set in common.iter().chain(sets) {
        command.args(["--set", set]);
    }
    command.args(more).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// The run of the highest number in `folder`.
fn last_run(folder: &Path) -> PathBuf {
    let runs = fs::read_dir(folder.join("out")).unwrap().flatten();
    runs.map(|e| e.path()).max().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

fn state(run: &Path, step: u64) -> Value {
    json(&run.join(format!("checkpoints/{step:08}/state.json")))
}

/// Steps and values of a figure in `metrics.jsonl`.
fn figures(run: &Path, key: &str) -> Vec<(u64, f64)> {
    let text = read(&run.join("metrics.jsonl"));
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| (line["step"].as_u64().unwrap(), line[key].as_f64().unwrap()))
        .collect()
}

#[test]
fn any_figure_picks_the_best_checkpoint_by_the_direction_it_has() {
    let folder = scratch("best-by", true);
    for (name, key, larger) in [
        ("auto", "frechet_distance", false),
        ("kernel", "kernel_distance", false),
        ("inception-score", "inception_score", true),
        ("recall", "recall", true),
        ("coverage", "coverage", true),
        ("sliced-wasserstein", "sliced_wasserstein", false),
        ("class-accuracy", "class_accuracy", true),
        ("likelihood", "negative_elbo", false),
    ] {
        let ends = ["--steps", "60", "--eval-every", "15", "--best-by", name];
        let sets = ["model.classes=4", "learning_rate=0.01", "keep=9"];
        let output = train("cvae-dense", &folder, &sets, &ends);
        assert!(output.status.success(), "{name}: {}", said(&output));
        let run = last_run(&folder);
        let found = figures(&run, key);
        assert_eq!(found.len(), 4);
        for (step, value) in &found {
            let state = state(&run, *step);
            assert_eq!(state["score"].as_f64().unwrap(), *value, "{name}");
            assert_eq!(state["larger_is_better"], larger, "{name}");
        }
        let (best, last) = (json(&run.join("checkpoints/best.json")), state(&run, 60));
        let first_best = found.iter().copied().reduce(|best, next| {
            let better = if larger {
                next.1 > best.1
            } else {
                next.1 < best.1
            };
            if better { next } else { best }
        });
        assert_eq!(
            best["step"].as_u64(),
            first_best.map(|(step, _)| step),
            "{name} {found:?}"
        );
        // What patience counts goes by the same.
        let best_step = best["step"].as_u64().unwrap();
        assert_eq!(
            last["stale"].as_u64(),
            Some((60 - best_step) / 15),
            "{name} {found:?}"
        );
        assert_eq!(last["best_measured"], best["score"], "{name}");
    }
}

#[test]
fn a_figure_of_features_is_refused_at_the_start_without_labels() {
    let folder = scratch("best-by-refused", false);
    let more = ["--steps", "2", "--eval-every", "1", "--best-by", "recall"];
    let refused = train("seed-gan", &folder, &[], &more);
    assert_eq!(refused.status.code(), Some(1));
    let words = said(&refused);
    assert!(
        words.contains("training.best_by = \"recall\"") && words.contains("sliced-wasserstein"),
        "{words}"
    );
    assert!(!folder.join("out").exists());
}
