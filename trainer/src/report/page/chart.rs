//! Curves, histograms and bars as inline SVG. The drawing is stretched to its box and the labels are HTML over it, so that text has
//! its size on every screen.

use std::fmt::Write as _;

use serde_json::json;

use super::html::{data, escape, number, whole};
use crate::report::log::Series;

/// Side of the drawing's own coordinates, which the page stretches to the box.
const SIDE: f64 = 1000.0;
/// Stretches of a curve that keep their peaks.
const BUCKETS: usize = 300;
/// Points from which on a curve has a moving average.
const SMOOTH_FROM: usize = 40;
/// Colours of the style sheet.
const COLOURS: usize = 4;

/// One axis.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// From `low` to `high`, opened up where they are the same.
    fn new(low: f64, high: f64) -> Self {
        if high - low > f64::EPSILON * (low.abs() + high.abs()) {
            return Self { low, high };
        }
        let room = if low == 0.0 { 1.0 } else { low.abs() * 0.5 };
        Self {
            low: low - room,
            high: low + room,
        }
    }

    /// With a little air on both sides.
    fn padded(self) -> Self {
        let air = (self.high - self.low) * 0.05;
        // A curve that cannot be negative gets no air below zero.
        let low = if self.low >= 0.0 {
            (self.low - air).max(0.0)
        } else {
            self.low - air
        };
        Self {
            low,
            high: self.high + air,
        }
    }

    /// Place of a value, 0 at `low`, 1 at `high`.
    fn at(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// Round values in the axis, about `count` of them.
    fn ticks(self, count: f64) -> Vec<f64> {
        let raw = (self.high - self.low) / count;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .iter()
            .map(|m| m * power)
            .find(|s| *s >= raw * 0.999)
            .unwrap_or(raw);
        if !(step.is_finite() && step > 0.0) {
            return Vec::new();
        }
        let first = (self.low / step).ceil();
        (0..20)
            .map(|i| (first + f64::from(i)) * step)
            .take_while(|v| *v <= self.high + step * 1e-9)
            // Not −0.
            .map(|v| if v.abs() < step * 1e-9 { 0.0 } else { v })
            .collect()
    }
}

/// One line of a chart.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    smooth: Vec<(f64, f64)>,
}

/// A chart of the values of `series` over the steps. `None` when there is no point at all.
pub(super) fn curves(title: &str, series: &[&Series]) -> Option<String> {
    let lines: Vec<Line> = series
        .iter()
        .map(|s| Line {
            name: s.name.clone(),
            points: s.thin(BUCKETS).into_iter().map(plain).collect(),
            smooth: moving_average(s),
        })
        .collect();
    let steps = || lines.iter().flat_map(|l| l.points.iter().map(|p| p.0));
    let (first, last) = (
        steps().fold(f64::INFINITY, f64::min),
        steps().fold(f64::NEG_INFINITY, f64::max),
    );
    if !first.is_finite() {
        return None;
    }
    let mut values: Vec<f64> = series
        .iter()
        .flat_map(|s| s.points.iter().map(|p| p.1))
        .collect();
    values.sort_by(f64::total_cmp);
    let (y, cut) = frame(&values);
    let x = Axis::new(first, last);
    let mut drawing = String::new();
    for (i, line) in lines.iter().enumerate() {
        let class = i % COLOURS;
        let faint = match (line.points.len(), line.smooth.is_empty()) {
            (1, _) => " dot",
            (_, true) => "",
            (_, false) => " faint",
        };
        let _ = write!(
            drawing,
            "<path class=\"line s{class}{faint}\" d=\"{}\"/>",
            path(&line.points, x, y)
        );
        if !line.smooth.is_empty() {
            let _ = write!(
                drawing,
                "<path class=\"line s{class}\" d=\"{}\"/>",
                path(&line.smooth, x, y)
            );
        }
    }
    let last_values: Vec<String> = series
        .iter()
        .filter_map(|s| Some(format!("{} {}", s.name, number(s.points.last()?.1))))
        .collect();
    let hover = json!({
        "unit": "step",
        "x0": x.low, "x1": x.high,
        "series": lines.iter().map(|l| json!({
            "name": l.name,
            "x": l.points.iter().map(|p| p.0).collect::<Vec<_>>(),
            "y": l.points.iter().map(|p| short(p.1)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    Some(figure(&Figure {
        title,
        legend: &lines.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(),
        aside: &cut.map_or_else(String::new, |(low, high)| {
            format!("cropped, values are {} to {}", number(low), number(high))
        }),
        summary: &format!("{title} over steps; at the end: {}", last_values.join(", ")),
        drawing: &drawing,
        x: (x, "step"),
        names: &[],
        y,
        hover: &data(&hover),
    }))
}

/// How often the values of each set fall into each of 40 bins, as shares of the set.
pub(super) fn histogram(title: &str, unit: &str, sets: &[(&str, Vec<f64>)]) -> Option<String> {
    const BINS: usize = 40;
    let mut all: Vec<f64> = sets
        .iter()
        .flat_map(|(_, v)| v.iter().copied().filter(|v| v.is_finite()))
        .collect();
    all.sort_by(f64::total_cmp);
    let x = Axis::new(*all.first()?, *all.last()?);
    #[allow(clippy::cast_precision_loss)]
    let edge = |bin: usize| x.low + (x.high - x.low) * bin as f64 / BINS as f64;
    let mut lines = Vec::new();
    for (name, values) in sets {
        let mut counts = [0_u32; BINS];
        for value in values.iter().filter(|v| v.is_finite()) {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss
            )]
            let bin = (x.at(*value) * BINS as f64) as usize;
            if let Some(count) = counts.get_mut(bin.min(BINS - 1)) {
                *count += 1;
            }
        }
        #[allow(clippy::cast_precision_loss)]
        let total = values.len().max(1) as f64;
        let shares = counts.map(|c| f64::from(c) / total * 100.0);
        lines.push((*name, shares));
    }
    let top = lines
        .iter()
        .flat_map(|(_, s)| s.iter().copied())
        .fold(0.0, f64::max);
    let y = Axis::new(0.0, top * 1.05);
    let mut drawing = String::new();
    for (i, (_, shares)) in lines.iter().enumerate() {
        let corners: Vec<(f64, f64)> = shares
            .iter()
            .enumerate()
            .flat_map(|(bin, share)| [(edge(bin), *share), (edge(bin + 1), *share)])
            .collect();
        let outline = path(&corners, x, y);
        let _ = write!(
            drawing,
            "<path class=\"area s{0}\" d=\"{outline}L{SIDE},{SIDE}L0,{SIDE}Z\"/><path class=\"line s{0}\" d=\"{outline}\"/>",
            i % COLOURS
        );
    }
    let centres: Vec<f64> = (0..BINS)
        .map(|b| short((edge(b) + edge(b + 1)) / 2.0))
        .collect();
    let hover = json!({
        "unit": unit, "suffix": " %",
        "x0": x.low, "x1": x.high,
        "series": lines.iter().map(|(name, shares)| json!({
            "name": name, "x": centres, "y": shares.iter().map(|s| short(*s)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    Some(figure(&Figure {
        title,
        legend: &lines.iter().map(|l| l.0).collect::<Vec<_>>(),
        aside: "% of the images of each set",
        summary: title,
        drawing: &drawing,
        x: (x, unit),
        names: &[],
        y,
        hover: &data(&hover),
    }))
}

/// One bar for each value, with its name.
pub(super) fn bars(title: &str, unit: &str, values: &[(String, f64)]) -> String {
    let top = values.iter().map(|v| v.1).fold(0.0, f64::max);
    let y = Axis::new(0.0, top * 1.05);
    #[allow(clippy::cast_precision_loss)]
    let width = SIDE / values.len().max(1) as f64;
    let mut drawing = String::new();
    for (i, (_, value)) in values.iter().enumerate() {
        let height = y.at(*value).clamp(0.0, 1.0) * SIDE;
        #[allow(clippy::cast_precision_loss)]
        let left = (i as f64 + 0.12) * width;
        let _ = write!(
            drawing,
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            SIDE - height,
            width * 0.76
        );
    }
    #[allow(clippy::cast_precision_loss)]
    let count = values.len().max(1) as f64;
    #[allow(clippy::cast_precision_loss)]
    let centres: Vec<f64> = (0..values.len()).map(|i| i as f64 + 0.5).collect();
    let names: Vec<&str> = values.iter().map(|v| v.0.as_str()).collect();
    let hover = json!({
        "unit": "", "names": names, "suffix": format!(" {unit}"),
        "x0": 0.0, "x1": count,
        "series": [{ "name": "", "x": centres, "y": values.iter().map(|v| short(v.1)).collect::<Vec<_>>() }],
    });
    figure(&Figure {
        title,
        legend: &[],
        aside: "",
        summary: title,
        drawing: &drawing,
        x: (
            Axis {
                low: 0.0,
                high: count,
            },
            "",
        ),
        names: if names.len() <= 32 { &names } else { &[] },
        y,
        hover: &data(&hover),
    })
}

struct Figure<'a> {
    title: &'a str,
    legend: &'a [&'a str],
    aside: &'a str,
    summary: &'a str,
    drawing: &'a str,
    x: (Axis, &'a str),
    /// Names below evenly spread places on the x axis, instead of numbers.
    names: &'a [&'a str],
    y: Axis,
    hover: &'a str,
}

fn figure(f: &Figure<'_>) -> String {
    let (mut grid, mut labels) = (String::new(), String::new());
    for tick in f.y.ticks(4.0) {
        let at = f.y.at(tick);
        let _ = write!(
            grid,
            "<path class=\"grid\" d=\"M0,{0:.1}H{SIDE}\"/>",
            (1.0 - at) * SIDE
        );
        let _ = write!(
            labels,
            "<span class=\"y\" style=\"bottom:{:.2}%\">{}</span>",
            at * 100.0,
            number(tick)
        );
    }
    let (x, unit) = f.x;
    // Without a unit the places on the axis are names, which the hover line tells.
    for tick in if unit.is_empty() {
        Vec::new()
    } else {
        x.ticks(4.0)
    } {
        let at = x.at(tick);
        // The axis' name stands at its beginning.
        if at < 0.07 {
            continue;
        }
        let class = if at > 0.93 { "x end" } else { "x" };
        let _ = write!(
            labels,
            "<span class=\"{class}\" style=\"left:{:.2}%\">{}</span>",
            at * 100.0,
            number(tick)
        );
    }
    for (i, name) in f.names.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)]
        let at = (i as f64 + 0.5) / f.names.len() as f64;
        let _ = write!(
            labels,
            "<span class=\"x name\" style=\"left:{:.2}%\">{}</span>",
            at * 100.0,
            escape(name)
        );
    }
    // One curve needs no legend: the title names it.
    let legend: String = f
        .legend
        .iter()
        .enumerate()
        .filter(|_| f.legend.len() > 1)
        .map(|(i, name)| {
            format!(
                "<span class=\"key s{}\">{}</span>",
                i % COLOURS,
                escape(name)
            )
        })
        .collect();
    let aside = if f.aside.is_empty() {
        String::new()
    } else {
        format!("<span class=\"aside\">{}</span>", escape(f.aside))
    };
    format!(
        "<figure class=\"chart\"><figcaption><b>{}</b>{legend}{aside}</figcaption>\
         <div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"{}\">\
         <svg viewBox=\"0 0 {SIDE} {SIDE}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{grid}{}</svg>\
         {labels}<span class=\"unit\">{}</span><i class=\"cursor\"></i><div class=\"tip\"></div></div>{}</figure>\n",
        escape(f.title),
        escape(f.summary),
        f.drawing,
        escape(unit),
        f.hover
    )
}

/// The axis of sorted values, and the extremes when it leaves some out: one burst at the start would flatten the rest.
fn frame(sorted: &[f64]) -> (Axis, Option<(f64, f64)>) {
    let at = |share: usize| {
        let index = sorted.len().saturating_sub(1) * share / 100;
        sorted.get(index).copied().unwrap_or(0.0)
    };
    let (low, high) = (at(0), at(100));
    let inner = at(98) - at(1);
    if sorted.len() >= 50 && inner > 0.0 && inner * 2.0 < high - low {
        let room = inner * 0.25;
        let axis = Axis::new((at(1) - room).max(low), (at(98) + room).min(high));
        return (axis.padded(), Some((low, high)));
    }
    (Axis::new(low, high).padded(), None)
}

#[allow(clippy::cast_precision_loss)]
fn plain((step, value): (u64, f64)) -> (f64, f64) {
    (step as f64, value)
}

/// The mean over about a twentieth of the curve around each point, less at its ends: centred, so that it does not lag behind a fall.
#[allow(clippy::cast_precision_loss)]
fn moving_average(series: &Series) -> Vec<(f64, f64)> {
    let count = series.points.len();
    if count < SMOOTH_FROM {
        return Vec::new();
    }
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    for (_, value) in &series.points {
        sum += value;
        sums.push(sum);
    }
    let at = |i: usize| sums.get(i).copied().unwrap_or(sum);
    let mut smooth = Series::default();
    for (i, (step, _)) in series.points.iter().enumerate() {
        // As far to one side as to the other, or the ends would be pulled inwards.
        let reach = (count / 40).max(1).min(i).min(count - 1 - i);
        let (from, to) = (i - reach, i + reach + 1);
        smooth
            .points
            .push((*step, (at(to) - at(from)) / (to - from) as f64));
    }
    smooth.thin(BUCKETS).into_iter().map(plain).collect()
}

fn path(points: &[(f64, f64)], x: Axis, y: Axis) -> String {
    let mut out = String::new();
    for (i, (step, value)) in points.iter().enumerate() {
        // Far outside is as good as outside, and keeps the numbers short.
        let height = (1.0 - y.at(*value)).clamp(-9.0, 9.0) * SIDE;
        let letter = if i == 0 { 'M' } else { 'L' };
        let _ = write!(out, "{letter}{:.1},{height:.1}", x.at(*step) * SIDE);
    }
    if points.len() == 1 {
        // A lone point becomes a dot by its round cap.
        out.push_str("h0.1");
    }
    out
}

/// Five significant digits are enough to read.
fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// Steps as text, for headings.
pub(super) fn step_text(step: u64) -> String {
    format!("step {}", whole(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, points: Vec<(u64, f64)>) -> Series {
        Series {
            name: name.to_owned(),
            points,
        }
    }

    #[test]
    fn ticks_are_round_and_lie_on_the_axis() {
        let ticks = |low, high| Axis::new(low, high).ticks(4.0);
        assert_eq!(ticks(0.0, 10.0), [0.0, 5.0, 10.0]);
        assert_eq!(ticks(-1.0, 1.0), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(ticks(103.0, 545.0), [200.0, 400.0]);
        for (low, high) in [(0.0, 0.0), (5.0, 5.0), (-3.0, -3.0), (1e-300, 1e300)] {
            let axis = Axis::new(low, high);
            let ticks = axis.ticks(4.0);
            assert!(ticks.len() < 20);
            assert!(ticks.iter().all(|t| (-0.01..=1.01).contains(&axis.at(*t))));
        }
    }

    #[test]
    fn a_curve_goes_through_its_points_and_no_points_make_no_chart() {
        let s = series("a<b", vec![(0, 0.0), (10, 1.0)]);
        let chart = curves("Losses", &[&s]).unwrap();
        // 5 % of air above, none below zero.
        assert!(chart.contains("M0.0,1000.0L1000.0,47.6"), "{chart}");
        assert!(!chart.contains("a<b"));
        assert!(curves("Losses", &[&series("a", Vec::new())]).is_none());
        assert!(curves("Losses", &[]).is_none());
        assert!(curves("One", &[&series("a", vec![(3, 7.0)])]).is_some());
    }

    #[test]
    fn a_burst_is_left_outside_the_frame_and_said() {
        let mut points: Vec<(u64, f64)> = (0..200).map(|s| (s, (s % 10) as f64)).collect();
        points[0].1 = 1e6;
        let chart = curves("Loss", &[&series("loss", points.clone())]).unwrap();
        assert!(chart.contains("values are 0 to 1,000,000"), "{chart}");
        points.remove(0);
        let chart = curves("Loss", &[&series("loss", points)]).unwrap();
        assert!(!chart.contains("cropped"));
    }

    #[test]
    fn a_moving_average_follows_a_line_and_evens_out_noise() {
        let line = moving_average(&series(
            "a",
            (0..100).map(|s| (s, 3.5 * s as f64)).collect(),
        ));
        assert!(line.iter().all(|(s, v)| (v - 3.5 * s).abs() < 1e-9));
        let noise = |s: u64| if s.is_multiple_of(2) { 1.0 } else { -1.0 };
        let even = moving_average(&series("a", (0..400).map(|s| (s, noise(s))).collect()));
        assert!(
            even.iter()
                .filter(|(s, _)| (20.0..380.0).contains(s))
                .all(|(_, v)| v.abs() < 0.1)
        );
        assert!(moving_average(&series("a", vec![(0, 1.0)])).is_empty());
    }

    #[test]
    fn a_histogram_counts_every_value_once() {
        let set = [-1.0, -1.0, 0.0, 1.0, f64::NAN];
        let chart = histogram("Logits", "logit", &[("real", set[..4].to_vec())]).unwrap();
        let json = chart.split_once("json\">").unwrap().1;
        let json = json.split_once("</script>").unwrap().0;
        let found: serde_json::Value = serde_json::from_str(json).unwrap();
        let shares = found["series"][0]["y"].as_array().unwrap();
        let sum: f64 = shares.iter().map(|v| v.as_f64().unwrap()).sum();
        assert_eq!((sum, shares[0].as_f64()), (100.0, Some(50.0)));
        assert!(histogram("Logits", "logit", &[("real", vec![f64::NAN])]).is_none());
    }
}
