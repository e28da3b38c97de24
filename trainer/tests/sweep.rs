//! A real sweep of tiny trials: it finds settings, survives a kill, and its best settings train.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{assert_contains, scratch};

fn dreamlet(folder: &Path) -> Command {
    let mut command = common::dreamlet();
    command.current_dir(folder);
    command
}

fn write(folder: &Path, trials: usize, steps: usize, more: &str) {
    let text = format!(
        "preset = \"vae-dense\"\ndata = \"glyphs\"\nmetric = \"loss\"\ntrials = {trials}\nseed = 5\nalgorithm = \"random\"\n[budget]\nsteps = {steps}\n[set]\n\"data.size\" = 16\n\"model.hidden\" = [16]\n{more}[parameters]\n\"optimizer.learning_rate\" = {{ log = [1e-5, 1e-2] }}\n\"optimizer.batch\" = {{ choice = [32, 64] }}\n"
    );
    fs::write(folder.join("tiny.toml"), text).unwrap();
}

fn sweep(folder: &Path, more: &[&str]) -> Output {
    let mut command = dreamlet(folder);
    command.args(["sweep", "tiny.toml", "--device", "cpu"]);
    command.args(more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The table at the end, without what follows it.
fn table(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let all = text(&output.stdout);
    all.split("\n\n").next().unwrap().to_owned()
}

#[test]
fn three_trials_give_a_table_results_and_settings_that_train() {
    let folder = scratch("sweep-three");
    write(&folder, 3, 12, "");
    let plan = text(&sweep(&folder, &["--dry-run"]).stdout);
    assert!(!folder.join("sweeps").exists());
    let output = sweep(&folder, &["--jobs", "2"]);
    let table = table(&output);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert_eq!(table.matches("finished").count(), 3, "{table}");
    let results = folder.join("sweeps/tiny");
    let csv = fs::read_to_string(results.join("results.csv")).unwrap();
    assert_eq!(csv.lines().count(), 4);
    for (trial, line) in csv.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        // What was trained is what the plan said.
        let planned = format!(
            "trial {trial}: optimizer.batch = {}, optimizer.learning_rate = {}\n",
            cells[2], cells[3]
        );
        assert!(plan.contains(&planned), "{plan}\n{line}");
        let config = fs::read_to_string(results.join(cells[7]).join("config.toml")).unwrap();
        assert!(config.contains(&format!("batch = {}", cells[2])));
        let value: f64 = cells[6].parse().unwrap();
        assert!(value.is_finite() && cells[5] == "12", "{line}");
    }
    let chart = fs::read_to_string(results.join("sweep.svg")).unwrap();
    assert_contains(&chart, &["<circle"]);
    let train = dreamlet(&folder)
        .args(["train", "--config", "sweeps/tiny/best.toml", "--steps", "2"])
        .output()
        .unwrap();
    assert!(train.status.success(), "{}", text(&train.stderr));
    // Again: nothing is left to do, and the table is the same.
    let again = sweep(&folder, &[]);
    assert_eq!(self::table(&again), table);
    assert!(!text(&again.stderr).contains("trains to step"));
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !there() {
        assert!(begin.elapsed() < Duration::from_secs(30), "no {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn has_checkpoint(folder: &Path, trial: usize) -> bool {
    let out = folder.join(format!(
        "sweeps/tiny/runs/{trial:05}/00001-glyphs-vae-dense/checkpoints"
    ));
    fs::read_dir(out).is_ok_and(|mut entries| {
        entries.any(|e| e.is_ok_and(|e| e.file_name().to_string_lossy().starts_with("000")))
    })
}

#[test]
fn a_sweep_that_is_stopped_and_killed_ends_with_the_table_of_a_calm_one() {
    const SETS: &str = "\"training.checkpoint_every\" = 20\n\"training.log_every\" = 20\n";
    let calm = scratch("sweep-calm");
    write(&calm, 3, 300, SETS);
    let expected = table(&sweep(&calm, &[]));

    let rough = scratch("sweep-rough");
    write(&rough, 3, 300, SETS);
    let start = || {
        let mut command = dreamlet(&rough);
        command
            .args(["sweep", "tiny.toml", "--device", "cpu", "--jobs", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    };
    // A polite end: the trial that trains leaves a checkpoint, and the sweep waits for it.
    let mut child = start();
    wait_for("checkpoint of trial 0", || has_checkpoint(&rough, 0));
    let pid = child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let log = rough.join("sweeps/tiny/runs/00000/00001-glyphs-vae-dense/log.txt");
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("Stopped at step") || log.contains("Finished at step 300"),
        "{log}"
    );
    // A rude one: its trial goes on without it, and the next sweep waits for that and takes the
    // result.
    let mut child = start();
    wait_for("checkpoint of trial 1", || has_checkpoint(&rough, 1));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(table(&sweep(&rough, &[])), expected);
}

#[test]
fn a_trial_that_cannot_train_is_marked_and_a_wrong_metric_ends_the_sweep() {
    let folder = scratch("sweep-wrong");
    write(&folder, 2, 4, "");
    let file = folder.join("tiny.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("\"loss\"", "\"los\"")).unwrap();
    let output = sweep(&folder, &["--out", "metric"]);
    assert!(!output.status.success());
    assert_contains(&text(&output.stderr), &["did you mean \"loss\"?"]);
    // Data that is not there: each trial's process says so, and no trial comes to a metric.
    let lost = good.replace("\"glyphs\"", "\"idx:nowhere\"");
    fs::write(&file, lost).unwrap();
    let output = sweep(&folder, &["--out", "data"]);
    assert!(!output.status.success());
    let wanted = ["none of the 2 trials", "nowhere"];
    assert_contains(&text(&output.stderr), &wanted);
}

/// `sbatch` and `squeue` of a cluster that runs each task at once, as Slurm would; the first task
/// of all is lost.
const SBATCH: &str = r#"#!/bin/sh
echo "$@" >> "$CLUSTER/calls"
cat > "$CLUSTER/script"
id=$(($(cat "$CLUSTER/id" 2>/dev/null || echo 40) + 1))
echo $id > "$CLUSTER/id"
for word in "$@"; do case $word in --array=0-*) last=${word#--array=0-};; esac; done
(
  for task in $(seq 0 "$last"); do
    if mkdir "$CLUSTER/lost" 2>/dev/null; then continue; fi
    SLURM_ARRAY_TASK_ID=$task sh "$CLUSTER/script" >/dev/null 2>&1 </dev/null
  done
) >/dev/null 2>&1
echo $id
"#;

#[test]
fn a_cluster_trains_the_trials_and_a_lost_task_is_submitted_again() {
    let folder = scratch("sweep-slurm");
    write(&folder, 3, 4, "");
    let sweep_file = folder.join("tiny.toml");
    let with_options =
        fs::read_to_string(&sweep_file).unwrap() + "[slurm]\noptions = [\"--partition=tiny\"]\n";
    fs::write(&sweep_file, with_options).unwrap();
    for (name, script) in [("sbatch", SBATCH), ("squeue", "#!/bin/sh\nexit 0\n")] {
        let path = folder.join("bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!(
        "{}:{}",
        folder.join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let output = dreamlet(&folder)
        .args(["sweep", "tiny.toml", "--launcher", "slurm", "--poll", "1"])
        .env("PATH", path)
        .env("CLUSTER", &folder)
        .output()
        .unwrap();
    let table = table(&output);
    assert_eq!(table.matches("finished").count(), 3, "{table}");
    let lost = "left the queue without a result";
    assert_contains(&text(&output.stderr), &[lost]);
    let calls = fs::read_to_string(folder.join("calls")).unwrap();
    assert_contains(&calls, &["--array=0-2", "--array=0-0"]);
    assert!(
        calls.lines().all(|l| l.contains("--partition=tiny")),
        "{calls}"
    );
}
