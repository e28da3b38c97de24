//! Generated images as [`embedded_graphics`] drawables: no heap, any display, any colour type.
//!
//! [`Picture`] looks at the generator's output where it lies, as `f32` or as bytes, and converts
//! each pixel to the display's colour when it is drawn: grey and RGB images onto one-bit, grey,
//! RGB and e-paper displays alike. It can be enlarged by any factor, turned and dithered.
//! [`Sheet`] arranges several in a grid. Both are drawn by one call of the display's
//! `fill_contiguous`. [`Fitted`] is an image in the middle of a display.
//!
//! ```
//! use dreamlet_runtime::draw::Picture;
//! use dreamlet_runtime::image::{Bayer, Levels, PixelRange, Shape};
//! use embedded_graphics::{image::Image, mock_display::MockDisplay, pixelcolor::BinaryColor, prelude::*};
//!
//! let values = [-1.0, 0.2, 0.2, 1.0];
//! let drawable = Picture::from_chw(&values, Shape::new(1, 2, 2)?, PixelRange::SIGNED)?
//!     .scaled(4)?
//!     .dithered(Bayer::Four, Levels::BINARY);
//! let mut display = MockDisplay::<BinaryColor>::new();
//! Image::new(&drawable, Point::new(3, 5)).draw(&mut display)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axis;
mod clip;
mod color_map;
mod fitted;
mod inked;
mod picture;
mod runs;
mod sheet;
mod show;
mod smooth;

pub use color_map::ColorMap;
pub use fitted::{Fit, Fitted};
pub use picture::{Picture, Rotation};
pub use sheet::Sheet;

/// Implements the three traits of a drawable image for a type with `extent()`, which gives columns
/// and rows, `color_at(x, y)`, which is asked for places inside only, and `draw_part(target, part)`.
macro_rules! impl_drawable {
    ($type:ident) => {
        impl<C: PixelColor> OriginDimensions for $type<'_, C> {
            fn size(&self) -> Size {
                let (width, height) = self.extent();
                Size::new(width, height)
            }
        }

        impl<C: PixelColor> ImageDrawable for $type<'_, C> {
            type Color = C;

            fn draw<D: DrawTarget<Color = C>>(&self, target: &mut D) -> Result<(), D::Error> {
                self.draw_sub_image(target, &self.bounding_box())
            }

            fn draw_sub_image<D: DrawTarget<Color = C>>(
                &self,
                target: &mut D,
                area: &Rectangle,
            ) -> Result<(), D::Error> {
                match $crate::draw::clip::clip(self.extent(), area) {
                    None => Ok(()),
                    Some(part) => self.draw_part(target, &part),
                }
            }
        }

        impl<C: PixelColor> GetPixel for $type<'_, C> {
            type Color = C;

            fn pixel(&self, point: Point) -> Option<C> {
                let (width, height) = self.extent();
                let (x, y) = (u32::try_from(point.x).ok()?, u32::try_from(point.y).ok()?);
                (x < width && y < height).then(|| self.color_at(x, y))
            }
        }
    };
}
use impl_drawable;

#[cfg(test)]
mod epaper_tests;
#[cfg(test)]
mod tests;
