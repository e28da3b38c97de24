//! Checkpoints: one folder each, whole or not there, every file's SHA-256 in its `state.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::learner::Learner;
use crate::files::{folders, sha256, sync_folder, write_atomic, write_synced};

/// Version of the folder's layout.
pub const FORMAT: u32 = 1;

/// Where a run stands; with the nets and optimizers beside it, all that a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of the layout.
    pub format: u32,
    /// Steps done; also the index of every random stream.
    pub step: u64,
    /// Passes over the data that are complete.
    pub epoch: u64,
    /// Pictures of the current pass that are used up.
    pub position: u64,
    /// Pictures used in all.
    pub images: u64,
    /// Seconds of training in all.
    pub seconds: f64,
    /// The score that picks the best checkpoint, smaller is better.
    pub score: Option<f64>,
    /// What the score is.
    pub score_name: String,
    /// Probability of differentiable augmentation, where it adapts.
    #[serde(default)]
    pub augment: f64,
    /// The best measurement so far, where quality is measured.
    #[serde(default)]
    pub best_measured: Option<f64>,
    /// Measurements since.
    #[serde(default)]
    pub stale: u64,
    /// Times the run went back to its best checkpoint because the generator had collapsed.
    #[serde(default)]
    pub rollbacks: u64,
    /// Names of the classes of a conditional model.
    #[serde(default)]
    pub classes: Vec<String>,
    /// SHA-256 of each file of the checkpoint.
    pub files: BTreeMap<String, String>,
}

/// Which checkpoint scored best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its step.
    pub step: u64,
    /// Its score.
    pub score: f64,
    /// What the score is.
    pub score_name: String,
}

/// The folder of the checkpoint at `step`.
#[must_use]
pub fn folder(run: &Path, step: u64) -> PathBuf {
    run.join("checkpoints").join(format!("{step:08}"))
}

fn file_name(part: &str) -> String {
    format!("{part}.bpk")
}

/// Writes a checkpoint beside the others, then removes all but the newest `keep` and the best.
///
/// # Errors
/// [`TrainError::File`]; the older checkpoints are untouched then.
pub fn save(
    run: &Path,
    learner: &Learner,
    mut state: State,
    keep: usize,
) -> Result<PathBuf, TrainError> {
    let all = run.join("checkpoints");
    let target = folder(run, state.step);
    let temporary = all.join(format!(".{:08}.tmp", state.step));
    let wrong = |message| TrainError::Checkpoint {
        path: target.clone(),
        message,
    };
    let parts = learner.parts().map_err(wrong)?;
    let doing = "writing the checkpoint";
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary).map_err(TrainError::file(&temporary, doing))?;
    state.format = FORMAT;
    state.files.clear();
    for (name, bytes) in parts {
        let path = temporary.join(file_name(name));
        write_synced(&path, &bytes).map_err(TrainError::file(&path, doing))?;
        state.files.insert(file_name(name), sha256(&bytes));
    }
    let json = serde_json::to_vec_pretty(&state).map_err(|e| wrong(e.to_string()))?;
    let path = temporary.join("state.json");
    write_synced(&path, &json).map_err(TrainError::file(&path, doing))?;
    sync_folder(&temporary).map_err(TrainError::file(&temporary, doing))?;
    if target.exists() {
        // A resumed run comes by here again with the same bytes, or a damaged folder stands in the way.
        fs::remove_dir_all(&target).map_err(TrainError::file(&target, doing))?;
    }
    fs::rename(&temporary, &target).map_err(TrainError::file(&target, doing))?;
    sync_folder(&all).map_err(TrainError::file(&all, doing))?;
    if let Some(score) = state.score.filter(|s| s.is_finite())
        && best(run).is_none_or(|b| b.score_name != state.score_name || score < b.score)
    {
        let json = serde_json::to_vec_pretty(&Best {
            step: state.step,
            score,
            score_name: state.score_name.clone(),
        })
        .map_err(|e| wrong(e.to_string()))?;
        let path = all.join("best.json");
        write_atomic(&path, &json).map_err(TrainError::file(&path, doing))?;
    }
    prune(run, keep);
    Ok(target)
}

/// The best checkpoint so far, when one has a score.
#[must_use]
pub fn best(run: &Path) -> Option<Best> {
    let bytes = fs::read(run.join("checkpoints/best.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn prune(run: &Path, keep: usize) {
    let best = best(run).map(|b| b.step);
    let mut steps = steps(run);
    steps.reverse();
    for step in steps
        .into_iter()
        .skip(keep.max(1))
        .filter(|s| Some(*s) != best)
    {
        // A checkpoint that cannot be removed costs space, nothing else.
        let _ = fs::remove_dir_all(folder(run, step));
    }
}

/// Steps of the checkpoints there are, oldest first.
#[must_use]
pub fn steps(run: &Path) -> Vec<u64> {
    let found = folders(&run.join("checkpoints")).unwrap_or_default();
    found
        .iter()
        .filter_map(|p| p.file_name()?.to_str()?.parse().ok())
        .collect()
}

/// Reads `state.json` of a checkpoint folder and checks every file against it.
///
/// # Errors
/// [`TrainError::Checkpoint`] names the file that is missing or damaged.
pub fn read_state(checkpoint: &Path) -> Result<State, TrainError> {
    let wrong = |message: String| TrainError::Checkpoint {
        path: checkpoint.to_owned(),
        message,
    };
    let bytes =
        fs::read(checkpoint.join("state.json")).map_err(|e| wrong(format!("state.json: {e}")))?;
    let state: State =
        serde_json::from_slice(&bytes).map_err(|e| wrong(format!("state.json: {e}")))?;
    if state.format != FORMAT {
        return Err(wrong(format!(
            "it has format {}, this program reads {FORMAT}",
            state.format
        )));
    }
    for name in state.files.keys() {
        read_file(checkpoint, &state, name).map_err(wrong)?;
    }
    Ok(state)
}

fn read_file(checkpoint: &Path, state: &State, name: &str) -> Result<Vec<u8>, String> {
    let expected = state
        .files
        .get(name)
        .ok_or_else(|| format!("state.json does not list {name}"))?;
    let bytes = fs::read(checkpoint.join(name)).map_err(|e| format!("{name}: {e}"))?;
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
pub fn read_part(checkpoint: &Path, state: &State, part: &str) -> Result<Vec<u8>, TrainError> {
    read_file(checkpoint, state, &file_name(part)).map_err(|message| TrainError::Checkpoint {
        path: checkpoint.to_owned(),
        message,
    })
}

/// Loads nets and optimizers.
///
/// # Errors
/// [`TrainError::Checkpoint`].
pub fn load(checkpoint: &Path, state: &State, learner: &mut Learner) -> Result<(), TrainError> {
    learner
        .load(&mut |part| read_file(checkpoint, state, &file_name(part)))
        .map_err(|message| TrainError::Checkpoint {
            path: checkpoint.to_owned(),
            message,
        })
}

/// The newest checkpoint that is whole, and messages about damaged newer ones.
#[must_use]
pub fn newest(run: &Path) -> (Option<(PathBuf, State)>, Vec<String>) {
    let mut damaged = Vec::new();
    for step in steps(run).into_iter().rev() {
        let path = folder(run, step);
        match read_state(&path) {
            Ok(state) => return (Some((path, state)), damaged),
            Err(e) => damaged.push(e.to_string()),
        }
    }
    (None, damaged)
}
