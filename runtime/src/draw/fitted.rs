//! An image in the middle of a display.

use embedded_graphics::image::{GetPixel, ImageDrawable};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::clip::{ClippedArea, clip_inner};
use super::impl_drawable;
use super::picture::Picture;

/// How large an image becomes on a display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// As large as all of it can be seen, with borders at two sides.
    #[default]
    Contain,
    /// As small as it fills the display; what is beyond two sides is cut off.
    Cover,
    /// Enlarged by the largest whole factor, so that all its pixels are equal squares; one that is
    /// larger than the display is made smaller, as by [`Fit::Contain`].
    Whole,
    /// To the display's size, whatever becomes of its proportions.
    Stretch,
}

/// An image in the middle of an area, with a border around it where it leaves any free. It draws
/// each pixel of the area once.
///
/// ```
/// use dreamlet_runtime::draw::{Fit, Picture, Rotation};
/// use dreamlet_runtime::image::Shape;
/// use embedded_graphics::{image::Image, mock_display::MockDisplay, pixelcolor::Rgb565, prelude::*};
///
/// let mut display = MockDisplay::<Rgb565>::new();
/// let image = Picture::from_hwc(&[0, 80, 160, 240], Shape::new(1, 2, 2)?)?;
/// let fitted = image.smooth().rotated(Rotation::Deg90).fitted(display.size(), Fit::Contain);
/// Image::new(&fitted, Point::zero()).draw(&mut display)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fitted<'a, C> {
    picture: Picture<'a, C>,
    size: Size,
    /// Where the image lies: for [`Fit::Cover`] beyond the area too.
    image: Rectangle,
    border: C,
}

impl<'a, C: Copy> Picture<'a, C> {
    /// The image in the middle of an area, usually the whole display (sides above `i32::MAX` are
    /// made that). The border is black; see [`Fitted::border`].
    #[must_use]
    pub fn fitted(self, size: Size, fit: Fit) -> Fitted<'a, C> {
        let size = Size::new(
            coordinate(size.width.into()),
            coordinate(size.height.into()),
        );
        let (width, height) = extent(self.cells(), size, fit);
        // Rounded towards the upper left where one pixel is left over.
        let free = |all: u32, used: u32| (i64::from(all) - i64::from(used)).div_euclid(2) as i32;
        let corner = Point::new(free(size.width, width), free(size.height, height));
        Fitted {
            picture: self.with_extent((width, height)),
            size,
            image: Rectangle::new(corner, Size::new(width, height)),
            border: self.color_of([0; 3]),
        }
    }
}

/// The largest coordinate, or less.
fn coordinate(side: u64) -> u32 {
    side.min(i32::MAX as u64) as u32
}

/// Columns and rows of an image in an area; at least 1.
fn extent((columns, rows): (u32, u32), size: Size, fit: Fit) -> (u32, u32) {
    let [columns, rows] = [columns, rows].map(|side| u64::from(side.max(1)));
    let [width, height] = [size.width, size.height].map(|side| u64::from(side.max(1)));
    let whole = (width / columns).min(height / rows);
    // Whether the image as wide as the area is no higher than it.
    let by_width = width * rows <= height * columns;
    let (width, height) = match fit {
        Fit::Stretch => (width, height),
        Fit::Whole if whole > 0 => (columns * whole, rows * whole),
        _ if by_width == (fit != Fit::Cover) => {
            (width, (2 * width * rows + columns) / (2 * columns))
        }
        _ => ((2 * height * columns + rows) / (2 * rows), height),
    };
    (coordinate(width.max(1)), coordinate(height.max(1)))
}

impl<C: PixelColor> Fitted<'_, C> {
    /// The image, and where it lies in the area: for [`Fit::Cover`] beyond it too.
    pub(super) const fn placed(&self) -> (&Picture<'_, C>, &Rectangle) {
        (&self.picture, &self.image)
    }

    /// The same with a border of another colour.
    #[must_use]
    pub const fn border(self, border: C) -> Self {
        Self { border, ..self }
    }

    /// Where in the area the image lies.
    #[must_use]
    pub fn image_area(&self) -> Rectangle {
        let area = Rectangle::new(Point::zero(), self.size);
        clip_inner(&self.image, &area, &area).map_or(Rectangle::zero(), |part| part.target)
    }

    /// Draws the border alone: once for many images of one size.
    ///
    /// # Errors
    /// The display's.
    pub fn draw_border<D: DrawTarget<Color = C>>(&self, target: &mut D) -> Result<(), D::Error> {
        self.draw_border_in(target, &self.bounding_box())
    }

    /// Draws the image alone, in its place.
    ///
    /// # Errors
    /// The display's.
    pub fn draw_image<D: DrawTarget<Color = C>>(&self, target: &mut D) -> Result<(), D::Error> {
        self.draw_image_in(target, &self.bounding_box())
    }

    fn draw_image_in<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        area: &Rectangle,
    ) -> Result<(), D::Error> {
        match clip_inner(&self.image, &self.bounding_box(), area) {
            None => Ok(()),
            Some(part) => self.picture.draw_part(target, &part),
        }
    }

    fn draw_border_in<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        area: &Rectangle,
    ) -> Result<(), D::Error> {
        let image = self.image_area();
        let (Point { x, y }, size) = (image.top_left, image.size);
        // Above, left, right, below: coordinates within the area, so nothing overflows.
        let (right, bottom) = (x + size.width as i32, y + size.height as i32);
        let rest = Size::new(
            self.size.width.saturating_sub(right as u32),
            self.size.height.saturating_sub(bottom as u32),
        );
        let sides = [
            Rectangle::new(Point::zero(), Size::new(self.size.width, y as u32)),
            Rectangle::new(Point::new(0, y), Size::new(x as u32, size.height)),
            Rectangle::new(Point::new(right, y), Size::new(rest.width, size.height)),
            Rectangle::new(
                Point::new(0, bottom),
                Size::new(self.size.width, rest.height),
            ),
        ];
        for side in &sides {
            if let Some(part) = clip_inner(side, side, area) {
                target.fill_solid(&part.target, self.border)?;
            }
        }
        Ok(())
    }

    fn extent(&self) -> (u32, u32) {
        (self.size.width, self.size.height)
    }

    fn color_at(&self, x: u32, y: u32) -> C {
        let at = |place: u32, corner: i32| u32::try_from(i64::from(place) - i64::from(corner));
        let (width, height) = self.picture.extent();
        match (at(x, self.image.top_left.x), at(y, self.image.top_left.y)) {
            (Ok(x), Ok(y)) if x < width && y < height => self.picture.color_at(x, y),
            _ => self.border,
        }
    }

    fn draw_part<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        part: &ClippedArea,
    ) -> Result<(), D::Error> {
        // `part` has a corner within the area again.
        let corner = Point::new(part.left as i32, part.top as i32);
        let area = Rectangle::new(corner - part.target.top_left, {
            let Point { x, y } = part.target.top_left;
            part.target.size + Size::new(x as u32, y as u32)
        });
        self.draw_border_in(target, &area)?;
        self.draw_image_in(target, &area)
    }
}

impl_drawable!(Fitted);
