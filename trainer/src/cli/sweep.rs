//! `dreamlet sweep SWEEP.toml`, and the worker that its tasks on a cluster run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

use super::stopped::{Stopped, stop_on_signal, stopped};
use crate::device::{self, DeviceChoice};
use crate::sweep::launcher::{Job, Launcher, Local, Slurm, WorkerResult};
use crate::sweep::trial::best;
use crate::sweep::{
    Ending, Event, Spec, Sweep, SweepError, Unit, describe, report, retry_failed, schedule,
};
use crate::training::TrainError;
use dreamlet_compiler::cli::{CliResult, print};

/// What trains the trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LauncherChoice {
    /// Processes on this machine
    Local,
    /// Job arrays on a cluster, through sbatch
    Slurm,
}

#[derive(Debug, Args)]
#[command(after_long_help = FILE_HELP)]
pub(crate) struct SweepArgs {
    /// What to search: a TOML file
    sweep: PathBuf,
    /// The sweep's folder; the same one again goes on where it was [default: sweeps/NAME]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Trials at a time [default: one a GPU; a third of the cores, at most 4; 16 with slurm]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// What trains the trials
    #[arg(long, value_enum, default_value = "local")]
    launcher: LauncherChoice,
    /// Seconds between two looks at a cluster's queue
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    poll: u64,
    /// Where trials train: auto, cpu, ndarray, cuda, wgpu or vulkan; several GPUs: cuda:0,cuda:1
    #[arg(long, value_name = "DEVICE,…", default_value = "auto", value_delimiter = ',', value_parser = device_name)]
    device: Vec<String>,
    /// Let failed trials go on from where they stand
    #[arg(long)]
    retry_failed: bool,
    /// Print the trials' settings and the rungs, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// The sweep's folder
    folder: PathBuf,
    /// The trial to train to the end of its rung
    #[arg(long)]
    trial: usize,
    /// Where to train
    #[arg(long, default_value = "auto", value_parser = device_name)]
    device: String,
}

/// A device's name, checked now and handed on as it is.
fn device_name(text: &str) -> Result<String, device::DeviceError> {
    text.parse::<DeviceChoice>()?;
    Ok(text.to_owned())
}

/// The sweep file, for `dreamlet sweep --help`.
const FILE_HELP: &str = "\
SWEEP.toml:
  preset = \"vae-dense\"         or config = \"mine.toml\", beside this file
  data = \"glyphs\"              as --data of `dreamlet train`
  metric = \"score\"             the checkpoint's score, or a field of the run's metrics.jsonl or stats.jsonl
  goal = \"min\"                 or \"max\"
  trials = 27
  seed = 0                     fixes what each trial draws
  algorithm = \"asha\"           asynchronous successive halving, or \"random\"

  [budget]                     of one trial at most, in steps or in images
  images = 180000
  min = 20000                  asha: what each trial gets at first
  eta = 3                      asha: the best one in eta goes on, with eta times more

  [set]                        settings that all trials share
  \"data.size\" = 28

  [parameters]                 settings to search; `dreamlet presets --keys` lists what there is
  \"optimizer.learning_rate\" = { log = [1e-4, 1e-2] }
  \"optimizer.beta1\" = { uniform = [0.0, 0.9] }
  \"data.shift\" = { integer = [0, 4] }                    { integer = [16, 64], step = 16 } for some of them
  \"optimizer.batch\" = { choice = [32, 64, 128] }

  [slurm]                      for --launcher slurm: more arguments for sbatch
  options = [\"--partition=gpu\", \"--time=2:00:00\"]

The folder holds results.csv, sweep.svg, best.toml and a run folder for each trial. Kill the sweep at any moment: the same command goes on.
Failed trials count as the worst. trials may grow later; all else that fixes the trials must stay.";

/// Trials that the table on the terminal shows.
const SHOWN: usize = 30;

pub(crate) fn run(args: &SweepArgs) -> CliResult {
    if args.dry_run {
        return plan(&Spec::read(&args.sweep)?);
    }
    let mut gpus = false;
    for device in &args.device {
        let device: DeviceChoice = device.parse()?;
        if device == DeviceChoice::List {
            return print(&device::list());
        }
        gpus |= device.open()?.is_gpu();
    }
    let folder = match &args.out {
        Some(folder) => folder.clone(),
        None => Path::new("sweeps").join(args.sweep.file_stem().unwrap_or_default()),
    };
    let (mut sweep, _lock) = Sweep::create(&args.sweep, &folder)?;
    if args.retry_failed {
        let count = retry_failed(&mut sweep)?;
        log::info!("{count} failed trials go on");
    }
    note_rungs(&sweep.spec);
    let mut launcher = launcher(args, &sweep, gpus)?;
    let stop = stop_on_signal();
    let ending = crate::sweep::run(&mut sweep, launcher.as_mut(), &stop, &mut tell)?;
    report::write(&sweep)?;
    finish(args, &sweep, ending)
}

fn launcher(args: &SweepArgs, sweep: &Sweep, gpus: bool) -> Result<Box<dyn Launcher>, SweepError> {
    let program = std::env::current_exe().map_err(|source| SweepError::Launch {
        program: "this program again".to_owned(),
        source,
    })?;
    let devices = args.device.clone();
    let jobs = args.jobs.map(usize::from);
    Ok(match args.launcher {
        LauncherChoice::Local => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            // Small nets do not keep many cores busy, and two processes on one GPU are in each
            // other's way.
            let default = if gpus { 1 } else { (cores / 3).clamp(1, 4) };
            let slots = jobs.unwrap_or(default.max(devices.len()));
            Box::new(Local::new(program, devices, slots))
        }
        LauncherChoice::Slurm => {
            let [device] = &devices[..] else {
                return Err(SweepError::SlurmDevices);
            };
            let device = device.clone();
            let (slots, options) = (jobs.unwrap_or(16), sweep.spec.slurm.clone());
            let pause = Duration::from_secs(args.poll.max(1));
            let slurm = Slurm::new(&sweep.path, program, device, options, slots, pause);
            log::info!(
                "jobs are named {0}; `squeue --name {0}` shows them, `scancel --name {0}` ends them",
                slurm.name()
            );
            Box::new(slurm)
        }
    })
}

/// Says what happened to a trial, and keeps the results up to date for whoever looks meanwhile.
fn tell(sweep: &Sweep, number: usize, event: &Event) -> Result<(), SweepError> {
    let Some(trial) = sweep.trials.get(number) else {
        return Ok(());
    };
    match event {
        Event::Started => log::info!(
            "trial {number} trains to step {}: {}",
            trial.target,
            describe(&sweep.spec.settings(number))
        ),
        Event::Reached(reached) => {
            let metric = sweep.spec.metric.name();
            let best = best(&sweep.trials, sweep.spec.goal)
                .and_then(|t| Some((t.trial, t.last()?.value)))
                .map_or_else(String::new, |(t, v)| format!("; best: trial {t}, {v:.5}"));
            log::info!(
                "trial {number}: {metric} {:.5} at step {}{best}",
                reached.value,
                reached.step
            );
        }
        Event::Failed(reason) => log::warn!("trial {number} failed: {reason}"),
        Event::Died(reason) => log::warn!("trial {number} will be resumed: {reason}"),
    }
    match event {
        Event::Reached(_) | Event::Failed(_) => report::write(sweep),
        _ => Ok(()),
    }
}

fn finish(args: &SweepArgs, sweep: &Sweep, ending: Ending) -> CliResult {
    print(&report::table(sweep, SHOWN))?;
    let folder = sweep.path.display();
    if ending == Ending::Stopped {
        let meanwhile = match args.launcher {
            LauncherChoice::Local => "",
            LauncherChoice::Slurm => " The cluster trains what it has meanwhile.",
        };
        return stopped(&format!(
            "stopped; the same command goes on with {folder}.{meanwhile}"
        ));
    }
    let Some(trial) = best(&sweep.trials, sweep.spec.goal) else {
        let reason = sweep.trials.iter().find_map(|t| t.reason.clone());
        return Err(Box::new(SweepError::AllFailed {
            trials: sweep.trials.len(),
            reason: reason.unwrap_or_default(),
        }));
    };
    print(&format!(
        "\nthe best settings are trial {}'s; train with them:\n  {}\nor: dreamlet train --config {folder}/best.toml\nmore in {folder}: results.csv, sweep.svg",
        trial.trial,
        report::train_command(sweep, trial)
    ))
}

/// Says so when there are too few trials for the last rung.
fn note_rungs(spec: &Spec) {
    let rungs = schedule::rungs(spec.algorithm, spec.budget).len();
    let needed = schedule::trials_for_all_rungs(spec.algorithm, rungs);
    if (spec.trials as u64) < needed {
        log::info!(
            "note: no trial may get all of its budget: {} trials are thinned out {} times; take {needed} trials, or a larger budget.min",
            spec.trials,
            rungs - 1
        );
    }
}

/// What the sweep would do.
fn plan(spec: &Spec) -> CliResult {
    note_rungs(spec);
    let rungs = schedule::rungs(spec.algorithm, spec.budget);
    let rungs: Vec<String> = rungs.iter().map(u64::to_string).collect();
    let rungs = rungs.join(", then ");
    let unit = match spec.unit {
        Unit::Steps => "steps",
        Unit::Images => "images",
    };
    print(&format!("{} trials of up to {rungs} {unit}", spec.trials))?;
    (0..spec.trials).try_for_each(|t| print(&format!("trial {t}: {}", describe(&spec.settings(t)))))
}

/// Trains one trial to the end of its rung in this process, and leaves the result where the sweep
/// looks for it.
pub(crate) fn work(args: &WorkerArgs) -> CliResult {
    let sweep = Sweep::open(&args.folder)?;
    let trial = sweep.trials.get(args.trial);
    let trial = trial.ok_or_else(|| SweepError::NoTrial {
        found: args.trial,
        folder: args.folder.clone(),
    })?;
    let job = Job::of(&sweep, trial);
    let words = std::iter::once("dreamlet".to_owned()).chain(job.arguments(&args.device));
    let super::train::TrainVerb::Train(train) = super::train::TrainVerb::try_parse_from(words)?;
    let result = super::train::run(&train);
    let error = result.as_ref().err();
    // Another task trains this run: the result is for that one to write.
    let busy = error.and_then(|e| e.downcast_ref());
    if !matches!(busy, Some(TrainError::Busy { .. })) {
        // One that was stopped is resumed, as one that died.
        let failure = error.filter(|e| !e.is::<Stopped>());
        let left = WorkerResult {
            target: job.target,
            error: failure.map(ToString::to_string),
        };
        left.save(&sweep.path, job.trial)?;
    }
    result
}
