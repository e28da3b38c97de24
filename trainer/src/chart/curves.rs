//! Curves over the steps of a run.

use serde_json::json;

use super::axis::Axis;
use super::frame::{ChartFrame, PALETTE, ends, path, short};
use super::series::Series;
use super::text::number;

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
    let lines = series.iter().map(|s| Line {
        name: s.name.clone(),
        points: plain(s.thin(BUCKETS)),
        smooth: moving_average(s),
    });
    let lines: Vec<Line> = lines.collect();
    let (first, last) = ends(lines.iter().flat_map(|l| &l.points).map(|p| p.0))?;
    let values = series.iter().flat_map(|s| &s.points).map(|p| p.1);
    let mut values: Vec<f64> = values.collect();
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
        let points = path(&line.points, x, y);
        drawing += &format!("<path class=\"line s{class}{faint}\" d=\"{points}\"/>");
        if !line.smooth.is_empty() {
            let smooth = path(&line.smooth, x, y);
            drawing += &format!("<path class=\"line s{class}\" d=\"{smooth}\"/>");
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
        hover,
    };
    Some(chart.html())
}

fn plain(points: Vec<(u64, f64)>) -> Vec<(f64, f64)> {
    let points = points.into_iter();
    points.map(|(step, value)| (step as f64, value)).collect()
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
        let mean = (at(to) - at(from)) / (to - from) as f64;
        smooth.points.push((*step, mean));
    }
    plain(smooth.thin(BUCKETS))
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
        let name = name.to_owned();
        Series { name, points }
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
        let average = |steps, value: fn(u64) -> f64| {
            moving_average(&series("a", (0..steps).map(|s| (s, value(s))).collect()))
        };
        let line = average(100, |s| 3.5 * s as f64);
        assert!(line.iter().all(|(s, v)| (v - 3.5 * s).abs() < 1e-9));
        let even = average(400, |s| if s.is_multiple_of(2) { 1.0 } else { -1.0 });
        let mut inner = even.iter().filter(|(s, _)| (20.0..380.0).contains(s));
        assert!(inner.all(|(_, v)| v.abs() < 0.1));
        assert!(average(1, |_| 1.0).is_empty());
    }
}
