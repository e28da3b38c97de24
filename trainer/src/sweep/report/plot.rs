//! `sweep.svg`: the metric against each searched setting.

use toml::Value;

use super::table::rounded;
use crate::chart::{Axis, MarkedAxis, Panel, Point, Symbol, panels};
use crate::sweep::folder::Sweep;
use crate::sweep::parameter::{Parameter, Range};
use crate::sweep::spec::{Goal, plain};
use crate::sweep::trial::{Reached, State, Trial, best};

/// From the lowest rung to the highest.
const COLOURS: [&str; 5] = ["#b8c4d6", "#8ba6cc", "#5c88c0", "#2f67ac", "#0d3b78"];
const BEST: &str = "#d1495b";
const FAILED: &str = "#d18f2c";

/// One panel for each searched setting, a circle for each trial at the last metric it came to: the
/// darker, the higher its rung. The best trial has a red ring, and failed trials are crosses at the
/// bad end. Both axes are logarithmic where the numbers ask for it.
pub(crate) fn svg(sweep: &Sweep) -> String {
    let reached = sweep.trials.iter().filter_map(Trial::last);
    let values: Vec<f64> = reached.map(|reached| reached.value).collect();
    let vertical = MarkedAxis::numbers(Axis::around(&values), mark);
    let parameters = &sweep.spec.parameters;
    let horizontals: Vec<MarkedAxis> = parameters.iter().map(axis_of).collect();
    let all = parameters.iter().zip(&horizontals);
    let all = all.map(|(parameter, horizontal)| Panel {
        horizontal: (horizontal, parameter.key.path),
        vertical: (&vertical, sweep.spec.metric.name()),
        points: points(sweep, parameter, horizontal, &vertical),
    });
    panels(&all.collect::<Vec<_>>())
}

fn axis_of(parameter: &Parameter) -> MarkedAxis {
    let axis = match &parameter.range {
        Range::Uniform(low, high) => Axis::exact(*low, *high),
        Range::Log(low, high) => Axis::logarithmic(*low, *high),
        Range::Integer { low, high, .. } => Axis::exact(*low as f64, *high as f64),
        Range::LogInteger(low, high) => Axis::logarithmic(*low as f64, *high as f64),
        Range::Choice(values) => {
            let names = (0..).zip(values).map(|(i, v)| (f64::from(i), plain(v)));
            return MarkedAxis {
                axis: Axis::exact(-0.5, values.len() as f64 - 0.5),
                marks: names.collect(),
            };
        }
    };
    MarkedAxis::numbers(axis, mark)
}

/// A short number for an axis.
fn mark(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-2..1e5).contains(&size) {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{:e}", rounded(value).parse().unwrap_or(value))
    }
}

/// The trials: those that failed, those that did not, and over them the best.
fn points(
    sweep: &Sweep,
    parameter: &Parameter,
    horizontal: &MarkedAxis,
    vertical: &MarkedAxis,
) -> Vec<Point> {
    let bad_end = match sweep.spec.goal {
        Goal::Min => 1.0,
        Goal::Max => 0.0,
    };
    let across = |trial| part_across(trial, parameter, horizontal);
    let best = best(&sweep.trials, sweep.spec.goal).map(|t| t.trial);
    let mut points: Vec<(u8, Point)> = Vec::new();
    for trial in &sweep.trials {
        let is_best = Some(trial.trial) == best;
        let (layer, height, symbol) = match (trial.state, trial.last()) {
            (State::Failed, _) => (0, bad_end, Symbol::Cross { colour: FAILED }),
            (_, None) => continue,
            (_, Some(reached)) => (
                if is_best { 2 } else { 1 },
                vertical.part(reached.value),
                circle(sweep, trial.trial, reached, is_best),
            ),
        };
        let at = (across(trial), height);
        points.push((layer, Point { at, symbol }));
    }
    points.sort_by_key(|(layer, _)| *layer);
    points.into_iter().map(|(_, point)| point).collect()
}

/// The part of the horizontal axis where a trial's setting is.
fn part_across(trial: &Trial, parameter: &Parameter, axis: &MarkedAxis) -> f64 {
    let value = trial.settings.get(parameter.key.path);
    let number = match (&parameter.range, value) {
        (Range::Choice(values), Some(value)) => {
            // Beside one another instead of over one another.
            let jitter = (trial.trial % 9) as f64 / 9.0 * 0.5 - 0.22;
            let place = values.iter().position(|v| v == value).unwrap_or(0);
            place as f64 + jitter
        }
        (_, Some(Value::Float(x))) => *x,
        (_, Some(Value::Integer(n))) => *n as f64,
        _ => axis.axis.low,
    };
    axis.part(number)
}

fn circle(sweep: &Sweep, trial: usize, reached: Reached, best: bool) -> Symbol {
    let (rungs, darkest) = (sweep.rungs.len().saturating_sub(1), COLOURS.len() - 1);
    let shade = (reached.rung * darkest).checked_div(rungs);
    let (radius, stroke, stroke_width) = if best {
        (5.5, BEST, 2.5)
    } else {
        (4.0, "#ffffff", 0.7)
    };
    Symbol::Circle {
        radius,
        fill: COLOURS
            .get(shade.unwrap_or(darkest))
            .copied()
            .unwrap_or("#000000"),
        stroke,
        stroke_width,
        title: format!("trial {trial}: {}", rounded(reached.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_named_by_short_numbers() {
        let axis = MarkedAxis::numbers(Axis::logarithmic(1e-5, 1e-1), mark);
        assert_eq!(axis.part(1e-9), 0.0);
        assert_eq!(axis.marks[0].1, "1e-5");
        let axis = MarkedAxis::numbers(Axis::exact(-10.0, 90.0), mark);
        assert_eq!(axis.marks[0].1, "0");
    }
}
