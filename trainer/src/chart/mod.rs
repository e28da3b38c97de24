//! Charts: curves, histograms and bars on an HTML page, and panels of points as an SVG file.

mod axis;
mod bars;
mod curves;
mod frame;
mod panels;
mod series;
mod text;

pub(crate) use axis::Axis;
pub(crate) use bars::{bars, histogram};
pub(crate) use curves::curves;
pub(crate) use panels::{MarkedAxis, Panel, Point, Symbol, panels};
pub(crate) use series::Series;
pub(crate) use text::{escape, number, whole};
