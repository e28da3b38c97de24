//! A frame buffer that counts how it is drawn into.

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

/// A frame of true colours, black at first.
#[derive(Debug)]
pub struct Frame {
    size: Size,
    /// Rows of red, green, blue.
    pub bytes: Vec<u8>,
    /// Calls of `fill_contiguous`: what a display driver turns into one transfer.
    pub transfers: usize,
}

impl Frame {
    /// A black frame.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            size: Size::new(width, height),
            bytes: vec![0; width as usize * height as usize * 3],
            transfers: 0,
        }
    }

    /// The bytes of one pixel.
    pub fn pixel(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        let at = (y * self.size.width as usize + x) * 3;
        self.bytes.get(at..at + 3)?.try_into().ok()
    }
}

impl OriginDimensions for Frame {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Frame {
    type Color = Rgb888;
    type Error = core::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for Pixel(point, color) in pixels {
            if self.bounding_box().contains(point) {
                let at = (point.y as usize * self.size.width as usize + point.x as usize) * 3;
                if let Some(pixel) = self.bytes.get_mut(at..at + 3) {
                    pixel.copy_from_slice(&[color.r(), color.g(), color.b()]);
                }
            }
        }
        Ok(())
    }

    fn fill_contiguous<I: IntoIterator<Item = Rgb888>>(
        &mut self,
        area: &Rectangle,
        colors: I,
    ) -> Result<(), Self::Error> {
        self.transfers += 1;
        let pixels = area.points().zip(colors);
        self.draw_iter(pixels.map(|(point, color)| Pixel(point, color)))
    }
}
