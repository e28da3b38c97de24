//! Several images in a grid.

use embedded_graphics::image::{GetPixel, ImageDrawable};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::clip::ClippedArea;
use super::impl_drawable;
use super::picture::Picture;
use crate::image::ImageError;

/// A contact sheet: images in rows from left to right, with gaps between them and none around. Each
/// has a cell of the size of the largest; what an image leaves free is background.
///
/// ```
/// use dreamlet_runtime::draw::{Picture, Sheet};
/// use dreamlet_runtime::image::Shape;
/// use embedded_graphics::{pixelcolor::Rgb565, prelude::*};
/// let bytes = [[40; 9], [90; 9], [200; 9]];
/// let mut images = [Picture::from_hwc(&[0], Shape::new(1, 1, 1)?)?; 3];
/// for (image, bytes) in images.iter_mut().zip(&bytes) {
///     *image = Picture::from_hwc(bytes, Shape::new(1, 3, 3)?)?;
/// }
/// let sheet = Sheet::new(&images, 2, 1, Rgb565::BLACK)?;
/// assert_eq!(sheet.size(), Size::new(7, 7));
/// # Ok::<(), dreamlet_runtime::image::ImageError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a, C> {
    images: &'a [Picture<'a, C>],
    columns: u32,
    gap: u32,
    background: C,
    cell: (u32, u32),
    extent: (u32, u32),
}

impl<'a, C: PixelColor> Sheet<'a, C> {
    /// Arranges `images` in `columns` columns (0 counts as 1, and more than there are images as
    /// that many), `gap` pixels apart.
    ///
    /// # Errors
    /// [`ImageError::TooLarge`] if a side would pass `i32::MAX`, the largest coordinate.
    pub fn new(
        images: &'a [Picture<'a, C>],
        columns: u32,
        gap: u32,
        background: C,
    ) -> Result<Self, ImageError> {
        let count = u32::try_from(images.len()).map_err(|_| ImageError::TooLarge)?;
        let columns = columns.min(count).max(1);
        let cell = images
            .iter()
            .map(Picture::extent)
            .fold((0, 0), |(width, height), (w, h)| {
                (width.max(w), height.max(h))
            });
        let side = |cells: u32, size: u32| {
            let len = u64::from(cells) * (u64::from(size) + u64::from(gap));
            let len = len.saturating_sub(u64::from(gap));
            u32::try_from(len)
                .ok()
                .filter(|len| *len <= i32::MAX as u32)
                .ok_or(ImageError::TooLarge)
        };
        let rows = count.div_ceil(columns);
        let extent = match count {
            0 => (0, 0),
            _ => (side(columns, cell.0)?, side(rows, cell.1)?),
        };
        Ok(Self {
            images,
            columns,
            gap,
            background,
            cell,
            extent,
        })
    }

    const fn extent(&self) -> (u32, u32) {
        self.extent
    }
}

impl<C: PixelColor> Sheet<'_, C> {
    fn color_at(&self, x: u32, y: u32) -> C {
        // Cells have pixels wherever the sheet has any, so neither pitch is 0; one beyond `u32` has
        // one cell.
        let (pitch_x, pitch_y) = (
            self.cell.0.saturating_add(self.gap),
            self.cell.1.saturating_add(self.gap),
        );
        let (column, row) = (x / pitch_x.max(1), y / pitch_y.max(1));
        let (x, y) = (x - column * pitch_x, y - row * pitch_y);
        // A gap to the right of the last column is outside the sheet.
        let image = self.images.get((row * self.columns + column) as usize);
        image
            .filter(|image| {
                let (width, height) = image.extent();
                x < width && y < height
            })
            .map_or(self.background, |image| image.color_at(x, y))
    }

    fn draw_part<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        part: &ClippedArea,
    ) -> Result<(), D::Error> {
        let colors = part.pixels().map(|(x, y)| self.color_at(x, y));
        target.fill_contiguous(&part.target, colors)
    }
}

impl_drawable!(Sheet);
