//! Checkpoints: one folder each, whole or not there. Every file's SHA-256 is in `state.json`, and
//! that of `state.json` in `state.sha256`, as `sha256sum -c` reads it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::TrainError;
use super::learner::Learner;
pub(crate) use super::state::{Best, FORMAT, State};
use crate::atomic_file::{
    folders, read_regular, rename_synced, sha256, sync_folder, write_atomic, write_synced,
};

/// A checkpoint that is whole: its folder, and where it stands.
pub(crate) type Whole = (PathBuf, State);

/// The newest checkpoint that is whole, if there is any, and messages about damaged newer ones.
pub(crate) type Newest<T> = (Option<T>, Vec<String>);

/// The folder of the checkpoint at `step`.
pub(crate) fn folder(run: &Path, step: u64) -> PathBuf {
    run.join("checkpoints").join(format!("{step:08}"))
}

const STATE: &str = "state.json";

/// SHA-256 of [`STATE`].
const SEAL: &str = "state.sha256";

fn seal(state: &[u8]) -> String {
    format!("{}  {STATE}\n", sha256(state))
}

fn file_name(part: &str) -> String {
    format!("{part}.bpk")
}

/// Writes a checkpoint beside the others, then removes those before it but the newest `keep` and
/// the best.
///
/// # Errors
/// [`TrainError::File`]; the older checkpoints are untouched then, and nothing of this one is left.
pub(crate) fn save(
    run: &Path,
    learner: &Learner,
    state: State,
    keep: usize,
) -> Result<PathBuf, TrainError> {
    let temporary = run
        .join("checkpoints")
        .join(format!(".{:08}.tmp", state.step));
    let step = state.step;
    let saved = write(run, learner, state, &temporary);
    if saved.is_err() {
        // What is half written takes space that may be what is lacking.
        let _ = fs::remove_dir_all(&temporary);
    } else {
        prune(run, step, keep);
    }
    saved
}

fn write(
    run: &Path,
    learner: &Learner,
    mut state: State,
    temporary: &Path,
) -> Result<PathBuf, TrainError> {
    let all = run.join("checkpoints");
    let target = folder(run, state.step);
    let wrong = TrainError::checkpoint(&target);
    let parts = learner.parts().map_err(&wrong)?;
    let doing = "writing the checkpoint";
    let _ = fs::remove_dir_all(temporary);
    fs::create_dir_all(temporary).map_err(TrainError::file(temporary, doing))?;
    state.format = FORMAT;
    state.sealed = true;
    state.files.clear();
    for (name, bytes) in parts {
        let path = temporary.join(file_name(name));
        write_synced(&path, &bytes).map_err(TrainError::file(&path, doing))?;
        state.files.insert(file_name(name), sha256(&bytes));
    }
    let json = serde_json::to_vec_pretty(&state).map_err(|e| wrong(e.to_string()))?;
    let seal = seal(&json);
    for (name, bytes) in [(STATE, &json[..]), (SEAL, seal.as_bytes())] {
        let path = temporary.join(name);
        write_synced(&path, bytes).map_err(TrainError::file(&path, doing))?;
    }
    sync_folder(temporary).map_err(TrainError::file(temporary, doing))?;
    if target.exists() {
        // A resumed run comes by here again with the same bytes, or a damaged folder stands in the
        // way.
        remove(&target).map_err(TrainError::file(&target, doing))?;
    }
    fs::rename(temporary, &target).map_err(TrainError::file(&target, doing))?;
    sync_folder(&all).map_err(TrainError::file(&all, doing))?;
    let former = best(run);
    let better = better(former.clone(), &state);
    if better != former {
        write_best(run, better.as_ref())?;
    }
    Ok(target)
}

/// The better one of the best checkpoint so far and that of `state`, a later one.
fn better(former: Option<Best>, state: &State) -> Option<Best> {
    let Some(score) = state.score.filter(|s| s.is_finite()) else {
        return former;
    };
    let stays = |b: &Best| {
        is_same_score(&b.score_name, &state.score_name)
            && !is_better(score, b.score, state.larger_is_better)
    };
    former.filter(stays).or_else(|| {
        Some(Best {
            step: state.step,
            score,
            score_name: state.score_name.clone(),
        })
    })
}

/// Whether two scores are of one kind. Earlier versions wrote "pictures" for "images".
fn is_same_score(a: &str, b: &str) -> bool {
    a == b || a.replace("pictures", "images") == b.replace("pictures", "images")
}

/// Whether `new` is better than `old`, and not only as good.
pub(super) fn is_better(new: f64, old: f64, larger_is_better: bool) -> bool {
    if larger_is_better {
        new > old
    } else {
        new < old
    }
}

fn write_best(run: &Path, best: Option<&Best>) -> Result<(), TrainError> {
    let path = run.join("checkpoints/best.json");
    let written = match best {
        Some(best) => serde_json::to_vec_pretty(best)
            .map_err(io::Error::from)
            .and_then(|json| write_atomic(&path, &json)),
        None if path.exists() => fs::remove_file(&path),
        None => Ok(()),
    };
    written.map_err(TrainError::file(&path, "writing"))
}

/// The best checkpoint so far, when one has a score.
pub(crate) fn best(run: &Path) -> Option<Best> {
    let bytes = read_regular(&run.join("checkpoints/best.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Removes checkpoints before `saved`, the one that was just written: later ones are not of this
/// course of the run.
fn prune(run: &Path, saved: u64, keep: usize) {
    let best = best(run).map(|b| b.step);
    let before = steps(run).into_iter().rev().filter(|step| *step <= saved);
    for step in before.skip(keep.max(1)).filter(|s| Some(*s) != best) {
        // A checkpoint that cannot be removed costs space, nothing else.
        let _ = remove(&folder(run, step));
    }
}

/// Removes a checkpoint: it is whole or not there, also where the process is killed in between.
/// [`tidy`] removes what is left of it then.
fn remove(checkpoint: &Path) -> io::Result<()> {
    // What is no folder is not ours.
    fs::read_dir(checkpoint)?;
    let name = checkpoint.file_name().unwrap_or_default();
    let hidden = format!(".{}.old.tmp", name.to_string_lossy());
    let hidden = checkpoint.with_file_name(hidden);
    // Of a process that was killed here before.
    let _ = fs::remove_dir_all(&hidden);
    fs::rename(checkpoint, &hidden)?;
    fs::remove_dir_all(&hidden)
}

/// Steps of the checkpoints there are, oldest first.
pub(crate) fn steps(run: &Path) -> Vec<u64> {
    let found = folders(&run.join("checkpoints")).unwrap_or_default();
    found
        .iter()
        .filter_map(|path| {
            let step = path.file_name()?.to_str()?.parse().ok()?;
            (folder(run, step) == *path).then_some(step)
        })
        .collect()
}

/// Reads `state.json` of a checkpoint folder and checks every file against it.
///
/// # Errors
/// [`TrainError::Checkpoint`] names the file that is missing or damaged.
pub(crate) fn read_state(checkpoint: &Path) -> Result<State, TrainError> {
    let wrong = TrainError::checkpoint(checkpoint);
    let of_state = |reason: String| wrong(format!("{STATE}: {reason}"));
    let bytes = read_regular(&checkpoint.join(STATE)).map_err(|e| of_state(e.to_string()))?;
    let state: State = serde_json::from_slice(&bytes).map_err(|e| of_state(e.to_string()))?;
    if state.format != FORMAT {
        let format = state.format;
        return Err(wrong(format!(
            "it has format {format}, this program reads {FORMAT}"
        )));
    }
    let kept = checkpoint.join(SEAL);
    if state.sealed || kept.exists() {
        let kept = read_regular(&kept).map_err(|e| wrong(format!("{SEAL}: {e}")))?;
        if kept != seal(&bytes).as_bytes() {
            let found = sha256(&bytes);
            return Err(of_state(format!(
                "its SHA-256 is {found}, {SEAL} says another"
            )));
        }
    }
    state.check().map_err(of_state)?;
    let path = checkpoint.canonicalize();
    let path = path.as_deref().unwrap_or(checkpoint);
    let run = path.ancestors().nth(2).unwrap_or(path);
    if folder(run, state.step) != path {
        let step = state.step;
        return Err(of_state(format!(
            "it is of step {step}, which is not its folder's name"
        )));
    }
    for name in state.files.keys() {
        read_file(checkpoint, &state, name).map_err(&wrong)?;
    }
    Ok(state)
}

fn read_file(checkpoint: &Path, state: &State, name: &str) -> Result<Vec<u8>, String> {
    let expected = state
        .files
        .get(name)
        .ok_or_else(|| format!("state.json does not list {name}"))?;
    let bytes = read_regular(&checkpoint.join(name)).map_err(|e| format!("{name}: {e}"))?;
    let found = sha256(&bytes);
    if found == *expected {
        Ok(bytes)
    } else {
        Err(format!(
            "{name} has SHA-256 {found}, state.json says {expected}"
        ))
    }
}

/// The bytes of one part (`generator`, …) of a checkpoint.
///
/// # Errors
/// [`TrainError::Checkpoint`] when it is missing or damaged.
pub(crate) fn read_part(
    checkpoint: &Path,
    state: &State,
    part: &str,
) -> Result<Vec<u8>, TrainError> {
    read_file(checkpoint, state, &file_name(part)).map_err(TrainError::checkpoint(checkpoint))
}

pub(crate) fn load(
    checkpoint: &Path,
    state: &State,
    learner: &mut Learner,
) -> Result<(), TrainError> {
    learner
        .load(&mut |part| read_file(checkpoint, state, &file_name(part)))
        .map_err(TrainError::checkpoint(checkpoint))
}

/// The newest checkpoint that is whole; `None` where there is no checkpoint at all.
///
/// # Errors
/// [`TrainError::NoWholeCheckpoint`] when there are some and all are damaged.
pub(crate) fn newest(run: &Path) -> Result<Newest<Whole>, TrainError> {
    let (newest, damaged) = newest_that(run, |_, _| Ok(()))?;
    Ok((newest.map(|(whole, ())| whole), damaged))
}

/// The newest whole checkpoint that `open` can use, with what `open` made of it.
///
/// # Errors
/// As [`newest`].
pub(crate) fn newest_that<T>(
    run: &Path,
    open: impl Fn(&Path, &State) -> Result<T, TrainError>,
) -> Result<Newest<(Whole, T)>, TrainError> {
    let mut damaged = Vec::new();
    for step in steps(run).into_iter().rev() {
        let path = folder(run, step);
        let opened = read_state(&path).and_then(|state| Ok((open(&path, &state)?, state)));
        match opened {
            Ok((opened, state)) => return Ok((Some(((path, state), opened)), damaged)),
            Err(e) => damaged.push(e.to_string()),
        }
    }
    if damaged.is_empty() {
        return Ok((None, damaged));
    }
    Err(TrainError::NoWholeCheckpoint {
        run: run.to_owned(),
        damaged,
    })
}

/// The run's newest checkpoint, if it was written after the export `file`: what `file` draws is not
/// what the run can do by now.
pub(crate) fn newer_checkpoint(run: &Path, file: &Path) -> Option<PathBuf> {
    let time = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    let step = *steps(run).last()?;
    let newest = folder(run, step);
    (time(&newest.join("state.json"))? > time(file)?).then_some(newest)
}

/// Before a run goes on: names damaged checkpoints so that they are no longer taken for
/// checkpoints, removes what a process that was killed left half written, and lets `best.json` name
/// the best of the whole ones. A checkpoint is whole if `usable` finds so, too. Returns a line about
/// each change.
pub(super) fn tidy(
    run: &Path,
    usable: impl Fn(&Path, &State) -> Result<(), TrainError>,
) -> Result<Vec<String>, TrainError> {
    let all = run.join("checkpoints");
    let mut lines = Vec::new();
    let mut found = None;
    for step in steps(run) {
        let path = folder(run, step);
        let state = read_state(&path).and_then(|state| usable(&path, &state).map(|()| state));
        match state {
            Ok(state) => found = better(found, &state),
            Err(e) => {
                let aside = aside(&path, step);
                rename_synced(&path, &aside)
                    .map_err(TrainError::file(&path, "renaming the damaged checkpoint"))?;
                lines.push(format!("{e}; it is {} now", aside.display()));
            }
        }
    }
    let former = best(run);
    if found != former {
        write_best(run, found.as_ref())?;
        let name = |best: &Option<Best>| {
            let step = best.as_ref().map(|best| best.step);
            step.map_or_else(|| "none".to_owned(), |step| format!("that of step {step}"))
        };
        lines.push(format!(
            "the best whole checkpoint is {}, best.json said {}",
            name(&found),
            name(&former)
        ));
    }
    for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(".tmp") {
            // What cannot be removed costs space, nothing else.
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
    Ok(lines)
}

/// A free name beside a damaged checkpoint.
fn aside(path: &Path, step: u64) -> PathBuf {
    let first = path.with_file_name(format!("damaged-{step:08}"));
    let mut more = (2_u64..).map(|n| path.with_file_name(format!("damaged-{step:08}-{n}")));
    if first.exists() {
        more.find(|path| !path.exists()).unwrap_or(first)
    } else {
        first
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
