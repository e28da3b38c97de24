//! Images in the inks of e-paper.

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::clip::{ClippedArea, clip, clip_inner};
use super::fitted::Fitted;
use super::picture::Picture;
use crate::image::{ImageError, output};
use crate::ink::Inking;

impl<C: PixelColor> Picture<'_, C> {
    /// Draws the image in a panel's inks, its upper left corner at `at`, row by row. Its dithering is
    /// that of `inking`, whose width is that of the image on the display; a display of its own
    /// colour type gets the inks by their names.
    ///
    /// `row` has as many pixels as the image is wide on the display.
    ///
    /// ```
    /// use dreamlet_runtime::draw::Picture;
    /// use dreamlet_runtime::image::Shape;
    /// use dreamlet_runtime::ink::{Dither, Inking, Palette};
    /// use embedded_graphics::{mock_display::MockDisplay, pixelcolor::Rgb888, prelude::*};
    ///
    /// let mut display = MockDisplay::<Rgb888>::new(); // or epd-waveshare's Display5in65f
    /// let image = Picture::from_hwc(&[40, 90, 160, 220], Shape::new(1, 2, 2)?)?.scaled(4)?;
    /// const PANEL: Palette = Palette::SPECTRA_6;
    /// let mut errors = [0; Inking::scratch_len(Dither::FloydSteinberg, 8)];
    /// let inking = Inking::new(&PANEL, Dither::FloydSteinberg, 8, &mut errors)?;
    /// image.draw_inked(&mut display, Point::zero(), inking, &mut [[0; 3]; 8])??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ImageError::Output`] in the outer result if `row` or `inking` is of another width; the
    /// display's own error in the inner one, which ends the drawing.
    pub fn draw_inked<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        at: Point,
        inking: Inking<'_>,
        row: &mut [[u8; 3]],
    ) -> Result<Result<(), D::Error>, ImageError> {
        let part = clip(self.extent(), &self.bounding_box());
        self.ink_part(target, part.map(|part| part.moved(at)), inking, row)
    }

    fn ink_part<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        part: Option<ClippedArea>,
        mut inking: Inking<'_>,
        row: &mut [[u8; 3]],
    ) -> Result<Result<(), D::Error>, ImageError> {
        let Some(part) = part else {
            return Ok(Ok(()));
        };
        let Size { width, height } = part.target.size;
        output(width as usize, row.len())?;
        output(width as usize, inking.width())?;
        let mut pixels = self.pixels(&part);
        for y in 0..height {
            for (to, rgb) in row.iter_mut().zip(&mut pixels) {
                *to = rgb;
            }
            inking.row_in_place(row);
            let corner = part.target.top_left;
            let line = Rectangle::new(
                Point::new(corner.x, corner.y.saturating_add(y as i32)),
                Size::new(width, 1),
            );
            let colors = row.iter().map(|pixel| self.color_of(inking.name(pixel[0])));
            if let Err(error) = target.fill_contiguous(&line, colors) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }
}

impl<C: PixelColor> Fitted<'_, C> {
    /// Draws the image alone, in its place, in a panel's inks; see [`Picture::draw_inked`]. The
    /// width is that of [`Fitted::image_area`].
    ///
    /// # Errors
    /// As [`Picture::draw_inked`].
    pub fn draw_image_inked<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        inking: Inking<'_>,
        row: &mut [[u8; 3]],
    ) -> Result<Result<(), D::Error>, ImageError> {
        let (picture, area) = self.placed();
        let whole = self.bounding_box();
        picture.ink_part(target, clip_inner(area, &whole, &whole), inking, row)
    }
}
