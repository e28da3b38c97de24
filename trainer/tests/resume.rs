//! Nothing is lost: a run that was killed at any moment ends with the bytes of one that was never
//! disturbed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{assert_contains, resume, said, scratch, with_sets, write_idx};

/// A small IDX data set: blobs whose place depends on the image's number.
fn data(folder: &Path) -> String {
    let pixel = |i: u32, y: u32, x: u32| {
        let near = (x + 16 - i % 16) % 16 < 5 && (y + 16 - i / 16 % 16) % 16 < 5;
        if near {
            200 + (i % 50) as u8
        } else {
            (i % 30) as u8
        }
    };
    write_idx(folder, [400, 64], 16, pixel, Some(&|i| (i % 10) as u8));
    format!("idx:{}", folder.display())
}

/// The program, to which nobody listens.
fn dreamlet() -> Command {
    let mut command = common::dreamlet();
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn begin(preset: &str, steps: u64, data: &str, out: &Path) -> Command {
    let mut command = dreamlet();
    command.args(["train", preset, "--data", data, "--size", "16"]);
    command.args(["--steps", &steps.to_string(), "--out"]);
    command.arg(out);
    let sets = [
        "batch=16",
        "checkpoint_every=7",
        "sample_every=20",
        "log_every=5",
        "keep=2",
        "seed=3",
    ];
    with_sets(&mut command, &sets);
    command
}

#[track_caller]
fn succeeds(command: &mut Command) {
    assert!(command.status().unwrap().success());
}

fn only_run(out: &Path) -> Option<PathBuf> {
    fs::read_dir(out)
        .ok()?
        .flatten()
        .map(|e| e.path())
        .find(|p| p.join("config.toml").is_file())
}

/// Name and bytes of the weights and of the optimizers' moments in the last checkpoint, and the
/// losses of each step without times.
fn result(run: &Path, steps: u64) -> (Vec<(String, Vec<u8>)>, Vec<String>) {
    let last = run.join("checkpoints").join(format!("{steps:08}"));
    let mut weights = Vec::new();
    for entry in fs::read_dir(last).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".bpk") {
            weights.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    weights.sort();
    let stats = fs::read_to_string(run.join("stats.jsonl")).unwrap();
    let losses = stats.lines().map(|line| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["seconds", "images_per_second"] {
            value.as_object_mut().unwrap().remove(key);
        }
        value.to_string()
    });
    (weights, losses.collect())
}

/// Trains for `steps`, enough for some kills on a fast machine too.
fn killed_run_equals_undisturbed_run(preset: &str, steps: u64, sets: &[&str]) {
    let folder = scratch(&format!("resume-{preset}"));
    let data = data(&folder);
    let calm = folder.join("calm");
    succeeds(with_sets(&mut begin(preset, steps, &data, &calm), sets));

    let rough = folder.join("rough");
    let start = || {
        let mut command = begin(preset, steps, &data, &rough);
        with_sets(&mut command, sets).spawn().unwrap()
    };
    let mut kills = 0;
    let mut patience = Duration::from_millis(40);
    let mut child = start();
    let run = loop {
        std::thread::sleep(patience);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the resumed run failed: {status}");
            break only_run(&rough).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(kills < 200, "the run never ends");
        // Killed before the run folder was whole: nothing to resume, so begin again.
        child = match only_run(&rough) {
            Some(run) if run.join("export").is_dir() => dreamlet()
                .args(["train", "--resume"])
                .arg(run)
                .spawn()
                .unwrap(),
            _ => {
                let _ = fs::remove_dir_all(&rough);
                start()
            }
        };
        patience += Duration::from_millis(35);
    };
    assert!(kills >= 3, "only {kills} kills: the test does not test");
    let expected = result(&only_run(&calm).unwrap(), steps);
    let found = result(&run, steps);
    assert!(expected.0.len() >= 2);
    let differ = format!("differ after {kills} kills");
    assert!(expected.0 == found.0, "{preset}: the weights {differ}");
    assert_eq!(expected.1, found.1, "{preset}: the losses {differ}");
}

#[test]
fn a_killed_dcgan_resumes_bit_for_bit() {
    let sets = ["width=16", "discriminator_steps=2"];
    killed_run_equals_undisturbed_run("dcgan", 100, &sets);
}

/// Everything with a state of its own or random numbers of its own, at once.
#[test]
fn a_killed_gan_with_all_its_regularizers_resumes_bit_for_bit() {
    let sets = [
        "width=8",
        "model.classes=10",
        "loss=hinge",
        "discriminator_norm=spectral",
        "discriminator_hidden=16",
        "r1=1",
        "r1_every=2",
        "gradient_penalty=1",
        "augment=0.3",
        "augment_target=0.6",
        "instance_noise=0.1",
        "dropout=0.2",
        "weight_decay=1e-4",
        "schedule=cosine",
    ];
    killed_run_equals_undisturbed_run("dcgan-resize", 60, &sets);
}

#[test]
fn a_killed_vae_resumes_bit_for_bit() {
    killed_run_equals_undisturbed_run("vae-dense", 1000, &[]);
}

#[test]
fn a_killed_two_stage_vae_resumes_bit_for_bit_in_both_stages() {
    let sets = ["width=8", "second_hidden=[64]"];
    killed_run_equals_undisturbed_run("vae-two-stage", 600, &sets);
}

/// A finished run of two steps.
fn two_steps(name: &str) -> PathBuf {
    let folder = scratch(name);
    let source = data(&folder);
    let out = folder.join("out");
    succeeds(&mut begin("vae-dense", 2, &source, &out));
    only_run(&out).unwrap()
}

/// By the clock alone, the learner could not know which stage is to learn.
#[test]
fn a_two_stage_vae_keeps_its_steps_when_it_goes_on_for_a_time_and_keeps_new_limits() {
    let folder = scratch("resume-limits");
    let (data, out) = (data(&folder), folder.join("out"));
    let mut first = begin("vae-two-stage", 2, &data, &out);
    succeeds(with_sets(&mut first, &["width=8", "second_hidden=[64]"]));
    let run = only_run(&out).unwrap();
    let config = || fs::read_to_string(run.join("config.toml")).unwrap();

    let timed = resume(&run, &["--time", "5000s"]);
    assert!(timed.status.success(), "{}", said(&timed));
    assert_contains(&said(&timed), &["training.steps = 2", "--steps 4"]);
    assert!(config().contains("\nsteps = 2\nseconds = 5000\n"));
    assert!(resume(&run, &["--steps", "4"]).status.success());
    assert!(run.join("checkpoints/00000004").is_dir());
    assert!(config().contains("\nsteps = 4\nseconds = 0\n"));
    let log = fs::read_to_string(run.join("log.txt")).unwrap();
    assert_contains(&log, &["limits: 4 steps, before: 2 steps, 5000 seconds"]);
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_is_left_as_it_is() {
    let run = two_steps("resume-damaged");
    let part = run.join("checkpoints/00000002/generator.bpk");
    let whole = fs::read(&part).unwrap();
    fs::write(&part, b"cut").unwrap();
    let files =
        || ["config.toml", "log.txt", "stats.jsonl"].map(|f| fs::read(run.join(f)).unwrap());
    let before = files();
    let refused = resume(&run, &["--steps", "4"]);
    assert_eq!(refused.status.code(), Some(1));
    let wanted = ["generator.bpk", "dreamlet train --config"];
    assert_contains(&said(&refused), &wanted);
    assert!(files() == before);
    fs::write(&part, whole).unwrap();
    assert!(resume(&run, &["--steps", "4"]).status.success());
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    fs::create_dir(run.join("checkpoints")).unwrap();
    let again = resume(&run, &[]);
    assert!(said(&again).contains("begins again at step 0"));
    assert!(run.join("checkpoints/00000004").is_dir());
}

#[test]
fn other_data_are_refused_and_a_relative_path_is_found_from_anywhere() {
    let folder = scratch("resume-data");
    data(&folder);
    let mut first = begin("vae-dense", 2, "idx:.", &folder.join("out"));
    succeeds(first.current_dir(&folder));
    let run = only_run(&folder.join("out")).unwrap();
    assert!(resume(&run, &["--steps", "3"]).status.success());
    let images = folder.join("train-images-idx3-ubyte");
    let mut bytes = fs::read(&images).unwrap();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    fs::write(&images, bytes).unwrap();
    let refused = resume(&run, &["--steps", "4"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_contains(&said(&refused), &["idx:/", "other pixels"]);
    assert!(!run.join("checkpoints/00000004").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_leaves_a_checkpoint_and_its_exit_status_unless_it_is_ignored() {
    let folder = scratch("resume-signal");
    let source = data(&folder);
    for (ignored, signal, status) in [
        (None, "INT", 130),
        (None, "TERM", 143),
        (None, "HUP", 129),
        (Some("HUP"), "TERM", 143),
    ] {
        let out = folder.join(format!("out-{signal}-{}", ignored.is_some()));
        let mut command = begin("vae-dense", 1_000_000, &source, &out);
        // Whoever runs the tests may have them ignore signals, as a shell has its background jobs.
        let mut under = Command::new("env");
        under.arg("--default-signal=INT,TERM,HUP");
        under.args(ignored.map(|_| "nohup"));
        under.arg(command.get_program()).args(command.get_args());
        let envs = command.get_envs();
        under.envs(envs.filter_map(|(name, value)| Some((name, value?))));
        under.stdin(Stdio::null()).stdout(Stdio::null());
        command = under;
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let last = || {
            let all = only_run(&out).and_then(|run| fs::read_dir(run.join("checkpoints")).ok());
            let names = all.into_iter().flatten().flatten();
            let steps = names.filter_map(|e| e.file_name().to_str()?.parse::<u64>().ok());
            steps.max().unwrap_or(0)
        };
        let pid = child.id().to_string();
        let mut wait_beyond = |step| {
            while last() <= step {
                assert!(
                    child.try_wait().unwrap().is_none(),
                    "{signal} after {ignored:?}"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        wait_beyond(0);
        let send = |signal: &str| {
            let sent = Command::new("kill")
                .arg(format!("-{signal}"))
                .arg(&pid)
                .status();
            assert!(sent.unwrap().success());
        };
        if let Some(ignored) = ignored {
            send(ignored);
            // It would have stopped at the next checkpoint.
            let at = last();
            wait_beyond(at + 2);
        }
        send(signal);
        assert_eq!(child.wait().unwrap().code(), Some(status));
        let log = fs::read_to_string(only_run(&out).unwrap().join("log.txt")).unwrap();
        assert!(log.contains("Stopped at step"), "{log}");
    }
}

#[test]
fn training_goes_on_when_nobody_reads_its_words() {
    let folder = scratch("resume-closed");
    let (source, out) = (data(&folder), folder.join("out"));
    let mut command = begin("vae-dense", 2, &source, &out);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    let run = only_run(&out).unwrap();
    assert!(run.join("checkpoints/00000002").is_dir());
}

/// The losses are those before an update: what a step that went too far made of the nets shows only
/// afterwards.
#[test]
fn a_run_that_diverges_has_no_checkpoint_of_the_nets_that_it_broke() {
    let folder = scratch("diverges");
    let (data, out) = (data(&folder), folder.join("out"));
    let mut command = begin("vae-dense", 200, &data, &out);
    let sets = [
        "learning_rate=0.1",
        "likelihood=gaussian",
        "sigma=0.001",
        "checkpoint_every=1",
        "keep=1000",
    ];
    assert!(!with_sets(&mut command, &sets).status().unwrap().success());
    let run = only_run(&out).unwrap();
    let log = fs::read_to_string(run.join("log.txt")).unwrap();
    assert!(log.contains("no longer finite"), "{log}");
    let mut seen = 0;
    for entry in fs::read_dir(run.join("checkpoints")).unwrap() {
        let state = entry.unwrap().path().join("state.json");
        if state.exists() {
            let state = fs::read_to_string(state).unwrap();
            let state: serde_json::Value = serde_json::from_str(&state).unwrap();
            assert!(state["score"].is_number(), "{state}");
            seen += 1;
        }
    }
    assert!(seen > 0, "{log}");
}
