//! Against a display that counts its calls.

use embedded_graphics::image::{GetPixel, Image, ImageDrawable, ImageDrawableExt};
use embedded_graphics::mock_display::MockDisplay;
use embedded_graphics::pixelcolor::{BinaryColor, Gray8, Rgb565, Rgb888};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::{Picture, Sheet};
use crate::image::{Bayer, FloydSteinberg, ImageError, Levels, PixelRange, Shape};

const GREY: Shape = Shape {
    channels: 1,
    height: 2,
    width: 3,
};
const VALUES: [f32; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
const RGB: [u8; 12] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];

/// A display that takes whole rectangles only, and counts them.
struct Counting<C: PixelColor> {
    display: MockDisplay<C>,
    fills: usize,
}

impl<C: PixelColor> Counting<C> {
    fn new() -> Self {
        Self {
            display: MockDisplay::new(),
            fills: 0,
        }
    }
}

impl<C: PixelColor> OriginDimensions for Counting<C> {
    fn size(&self) -> Size {
        Size::new(64, 64)
    }
}

impl<C: PixelColor> DrawTarget for Counting<C> {
    type Color = C;
    type Error = core::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<C>>>(&mut self, _: I) -> Result<(), Self::Error> {
        panic!("pixel by pixel")
    }

    fn fill_contiguous<I: IntoIterator<Item = C>>(
        &mut self,
        area: &Rectangle,
        colors: I,
    ) -> Result<(), Self::Error> {
        self.fills += 1;
        let mut colors = colors.into_iter();
        for point in area.points() {
            self.display.set_pixel(point, colors.next());
        }
        assert!(colors.next().is_none(), "more colours than pixels");
        Ok(())
    }
}

fn grey() -> Picture<'static, Gray8> {
    Picture::from_chw(&VALUES, GREY, PixelRange::UNIT).unwrap()
}

fn shown<C: PixelColor + From<Gray8> + From<Rgb888>>(
    image: &impl ImageDrawable<Color = C>,
) -> MockDisplay<C> {
    let mut display = Counting::new();
    image.draw(&mut display).unwrap();
    assert_eq!(display.fills, 1);
    display.display
}

#[test]
fn a_grey_image_is_drawn_by_one_fill() {
    let display = shown(&grey());
    for (i, value) in VALUES.iter().enumerate() {
        let point = Point::new(i as i32 % 3, i as i32 / 3);
        assert_eq!(
            display.get_pixel(point),
            Some(Gray8::new(PixelRange::UNIT.to_u8(*value)))
        );
        assert_eq!(grey().pixel(point), display.get_pixel(point));
    }
    assert_eq!(
        display.affected_area(),
        Rectangle::new(Point::zero(), Size::new(3, 2))
    );
}

#[test]
fn rgb_bytes_become_any_colour() {
    let shape = Shape {
        channels: 3,
        height: 2,
        width: 2,
    };
    let rgb: Picture<'_, Rgb565> = Picture::from_hwc(&RGB, shape).unwrap();
    assert_eq!(shown(&rgb).get_pixel(Point::new(0, 1)), Some(Rgb565::BLUE));
    let planes: [f32; 12] = core::array::from_fn(|i| f32::from(RGB[i % 4 * 3 + i / 4]));
    let range = PixelRange {
        low: 0.0,
        high: 255.0,
    };
    let same: Picture<'_, Rgb565> = Picture::from_chw(&planes, shape, range).unwrap();
    shown(&rgb).assert_eq(&shown(&same));
    let binary: Picture<'_, BinaryColor> = Picture::from_hwc(&RGB, shape).unwrap();
    assert_eq!(binary.pixel(Point::new(1, 0)), Some(BinaryColor::On));
    assert_eq!(binary.pixel(Point::new(0, 0)), Some(BinaryColor::Off));
}

#[test]
fn nothing_is_outside_a_image() {
    for point in [(-1, 0), (0, -1), (3, 0), (0, 2), (i32::MAX, i32::MIN)] {
        assert_eq!(grey().pixel(Point::new(point.0, point.1)), None);
    }
}

#[test]
fn a_sub_image_shows_its_part_at_the_origin() {
    let image = grey();
    let part = image.sub_image(&Rectangle::new(Point::new(1, 1), Size::new(2, 1)));
    let mut display = MockDisplay::new();
    Image::new(&part, Point::new(5, 6))
        .draw(&mut display)
        .unwrap();
    assert_eq!(
        display.affected_area(),
        Rectangle::new(Point::new(5, 6), Size::new(2, 1))
    );
    assert_eq!(
        display.get_pixel(Point::new(6, 6)),
        grey().pixel(Point::new(2, 1))
    );
}

#[test]
fn a_sub_image_partly_outside_is_clipped_and_keeps_its_place() {
    let mut display = Counting::new();
    let area = Rectangle::new(Point::new(-2, -1), Size::new(4, 9));
    grey().draw_sub_image(&mut display, &area).unwrap();
    assert_eq!(display.fills, 1);
    let display = display.display;
    assert_eq!(
        display.affected_area(),
        Rectangle::new(Point::new(2, 1), Size::new(2, 2))
    );
    assert_eq!(
        display.get_pixel(Point::new(3, 2)),
        grey().pixel(Point::new(1, 1))
    );
}

#[test]
fn areas_without_a_pixel_of_the_image_draw_nothing() {
    let mut display = Counting::new();
    for (x, y, width, height) in [
        (3, 0, 5, 5),
        (0, 2, 1, 1),
        (-5, 0, 5, 5),
        (0, 0, 0, 3),
        (i32::MAX, i32::MAX, u32::MAX, u32::MAX),
        (i32::MIN, i32::MIN, 1 << 31, 1 << 31),
        (i32::MIN, 0, u32::MAX, 1),
    ] {
        let area = Rectangle::new(Point::new(x, y), Size::new(width, height));
        grey().draw_sub_image(&mut display, &area).unwrap();
    }
    assert_eq!(display.fills, 0);
}

#[test]
fn scaling_draws_squares() {
    let display = shown(&grey().scaled(3).unwrap());
    assert_eq!(display.affected_area().size, Size::new(9, 6));
    for (x, y) in (0..54).map(|i| (i % 9, i / 9)) {
        assert_eq!(
            display.get_pixel(Point::new(x, y)),
            grey().pixel(Point::new(x / 3, y / 3))
        );
    }
    assert_eq!(grey().scaled(0).map(|_| ()), Err(ImageError::Factor));
    assert_eq!(
        grey().scaled(u32::MAX).map(|_| ()),
        Err(ImageError::TooLarge)
    );
}

#[test]
fn ordered_dithering_shows_as_many_white_pixels_as_the_grey_is_bright() {
    let half = Picture::<BinaryColor>::from_hwc(
        &[128],
        Shape {
            channels: 1,
            height: 1,
            width: 1,
        },
    )
    .unwrap();
    for bayer in [Bayer::Four, Bayer::Eight] {
        let display = shown(&half.scaled(8).unwrap().dithered(bayer, Levels::BINARY));
        let white = (0..64)
            .filter(|i| display.get_pixel(Point::new(i % 8, i / 8)) == Some(BinaryColor::On));
        assert_eq!(white.count(), 32);
    }
}

#[test]
fn error_diffusion_is_drawn_by_one_fill_and_keeps_the_mean() {
    let half = Picture::<BinaryColor>::from_hwc(
        &[64; 256],
        Shape {
            channels: 1,
            height: 16,
            width: 16,
        },
    );
    let half = half.unwrap().scaled(2).unwrap();
    let mut errors = [0; FloydSteinberg::scratch_len(32)];
    let mut display = Counting::new();
    half.draw_diffused(&mut display, Point::new(7, 3), Levels::BINARY, &mut errors)
        .unwrap()
        .unwrap();
    assert_eq!(display.fills, 1);
    let white = (0..1024).filter(|i| {
        display
            .display
            .get_pixel(Point::new(7 + i % 32, 3 + i / 32))
            == Some(BinaryColor::On)
    });
    assert!((225..=285).contains(&white.count()));
    let short = half.draw_diffused(
        &mut display,
        Point::zero(),
        Levels::BINARY,
        &mut errors[1..],
    );
    assert!(matches!(
        short,
        Err(ImageError::Scratch {
            expected: 33,
            found: 32
        })
    ));
}

#[test]
fn a_sheet_has_gaps_between_and_background_where_nothing_is() {
    let images = [grey(), grey().scaled(2).unwrap(), grey()];
    let sheet = Sheet::new(&images, 2, 1, Gray8::new(77)).unwrap();
    let display = shown(&sheet);
    assert_eq!(display.affected_area().size, Size::new(13, 9));
    // The first image, what it leaves of its cell, the gap, the second, and the third below.
    for (x, y, expected) in [
        (2, 1, grey().pixel(Point::new(2, 1))),
        (3, 0, Some(Gray8::new(77))),
        (6, 0, Some(Gray8::new(77))),
        (12, 3, Some(Gray8::WHITE)),
        (0, 4, Some(Gray8::new(77))),
        (2, 6, Some(Gray8::WHITE)),
        (8, 6, Some(Gray8::new(77))),
    ] {
        assert_eq!(display.get_pixel(Point::new(x, y)), expected, "{x}, {y}");
    }
}

#[test]
fn empty_and_oversized_sheets_are_no_trouble() {
    let none = Sheet::<Gray8>::new(&[], 3, 5, Gray8::BLACK).unwrap();
    assert_eq!(none.size(), Size::zero());
    assert_eq!(none.pixel(Point::zero()), None);
    let images = [grey(); 2];
    assert_eq!(
        Sheet::new(&images, 0, 0, Gray8::BLACK).unwrap().size(),
        Size::new(3, 4)
    );
    assert_eq!(
        Sheet::new(&images, 9, u32::MAX, Gray8::BLACK).map(|_| ()),
        Err(ImageError::TooLarge)
    );
}

#[test]
fn a_slice_of_the_wrong_length_is_refused() {
    let short = Picture::<Gray8>::from_hwc(&[0; 5], GREY).map(|_| ());
    assert_eq!(
        short,
        Err(ImageError::Input {
            expected: 6,
            found: 5
        })
    );
    let range = PixelRange {
        low: 1.0,
        high: 1.0,
    };
    let flat = Picture::<Gray8>::from_chw(&VALUES, GREY, range).map(|_| ());
    assert!(matches!(flat, Err(ImageError::Range { .. })));
}
