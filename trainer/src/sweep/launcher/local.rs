//! Child processes on this machine.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{Ended, Exit, Job, Launcher};
use crate::sweep::error::SweepError;
use crate::sweep::folder::{open_to_append, run_in};

/// Trains a number of trials at a time, each in a process `dreamlet train` of its own.
#[derive(Debug)]
pub(crate) struct Local {
    program: PathBuf,
    /// One at least.
    devices: Vec<String>,
    slots: usize,
    threads: usize,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    job: Job,
    device: String,
    /// `None` of a process that an earlier sweep started.
    child: Option<Child>,
    /// Where this process's words begin in the log.
    log_from: u64,
}

/// The log of a trial's processes, in its folder.
const LOG: &str = "train.log";

/// Locked as long as a trial's process lives: it is the process's standard input, and so stays
/// locked when the sweep is killed. It holds the name of the process's device.
const LOCK: &str = "train.lock";

impl Local {
    /// `slots` processes of `program` at a time, which share the machine's cores and `devices`.
    pub(crate) fn new(program: PathBuf, devices: Vec<String>, slots: usize) -> Self {
        let slots = slots.max(1);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            program,
            devices,
            slots,
            threads: (cores / slots).max(1),
            running: Vec::new(),
        }
    }

    /// The device with the fewest trials, the first of several.
    fn least_busy(&self) -> String {
        let trials = |device: &&String| {
            let on = |running: &&Running| running.device == **device;
            self.running.iter().filter(on).count()
        };
        let least = self.devices.iter().min_by_key(trials);
        least.cloned().unwrap_or_else(|| "auto".to_owned())
    }

    fn start(&self, job: &Job) -> Result<Running, SweepError> {
        let device = self.least_busy();
        fs::create_dir_all(&job.out).map_err(SweepError::file(&job.out, "making"))?;
        let open = |name| {
            let path = job.out.join(name);
            let file = open_to_append(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
            file.map_err(SweepError::file(&path, "opening"))
        };
        let (log_from, log) = open(LOG)?;
        let (_, lock) = open(LOCK)?;
        // A file system without locks: go on without.
        let _ = lock.try_lock();
        // What is lost without the name is a better choice of devices after a kill.
        let _ = lock
            .set_len(0)
            .and_then(|()| (&lock).write_all(device.as_bytes()));
        let mut command = Command::new(&self.program);
        command
            .args(job.arguments(&device))
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            .stdin(lock)
            .stdout(Stdio::null())
            .stderr(log);
        // Ctrl-C on the terminal goes to the sweep alone, which then asks its children once: a
        // second request would end them at once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().map_err(|source| SweepError::Launch {
            program: self.program.display().to_string(),
            source,
        })?;
        Ok(Running {
            job: job.clone(),
            device,
            child: Some(child),
            log_from,
        })
    }
}

impl Running {
    /// How it ended, if it did.
    fn exit(&mut self) -> Option<Exit> {
        let Some(child) = &mut self.child else {
            let ended = !is_locked(&self.job.out);
            return ended.then(|| Exit::Gone("its process ended".to_owned()));
        };
        match child.try_wait() {
            Ok(status) => Some(exit_of(status?, &self.job.out.join(LOG), self.log_from)),
            Err(e) => Some(Exit::Gone(e.to_string())),
        }
    }
}

impl Launcher for Local {
    fn slots(&self) -> usize {
        self.slots
    }

    fn submit(&mut self, jobs: &[Job]) -> Result<(), SweepError> {
        for job in jobs {
            self.running.push(self.start(job)?);
        }
        Ok(())
    }

    fn adopt(&mut self, job: &Job) -> Result<bool, SweepError> {
        let under_way = is_locked(&job.out);
        if under_way {
            self.running.push(Running {
                job: job.clone(),
                device: fs::read_to_string(job.out.join(LOCK)).unwrap_or_default(),
                child: None,
                log_from: 0,
            });
        }
        Ok(under_way)
    }

    fn poll(&mut self) -> Result<Vec<Ended>, SweepError> {
        let mut over = Vec::new();
        self.running.retain_mut(|running| match running.exit() {
            Some(exit) => {
                over.push((running.job.clone(), exit));
                false
            }
            None => true,
        });
        over.iter().map(|(job, exit)| job.ended(exit)).collect()
    }

    fn stop(&mut self) {
        // What an earlier process started is not asked: it goes on, and the next sweep takes it
        // over again.
        self.running.retain(|running| running.child.is_some());
        for child in self.running.iter_mut().flat_map(|r| &mut r.child) {
            ask_to_stop(child);
        }
    }

    fn ends_with_us(&self) -> bool {
        self.running.iter().any(|running| running.child.is_some())
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(50)
    }
}

/// Whether a process trains under `out`: one of a sweep, which may not have made its run folder
/// yet, or somebody else's in the run folder.
fn is_locked(out: &Path) -> bool {
    let held = |path: PathBuf| {
        let lock = File::open(path);
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)))
    };
    held(out.join(LOCK)) || run_in(out).is_some_and(|run| held(run.join("run.lock")))
}

/// The exit statuses of a process that was asked to stop: 128 and the signal, of SIGHUP to SIGTERM.
const INTERRUPTED: std::ops::RangeInclusive<i32> = 129..=143;

fn exit_of(status: ExitStatus, log: &Path, from: u64) -> Exit {
    match status.code() {
        Some(0) => Exit::Well,
        Some(code) if !INTERRUPTED.contains(&code) => Exit::Error(
            last_words(log, from).unwrap_or_else(|| format!("it ended with status {code}")),
        ),
        Some(_) => Exit::Gone("it was asked to stop".to_owned()),
        None => Exit::Gone(status.to_string()),
    }
}

/// The last line of a log that begins with `error: `, or the last one that is not empty.
fn last_words(log: &Path, from: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.take(1 << 20).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().rev().map(str::trim).filter(|l| !l.is_empty());
    let last = lines.clone().next()?;
    let said = lines.find_map(|l| l.strip_prefix("error: "));
    Some(said.unwrap_or(last).to_owned())
}

#[cfg(unix)]
fn ask_to_stop(child: &mut Child) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may be over already, which is what was wanted.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// Elsewhere there is no polite way; the newest checkpoint is whole all the same.
#[cfg(not(unix))]
fn ask_to_stop(child: &mut Child) {
    let _ = child.kill();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    #[cfg(unix)]
    #[test]
    fn a_process_that_has_made_nothing_yet_is_taken_over() {
        use std::os::unix::fs::PermissionsExt;
        let folder = TestFolder::new();
        let program = folder.write("train.sh", b"#!/bin/sh\nsleep 1\n");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let job = Job::in_folder(folder.0.join("trial"));
        let mut killed = Local::new(program.clone(), vec!["cpu".into()], 1);
        let mut next = Local::new(program, vec!["cpu".into()], 1);
        assert!(!next.adopt(&job).unwrap());
        killed.submit(std::slice::from_ref(&job)).unwrap();
        // What a kill leaves: the child goes on.
        drop(killed);
        assert!(next.adopt(&job).unwrap());
        assert!(next.poll().unwrap().is_empty());
        while is_locked(&job.out) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(next.poll().unwrap().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn each_trial_has_a_device_of_its_own_after_a_kill_too() {
        use std::os::unix::fs::PermissionsExt;
        let folder = TestFolder::new();
        let program = folder.write("train.sh", b"#!/bin/sh\nsleep 1\n");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let jobs = ["a", "b", "c"].map(|name| Job::in_folder(folder.0.join(name)));
        let devices: Vec<String> = ["cuda:0", "cuda:1"].map(str::to_owned).to_vec();
        let mut killed = Local::new(program.clone(), devices.clone(), 2);
        killed.submit(&jobs[..2]).unwrap();
        let used = |local: &Local| -> Vec<String> {
            local.running.iter().map(|one| one.device.clone()).collect()
        };
        assert_eq!(used(&killed), devices);
        drop(killed);
        let mut next = Local::new(program, devices, 2);
        assert!(next.adopt(&jobs[0]).unwrap());
        next.submit(&jobs[2..]).unwrap();
        assert_eq!(used(&next), ["cuda:0", "cuda:1"]);
    }

    #[test]
    fn the_reason_of_a_failure_is_its_error_line_and_not_an_older_one() {
        let folder = TestFolder::new();
        let old = b"error: an old one\n";
        let log = folder.write(
            "train.log",
            &[old, &b"step 1\nerror: the loss\nand more\n"[..]].concat(),
        );
        let from = old.len() as u64;
        assert_eq!(last_words(&log, from), Some("the loss".to_owned()));
        let log = folder.write("train.log", &[old, &b"killed\n"[..]].concat());
        assert_eq!(last_words(&log, from), Some("killed".to_owned()));
        assert_eq!(last_words(&log, from + 7), None);
    }
}
