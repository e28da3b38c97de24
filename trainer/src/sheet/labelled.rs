//! A sheet with words above its columns and left of its rows.

use std::convert::Infallible;

use dreamlet_runtime::image::Shape;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_6X10;
use embedded_graphics::pixelcolor::Gray8;
use embedded_graphics::prelude::GrayColor as _;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyle, TextStyleBuilder};
use image::{DynamicImage, Rgb, RgbImage};

use super::{GAP_GREY, GridError, MAX_PIXELS, enlarge, grid};

/// Images of a row and the word left of them.
#[derive(Clone, Debug)]
pub(crate) struct LabelledRow {
    pub(crate) label: String,
    /// `height * width * channels` bytes each, in row, column, channel order.
    pub(crate) images: Vec<Vec<u8>>,
}

/// Pixels of the font, and around a label.
const LETTER: usize = 6;
const LINE: usize = 10;
const MARGIN: usize = 4;
/// Pixels between images before enlarging.
const GAP: usize = 1;

/// A sheet of rows of equally many images, enlarged `scale` times; `columns` has a label for each
/// column, in lines of which the first is above the second.
///
/// # Errors
/// As [`grid`].
pub(crate) fn labelled(
    rows: &[LabelledRow],
    columns: &[[String; 2]],
    shape: Shape,
    scale: usize,
) -> Result<DynamicImage, GridError> {
    let images: Vec<Vec<u8>> = rows.iter().flat_map(|row| row.images.clone()).collect();
    let sheet = grid(&images, shape, Some(columns.len()), GAP)?;
    let sheet = enlarge(&sheet, scale)?;
    let letters = rows.iter().map(|row| row.label.chars().count()).max();
    let left = letters.unwrap_or(0).saturating_mul(LETTER) + 2 * MARGIN;
    let above = 2 * LINE + MARGIN;
    let sides = (side(sheet.width(), left), side(sheet.height(), above));
    let (width, height) = sides;
    let too_large = GridError::TooLarge { width, height };
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(too_large);
    }
    let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) else {
        return Err(too_large);
    };
    let mut page = Page(RgbImage::from_pixel(width, height, Rgb([GAP_GREY; 3])));
    image::imageops::replace(&mut page.0, &sheet.to_rgb8(), left as i64, above as i64);
    let step = |side: usize| (side + GAP) * scale;
    let middle = |side: usize, index: usize| index * step(side) + (GAP + side.div_ceil(2)) * scale;
    for (index, row) in rows.iter().enumerate() {
        let at = above + middle(shape.height, index);
        page.write(&row.label, MARGIN, at, Alignment::Left, Baseline::Middle);
    }
    for (index, lines) in columns.iter().enumerate() {
        let at = left + middle(shape.width, index);
        for (line, text) in lines.iter().enumerate() {
            let y = MARGIN / 2 + line * LINE;
            page.write(text, at, y, Alignment::Center, Baseline::Top);
        }
    }
    let page = DynamicImage::from(page.0);
    Ok(match shape.channels {
        1 => page.into_luma8().into(),
        _ => page,
    })
}

fn side(sheet: u32, more: usize) -> u64 {
    u64::from(sheet).saturating_add(more as u64)
}

/// An image that is written on.
struct Page(RgbImage);

impl Page {
    fn write(&mut self, text: &str, x: usize, y: usize, align: Alignment, line: Baseline) {
        let place = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let font = MonoTextStyle::new(&FONT_6X10, Gray8::WHITE);
        let style: TextStyle = TextStyleBuilder::new()
            .alignment(align)
            .baseline(line)
            .build();
        let text = Text::with_text_style(text, Point::new(place(x), place(y)), font, style);
        let Ok(_) = embedded_graphics::Drawable::draw(&text, self);
    }
}

impl OriginDimensions for Page {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Page {
    type Color = Gray8;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Gray8>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, colour) in pixels {
            let place = u32::try_from(x).ok().zip(u32::try_from(y).ok());
            let pixel = place.and_then(|(x, y)| self.0.get_pixel_mut_checked(x, y));
            if let Some(pixel) = pixel {
                *pixel = Rgb([embedded_graphics::prelude::GrayColor::luma(&colour); 3]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_stand_beside_their_labels() {
        let shape = Shape::new(1, 12, 16).unwrap();
        let row = |label: &str, grey: u8| LabelledRow {
            label: label.into(),
            images: vec![vec![grey; 12 * 16]; 2],
        };
        let columns = [["a", "-1"], ["", "1"]].map(|lines| lines.map(str::to_owned));
        let rows = [row("1 size", 1), row("2", 2)];
        let sheet = labelled(&rows, &columns, shape, 2).unwrap().into_luma8();
        let (left, above) = (6 * 6 + 8, 24);
        // Two columns of 16 and three gaps, twice.
        assert_eq!(sheet.dimensions(), (left + 70, above + 2 * (2 * 12 + 3)));
        assert_eq!(sheet.get_pixel(left + 2, above + 2).0, [1]);
        assert_eq!(sheet.get_pixel(left + 2, above + 2 + 2 * 13).0, [2]);
        let white = |x: std::ops::Range<u32>, y: std::ops::Range<u32>| {
            let pixels = x.flat_map(|x| y.clone().map(move |y| (x, y)));
            let mut pixels = pixels.map(|(x, y)| sheet.get_pixel(x, y).0);
            pixels.any(|pixel| pixel == [255])
        };
        // Beside the first row, above both columns, and the first line above the first alone.
        assert!(white(0..left, above + 7..above + 20));
        assert!(white(left..left + 35, 12..24) && white(left + 36..left + 70, 12..24));
        assert!(white(left..left + 35, 0..12) && !white(left + 36..left + 70, 0..12));
    }
}
