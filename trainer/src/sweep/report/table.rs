//! The trials as text: a table for people, comma-separated values for programs.

use crate::sweep::folder::Sweep;
use crate::sweep::spec::plain;
use crate::sweep::trial::{State, Trial, ranked};

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
pub(super) fn short_name(sweep: &Sweep, path: &'static str) -> &'static str {
    let last = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let same = sweep
        .spec
        .parameters
        .iter()
        .filter(|p| last(p.key.path) == last(path));
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
    let names = sweep
        .spec
        .parameters
        .iter()
        .map(|p| short_name(sweep, p.key.path).to_owned());
    let mut rows = vec![
        ["trial".to_owned()]
            .into_iter()
            .chain(names)
            .chain(["rung", "steps", sweep.spec.metric.name(), "state"].map(str::to_owned))
            .collect::<Vec<String>>(),
    ];
    let all = ranked(&sweep.trials, sweep.spec.goal);
    for trial in all.iter().take(most) {
        let mut row = vec![trial.trial.to_string()];
        row.extend(sweep.spec.parameters.iter().map(|p| {
            trial
                .settings
                .get(p.key.path)
                .map_or_else(String::new, plain)
        }));
        let last = trial.last();
        row.push(last.map_or_else(|| "-".to_owned(), |r| (r.rung + 1).to_string()));
        row.push(last.map_or_else(|| "-".to_owned(), |r| r.step.to_string()));
        row.push(last.map_or_else(|| "-".to_owned(), |r| rounded(r.value)));
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

/// Columns, to the right but for the last.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            rows.iter()
                .filter_map(|row| row.get(c))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(c, (cell, &w))| {
            if c + 1 == columns {
                cell.clone()
            } else {
                format!("{cell:>w$}")
            }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

/// One line for each rung that each trial reached, and one for each trial that reached none.
/// Columns: `trial`, `state`, the settings by their full names, `rung` (from 1), `step`, the
/// metric, `run`, `reason`.
pub(crate) fn csv(sweep: &Sweep) -> String {
    let paths: Vec<&str> = sweep.spec.parameters.iter().map(|p| p.key.path).collect();
    let mut header = vec!["trial", "state"];
    header.extend(&paths);
    header.extend(["rung", "step", sweep.spec.metric.name(), "run", "reason"]);
    let mut text = row(header.into_iter().map(str::to_owned));
    for trial in &sweep.trials {
        let mut first = vec![trial.trial.to_string(), standing(sweep, trial).to_owned()];
        first.extend(
            paths
                .iter()
                .map(|path| trial.settings.get(*path).map_or_else(String::new, plain)),
        );
        let run = sweep.run(trial.trial).map_or_else(String::new, |run| {
            let inside = run.strip_prefix(&sweep.path).unwrap_or(&run);
            inside.display().to_string()
        });
        let last = [run, trial.reason.clone().unwrap_or_default()];
        let values: Vec<[String; 3]> = if trial.reached.is_empty() {
            vec![<[String; 3]>::default()]
        } else {
            let reached = trial.reached.iter();
            reached
                .map(|r| {
                    [
                        (r.rung + 1).to_string(),
                        r.step.to_string(),
                        r.value.to_string(),
                    ]
                })
                .collect()
        };
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
