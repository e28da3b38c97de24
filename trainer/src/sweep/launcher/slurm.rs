//! A cluster under Slurm: each batch of trials is one job array, whose tasks run `dreamlet
//! sweep-worker`.
//!
//! The sweep folder lies on a file system that all nodes see. A task writes a result file when it
//! is over; a task that is in the queue no more and left none has died. Nothing has to stay running
//! on the login node: `dreamlet sweep` may be stopped, its tasks go on, and the same command
//! collects what they came to.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Ended, Exit, Job, Launcher};
use crate::atomic_file::sha256;
use crate::sweep::error::SweepError;
use crate::sweep::folder::{open_to_append, write};

/// Submits trials with `sbatch` and follows them with `squeue`.
#[derive(Debug)]
pub(crate) struct Slurm {
    folder: PathBuf,
    program: PathBuf,
    device: String,
    options: Vec<String>,
    slots: usize,
    pause: Duration,
    name: String,
    tasks: Vec<Task>,
    silent: u32,
}

#[derive(Debug)]
struct Task {
    job: Job,
    id: TaskId,
    unseen: u32,
}

impl Task {
    fn new(job: &Job, id: TaskId) -> Self {
        let (job, unseen) = (job.clone(), 0);
        Self { job, id, unseen }
    }
}

/// An array's job number and a task's place in it.
type TaskId = (String, usize);

/// A line of `slurm/jobs.jsonl`: which trials an array holds, in the order of its tasks.
#[derive(Debug, Serialize, Deserialize)]
struct Array {
    job: String,
    trials: Vec<usize>,
}

/// What a worker leaves when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerResult {
    /// The steps it was to come to.
    pub target: u64,
    /// Why it could not, if so.
    pub error: Option<String>,
}

impl WorkerResult {
    /// Leaves it for the sweep in `folder`.
    pub(crate) fn save(&self, folder: &Path, trial: usize) -> Result<(), SweepError> {
        let path = result_file(folder, trial);
        let json = serde_json::to_vec(self).map_err(|e| SweepError::damaged(&path, e))?;
        write(&path, &json)
    }
}

/// Where the worker of a trial leaves its result.
fn result_file(folder: &Path, trial: usize) -> PathBuf {
    folder.join("slurm").join(format!("{trial:05}.result.json"))
}

/// Times that a task may be out of the queue without a result before it counts as dead: a shared
/// file system may be slow.
const MOST_UNSEEN: u32 = 2;

/// Times in a row that `squeue` may fail: a scheduler that restarts does not end a sweep.
const MOST_SILENT: u32 = 30;

impl Slurm {
    /// Tasks for the sweep in `folder`, `slots` in the queue at a time, with `pause` between two
    /// looks at it. `options` go to `sbatch`.
    pub(crate) fn new(
        folder: &Path,
        program: PathBuf,
        device: String,
        options: Vec<String>,
        slots: usize,
        pause: Duration,
    ) -> Self {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let hash = sha256(folder.display().to_string().as_bytes());
        Self {
            name: format!("dreamlet-{}", hash.get(..8).unwrap_or_default()),
            folder,
            program,
            device,
            options,
            slots,
            pause,
            tasks: Vec::new(),
            silent: 0,
        }
    }

    /// The name of its jobs in the queue.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn script(&self, jobs: &[Job]) -> String {
        let trials: Vec<String> = jobs.iter().map(|j| j.trial.to_string()).collect();
        format!(
            "#!/bin/sh\nset -- {}\nshift \"$SLURM_ARRAY_TASK_ID\"\nexport RAYON_NUM_THREADS=\"${{SLURM_CPUS_PER_TASK:-1}}\"\nexec {} sweep-worker {} --trial \"$1\" --device {}\n",
            trials.join(" "),
            quoted(&self.program.display().to_string()),
            quoted(&self.folder.display().to_string()),
            quoted(&self.device),
        )
    }

    /// The tasks of this sweep that are in the queue; `None` when the scheduler does not answer.
    fn queue(&mut self) -> Result<Option<Vec<TaskId>>, SweepError> {
        let arguments = [
            "--noheader",
            "--array",
            "--format=%F|%K|%T",
            "--name",
            &self.name,
        ];
        match call("squeue", &arguments, "") {
            Ok(text) => {
                self.silent = 0;
                Ok(Some(text.lines().filter_map(task_of).collect()))
            }
            Err(SweepError::Scheduler { .. }) if self.silent < MOST_SILENT => {
                self.silent += 1;
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn arrays(&self) -> Vec<Array> {
        let text = fs::read_to_string(self.folder.join("slurm/jobs.jsonl")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn remember(&self, array: &Array) -> io::Result<()> {
        let mut file = open_to_append(&self.folder.join("slurm/jobs.jsonl"))?;
        writeln!(file, "{}", serde_json::to_string(array)?)?;
        file.sync_all()
    }

    fn result(&self, job: &Job) -> Option<WorkerResult> {
        let bytes = fs::read(result_file(&self.folder, job.trial)).ok()?;
        let result: WorkerResult = serde_json::from_slice(&bytes).ok()?;
        (result.target == job.target).then_some(result)
    }
}

impl Launcher for Slurm {
    fn slots(&self) -> usize {
        self.slots
    }

    fn submit(&mut self, jobs: &[Job]) -> Result<(), SweepError> {
        let logs = self.folder.join("slurm");
        fs::create_dir_all(&logs).map_err(SweepError::file(&logs, "making"))?;
        for job in jobs {
            let stale = result_file(&self.folder, job.trial);
            if let Err(e) = fs::remove_file(&stale)
                && e.kind() != io::ErrorKind::NotFound
            {
                return Err(SweepError::file(&stale, "removing")(e));
            }
        }
        let array = format!("--array=0-{}", jobs.len().saturating_sub(1));
        let name = format!("--job-name={}", self.name);
        let output = format!("--output={}", logs.join("%A-%a.log").display());
        let mut arguments = vec!["--parsable", &array, &name, &output];
        arguments.extend(self.options.iter().map(String::as_str));
        let answer = call("sbatch", &arguments, &self.script(jobs))?;
        // The job's number, and the cluster's name where there are several.
        let answer = answer.trim();
        let id = answer.split(';').next().unwrap_or_default();
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(SweepError::Scheduler {
                command: "sbatch --parsable".to_owned(),
                message: format!("it must answer with a job's number, found \"{answer}\""),
            });
        }
        let array = Array {
            job: id.to_owned(),
            trials: jobs.iter().map(|j| j.trial).collect(),
        };
        self.remember(&array)
            .map_err(SweepError::file(&logs, "writing jobs.jsonl in"))?;
        let tasks = jobs.iter().enumerate();
        self.tasks
            .extend(tasks.map(|(place, job)| Task::new(job, (id.to_owned(), place))));
        Ok(())
    }

    fn adopt(&mut self, job: &Job) -> Result<bool, SweepError> {
        let newest = self.arrays().into_iter().rev().find_map(|array| {
            let place = array.trials.iter().position(|t| *t == job.trial)?;
            Some((array.job, place))
        });
        let Some(id) = newest else { return Ok(false) };
        let queued = self.queue()?.is_none_or(|queue| queue.contains(&id));
        let under_way = queued || self.result(job).is_some();
        if under_way {
            self.tasks.push(Task::new(job, id));
        }
        Ok(under_way)
    }

    fn poll(&mut self) -> Result<Vec<Ended>, SweepError> {
        if self.tasks.is_empty() {
            return Ok(Vec::new());
        }
        // The queue first: a task that leaves it after this look has its result in time for the
        // next one.
        let queue = self.queue()?;
        let mut ended = Vec::new();
        for mut task in std::mem::take(&mut self.tasks) {
            let exit = match self.result(&task.job) {
                Some(result) => Some(result.error.map_or(Exit::Well, Exit::Error)),
                None => {
                    let gone = queue.as_ref().is_some_and(|q| !q.contains(&task.id));
                    task.unseen = if gone { task.unseen + 1 } else { 0 };
                    (task.unseen > MOST_UNSEEN).then(|| Exit::Gone(farewell(&task.id)))
                }
            };
            match exit {
                None => self.tasks.push(task),
                Some(exit) => ended.push(task.job.ended(&exit)?),
            }
        }
        Ok(ended)
    }

    /// The cluster goes on: a queue is waited for too long to be given up with a key press.
    fn stop(&mut self) {}

    fn ends_with_us(&self) -> bool {
        false
    }

    fn pause(&self) -> Duration {
        self.pause
    }
}

/// What is known of a task that left no result; `sacct` knows more where the cluster keeps
/// accounts.
fn farewell((job, place): &TaskId) -> String {
    let task = format!("{job}_{place}");
    let known = call("sacct", &["-X", "-n", "-P", "-o", "State", "-j", &task], "");
    match known.unwrap_or_default().lines().next().map(str::trim) {
        None | Some("") => format!("Slurm's task {task} left the queue without a result"),
        Some(state) => format!("Slurm's task {task} ended as {state}"),
    }
}

/// A line `JOB|PLACE|STATE` of the queue.
fn task_of(line: &str) -> Option<TaskId> {
    let mut parts = line.trim().split('|');
    let (job, place) = (parts.next()?, parts.next()?);
    Some((job.to_owned(), place.parse().ok()?))
}

/// A word for the shell, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Runs a command of Slurm's with `input` and returns what it printed.
fn call(program: &str, arguments: &[&str], input: &str) -> Result<String, SweepError> {
    let launch = |source| SweepError::Launch {
        program: format!("{program} (is this a machine that can submit to Slurm?)"),
        source,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(launch)?;
    // A command that refuses its arguments reads nothing; its words say why.
    if let Some(mut stdin) = child.stdin.take()
        && let Err(e) = stdin.write_all(input.as_bytes())
        && e.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(launch(e));
    }
    let output = child.wait_with_output().map_err(launch)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = match String::from_utf8_lossy(&output.stderr).trim() {
        "" => output.status.to_string(),
        words => words.to_owned(),
    };
    Err(SweepError::Scheduler {
        command: format!("{program} {}", arguments.join(" ")),
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_queue_are_read_and_others_passed_over() {
        assert_eq!(task_of("17|3|RUNNING"), Some(("17".to_owned(), 3)));
        // A job that is no array.
        assert_eq!(task_of("17|N/A|PENDING"), None);
        assert_eq!(task_of(""), None);
    }

    #[test]
    fn a_path_with_a_quote_stays_one_word() {
        assert_eq!(quoted("a'b c"), r"'a'\''b c'");
    }
}
