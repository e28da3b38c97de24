//! An image on a display.

use embedded_graphics::image::{GetPixel, ImageDrawable};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::clip::{ClippedArea, clip};
use super::impl_drawable;
use super::picture::{Picture, grey};
use super::runs::{Dithered, Plain, Rgb, Runs};
use super::smooth::Smooth;
use crate::image::{FloydSteinberg, ImageError, Levels};

/// Colours in drawing order.
#[allow(
    clippy::large_enum_variant,
    reason = "there is no heap to put the larger one on"
)]
pub(super) enum Pixels<'p, 'a, C> {
    Runs(Runs<'p, 'a, C, Rgb>),
    Smooth(Smooth<'p, 'a, C>),
}

impl<C> Iterator for Pixels<'_, '_, C> {
    type Item = [u8; 3];

    fn next(&mut self) -> Option<[u8; 3]> {
        match self {
            Self::Runs(runs) => runs.next(),
            Self::Smooth(smooth) => smooth.next(),
        }
    }
}

impl<'a, C: PixelColor> Picture<'a, C> {
    /// The colours of a part in drawing order, before they become the display's.
    pub(super) fn pixels<'p>(&'p self, part: &ClippedArea) -> Pixels<'p, 'a, C> {
        if self.is_smooth() {
            Pixels::Smooth(Smooth::new(self, part))
        } else {
            Pixels::Runs(Runs::new(self, part))
        }
    }

    pub(super) fn color_at(&self, x: u32, y: u32) -> C {
        let rgb = if self.is_smooth() {
            let part = ClippedArea {
                left: x,
                top: y,
                target: Rectangle::new(Point::zero(), Size::new(1, 1)),
            };
            Smooth::new(self, &part).next().unwrap_or_default()
        } else {
            let [across, down] = self.axes();
            self.rgb(across.cell(x), down.cell(y))
        };
        self.shade(rgb, x, y)
    }

    /// The display's colour at a place.
    fn shade(&self, rgb: [u8; 3], x: u32, y: u32) -> C {
        match self.dither() {
            None => self.color_of(rgb),
            Some((bayer, levels)) => {
                let level = bayer.level(grey(rgb), x as usize, y as usize, levels);
                self.color_of([levels.grey(level); 3])
            }
        }
    }

    pub(super) fn draw_part<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        part: &ClippedArea,
    ) -> Result<(), D::Error> {
        let area = &part.target;
        if self.is_smooth() {
            let colors = Smooth::new(self, part)
                .zip(part.pixels())
                .map(|(rgb, (x, y))| self.shade(rgb, x, y));
            target.fill_contiguous(area, colors)
        } else if self.dither().is_some() {
            target.fill_contiguous(area, Runs::<_, Dithered<C>>::new(self, part))
        } else {
            target.fill_contiguous(area, Runs::<_, Plain<C>>::new(self, part))
        }
    }

    /// Draws the image in few greys by Floyd-Steinberg error diffusion, its upper left corner at
    /// `at`: finer than [`Picture::dithered`] (which this replaces), for images that stay a while.
    /// Pixels depend on those before them, so this is a method with scratch and not an
    /// [`ImageDrawable`].
    ///
    /// `errors` is [`FloydSteinberg::scratch_len`] of the width on the display, which is
    /// [`OriginDimensions::size`].
    ///
    /// # Errors
    /// [`ImageError::Scratch`] in the outer result if `errors` has another length; the display's
    /// own error in the inner one.
    pub fn draw_diffused<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        at: Point,
        levels: Levels,
        errors: &mut [i16],
    ) -> Result<Result<(), D::Error>, ImageError> {
        let (width, _) = self.extent();
        let mut dither = FloydSteinberg::new(width as usize, levels, errors)?;
        let Some(part) = clip(self.extent(), &self.bounding_box()) else {
            return Ok(Ok(()));
        };
        let colors = self.pixels(&part).map(|rgb| {
            let level = dither.pixel(grey(rgb));
            self.color_of([levels.grey(level); 3])
        });
        Ok(target.fill_contiguous(&part.moved(at).target, colors))
    }
}

impl_drawable!(Picture);
