//! The frame of a chart on an HTML page.
//!
//! The drawing is stretched to its box and the labels are HTML over it, so that text has its size
//! on every screen.

use std::fmt::Write as _;

use super::axis::Axis;
use super::text::{escape, number};

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
    pub(super) hover: &'a str,
}

impl ChartFrame<'_> {
    pub(super) fn html(&self) -> String {
        let (mut grid, mut labels) = (String::new(), String::new());
        for tick in self.y.ticks() {
            let at = self.y.at(tick);
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
        let (x, unit) = self.x;
        // Without a unit the places on the axis are names, which the hover line tells.
        for tick in if unit.is_empty() {
            Vec::new()
        } else {
            x.ticks()
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
        for (i, name) in self.names.iter().enumerate() {
            let at = (i as f64 + 0.5) / self.names.len() as f64;
            let _ = write!(
                labels,
                "<span class=\"x name\" style=\"left:{:.2}%\">{}</span>",
                at * 100.0,
                escape(name)
            );
        }
        // One curve needs no legend: the title names it.
        let legend: String = self
            .legend
            .iter()
            .enumerate()
            .filter(|_| self.legend.len() > 1)
            .map(|(i, name)| {
                format!(
                    "<span class=\"key s{}\">{}</span>",
                    i % PALETTE,
                    escape(name)
                )
            })
            .collect();
        let aside = if self.aside.is_empty() {
            String::new()
        } else {
            format!("<span class=\"aside\">{}</span>", escape(self.aside))
        };
        format!(
            "<figure class=\"chart\"><figcaption><b>{}</b>{legend}{aside}</figcaption>\
         <div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"{}\">\
         <svg viewBox=\"0 0 {SIDE} {SIDE}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{grid}{}</svg>\
         {labels}<span class=\"unit\">{}</span><i class=\"cursor\"></i><div class=\"tip\"></div></div>{}</figure>\n",
            escape(self.title),
            escape(self.summary),
            self.drawing,
            escape(unit),
            self.hover
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

/// Five significant digits are enough to read.
pub(super) fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}
