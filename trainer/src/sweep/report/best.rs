//! The best settings, ready to train with.

use crate::config::Source;
use crate::sweep::error::SweepError;
use crate::sweep::folder::Sweep;
use crate::sweep::spec::plain;
use crate::sweep::trial::Trial;

/// The whole configuration of a trial for `dreamlet train --config`, with the limits of its preset
/// or file instead of the sweep's.
///
/// # Errors
/// [`SweepError::Trial`] or [`SweepError::Config`].
pub(crate) fn best_toml(sweep: &Sweep, trial: &Trial) -> Result<String, SweepError> {
    let config = sweep.spec.config(trial.trial)?;
    let (number, all, metric) = (trial.trial, sweep.trials.len(), sweep.spec.metric.name());
    let value = trial.last().map_or_else(String::new, |r| {
        format!(": {metric} {} at step {}", r.value, r.step)
    });
    let toml = config.to_toml()?;
    Ok(format!(
        "# Trial {number} of a sweep, the best of {all}{value}.\n{toml}"
    ))
}

/// The command that trains with a trial's settings, for a shell.
pub(crate) fn train_command(sweep: &Sweep, trial: &Trial) -> String {
    let mut words = vec!["dreamlet train".to_owned()];
    match &sweep.spec.source {
        Source::Preset(name) => words.push(name.clone()),
        Source::File(path) => words.push(format!("--config {}", word(&path.display().to_string()))),
    }
    let data = sweep.spec.data.iter();
    words.extend(data.map(|data| format!("--data {}", word(data))));
    let fixed = sweep.spec.fixed.iter().map(|(k, v)| (k, v));
    let sets = fixed.chain(&trial.settings);
    words.extend(sets.map(|(k, v)| format!("--set {}", word(&format!("{k}={}", plain(v))))));
    words.join(" ")
}

/// In quotes where a shell would take it apart.
fn word(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_.=/:,+".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
