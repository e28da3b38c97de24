//! Histograms and bars.

use std::fmt::Write as _;

use serde_json::json;

use super::axis::Axis;
use super::frame::{ChartFrame, PALETTE, SIDE, ends, path, short};

/// How often the values of each set fall into each of 40 bins, as shares of the set.
pub(crate) fn histogram(title: &str, unit: &str, sets: &[(&str, Vec<f64>)]) -> Option<String> {
    const BINS: usize = 40;
    let all = sets.iter().flat_map(|(_, values)| values);
    let (low, high) = ends(all.copied().filter(|v| v.is_finite()))?;
    let x = Axis::new(low, high);
    let edge = |bin: usize| x.low + (x.high - x.low) * bin as f64 / BINS as f64;
    let mut lines = Vec::new();
    for (name, values) in sets {
        let mut counts = [0_u32; BINS];
        for value in values.iter().filter(|v| v.is_finite()) {
            let bin = (x.at(*value) * BINS as f64) as usize;
            if let Some(count) = counts.get_mut(bin.min(BINS - 1)) {
                *count += 1;
            }
        }
        let total = values.len().max(1) as f64;
        let shares = counts.map(|c| f64::from(c) / total * 100.0);
        lines.push((*name, shares));
    }
    let shares = lines.iter().flat_map(|(_, shares)| shares);
    let top = shares.copied().fold(0.0, f64::max);
    let y = Axis::new(0.0, top * 1.05);
    let mut drawing = String::new();
    for (i, (_, shares)) in lines.iter().enumerate() {
        let bins = shares.iter().enumerate();
        let corners = bins.flat_map(|(bin, share)| [bin, bin + 1].map(|b| (edge(b), *share)));
        let outline = path(&corners.collect::<Vec<_>>(), x, y);
        let _ = write!(
            drawing,
            "<path class=\"area s{0}\" d=\"{outline}L{SIDE},{SIDE}L0,{SIDE}Z\"/><path class=\"line s{0}\" d=\"{outline}\"/>",
            i % PALETTE
        );
    }
    let centres = (0..BINS).map(|b| short((edge(b) + edge(b + 1)) / 2.0));
    let centres: Vec<f64> = centres.collect();
    let hover = json!({
        "unit": unit, "suffix": " %",
        "x0": x.low, "x1": x.high,
        "series": lines.iter().map(|(name, shares)| json!({
            "name": name, "x": centres, "y": shares.map(short).as_slice(),
        })).collect::<Vec<_>>(),
    });
    let chart = ChartFrame {
        title,
        legend: &lines.iter().map(|l| l.0).collect::<Vec<_>>(),
        aside: "% of the images of each set",
        summary: title,
        drawing: &drawing,
        x: (x, unit),
        names: &[],
        y,
        hover,
    };
    Some(chart.html())
}

/// One bar for each value, with its name.
pub(crate) fn bars(title: &str, unit: &str, values: &[(String, f64)]) -> String {
    let top = values.iter().map(|v| v.1).fold(0.0, f64::max);
    let y = Axis::new(0.0, top * 1.05);
    let width = SIDE / values.len().max(1) as f64;
    let mut drawing = String::new();
    for (i, (_, value)) in values.iter().enumerate() {
        let height = y.at(*value).clamp(0.0, 1.0) * SIDE;
        let left = (i as f64 + 0.12) * width;
        let _ = write!(
            drawing,
            "<rect class=\"bar\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            SIDE - height,
            width * 0.76
        );
    }
    let count = values.len().max(1) as f64;
    let centres: Vec<f64> = (0..values.len()).map(|i| i as f64 + 0.5).collect();
    let names: Vec<&str> = values.iter().map(|v| v.0.as_str()).collect();
    let hover = json!({
        "unit": "", "names": names, "suffix": format!(" {unit}"),
        "x0": 0.0, "x1": count,
        "series": [{ "name": "", "x": centres, "y": values.iter().map(|v| short(v.1)).collect::<Vec<_>>() }],
    });
    let chart = ChartFrame {
        title,
        legend: &[],
        aside: "",
        summary: title,
        drawing: &drawing,
        x: (Axis::exact(0.0, count), ""),
        names: if names.len() <= 32 { &names } else { &[] },
        y,
        hover,
    };
    chart.html()
}

#[cfg(test)]
mod tests {
    use super::*;

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
