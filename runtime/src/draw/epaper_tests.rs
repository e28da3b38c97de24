//! Against the colours of e-paper drivers: black is black.

use embedded_graphics::image::GetPixel;
use embedded_graphics::prelude::*;
use epd_waveshare::color::{Color, OctColor, TriColor};

use super::Picture;
use crate::image::{Bayer, FloydSteinberg, Levels, Shape};

/// Black, white, red.
const THREE: [u8; 9] = [0, 0, 0, 255, 255, 255, 255, 0, 0];

fn colors<C: PixelColor + From<embedded_graphics::pixelcolor::Rgb888>>() -> [C; 3] {
    let image = Picture::<C>::from_hwc(&THREE, Shape::new(3, 1, 3).unwrap()).unwrap();
    [0, 1, 2].map(|x| image.pixel(Point::new(x, 0)).unwrap())
}

#[test]
fn black_white_and_red_are_what_the_drivers_call_them() {
    assert_eq!(colors::<Color>()[..2], [Color::Black, Color::White]);
    assert_eq!(
        colors::<TriColor>(),
        [TriColor::Black, TriColor::White, TriColor::Chromatic]
    );
    assert_eq!(
        colors::<OctColor>(),
        [OctColor::Black, OctColor::White, OctColor::Red]
    );
}

#[test]
fn a_dithered_image_is_as_dark_as_its_grey() {
    // 48 is nearly black: more ink than paper.
    let dark = Picture::<Color>::from_hwc(&[48], Shape::new(1, 1, 1).unwrap()).unwrap();
    let dark = dark.scaled(16).unwrap();
    let ordered = dark.dithered(Bayer::Eight, Levels::BINARY);
    let black = (0..256)
        .filter(|i| ordered.pixel(Point::new(i % 16, i / 16)) == Some(Color::Black))
        .count();
    assert!((200..216).contains(&black), "{black} of 256 are black");

    /// Counts its black pixels.
    struct Panel(usize);
    impl OriginDimensions for Panel {
        fn size(&self) -> Size {
            Size::new(16, 16)
        }
    }
    impl DrawTarget for Panel {
        type Color = Color;
        type Error = core::convert::Infallible;
        fn draw_iter<I: IntoIterator<Item = Pixel<Color>>>(
            &mut self,
            pixels: I,
        ) -> Result<(), Self::Error> {
            let all = pixels.into_iter();
            self.0 += all.filter(|Pixel(_, color)| *color == Color::Black).count();
            Ok(())
        }
    }
    let mut panel = Panel(0);
    let mut errors = [0; FloydSteinberg::scratch_len(16)];
    dark.draw_diffused(&mut panel, Point::zero(), Levels::BINARY, &mut errors)
        .unwrap()
        .unwrap();
    assert!(
        (200..216).contains(&panel.0),
        "{} of 256 are black",
        panel.0
    );
}
