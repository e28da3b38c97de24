//! Panels of points against two axes, side by side in one SVG file.
//!
//! Written by hand: a few circles and lines need no drawing library, and an SVG needs no fonts of
//! this machine.

use std::fmt::Write as _;

use super::axis::Axis;
use super::text::escape;

/// Width and height of one panel with its axes, in pixels.
const PANEL: (f64, f64) = (330.0, 260.0);
/// Room for the axes: left, right, top and bottom.
const ROOM: (f64, f64, f64, f64) = (64.0, 16.0, 34.0, 46.0);
/// Panels side by side.
const ACROSS: usize = 3;

/// An axis with the values that are marked on it, and their names.
pub(crate) struct MarkedAxis {
    pub(crate) axis: Axis,
    pub(crate) marks: Vec<(f64, String)>,
}

impl MarkedAxis {
    /// With round numbers, named by `name`.
    pub(crate) fn numbers(axis: Axis, name: impl Fn(f64) -> String) -> Self {
        let marks = axis.marks().into_iter().map(|mark| (mark, name(mark)));
        let marks = marks.collect();
        Self { axis, marks }
    }

    /// Where `value` is, from 0 at the low end to 1 at the high end.
    pub(crate) fn part(&self, value: f64) -> f64 {
        self.axis.at(value).clamp(0.0, 1.0)
    }
}

/// What stands at a point.
pub(crate) enum Symbol {
    Circle {
        radius: f64,
        fill: &'static str,
        stroke: &'static str,
        stroke_width: f64,
        title: String,
    },
    Cross {
        colour: &'static str,
    },
}

/// A point of a panel, by its parts of both axes from 0 to 1.
pub(crate) struct Point {
    pub(crate) at: (f64, f64),
    pub(crate) symbol: Symbol,
}

/// Points against two axes; the later ones are drawn over the earlier ones.
pub(crate) struct Panel<'a> {
    pub(crate) horizontal: (&'a MarkedAxis, &'a str),
    pub(crate) vertical: (&'a MarkedAxis, &'a str),
    pub(crate) points: Vec<Point>,
}

/// The SVG file of all panels.
pub(crate) fn panels(all: &[Panel<'_>]) -> String {
    let across = all.len().clamp(1, ACROSS) as f64;
    let down = all.len().div_ceil(ACROSS).max(1) as f64;
    let (width, height) = (PANEL.0 * across, PANEL.1 * down);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (index, panel) in all.iter().enumerate() {
        let (column, row) = ((index % ACROSS) as f64, (index / ACROSS) as f64);
        panel.draw((PANEL.0 * column, PANEL.1 * row), &mut text);
    }
    text += "</svg>\n";
    text
}

/// Pixel of parts of the two axes, from 0 to 1.
fn pixel(place: (f64, f64), (x, y): (f64, f64)) -> (f64, f64) {
    let (left, right, top, bottom) = ROOM;
    (
        place.0 + left + x * (PANEL.0 - left - right),
        place.1 + top + (1.0 - y) * (PANEL.1 - top - bottom),
    )
}

impl Panel<'_> {
    fn draw(&self, place: (f64, f64), text: &mut String) {
        self.draw_axes(place, text);
        for point in &self.points {
            let (x, y) = pixel(place, point.at);
            match &point.symbol {
                Symbol::Circle {
                    radius,
                    fill,
                    stroke,
                    stroke_width,
                    title,
                } => {
                    // Writing to a string cannot fail.
                    let _ = writeln!(
                        text,
                        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\" stroke=\"{stroke}\" \
                         stroke-width=\"{stroke_width}\"><title>{}</title></circle>",
                        escape(title)
                    );
                }
                Symbol::Cross { colour } => {
                    for slope in [1.0, -1.0] {
                        let from = (x - 3.5, y - 3.5 * slope);
                        line(text, from, (x + 3.5, y + 3.5 * slope), colour);
                    }
                }
            }
        }
    }

    fn draw_axes(&self, place: (f64, f64), text: &mut String) {
        let (x0, y0) = pixel(place, (0.0, 0.0));
        let (x1, y1) = pixel(place, (1.0, 1.0));
        let _ = writeln!(
            text,
            "<rect x=\"{x0:.1}\" y=\"{y1:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" stroke=\"#888888\"/>",
            x1 - x0,
            y0 - y1
        );
        let (horizontal, name) = self.horizontal;
        for (value, name) in &horizontal.marks {
            let (x, _) = pixel(place, (horizontal.part(*value), 0.0));
            line(text, (x, y0), (x, y0 + 4.0), "#888888");
            label(text, (x, y0 + 16.0), "middle", name);
        }
        let (vertical, title) = self.vertical;
        for (value, name) in &vertical.marks {
            let (_, y) = pixel(place, (0.0, vertical.part(*value)));
            line(text, (x0, y), (x1, y), "#eeeeee");
            line(text, (x0 - 4.0, y), (x0, y), "#888888");
            label(text, (x0 - 7.0, y + 4.0), "end", name);
        }
        label(text, (f64::midpoint(x0, x1), y0 + 34.0), "middle", name);
        label(text, (x0, y1 - 9.0), "start", title);
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
    let ((x, y), words) = (at, escape(words));
    let _ = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333333\">{words}</text>"
    );
}
