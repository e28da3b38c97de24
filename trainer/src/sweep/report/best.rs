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
    let value = trial.last().map_or_else(String::new, |r| {
        format!(
            ": {} {} at step {}",
            sweep.spec.metric.name(),
            r.value,
            r.step
        )
    });
    Ok(format!(
        "# Trial {} of a sweep, the best of {}{value}.\n{}",
        trial.trial,
        sweep.trials.len(),
        config.to_toml()?
    ))
}

/// The command that trains with a trial's settings, for a shell.
pub(crate) fn train_command(sweep: &Sweep, trial: &Trial) -> String {
    let mut words = vec!["dreamlet train".to_owned()];
    match &sweep.spec.source {
        Source::Preset(name) => words.push(name.clone()),
        Source::File(path) => words.push(format!("--config {}", word(&path.display().to_string()))),
    }
    words.extend(
        sweep
            .spec
            .data
            .iter()
            .map(|data| format!("--data {}", word(data))),
    );
    let fixed = sweep.spec.fixed.iter().map(|(k, v)| (k.as_str(), v));
    let own = trial.settings.iter().map(|(k, v)| (k.as_str(), v));
    words.extend(
        fixed
            .chain(own)
            .map(|(key, value)| format!("--set {}", word(&format!("{key}={}", plain(value))))),
    );
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
