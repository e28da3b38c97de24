//! One image.

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;

use super::axis::Axis;
use super::color_map::ColorMap;
use crate::image::{Bayer, ImageError, Levels, PixelRange, Shape, luma};

/// The pixels as they were made.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Chw(&'a [f32], PixelRange),
    Hwc(&'a [u8]),
}

/// By how much an image is turned, clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Not at all.
    #[default]
    Deg0,
    /// Its top becomes the right side.
    Deg90,
    /// Upside down.
    Deg180,
    /// Its top becomes the left side.
    Deg270,
}

impl Rotation {
    /// Whether rows become columns.
    const fn turns(self) -> bool {
        matches!(self, Self::Deg90 | Self::Deg270)
    }
}

/// A generated image that can be drawn, on a display of colour type `C`.
///
/// Greys and colours become `C::from(Rgb888)`, which all colour types of [`embedded_graphics`] have
/// and those of e-paper drivers too; [`Picture::colored`] is for any other. Onto
/// [`BinaryColor`](embedded_graphics::pixelcolor::BinaryColor) that is a threshold at half
/// brightness, so dither. E-paper of few colours is drawn by [`Picture::draw_inked`].
///
/// Each pixel of the image becomes a colour once, however large it is drawn, of images up to 64
/// columns wide.
///
/// See also [`Sheet`](super::Sheet) for several images, [`Fitted`](super::Fitted) for an image that
/// fills a display, and the [module](super) for an example.
#[derive(Debug)]
pub struct Picture<'a, C> {
    source: Source<'a>,
    shape: Shape,
    rotation: Rotation,
    map: Option<ColorMap>,
    /// Columns and rows on the display.
    extent: (u32, u32),
    smooth: bool,
    dither: Option<(Bayer, Levels)>,
    color: fn(Rgb888) -> C,
}

// Not derived: that would ask it of `C`.
impl<C> Clone for Picture<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Picture<'_, C> {}

impl<'a, C: From<Rgb888>> Picture<'a, C> {
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
            rotation: Rotation::Deg0,
            map: None,
            // A checked shape has sides of at most MAX_SIDE.
            extent: (shape.width as u32, shape.height as u32),
            smooth: false,
            dither: None,
            color: C::from,
        })
    }
}

impl<'a, C> Picture<'a, C> {
    /// The image with each pixel drawn as a square of `factor` by `factor`; replaces an earlier
    /// size.
    ///
    /// # Errors
    /// [`ImageError::Factor`] for 0, [`ImageError::TooLarge`] if a side would pass `i32::MAX`, the
    /// largest coordinate.
    pub fn scaled(self, factor: u32) -> Result<Self, ImageError> {
        if factor == 0 {
            return Err(ImageError::Factor);
        }
        let (columns, rows) = self.cells();
        let side = |cells: u32| cells.checked_mul(factor).ok_or(ImageError::TooLarge);
        self.resized(Size::new(side(columns)?, side(rows)?))
    }

    /// The image on so many columns and rows; replaces an earlier size. See also
    /// [`Picture::fitted`], which keeps its proportions.
    ///
    /// # Errors
    /// [`ImageError::Factor`] for a side of 0, [`ImageError::TooLarge`] for one above `i32::MAX`,
    /// the largest coordinate.
    pub fn resized(self, size: Size) -> Result<Self, ImageError> {
        if size.width == 0 || size.height == 0 {
            return Err(ImageError::Factor);
        }
        if size.width.max(size.height) > i32::MAX as u32 {
            return Err(ImageError::TooLarge);
        }
        Ok(self.with_extent((size.width, size.height)))
    }

    /// The same on sides that are coordinates and not 0.
    pub(super) const fn with_extent(self, extent: (u32, u32)) -> Self {
        Self { extent, ..self }
    }

    /// The image bilinear between its pixels where it is enlarged, and not as squares.
    #[must_use]
    pub const fn smooth(self) -> Self {
        Self {
            smooth: true,
            ..self
        }
    }

    /// The image turned; replaces an earlier rotation. Its size on the display turns with it.
    #[must_use]
    pub const fn rotated(self, rotation: Rotation) -> Self {
        let (width, height) = self.extent;
        Self {
            rotation,
            extent: if rotation.turns() == self.rotation.turns() {
                (width, height)
            } else {
                (height, width)
            },
            ..self
        }
    }

    /// A grey image in the colours of a map; one with colours stays as it is.
    #[must_use]
    pub const fn color_map(self, map: ColorMap) -> Self {
        Self {
            map: Some(map),
            ..self
        }
    }

    /// The image for a display of another colour type, and how a colour becomes one of it.
    ///
    /// ```
    /// use dreamlet_runtime::draw::Picture;
    /// use dreamlet_runtime::image::Shape;
    /// use embedded_graphics::pixelcolor::{BinaryColor, Rgb888};
    /// // A display that is lit where the image is dark.
    /// let image = Picture::<BinaryColor>::from_hwc(&[0, 255], Shape::new(1, 1, 2)?)?;
    /// let negative = image.colored(|rgb: Rgb888| BinaryColor::from(rgb).invert());
    /// # Ok::<(), dreamlet_runtime::image::ImageError>(())
    /// ```
    #[must_use]
    pub const fn colored<D>(self, color: fn(Rgb888) -> D) -> Picture<'a, D> {
        Picture {
            source: self.source,
            shape: self.shape,
            rotation: self.rotation,
            map: self.map,
            extent: self.extent,
            smooth: self.smooth,
            dither: self.dither,
            color,
        }
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
        self.extent
    }

    /// Columns and rows of the image as it is turned.
    pub(super) const fn cells(&self) -> (u32, u32) {
        let Shape { height, width, .. } = self.shape;
        if self.rotation.turns() {
            (height as u32, width as u32)
        } else {
            (width as u32, height as u32)
        }
    }

    /// Its columns and rows on those of the display.
    pub(super) const fn axes(&self) -> [Axis; 2] {
        let (columns, rows) = self.cells();
        let (width, height) = self.extent;
        [
            Axis {
                cells: columns,
                places: width,
            },
            Axis {
                cells: rows,
                places: height,
            },
        ]
    }

    /// Whether it is bilinear.
    pub(super) const fn is_smooth(&self) -> bool {
        self.smooth
    }

    pub(super) const fn dither(&self) -> Option<(Bayer, Levels)> {
        self.dither
    }

    /// The dithering; without one it does nothing.
    pub(super) fn ordered(&self) -> (Bayer, Levels) {
        self.dither.unwrap_or((Bayer::Four, Levels::ALL))
    }

    /// The display's colour of a colour.
    pub(super) fn color_of(&self, rgb: [u8; 3]) -> C {
        (self.color)(rgb888(rgb))
    }

    /// One pixel of the image as it is turned.
    pub(super) fn rgb(&self, column: u32, row: u32) -> [u8; 3] {
        let Shape {
            channels,
            height,
            width,
        } = self.shape;
        let (column, row) = (column as usize, row as usize);
        let (x, y) = match self.rotation {
            Rotation::Deg0 => (column, row),
            Rotation::Deg90 => (row, height.saturating_sub(column + 1)),
            Rotation::Deg180 => (
                width.saturating_sub(column + 1),
                height.saturating_sub(row + 1),
            ),
            Rotation::Deg270 => (width.saturating_sub(row + 1), column),
        };
        let at = y * width + x;
        let byte = |channel: usize| match self.source {
            Source::Chw(values, range) => values
                .get(channel * height * width + at)
                .map_or(0, |value| range.to_u8(*value)),
            Source::Hwc(bytes) => bytes.get(at * channels + channel).copied().unwrap_or(0),
        };
        match (channels, self.map) {
            (1, None) => [byte(0); 3],
            (1, Some(map)) => map.rgb(byte(0)),
            _ => [byte(0), byte(1), byte(2)],
        }
    }
}

/// Brightness of a colour.
pub(super) const fn grey([red, green, blue]: [u8; 3]) -> u8 {
    luma(red, green, blue)
}

/// The colour as [`embedded_graphics`] has it.
const fn rgb888([red, green, blue]: [u8; 3]) -> Rgb888 {
    Rgb888::new(red, green, blue)
}
