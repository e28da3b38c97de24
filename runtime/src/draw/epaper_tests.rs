//! Against the colours of e-paper drivers: black is black.

use embedded_graphics::image::GetPixel;
use embedded_graphics::prelude::*;
use epd_waveshare::color::{Color, OctColor, TriColor};

use super::Picture;
use crate::image::{Bayer, FloydSteinberg, ImageError, Levels, Shape};
use crate::ink::{Dither, Inking, Palette};

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

#[test]
fn inks_reach_the_driver_by_its_own_names_each_pixel_once() {
    // A field for each ink of the panel, in the ink's own colour.
    let palettes = [Palette::SPECTRA_6, Palette::SEVEN_COLORS];
    for palette in &palettes {
        for ink in palette.inks() {
            let image = Picture::<OctColor>::from_hwc(&ink.name, Shape::new(3, 1, 1).unwrap());
            let image = image.unwrap().resized(Size::new(20, 12)).unwrap();
            let mut display = Panel7::default();
            let inking = Inking::new(palette, Dither::None, 20, &mut []).unwrap();
            image
                .draw_inked(&mut display, Point::new(2, 1), inking, &mut [[0; 3]; 20])
                .unwrap()
                .unwrap();
            assert_eq!(display.pixels, 240);
            assert_eq!(display.clean, 0, "the cleaning colour was drawn");
        }
    }
}

/// Counts its pixels, and those of the cleaning colour.
#[derive(Default)]
struct Panel7 {
    pixels: usize,
    clean: usize,
}

impl OriginDimensions for Panel7 {
    fn size(&self) -> Size {
        Size::new(600, 448)
    }
}

impl DrawTarget for Panel7 {
    type Color = OctColor;
    type Error = &'static str;

    fn draw_iter<I: IntoIterator<Item = Pixel<OctColor>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for Pixel(_, color) in pixels {
            self.pixels += 1;
            self.clean += usize::from(color == OctColor::HiZ);
        }
        if self.pixels > 240 {
            Err("full")
        } else {
            Ok(())
        }
    }
}

#[test]
fn a_row_of_another_width_is_refused_and_an_error_of_the_panel_ends_the_drawing() {
    let image = Picture::<OctColor>::from_hwc(&[90], Shape::new(1, 1, 1).unwrap()).unwrap();
    let image = image.resized(Size::new(30, 30)).unwrap();
    let palette = Palette::SEVEN_COLORS;
    let mut errors = [0; Inking::scratch_len(Dither::Atkinson, 30)];
    let mut draw = |row: &mut [[u8; 3]]| {
        let inking = Inking::new(&palette, Dither::Atkinson, 30, &mut errors).unwrap();
        let mut panel = Panel7::default();
        let drawn = image.draw_inked(&mut panel, Point::zero(), inking, row);
        (drawn, panel.pixels)
    };
    let (wrong, pixels) = draw(&mut [[0; 3]; 29]);
    assert_eq!(
        wrong,
        Err(ImageError::Output {
            expected: 30,
            found: 29
        })
    );
    assert_eq!(pixels, 0);
    let (full, pixels) = draw(&mut [[0; 3]; 30]);
    assert_eq!(full, Ok(Err("full")));
    assert_eq!(pixels, 270);
}
