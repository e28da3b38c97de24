//! What an image costs to draw: 8 times as large, on a display of 16 bits a pixel.

use core::convert::Infallible;
use core::ptr::write_volatile;

use dreamlet_runtime::Shape;
use dreamlet_runtime::draw::Picture;
use embedded_graphics::pixelcolor::Rgb565;
use embedded_graphics::pixelcolor::raw::ToBytes;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

const FACTOR: u32 = 8;

/// A display behind a register: each pixel's two bytes are written to it, the high one first.
struct Register {
    data: u8,
    pixels: u32,
}

impl OriginDimensions for Register {
    fn size(&self) -> Size {
        Size::new(320, 320)
    }
}

impl DrawTarget for Register {
    type Color = Rgb565;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb565>>>(&mut self, _: I) -> Result<(), Infallible> {
        Ok(())
    }

    fn fill_contiguous<I: IntoIterator<Item = Rgb565>>(
        &mut self,
        _: &Rectangle,
        colors: I,
    ) -> Result<(), Infallible> {
        let mut pixels = 0;
        for color in colors {
            let [high, low] = color.to_be_bytes();
            // SAFETY: it is this display's own byte.
            unsafe {
                write_volatile(&mut self.data, high);
                write_volatile(&mut self.data, low);
            }
            pixels += 1;
        }
        self.pixels += pixels;
        Ok(())
    }
}

/// Instructions that drawing an image takes; `None` if not every pixel was drawn.
pub(crate) fn instructions_to_draw(
    image: &[u8],
    shape: Shape,
    mut now: impl FnMut() -> u32,
) -> Option<u32> {
    let picture = Picture::from_hwc(image, shape).ok()?.scaled(FACTOR).ok()?;
    let mut display = Register { data: 0, pixels: 0 };
    let begin = now();
    picture.draw(&mut display).ok()?;
    let instructions = now().wrapping_sub(begin);
    let Size { width, height } = picture.size();
    (display.pixels == width * height).then_some(instructions)
}
