//! The frame of a chart on an HTML page.
//!
//! The drawing is stretched to its box and the labels are HTML over it, so that text has its size
//! on every screen.

use std::fmt::Write as _;

use serde_json::Value;

use super::axis::Axis;
use super::text::{escape, json_script, number};

/// Side of the drawing's own coordinates, which the page stretches to the box.
pub(super) const SIDE: f64 = 1000.0;
/// Colours of the style sheet.
pub(super) const PALETTE: usize = 4;

pub(super) struct ChartFrame<'a> {
    pub(super) title: &'a str,
    pub(super) legend: &'a [&'a str],
    pub(super) aside: &'a str,
    pub(super) summary: &'a str,
    pub(super) drawing: &'a str,
    pub(super) x: (Axis, &'a str),
    /// Names below evenly spread places on the x axis, instead of numbers.
    pub(super) names: &'a [&'a str],
    pub(super) y: Axis,
    /// Data for the page's script.
    pub(super) hover: Value,
}

impl ChartFrame<'_> {
    pub(super) fn html(&self) -> String {
        let (mut grid, mut labels) = (String::new(), String::new());
        let mut label = |class, side, at: f64, text: &str| {
            let at = at * 100.0;
            labels += &format!("<span class=\"{class}\" style=\"{side}:{at:.2}%\">{text}</span>");
        };
        for tick in self.y.ticks() {
            let at = self.y.at(tick);
            let height = (1.0 - at) * SIDE;
            grid += &format!("<path class=\"grid\" d=\"M0,{height:.1}H{SIDE}\"/>");
            label("y", "bottom", at, &number(tick));
        }
        let (x, unit) = self.x;
        for tick in x.ticks() {
            let at = x.at(tick);
            // Without a unit the places on the axis are names, which the hover line tells. The
            // axis' name stands at its beginning.
            if !unit.is_empty() && at >= 0.07 {
                let class = if at > 0.93 { "x end" } else { "x" };
                label(class, "left", at, &number(tick));
            }
        }
        for (i, name) in self.names.iter().enumerate() {
            let at = (i as f64 + 0.5) / self.names.len() as f64;
            label("x name", "left", at, &escape(name));
        }
        let mut legend = String::new();
        // One curve needs no legend: the title names it.
        if self.legend.len() > 1 {
            for (i, name) in self.legend.iter().enumerate() {
                let (key, name) = (i % PALETTE, escape(name));
                legend += &format!("<span class=\"key s{key}\">{name}</span>");
            }
        }
        if !self.aside.is_empty() {
            legend += &format!("<span class=\"aside\">{}</span>", escape(self.aside));
        }
        format!(
            "<figure class=\"chart\"><figcaption><b>{}</b>{legend}</figcaption>\
         <div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"{}\">\
         <svg viewBox=\"0 0 {SIDE} {SIDE}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{grid}{}</svg>\
         {labels}<span class=\"unit\">{}</span><i class=\"cursor\"></i><div class=\"tip\"></div></div>{}</figure>\n",
            escape(self.title),
            escape(self.summary),
            self.drawing,
            escape(unit),
            json_script(&self.hover)
        )
    }
}

pub(super) fn path(points: &[(f64, f64)], x: Axis, y: Axis) -> String {
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

/// The smallest and the largest of some numbers, if there are any.
pub(super) fn ends(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    numbers.fold(None, |ends, x| {
        let (low, high) = ends.unwrap_or((x, x));
        Some((x.min(low), x.max(high)))
    })
}

/// Five significant digits are enough to read.
pub(super) fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}
