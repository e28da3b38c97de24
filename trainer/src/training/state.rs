//! Where a run stands: `state.json` and `best.json` of its checkpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::Dataset;

/// Version of the folder's layout.
pub(crate) const FORMAT: u32 = 1;

/// Where a run stands; with the nets and optimizers beside it, all that a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub format: u32,
    /// Steps done; also the index of every random stream.
    pub step: u64,
    /// Passes over the data that are complete.
    pub epoch: u64,
    /// Images of the current pass that are used up.
    pub position: u64,
    /// Images used in all.
    pub images: u64,
    /// Seconds of training in all.
    pub seconds: f64,
    /// The score that picks the best checkpoint.
    pub score: Option<f64>,
    pub score_name: String,
    /// Whether a larger score is better; a smaller one is where nothing is said, as in checkpoints
    /// of earlier versions.
    #[serde(default)]
    pub larger_is_better: bool,
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
    /// Steps whose training is no longer in the nets, because the run went back.
    #[serde(default)]
    pub lost: u64,
    /// Names of the classes of a conditional model.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The data set; checkpoints of earlier versions lack it.
    #[serde(default)]
    pub data: Option<DataMark>,
    /// Whether `state.sha256` lies beside it; checkpoints of earlier versions have none.
    #[serde(default)]
    pub sealed: bool,
    /// SHA-256 of each file of the checkpoint.
    pub files: BTreeMap<String, String>,
}

/// Most steps and images of a run: numbers up to here are exact as f64, too.
const MOST: u64 = 1 << 53;

/// Most seconds of a run, ten thousand years.
const MOST_SECONDS: f64 = 3.2e11;

impl State {
    /// Whether every number is one that a run can have.
    ///
    /// # Errors
    /// Names the first that is not, with its bounds.
    pub(super) fn check(&self) -> Result<(), String> {
        let counts = [
            ("step", self.step, MOST),
            ("epoch", self.epoch, MOST),
            ("position", self.position, MOST),
            ("images", self.images, MOST),
            ("stale", self.stale, MOST),
            ("rollbacks", self.rollbacks, self.step),
            ("lost", self.lost, self.step),
        ];
        let wrong = counts.iter().find(|(_, found, most)| found > most);
        if let Some((name, found, most)) = wrong {
            return Err(format!("{name} is {found}, expected 0 to {most}"));
        }
        let numbers = [
            ("seconds", self.seconds, MOST_SECONDS),
            ("augment", self.augment, 1.0),
        ];
        let wrong = numbers
            .iter()
            .find(|(_, found, most)| !(0.0..=*most).contains(found));
        match wrong {
            Some((name, found, most)) => {
                Err(format!("{name} is {found:?}, expected 0 to {most:?}"))
            }
            None => Ok(()),
        }
    }

    /// Steps that the nets have been trained for: fewer than the run's where it went back to
    /// earlier nets.
    pub(super) fn age(&self) -> u64 {
        self.step.saturating_sub(self.lost)
    }

    /// The nets are those of the checkpoint `earlier` from now on, and with them what goes by the
    /// nets; the run's step goes on.
    pub(super) fn go_back(&mut self, earlier: &Self) {
        self.lost = self.step.saturating_sub(earlier.age());
        self.augment = earlier.augment;
        self.rollbacks += 1;
    }
}

/// Which checkpoint scored best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    pub step: u64,
    pub score: f64,
    pub score_name: String,
}

/// What a checkpoint keeps of the data set, to know it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataMark {
    /// [`Dataset::fingerprint`]: SHA-256 of images, labels and class names.
    pub fingerprint: String,
    pub train: usize,
    pub test: usize,
}

impl DataMark {
    /// Of the data set as it is now; reads every pixel once.
    pub fn of(data: &Dataset) -> Self {
        Self {
            fingerprint: data.fingerprint(),
            train: data.train.len(),
            test: data.test.len(),
        }
    }
}
