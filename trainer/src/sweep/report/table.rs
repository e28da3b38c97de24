//! The trials as text: a table for people, comma-separated values for programs.

use crate::sweep::folder::Sweep;
use crate::sweep::spec::plain;
use crate::sweep::trial::{Reached, State, Trial, ranked};

/// How a trial stands, in one word.
fn standing(sweep: &Sweep, trial: &Trial) -> &'static str {
    match trial.state {
        State::Running if trial.reached.is_empty() => "training",
        State::Running => "promoted",
        State::Failed => "failed",
        State::Ended if trial.rung + 1 == sweep.rungs.len() => "finished",
        State::Ended => "halted",
    }
}

/// The key's last part, where no other searched key ends so.
fn short_name(sweep: &Sweep, path: &'static str) -> &'static str {
    let last = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let all = sweep.spec.parameters.iter();
    let same = all.filter(|p| last(p.key.path) == last(path));
    if same.count() > 1 { path } else { last(path) }
}

/// A metric with five digits.
pub(super) fn rounded(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e6).contains(&size) {
        let decimals = (4.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.4e}")
    }
}

/// The trials in order of merit, at most `most` of them, then why trials failed.
pub(crate) fn table(sweep: &Sweep, most: usize) -> String {
    let paths = paths(sweep);
    let mut head = vec!["trial"];
    head.extend(paths.iter().map(|path| short_name(sweep, path)));
    head.extend(["rung", "steps", sweep.spec.metric.name(), "state"]);
    let mut rows = vec![head.into_iter().map(str::to_owned).collect()];
    let all = ranked(&sweep.trials, sweep.spec.goal);
    for trial in all.iter().take(most) {
        let mut row = vec![trial.trial.to_string()];
        row.extend(settings(trial, &paths));
        row.extend(match trial.last() {
            Some(last) => cells(last, rounded),
            None => ["-"; 3].map(str::to_owned),
        });
        row.push(standing(sweep, trial).to_owned());
        rows.push(row);
    }
    let mut lines = aligned(&rows);
    if all.len() > most {
        lines.push(format!("and {} more in results.csv", all.len() - most));
    }
    for trial in &sweep.trials {
        if let (State::Failed, Some(reason)) = (trial.state, &trial.reason) {
            lines.push(format!("trial {} failed: {reason}", trial.trial));
        }
    }
    lines.join("\n")
}

/// The names of the searched settings.
fn paths(sweep: &Sweep) -> Vec<&'static str> {
    sweep.spec.parameters.iter().map(|p| p.key.path).collect()
}

fn settings(trial: &Trial, paths: &[&str]) -> impl Iterator<Item = String> {
    let values = paths.iter().map(|path| trial.settings.get(*path));
    values.map(|value| value.map_or_else(String::new, plain))
}

/// The rung from 1, the step and the metric.
fn cells(reached: Reached, metric: impl Fn(f64) -> String) -> [String; 3] {
    let (rung, step) = (reached.rung + 1, reached.step);
    [rung.to_string(), step.to_string(), metric(reached.value)]
}

/// Columns, to the right but for the last.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    widths.pop();
    let line = |row: &Vec<String>| {
        let widths = widths.iter().copied().chain([0]);
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, w)| format!("{cell:>w$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

/// One line for each rung that each trial reached, and one for each trial that reached none.
/// Columns: `trial`, `state`, the settings by their full names, `rung` (from 1), `step`, the
/// metric, `run`, `reason`.
pub(crate) fn csv(sweep: &Sweep) -> String {
    let paths = paths(sweep);
    let mut header = vec!["trial", "state"];
    header.extend(&paths);
    header.extend(["rung", "step", sweep.spec.metric.name(), "run", "reason"]);
    let mut text = row(header.into_iter().map(str::to_owned));
    for trial in &sweep.trials {
        let mut first = vec![trial.trial.to_string(), standing(sweep, trial).to_owned()];
        first.extend(settings(trial, &paths));
        let run = sweep.run(trial.trial).map_or_else(String::new, |run| {
            let inside = run.strip_prefix(&sweep.path).unwrap_or(&run);
            inside.display().to_string()
        });
        let last = [run, trial.reason.clone().unwrap_or_default()];
        let reached = trial.reached.iter();
        let mut values: Vec<_> = reached.map(|r| cells(*r, |v| v.to_string())).collect();
        if values.is_empty() {
            values.push(Default::default());
        }
        for values in values {
            text += &row(first.iter().cloned().chain(values).chain(last.clone()));
        }
    }
    text
}

/// A line of RFC 4180.
fn row(cells: impl Iterator<Item = String>) -> String {
    let quoted = cells.map(|cell| {
        if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_five_digits() {
        for (value, text) in [
            (0.0, "0"),
            (123.456_789, "123.46"),
            (0.012_345_67, "0.012346"),
            (-1.5, "-1.5000"),
            (1.234_567e-7, "1.2346e-7"),
            (12_345_678.0, "1.2346e7"),
        ] {
            assert_eq!(rounded(value), text);
        }
    }

    #[test]
    fn cells_with_commas_and_quotes_are_quoted() {
        let cells = ["a", "b,c", "d\"e"].map(str::to_owned);
        assert_eq!(row(cells.into_iter()), "a,\"b,c\",\"d\"\"e\"\n");
    }
}
