//! `sweep.svg`: the metric against each searched setting.
//!
//! Written by hand: a few circles and lines need no drawing library, and an SVG needs no fonts of this machine.

use std::fmt::Write;

use toml::Value;

use super::table::figure;
use crate::sweep::folder::Sweep;
use crate::sweep::parameter::{Parameter, Range};
use crate::sweep::spec::plain;
use crate::sweep::trial::{State, Trial, best};

/// Width and height of one panel with its axes, in pixels.
const PANEL: (f64, f64) = (330.0, 260.0);
/// Room for the axes: left, right, top and bottom.
const ROOM: (f64, f64, f64, f64) = (64.0, 16.0, 34.0, 46.0);
/// Panels side by side.
const ACROSS: usize = 3;
/// From the lowest rung to the highest.
const COLOURS: [&str; 5] = ["#b8c4d6", "#8ba6cc", "#5c88c0", "#2f67ac", "#0d3b78"];
const BEST: &str = "#d1495b";

/// One panel for each searched setting, a circle for each trial at the last figure it came to: the darker, the higher its rung; the best
/// trial has a red ring, and failed trials are crosses at the bad end. Both axes are logarithmic where the numbers ask for it.
#[must_use]
pub fn svg(sweep: &Sweep) -> String {
    let count = sweep.spec.parameters.len();
    let across = count.clamp(1, ACROSS);
    #[allow(clippy::cast_precision_loss)]
    let (width, height) = (
        PANEL.0 * across as f64,
        PANEL.1 * count.div_ceil(ACROSS).max(1) as f64,
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let values: Vec<f64> = sweep
        .trials
        .iter()
        .filter_map(|t| t.last())
        .map(|r| r.value)
        .collect();
    let vertical = Axis::of_figures(&values);
    for (index, parameter) in sweep.spec.parameters.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)]
        let place = (
            PANEL.0 * (index % ACROSS) as f64,
            PANEL.1 * (index / ACROSS) as f64,
        );
        let panel = Panel {
            sweep,
            parameter,
            place,
            horizontal: Axis::of_setting(parameter),
            vertical: &vertical,
        };
        panel.draw(&mut text);
    }
    text += "</svg>\n";
    text
}

/// From a number to a part of the axis, and the marks on it.
struct Axis {
    low: f64,
    high: f64,
    log: bool,
    marks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis whose ends are `low` and `high`; both above 0 when `log`.
    fn new(low: f64, high: f64, log: bool, name: fn(f64) -> String) -> Self {
        let marks = if log {
            log_marks(low, high)
        } else {
            linear_marks(low, high)
        };
        Self {
            low,
            high,
            log,
            marks: marks.into_iter().map(|m| (m, name(m))).collect(),
        }
    }

    fn of_setting(parameter: &Parameter) -> Self {
        #[allow(clippy::cast_precision_loss)]
        match &parameter.range {
            Range::Uniform(low, high) => Self::new(*low, *high, false, mark),
            Range::Log(low, high) => Self::new(*low, *high, true, mark),
            Range::Integer { low, high, .. } => Self::new(*low as f64, *high as f64, false, mark),
            Range::LogInteger(low, high) => Self::new(*low as f64, *high as f64, true, mark),
            Range::Choice(values) => Self {
                low: -0.5,
                high: values.len() as f64 - 0.5,
                log: false,
                marks: values
                    .iter()
                    .enumerate()
                    .map(|(i, v)| (i as f64, plain(v)))
                    .collect(),
            },
        }
    }

    /// Over all figures, with a little room; logarithmic when they are positive and span more than a decade.
    fn of_figures(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !low.is_finite() || !high.is_finite() {
            return Self::new(0.0, 1.0, false, mark);
        }
        if low > 0.0 && high / low > 10.0 {
            return Self::new(low / 1.3, high * 1.3, true, mark);
        }
        let room = if high > low {
            (high - low) * 0.08
        } else {
            low.abs().max(1e-6) * 0.1
        };
        Self::new(low - room, high + room, false, mark)
    }

    /// Where `x` is, from 0 at the low end to 1 at the high end.
    fn part(&self, x: f64) -> f64 {
        let t = |x: f64| {
            if self.log {
                x.max(f64::MIN_POSITIVE).ln()
            } else {
                x
            }
        };
        let span = t(self.high) - t(self.low);
        ((t(x) - t(self.low)) / span).clamp(0.0, 1.0)
    }
}

/// A short number for an axis.
fn mark(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-2..1e5).contains(&size) {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{:e}", figure(value).parse().unwrap_or(value))
    }
}

/// Powers of ten between the ends; where there are fewer than two, 1, 2 and 5 times them.
fn log_marks(low: f64, high: f64) -> Vec<f64> {
    #[allow(clippy::cast_possible_truncation)]
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let inside = |x: &f64| *x >= low * 0.999_999 && *x <= high * 1.000_001;
    let tens: Vec<f64> = decades
        .clone()
        .map(|d| 10_f64.powi(d))
        .filter(inside)
        .collect();
    if tens.len() >= 2 {
        return tens;
    }
    decades
        .flat_map(|d| [1.0, 2.0, 5.0].map(|m| m * 10_f64.powi(d)))
        .filter(inside)
        .collect()
}

/// About five round numbers between the ends.
fn linear_marks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    if !(rough.is_finite() && rough > 0.0) {
        return vec![low];
    }
    let ten = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|m| m * ten)
        .into_iter()
        .find(|s| *s >= rough)
        .unwrap_or(rough);
    let mut marks = Vec::new();
    let mut n = (low / step).ceil();
    while n * step <= high + step * 1e-9 && marks.len() < 20 {
        // Without the sign of -0.
        marks.push(n * step + 0.0);
        n += 1.0;
    }
    marks
}

struct Panel<'a> {
    sweep: &'a Sweep,
    parameter: &'a Parameter,
    place: (f64, f64),
    horizontal: Axis,
    vertical: &'a Axis,
}

impl Panel<'_> {
    /// Pixel of parts of the two axes, from 0 to 1.
    fn pixel(&self, x: f64, y: f64) -> (f64, f64) {
        let (left, right, top, bottom) = ROOM;
        (
            self.place.0 + left + x * (PANEL.0 - left - right),
            self.place.1 + top + (1.0 - y) * (PANEL.1 - top - bottom),
        )
    }

    fn draw(&self, text: &mut String) {
        self.axes(text);
        let failed = |t: &&Trial| t.state == State::Failed || t.last().is_none();
        let (crosses, circles): (Vec<&Trial>, Vec<&Trial>) =
            self.sweep.trials.iter().partition(failed);
        for trial in crosses.into_iter().filter(|t| t.state == State::Failed) {
            self.cross(text, trial);
        }
        let best = best(&self.sweep.trials, self.sweep.spec.goal).map(|t| t.trial);
        for trial in circles.iter().filter(|t| Some(t.trial) != best) {
            self.circle(text, trial, false);
        }
        // Last, so that nothing hides it.
        for trial in circles.iter().filter(|t| Some(t.trial) == best) {
            self.circle(text, trial, true);
        }
    }

    fn axes(&self, text: &mut String) {
        let (x0, y0) = self.pixel(0.0, 0.0);
        let (x1, y1) = self.pixel(1.0, 1.0);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<rect x=\"{x0:.1}\" y=\"{y1:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" stroke=\"#888888\"/>",
            x1 - x0,
            y0 - y1
        );
        for (value, name) in &self.horizontal.marks {
            let (x, _) = self.pixel(self.horizontal.part(*value), 0.0);
            line(text, (x, y0), (x, y0 + 4.0), "#888888");
            label(text, (x, y0 + 16.0), "middle", name);
        }
        for (value, name) in &self.vertical.marks {
            let (_, y) = self.pixel(0.0, self.vertical.part(*value));
            line(text, (x0, y), (x1, y), "#eeeeee");
            line(text, (x0 - 4.0, y), (x0, y), "#888888");
            label(text, (x0 - 7.0, y + 4.0), "end", name);
        }
        let name = self.parameter.key.path;
        label(text, (f64::midpoint(x0, x1), y0 + 34.0), "middle", name);
        label(text, (x0, y1 - 9.0), "start", self.sweep.spec.metric.name());
    }

    /// The part of the horizontal axis where a trial's setting is.
    fn across(&self, trial: &Trial) -> f64 {
        let value = trial.settings.get(self.parameter.key.path);
        let number = match (&self.parameter.range, value) {
            #[allow(clippy::cast_precision_loss)]
            (Range::Choice(values), Some(value)) => {
                // Beside one another instead of over one another.
                let jitter = (trial.trial % 9) as f64 / 9.0 * 0.5 - 0.22;
                let place = values.iter().position(|v| v == value).unwrap_or(0);
                place as f64 + jitter
            }
            (_, Some(Value::Float(x))) => *x,
            #[allow(clippy::cast_precision_loss)]
            (_, Some(Value::Integer(n))) => *n as f64,
            _ => self.horizontal.low,
        };
        self.horizontal.part(number)
    }

    fn circle(&self, text: &mut String, trial: &Trial, best: bool) {
        let Some(reached) = trial.last() else { return };
        let (x, y) = self.pixel(self.across(trial), self.vertical.part(reached.value));
        let rungs = self.sweep.rungs.len().saturating_sub(1);
        let shade = (reached.rung * (COLOURS.len() - 1))
            .checked_div(rungs)
            .unwrap_or(COLOURS.len() - 1);
        let colour = COLOURS.get(shade).copied().unwrap_or("#000000");
        let (radius, ring, width) = if best {
            (5.5, BEST, 2.5)
        } else {
            (4.0, "#ffffff", 0.7)
        };
        let _ = writeln!(
            text,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\" stroke=\"{ring}\" stroke-width=\"{width}\"><title>trial {}: {}</title></circle>",
            trial.trial,
            figure(reached.value)
        );
    }

    fn cross(&self, text: &mut String, trial: &Trial) {
        use crate::sweep::spec::Goal;
        let bad_end = match self.sweep.spec.goal {
            Goal::Min => 1.0,
            Goal::Max => 0.0,
        };
        let (x, y) = self.pixel(self.across(trial), bad_end);
        for slope in [1.0, -1.0] {
            let from = (x - 3.5, y - 3.5 * slope);
            line(text, from, (x + 3.5, y + 3.5 * slope), "#d18f2c");
        }
    }
}

fn line(text: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        text,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn label(text: &mut String, at: (f64, f64), anchor: &str, words: &str) {
    let escaped = words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"#333333\">{escaped}</text>",
        at.0, at.1
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_axis_puts_the_geometric_middle_in_the_middle() {
        let axis = Axis::new(1e-5, 1e-1, true, mark);
        assert!((axis.part(1e-3) - 0.5).abs() < 1e-12);
        assert_eq!(axis.part(1e-9), 0.0);
        assert_eq!(axis.marks.len(), 5);
        assert_eq!(axis.marks[0].1, "1e-5");
    }

    #[test]
    fn marks_are_round_and_inside_the_axis() {
        assert_eq!(linear_marks(16.0, 128.0), [25.0, 50.0, 75.0, 100.0, 125.0]);
        assert_eq!(linear_marks(0.0, 0.9).len(), 5);
        assert_eq!(mark(linear_marks(-10.0, 90.0)[0]), "0");
        assert_eq!(log_marks(16.0, 64.0), [20.0, 50.0]);
        assert_eq!(linear_marks(3.0, 3.0), [3.0]);
    }

    #[test]
    fn figures_over_many_decades_get_a_logarithmic_axis() {
        assert!(Axis::of_figures(&[1.0, 1e4]).log);
        assert!(!Axis::of_figures(&[-1.0, 1e4]).log);
        let same = Axis::of_figures(&[5.0, 5.0]);
        assert!((same.part(5.0) - 0.5).abs() < 1e-9);
        assert!(Axis::of_figures(&[]).part(0.3) > 0.29);
    }
}
