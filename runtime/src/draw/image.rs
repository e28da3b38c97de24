//! One image.

use core::marker::PhantomData;

use embedded_graphics::image::{GetPixel, ImageDrawable};
use embedded_graphics::pixelcolor::{Gray8, Rgb888};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::impl_drawable;
use crate::image::{Bayer, FloydSteinberg, ImageError, Levels, PixelRange, Shape, luma};

/// The pixels as they were made.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Chw(&'a [f32], PixelRange),
    Hwc(&'a [u8]),
}

/// A generated image that can be drawn, on a display of colour type `C`.
///
/// Grey images become colours by `C::from(Gray8)` and RGB ones by `C::from(Rgb888)`, which all
/// colour types of [`embedded_graphics`] have; onto
/// [`BinaryColor`](embedded_graphics::pixelcolor::BinaryColor) that is a threshold at half
/// brightness, so dither.
///
/// See also [`Sheet`](super::Sheet) for several images, and the [module](super) for an example.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a, C> {
    source: Source<'a>,
    shape: Shape,
    factor: u32,
    dither: Option<(Bayer, Levels)>,
    color: PhantomData<C>,
}

impl<'a, C> Picture<'a, C> {
    /// An image as a generator writes it: `f32` in channel, row, column order.
    ///
    /// # Errors
    /// [`ImageError`] if the shape or range is impossible, or `values` has another length than the
    /// shape says.
    pub fn from_chw(
        values: &'a [f32],
        shape: Shape,
        range: PixelRange,
    ) -> Result<Self, ImageError> {
        range.check()?;
        Self::new(Source::Chw(values, range), values.len(), shape)
    }

    /// An image as files and displays have it: bytes in row, column, channel order.
    ///
    /// # Errors
    /// [`ImageError`] if the shape is impossible, or `bytes` has another length than it says.
    pub fn from_hwc(bytes: &'a [u8], shape: Shape) -> Result<Self, ImageError> {
        Self::new(Source::Hwc(bytes), bytes.len(), shape)
    }

    fn new(source: Source<'a>, found: usize, shape: Shape) -> Result<Self, ImageError> {
        let expected = shape.check()?;
        if found != expected {
            return Err(ImageError::Input { expected, found });
        }
        Ok(Self {
            source,
            shape,
            factor: 1,
            dither: None,
            color: PhantomData,
        })
    }

    /// The image with each pixel drawn as a square of `factor` by `factor`; replaces an earlier
    /// factor.
    ///
    /// # Errors
    /// [`ImageError::Factor`] for 0, [`ImageError::TooLarge`] if a side would pass `i32::MAX`, the
    /// largest coordinate.
    pub fn scaled(self, factor: u32) -> Result<Self, ImageError> {
        if factor == 0 {
            return Err(ImageError::Factor);
        }
        let longest = self.shape.height.max(self.shape.width) as u64;
        if longest * u64::from(factor) > i32::MAX as u64 {
            return Err(ImageError::TooLarge);
        }
        Ok(Self { factor, ..self })
    }

    /// The image in few greys by ordered dithering. Colours become their brightness; enlarged
    /// images are dithered at the display's resolution, which shows more greys.
    #[must_use]
    pub const fn dithered(self, bayer: Bayer, levels: Levels) -> Self {
        Self {
            dither: Some((bayer, levels)),
            ..self
        }
    }

    /// Columns and rows on the display.
    pub(super) const fn extent(&self) -> (u32, u32) {
        // `new` and `scaled` made sure that both fit.
        (
            self.shape.width as u32 * self.factor,
            self.shape.height as u32 * self.factor,
        )
    }

    /// One channel of one pixel of the image; a channel a grey image does not have is its grey.
    fn byte(&self, x: usize, y: usize, channel: usize) -> u8 {
        let Shape {
            channels,
            height,
            width,
        } = self.shape;
        let channel = channel.min(channels - 1);
        match self.source {
            Source::Chw(values, range) => values
                .get((channel * height + y) * width + x)
                .map_or(0, |value| range.to_u8(*value)),
            Source::Hwc(bytes) => bytes
                .get((y * width + x) * channels + channel)
                .copied()
                .unwrap_or(0),
        }
    }

    /// Brightness of one pixel of the image.
    fn grey(&self, x: usize, y: usize) -> u8 {
        match self.shape.channels {
            1 => self.byte(x, y, 0),
            _ => luma(self.byte(x, y, 0), self.byte(x, y, 1), self.byte(x, y, 2)),
        }
    }

    /// The pixel of the image at a place on the display.
    const fn place(&self, x: u32, y: u32) -> (usize, usize) {
        ((x / self.factor) as usize, (y / self.factor) as usize)
    }
}

impl<C: PixelColor + From<Gray8> + From<Rgb888>> Picture<'_, C> {
    pub(super) fn color_at(&self, x: u32, y: u32) -> C {
        let (column, row) = self.place(x, y);
        match (self.dither, self.shape.channels) {
            (Some((bayer, levels)), _) => {
                let level = bayer.level(self.grey(column, row), x as usize, y as usize, levels);
                C::from(Gray8::new(levels.grey(level)))
            }
            (None, 1) => C::from(Gray8::new(self.byte(column, row, 0))),
            (None, _) => {
                let [red, green, blue] = [0, 1, 2].map(|channel| self.byte(column, row, channel));
                C::from(Rgb888::new(red, green, blue))
            }
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
        let (width, height) = self.extent();
        let mut dither = FloydSteinberg::new(width as usize, levels, errors)?;
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let colors = places.map(|(x, y)| {
            let (column, row) = self.place(x, y);
            let level = dither.pixel(self.grey(column, row));
            C::from(Gray8::new(levels.grey(level)))
        });
        Ok(target.fill_contiguous(&Rectangle::new(at, Size::new(width, height)), colors))
    }
}

impl_drawable!(Picture);
