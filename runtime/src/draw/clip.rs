//! Which pixels of an image a sub-image shows, and where.

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;

/// The visible part of an image.
pub(super) struct ClippedArea {
    /// First column and row of the image that is shown.
    left: u32,
    top: u32,
    /// Where it goes on the target.
    pub(super) target: Rectangle,
}

impl ClippedArea {
    /// Columns and rows of the image in drawing order.
    pub(super) fn pixels(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let (left, top, Size { width, height }) = (self.left, self.top, self.target.size);
        (0..height).flat_map(move |y| (0..width).map(move |x| (left + x, top + y)))
    }
}

/// Where `area` of an image of `extent` columns and rows goes when the corner of `area` is put at
/// the origin; `None` if nothing of it is visible. In 64 bits, for `area` may be anything.
pub(super) fn clip(extent: (u32, u32), area: &Rectangle) -> Option<ClippedArea> {
    let (left, width) = overlap(extent.0, area.top_left.x, area.size.width)?;
    let (top, height) = overlap(extent.1, area.top_left.y, area.size.height)?;
    let shift = |first: u32, origin: i32| i32::try_from(i64::from(first) - i64::from(origin)).ok();
    let corner = Point::new(shift(left, area.top_left.x)?, shift(top, area.top_left.y)?);
    Some(ClippedArea {
        left,
        top,
        target: Rectangle::new(corner, Size::new(width, height)),
    })
}

/// First place and length of what `0..extent` and `origin..origin + len` share, if anything.
fn overlap(extent: u32, origin: i32, len: u32) -> Option<(u32, u32)> {
    let first = i64::from(origin).max(0);
    let end = (i64::from(origin) + i64::from(len)).min(i64::from(extent));
    let shared = end.checked_sub(first).filter(|shared| *shared > 0)?;
    Some((u32::try_from(first).ok()?, u32::try_from(shared).ok()?))
}
