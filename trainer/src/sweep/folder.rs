//! The sweep folder: the sweep file, one JSON file for each trial, and the run folders.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::error::SweepError;
use super::read::parse;
use super::schedule;
use super::spec::{Spec, Unit};
use super::trial::Trial;
use crate::atomic_file::{folders, write_atomic};
use crate::config::Source;
use crate::training::Learner;

#[derive(Debug)]
pub(crate) struct Sweep {
    /// The sweep file, as it is in the folder.
    pub spec: Spec,
    pub path: PathBuf,
    /// What is known of the trials that were begun, by number.
    pub trials: Vec<Trial>,
    /// Budgets at which trials are compared, in the unit of the sweep file.
    pub rungs: Vec<u64>,
}

/// Holds the sweep folder for one process.
#[derive(Debug)]
pub(crate) struct SweepLock(#[allow(dead_code, reason = "dropping it lets go")] File);

impl Sweep {
    /// Makes the folder for `file`, or goes on with the one there is.
    ///
    /// # Errors
    /// [`SweepError::Changed`] when the folder holds another sweep, [`SweepError::Busy`], or what
    /// is wrong with the file.
    pub(crate) fn create(file: &Path, folder: &Path) -> Result<(Self, SweepLock), SweepError> {
        let new = Spec::read(file)?;
        for inner in ["trials", "runs"].map(|name| folder.join(name)) {
            let failed = SweepError::file(&inner, "making the sweep folder");
            fs::create_dir_all(&inner).map_err(failed)?;
        }
        let lock = lock(folder)?;
        let copy = folder.join("sweep.toml");
        if copy.is_file() {
            new.continues(&Spec::read(&copy)?)
                .map_err(|what| SweepError::Changed {
                    folder: folder.to_owned(),
                    what,
                })?;
        }
        write_copy(file, &new, folder)?;
        Ok((Self::open(folder)?, lock))
    }

    /// Reads a sweep folder; for looking, or for a worker that trains one of its trials.
    pub(crate) fn open(folder: &Path) -> Result<Self, SweepError> {
        let spec = Spec::read(&folder.join("sweep.toml"))?;
        let rungs = schedule::rungs(spec.algorithm, spec.budget);
        let mut trials = Vec::new();
        for number in 0..spec.trials {
            let path = trial_file(folder, number);
            if !path.is_file() {
                break;
            }
            let bytes =
                fs::read(&path).map_err(SweepError::file(&path, "reading the trial's file"))?;
            let trial: Trial =
                serde_json::from_slice(&bytes).map_err(|e| SweepError::damaged(&path, e))?;
            let (said, rung, rungs) = (trial.trial, trial.rung, rungs.len());
            if said != number || rung >= rungs {
                let message = format!(
                    "it says trial {said} on rung {rung}, and must say {number} and a rung below {rungs}"
                );
                return Err(SweepError::damaged(&path, message));
            }
            trials.push(trial);
        }
        Ok(Self {
            spec,
            path: folder.to_owned(),
            trials,
            rungs,
        })
    }

    pub(crate) fn save(&self, trial: &Trial) -> Result<(), SweepError> {
        let path = trial_file(&self.path, trial.trial);
        let json = serde_json::to_vec_pretty(trial).map_err(|e| SweepError::damaged(&path, e))?;
        write(&path, &json)
    }

    /// Training steps of trial number `trial` at the end of `rung`: of a budget in images, as many
    /// steps as use them up.
    pub(crate) fn steps(&self, trial: usize, rung: usize) -> Result<u64, SweepError> {
        let budget = self.rungs.get(rung).copied().unwrap_or(self.spec.budget);
        match self.spec.unit {
            Unit::Steps => Ok(budget),
            Unit::Images => {
                let config = self.spec.config(trial)?;
                let images = Learner::batches_per_step(&config) * config.optimizer.batch as u64;
                Ok(budget.div_ceil(images.max(1)).max(1))
            }
        }
    }

    /// The folder that holds the run folder of a trial.
    pub(crate) fn out(&self, trial: usize) -> PathBuf {
        self.path.join("runs").join(format!("{trial:05}"))
    }

    /// The run folder of a trial, when training has made it.
    pub(crate) fn run(&self, trial: usize) -> Option<PathBuf> {
        run_in(&self.out(trial))
    }
}

/// The newest run folder in `out` that is whole: training makes `export` last.
pub(super) fn run_in(out: &Path) -> Option<PathBuf> {
    folders(out)
        .unwrap_or_default()
        .into_iter()
        .rfind(|p| p.join("config.toml").is_file() && p.join("export").is_dir())
}

pub(super) fn open_to_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true).open(path)
}

/// Writes a file that is whole or not there.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), SweepError> {
    write_atomic(path, bytes).map_err(SweepError::file(path, "writing"))
}

fn trial_file(folder: &Path, trial: usize) -> PathBuf {
    folder.join("trials").join(format!("{trial:05}.json"))
}

fn lock(folder: &Path) -> Result<SweepLock, SweepError> {
    let path = folder.join("sweep.lock");
    let file = open_to_append(&path).map_err(SweepError::file(&path, "opening"))?;
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Err(SweepError::Busy {
            folder: folder.to_owned(),
        }),
        // A file system without locks: go on without.
        Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(SweepLock(file)),
    }
}

/// Copies the sweep file and the configuration it names, which may change or go away later.
fn write_copy(file: &Path, spec: &Spec, folder: &Path) -> Result<(), SweepError> {
    let read = |path: &Path| fs::read_to_string(path).map_err(SweepError::file(path, "reading"));
    let mut text = read(file)?;
    if let Source::File(config) = &spec.source {
        write(&folder.join("base.toml"), read(config)?.as_bytes())?;
        let mut table = parse(&file.display().to_string(), &text)?;
        table.insert("config".to_owned(), "base.toml".into());
        text = table.to_string();
    }
    write(&folder.join("sweep.toml"), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    const SWEEP: &str = "config = \"mine.toml\"\ntrials = 2\nalgorithm = \"random\"\n[budget]\nimages = 1000\n[parameters]\n\"optimizer.batch\" = { choice = [48, 100] }\n";

    #[test]
    fn a_sweep_keeps_a_copy_of_all_it_depends_on() {
        let folder = TestFolder::new();
        let file = folder.write("sweep.toml", SWEEP.as_bytes());
        let config = folder.write("mine.toml", b"preset = \"vae-dense\"\n");
        let out = folder.0.join("out");
        let (first, lock) = Sweep::create(&file, &out).unwrap();
        assert!(matches!(
            Sweep::create(&file, &out),
            Err(SweepError::Busy { .. })
        ));
        drop(lock);
        let steps = first.steps(0, 0).unwrap();
        assert!([1000_u64.div_ceil(48), 10].contains(&steps), "{steps}");
        drop(Sweep::create(&file, &out).unwrap());
        fs::write(&config, "preset = \"seed-vae\"\n").unwrap();
        let message = Sweep::create(&file, &out).unwrap_err().to_string();
        assert!(message.contains("another preset or config"), "{message}");
        fs::remove_file(&config).unwrap();
        assert_eq!(Sweep::open(&out).unwrap().spec.trials, 2);
    }

    #[test]
    fn a_damaged_trial_file_is_named() {
        let folder = TestFolder::new();
        let text = SWEEP.replace("config = \"mine.toml\"", "preset = \"vae-dense\"");
        let file = folder.write("sweep.toml", text.as_bytes());
        let out = folder.0.join("out");
        drop(Sweep::create(&file, &out).unwrap());
        for bad in ["{", "{\"trial\": 1}"] {
            fs::write(out.join("trials/00000.json"), bad).unwrap();
            let message = Sweep::open(&out).unwrap_err().to_string();
            assert!(message.contains("00000.json is damaged"), "{message}");
        }
    }
}
