//! Which pixels of an image a sub-image shows, and where.

use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;

/// The visible part of an image.
#[derive(Clone, Copy)]
pub(super) struct ClippedArea {
    /// First column and row of the image that is shown.
    pub(super) left: u32,
    pub(super) top: u32,
    /// Where it goes on the target.
    pub(super) target: Rectangle,
}

impl ClippedArea {
    /// Columns and rows of the image in drawing order.
    pub(super) fn pixels(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let (left, top, Size { width, height }) = (self.left, self.top, self.target.size);
        (0..height).flat_map(move |y| (0..width).map(move |x| (left + x, top + y)))
    }

    /// The same somewhere else.
    pub(super) fn moved(self, by: Point) -> Self {
        let Point { x, y } = self.target.top_left;
        let corner = Point::new(x.saturating_add(by.x), y.saturating_add(by.y));
        Self {
            target: Rectangle::new(corner, self.target.size),
            ..self
        }
    }
}

/// Where `area` of an image of `extent` columns and rows goes when the corner of `area` is put at
/// the origin; `None` if nothing of it is visible.
pub(super) fn clip(extent: (u32, u32), area: &Rectangle) -> Option<ClippedArea> {
    let whole = Rectangle::new(Point::zero(), Size::new(extent.0, extent.1));
    clip_inner(&whole, &whole, area)
}

/// The same of what lies at `inner` in an image that ends at `bounds`. In 64 bits, for each may be
/// anything.
pub(super) fn clip_inner(
    inner: &Rectangle,
    bounds: &Rectangle,
    area: &Rectangle,
) -> Option<ClippedArea> {
    let all = [inner, bounds, area];
    let [left, x, width] = overlap(all.map(|one| (one.top_left.x, one.size.width)))?;
    let [top, y, height] = overlap(all.map(|one| (one.top_left.y, one.size.height)))?;
    let size = Size::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    Some(ClippedArea {
        left: u32::try_from(left).ok()?,
        top: u32::try_from(top).ok()?,
        target: Rectangle::new(
            Point::new(i32::try_from(x).ok()?, i32::try_from(y).ok()?),
            size,
        ),
    })
}

/// What three lines share, if anything: where it begins in the first and in the last, and its length.
fn overlap(lines: [(i32, u32); 3]) -> Option<[i64; 3]> {
    let mut first = i64::MIN;
    let mut end = i64::MAX;
    for (origin, len) in lines {
        first = first.max(origin.into());
        end = end.min(i64::from(origin) + i64::from(len));
    }
    let [(inner, _), _, (area, _)] = lines;
    (first < end).then(|| {
        [
            first - i64::from(inner),
            first - i64::from(area),
            end - first,
        ]
    })
}
