//! Curves over the steps of a run.

use std::fmt::Write as _;

use serde_json::json;

use super::axis::Axis;
use super::frame::{ChartFrame, PALETTE, path, short};
use super::series::Series;
use super::text::{json_script, number};

/// Stretches of a curve that keep their peaks.
const BUCKETS: usize = 300;
/// Points from which on a curve has a moving average.
const SMOOTH_FROM: usize = 40;

/// One line of a chart.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    smooth: Vec<(f64, f64)>,
}

/// A chart of the values of `series` over the steps. `None` when there is no point at all.
pub(crate) fn curves(title: &str, series: &[&Series]) -> Option<String> {
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
        let class = i % PALETTE;
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
    let chart = ChartFrame {
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
        hover: &json_script(&hover),
    };
    Some(chart.html())
}

fn plain((step, value): (u64, f64)) -> (f64, f64) {
    (step as f64, value)
}

/// The mean over about a twentieth of the curve around each point, less at its ends: centred, so
/// that it does not lag behind a fall.
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

/// The axis of sorted values, and the extremes when it leaves some out: one burst at the start
/// would flatten the rest.
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
}
