//! What a sweep found: a table, `results.csv`, `sweep.svg`, and the best settings to copy.

mod best;
mod plot;
mod table;

pub(crate) use best::{best_toml, train_command};
pub(crate) use plot::svg;
pub(crate) use table::{csv, table};

use super::error::SweepError;
use super::folder::{self, Sweep};
use super::trial::best;

/// Writes `results.csv`, `sweep.svg` and, when a trial came to a metric, `best.toml` into the sweep
/// folder.
pub(crate) fn write(sweep: &Sweep) -> Result<(), SweepError> {
    let put = |name, text: String| folder::write(&sweep.path.join(name), text.as_bytes());
    put("results.csv", csv(sweep))?;
    put("sweep.svg", svg(sweep))?;
    match best(&sweep.trials, sweep.spec.goal) {
        Some(trial) => put("best.toml", best_toml(sweep, trial)?),
        None => Ok(()),
    }
}
