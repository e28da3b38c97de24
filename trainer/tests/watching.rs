//! A run that measures itself keeps its best checkpoint, ends when it gets no better, and does
//! about a collapse what it was told.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{assert_contains, dreamlet, said, with_sets, write_idx};
use dreamlet_trainer::testing::{Saved, Which};
use serde_json::Value;

/// A new folder with a small IDX data set in it, blobs whose class is the row they are in.
fn scratch(name: &str, labelled: bool) -> PathBuf {
    let folder = common::scratch(name);
    let pixel = |i: u32, y: u32, x: u32| {
        let near = (x + 16 - i * 5 % 16) % 16 < 5 && (y + 16 - i % 4 * 4) % 16 < 4;
        if near { 255 - (i % 50) as u8 } else { 0 }
    };
    let row = |i: u32| (i % 4) as u8;
    let label: Option<&dyn Fn(u32) -> u8> = if labelled { Some(&row) } else { None };
    write_idx(&folder, [320, 128], 16, pixel, label);
    folder
}

/// `dreamlet train PRESET` in `folder`, with the data there and `sets`.
fn train(preset: &str, folder: &Path, sets: &[&str], more: &[&str]) -> Output {
    let mut command = dreamlet();
    command.env("DREAMLET_CACHE_DIR", folder.join("cache"));
    let data = format!("idx:{}", folder.display());
    command.args(["train", preset, "--data", &data, "--size", "16", "--out"]);
    command.arg(folder.join("out"));
    let common = ["batch=8", "hidden=[16]", "eval_samples=128", "seed=3"];
    let sets = [&common, sets].concat();
    with_sets(&mut command, &sets).args(more).output().unwrap()
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

/// Steps and values of a metric in `metrics.jsonl`.
fn metric(run: &Path, key: &str) -> Vec<(u64, f64)> {
    let text = read(&run.join("metrics.jsonl"));
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| (line["step"].as_u64().unwrap(), line[key].as_f64().unwrap()))
        .collect()
}

#[test]
fn any_metric_picks_the_best_checkpoint_by_the_direction_it_has() {
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
        let found = metric(&run, key);
        assert_eq!(found.len(), 4);
        for (step, value) in &found {
            let state = state(&run, *step);
            assert_eq!(state["score"].as_f64().unwrap(), *value, "{name}");
            assert_eq!(state["larger_is_better"], larger, "{name}");
        }
        let (best, last) = (json(&run.join("checkpoints/best.json")), state(&run, 60));
        let sign = if larger { 1.0 } else { -1.0 };
        let first_best = found.iter().copied().reduce(|best, next| {
            let gain = sign * (next.1 - best.1);
            if gain > 0.0 { next } else { best }
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
fn a_metric_of_features_is_refused_at_the_start_without_labels() {
    let folder = scratch("best-by-refused", false);
    let more = ["--steps", "2", "--eval-every", "1", "--best-by", "recall"];
    let refused = train("seed-gan", &folder, &[], &more);
    assert_eq!(refused.status.code(), Some(1));
    let wanted = ["training.best_by = \"recall\"", "sliced-wasserstein"];
    assert_contains(&said(&refused), &wanted);
    assert!(!folder.join("out").exists());
}

/// Step sizes so small that no pixel changes.
#[test]
fn patience_ends_a_run_that_gets_no_better_and_leaves_one_alone_that_does() {
    let folder = scratch("patience", false);
    let still = ["learning_rate=1e-8", "discriminator_learning_rate=1e-8"];
    let often = ["--steps", "20", "--eval-every", "1", "--patience"];
    let ended = train("seed-gan", &folder, &still, &[&often[..], &["3"]].concat());
    let (words, run) = (said(&ended), last_run(&folder));
    assert_eq!(ended.status.code(), Some(0), "{words}");
    assert_contains(
        &words,
        &["no better for as long as it was to wait", "--best"],
    );
    assert!(read(&run.join("log.txt")).contains("Patience at step 4 "));
    assert_eq!(metric(&run, "sliced_wasserstein").len(), 4);
    assert_eq!(json(&run.join("checkpoints/best.json"))["step"], 1);

    let patient = train("seed-gan", &folder, &still, &[&often[..], &["0"]].concat());
    let run = last_run(&folder);
    assert!(patient.status.success());
    assert!(read(&run.join("log.txt")).contains("Finished at step 20 "));

    let learns = ["--steps", "100", "--eval-every", "20", "--patience", "1"];
    let by = ["--best-by", "likelihood"];
    let better = train("vae-dense", &folder, &[], &[&learns[..], &by].concat());
    let (words, run) = (said(&better), last_run(&folder));
    assert!(better.status.success(), "{words}");
    assert!(words.contains(" of the 20 dimensions "), "{words}");
    assert!(read(&run.join("log.txt")).contains("Finished at step 100 "));
    assert_eq!(json(&run.join("checkpoints/best.json"))["step"], 100);
}

/// A copy of a run of 500 good steps, which is to go on with a decay that takes all weights to 0:
/// its images become all alike.
fn doomed(first: &Path, name: &str, on_collapse: &str) -> PathBuf {
    let run = first.with_file_name(format!("copy-{name}"));
    let status = Command::new("cp").arg("-r").args([first, &run]).status();
    assert!(status.unwrap().success());
    let config = read(&run.join("config.toml"));
    let rate = "\nlearning_rate = 0.002\n";
    let decay = "\nweight_decay = 0.0\n";
    let what = "\non_collapse = \"ignore\"\n";
    assert_contains(&config, &[rate, decay, what]);
    let config = config.replace(rate, "\nlearning_rate = 0.02\n");
    let config = config.replace(decay, "\nweight_decay = 1.0\n");
    let config = config.replace(what, &format!("\non_collapse = \"{on_collapse}\"\n"));
    fs::write(run.join("config.toml"), config).unwrap();
    run
}

fn resume(run: &Path, steps: &str) -> String {
    let output = common::resume(run, &["--steps", steps]);
    let words = said(&output);
    assert_eq!(output.status.code(), Some(0), "{words}");
    words
}

/// The steps of the log's lines that begin with words.
fn steps_of(run: &Path, words: &str) -> Vec<u64> {
    let log = read(&run.join("log.txt"));
    let lines = log.lines().filter(|line| line.contains(words));
    lines
        .map(|line| {
            let (_, rest) = line.split_once("step ").unwrap();
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
            digits.parse().unwrap()
        })
        .collect()
}

fn generator(run: &Path, step: u64) -> Vec<u8> {
    fs::read(run.join(format!("checkpoints/{step:08}/generator.bpk"))).unwrap()
}

/// Mean difference of a pixel between the first image of a run's newest checkpoint and fifteen
/// others.
fn latent_spread(run: &Path) -> f32 {
    let saved = Saved::open(run, Which::default()).unwrap();
    let z = saved.config.model.latent;
    let mut latents = vec![0.0; 16 * z];
    for (seed, latent) in (0..).zip(latents.chunks_mut(z)) {
        dreamlet_runtime::latent::fill_normal(seed, None, latent);
    }
    let images = saved.generate(&latents, None, 16).unwrap();
    let first = &images[..256];
    let differences = images
        .chunks(256)
        .flat_map(|image| image.iter().zip(first).map(|(a, b)| (a - b).abs()));
    differences.sum::<f32>() / (15.0 * 256.0)
}

#[test]
fn a_collapse_is_told_ends_the_run_or_takes_it_back_to_its_best_nets() {
    let folder = scratch("collapse", false);
    let sets = [
        "loss=hinge",
        "discriminator_norm=spectral",
        "discriminator_steps=1",
        "hidden=[64]",
        "latent=16",
        "batch=16",
        "beta1=0",
        "learning_rate=0.002",
        "discriminator_learning_rate=0.002",
        "checkpoint_every=250",
        "keep=100",
        "sample_every=10000",
        "average=0",
    ];
    let first = train("seed-gan", &folder, &sets, &["--steps", "500"]);
    assert!(first.status.success(), "{}", said(&first));
    let first = last_run(&folder);
    assert!(latent_spread(&first) > 0.02, "{}", latent_spread(&first));
    let collapsed = "generated images differ from each other only";

    let run = doomed(&first, "ignore", "ignore");
    let words = resume(&run, "1250");
    assert!(words.contains(collapsed), "{words}");
    assert_eq!(steps_of(&run, collapsed), [1000]);
    assert_eq!(steps_of(&run, "Finished at"), [500, 1250]);
    // Such images are easily told from real ones.
    assert!(words.contains("(mean logit "), "{words}");
    let (now, before) = (latent_spread(&run), latent_spread(&first));
    assert!(now < 0.1 * before, "{now} {before}");

    let run = doomed(&first, "stop", "stop");
    let words = resume(&run, "1250");
    assert_contains(&words, &["the generator collapsed", "--best"]);
    assert_eq!(steps_of(&run, "Collapsed at"), [1000]);

    // The nets of step 500 are in place again at step 1000, and judged when they are 1000 steps
    // old: 500 steps later, resumed or not.
    let run = doomed(&first, "rollback", "rollback");
    let back = "back to the nets of step 500";
    let words = resume(&run, "1000");
    assert!(words.contains(back), "{words}");
    assert_eq!(steps_of(&run, back), [1000]);
    assert!(generator(&run, 1000) == generator(&run, 500));
    assert!(generator(&run, 750) != generator(&run, 500));
    assert!((latent_spread(&run) - latent_spread(&first)).abs() < 1e-6);
    resume(&run, "1250");
    assert_eq!(steps_of(&run, back), [1000]);
    let words = resume(&run, "6000");
    assert!(words.contains("the generator collapsed"), "{words}");
    assert_eq!(steps_of(&run, back), [1000, 1500, 2000]);
    assert_eq!(steps_of(&run, "Collapsed at"), [2500]);
    assert!(generator(&run, 2000) == generator(&run, 500));
    assert_eq!(state(&run, 2500)["rollbacks"], 3);
}
