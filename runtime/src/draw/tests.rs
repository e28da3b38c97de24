//! Against a display that counts its calls.

use embedded_graphics::image::{GetPixel, Image, ImageDrawable, ImageDrawableExt};
use embedded_graphics::mock_display::MockDisplay;
use embedded_graphics::pixelcolor::{BinaryColor, Gray8, Rgb565};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::{Fit, Picture, Rotation, Sheet};
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

fn shown<C: PixelColor>(image: &impl ImageDrawable<Color = C>) -> MockDisplay<C> {
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
        grey().resized(Size::new(3, 0)).map(|_| ()),
        Err(ImageError::Factor)
    );
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

/// Compares each pixel that `image` draws with what it says of single ones.
fn same_as_single_pixels<C: PixelColor + core::fmt::Debug>(
    image: &(impl ImageDrawable<Color = C> + GetPixel<Color = C>),
) {
    let display = shown(image);
    for point in Rectangle::new(Point::zero(), image.size()).points() {
        assert_eq!(display.get_pixel(point), image.pixel(point), "{point}");
    }
}

#[test]
fn every_size_draws_what_single_pixels_are() {
    let bytes: [u8; 48] = core::array::from_fn(|i| (i * 37 % 256) as u8);
    let shape = Shape::new(3, 2, 8).unwrap();
    for (width, height) in [(1, 1), (3, 2), (8, 2), (13, 7), (64, 3), (5, 61)] {
        let image = Picture::<Rgb565>::from_hwc(&bytes, shape).unwrap();
        let image = image.resized(Size::new(width, height)).unwrap();
        same_as_single_pixels(&image);
        same_as_single_pixels(&image.smooth());
        same_as_single_pixels(&image.rotated(Rotation::Deg90));
        same_as_single_pixels(
            &image
                .colored(Gray8::from)
                .dithered(Bayer::Four, Levels::ALL),
        );
        let few = Levels::new(4).unwrap();
        same_as_single_pixels(&image.colored(Gray8::from).dithered(Bayer::Eight, few));
        same_as_single_pixels(&image.smooth().dithered(Bayer::Eight, Levels::BINARY));
    }
}

#[test]
fn images_wider_than_what_is_kept_are_drawn_too() {
    let bytes: [u8; 200] = core::array::from_fn(|i| i as u8);
    let image = Picture::<Gray8>::from_hwc(&bytes, Shape::new(1, 1, 200).unwrap()).unwrap();
    // MockDisplay has 64 columns: in four parts.
    for x in (0..192).step_by(48) {
        let mut display = MockDisplay::new();
        let area = Rectangle::new(Point::new(x, 0), Size::new(64, 1));
        image.draw_sub_image(&mut display, &area).unwrap();
        for column in 0..area.size.width.min(200 - x as u32) as i32 {
            let expected = Gray8::new((x + column) as u8);
            assert_eq!(display.get_pixel(Point::new(column, 0)), Some(expected));
        }
    }
    let tall = image
        .rotated(Rotation::Deg90)
        .resized(Size::new(2, 50))
        .unwrap();
    same_as_single_pixels(&tall);
    let narrow = image.resized(Size::new(60, 2)).unwrap();
    same_as_single_pixels(&narrow);
}

#[test]
fn bilinear_goes_from_pixel_to_pixel_and_keeps_flat_images() {
    let ramp = Picture::<Gray8>::from_hwc(&[0, 100, 200], Shape::new(1, 1, 3).unwrap());
    let ramp = ramp.unwrap().resized(Size::new(6, 2)).unwrap().smooth();
    let display = shown(&ramp);
    for (x, expected) in [0, 25, 75, 125, 175, 200].into_iter().enumerate() {
        let found = display.get_pixel(Point::new(x as i32, 1)).unwrap().luma();
        assert!(found.abs_diff(expected) <= 1, "{found} at {x}");
    }
    let flat = Picture::<Gray8>::from_hwc(&[93; 12], Shape::new(1, 3, 4).unwrap());
    let flat = flat.unwrap().resized(Size::new(31, 17)).unwrap().smooth();
    let display = shown(&flat);
    for point in Rectangle::new(Point::zero(), flat.size()).points() {
        assert_eq!(display.get_pixel(point), Some(Gray8::new(93)));
    }
}

#[test]
fn a_turned_image_has_its_corners_where_they_belong() {
    let bytes: [u8; 6] = core::array::from_fn(|i| i as u8);
    let image = Picture::<Gray8>::from_hwc(&bytes, GREY)
        .unwrap()
        .scaled(2)
        .unwrap();
    // The upper left and upper right pixel of the display, of rows 0 1 2 and 3 4 5.
    for (rotation, size, left, right) in [
        (Rotation::Deg0, (6, 4), 0, 2),
        (Rotation::Deg90, (4, 6), 3, 0),
        (Rotation::Deg180, (6, 4), 5, 3),
        (Rotation::Deg270, (4, 6), 2, 5),
    ] {
        let turned = image.rotated(rotation);
        assert_eq!(turned.size(), Size::new(size.0, size.1));
        assert_eq!(turned.pixel(Point::zero()), Some(Gray8::new(left)));
        let corner = Point::new(size.0 as i32 - 1, 0);
        assert_eq!(
            turned.pixel(corner),
            Some(Gray8::new(right)),
            "{rotation:?}"
        );
        assert_eq!(turned.rotated(Rotation::Deg0).size(), image.size());
    }
}

#[test]
fn a_fitted_image_draws_every_pixel_once_and_none_outside() {
    let image = grey();
    for (width, height) in [
        (64, 64),
        (64, 20),
        (7, 64),
        (3, 2),
        (1, 1),
        (2, 1),
        (33, 31),
    ] {
        for fit in [Fit::Contain, Fit::Cover, Fit::Whole, Fit::Stretch] {
            for rotation in [Rotation::Deg0, Rotation::Deg90] {
                let size = Size::new(width, height);
                let fitted = image
                    .rotated(rotation)
                    .fitted(size, fit)
                    .border(Gray8::new(9));
                // It panics where a pixel is drawn twice or outside its 64 by 64.
                let mut display = MockDisplay::new();
                fitted.draw(&mut display).unwrap();
                for point in Rectangle::new(Point::zero(), Size::new(64, 64)).points() {
                    assert_eq!(display.get_pixel(point), fitted.pixel(point), "{fit:?}");
                }
                let free = fitted.size() - fitted.image_area().size;
                let filled = matches!(fit, Fit::Cover | Fit::Stretch);
                assert!(!filled || free == Size::zero(), "{fit:?} of {size}");
                assert!(fit != Fit::Contain || free.width == 0 || free.height == 0);
            }
        }
    }
}

#[test]
fn whole_factors_give_equal_squares_in_the_middle() {
    let fitted = grey().fitted(Size::new(11, 9), Fit::Whole);
    let area = Rectangle::new(Point::new(1, 1), Size::new(9, 6));
    assert_eq!(fitted.image_area(), area);
    assert_eq!(fitted.pixel(Point::new(1, 1)), grey().pixel(Point::zero()));
    assert_eq!(fitted.pixel(Point::new(0, 1)), Some(Gray8::BLACK));
}

#[test]
fn a_part_of_a_fitted_image_keeps_its_place() {
    let fitted = grey()
        .fitted(Size::new(20, 30), Fit::Contain)
        .border(Gray8::new(5));
    let area = Rectangle::new(Point::new(-3, 4), Size::new(11, 12));
    let mut display = MockDisplay::new();
    fitted.draw_sub_image(&mut display, &area).unwrap();
    for point in Rectangle::new(Point::zero(), Size::new(14, 14)).points() {
        let inside = point.x < 11 && point.y < 12;
        let expected = fitted.pixel(point + area.top_left).filter(|_| inside);
        assert_eq!(display.get_pixel(point), expected, "{point}");
    }
}

#[test]
fn a_border_and_an_image_are_the_whole_drawing() {
    let fitted = grey().fitted(Size::new(30, 30), Fit::Whole);
    let (mut apart, mut whole) = (MockDisplay::new(), MockDisplay::new());
    fitted.draw_border(&mut apart).unwrap();
    fitted.draw_image(&mut apart).unwrap();
    fitted.draw(&mut whole).unwrap();
    apart.assert_eq(&whole);
}

#[test]
fn areas_of_any_size_are_no_trouble() {
    for size in [
        Size::zero(),
        Size::new(0, 9),
        Size::new(u32::MAX, 1),
        Size::new(1, u32::MAX),
    ] {
        for fit in [Fit::Contain, Fit::Cover, Fit::Whole, Fit::Stretch] {
            let fitted = grey().fitted(size, fit);
            let mut display = MockDisplay::new();
            let area = Rectangle::new(Point::new(i32::MAX, i32::MAX), Size::new(4, 4));
            fitted.draw_sub_image(&mut display, &area).unwrap();
            let corner = Rectangle::new(Point::zero(), Size::new(2, 1));
            fitted.draw_sub_image(&mut display, &corner).unwrap();
        }
    }
}
