//! Drawing: a generated image lands on a display where it should, in one transfer, and the same on
//! every target.

use dreamlet_runtime::card::sha256;
use dreamlet_runtime::draw::{Picture, Sheet};
use dreamlet_runtime::image::{Bayer, Levels, PixelRange, Shape};
use dreamlet_runtime::latent::fill_uniform;
use dreamlet_tests::frame::Frame;
use embedded_graphics::image::{Image, ImageDrawable, ImageDrawableExt};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

const SHAPE: Shape = Shape {
    channels: 3,
    height: 16,
    width: 24,
};

fn picture(values: &[f32]) -> Picture<'_, Rgb888> {
    Picture::from_chw(values, SHAPE, PixelRange::SIGNED).unwrap()
}

/// A frame in which something is drawn with its corner at a point.
fn drawn(image: &impl ImageDrawable<Color = Rgb888>, at: (i32, i32), size: (u32, u32)) -> Frame {
    let mut frame = Frame::new(size.0, size.1);
    Image::new(image, at.into()).draw(&mut frame).unwrap();
    frame
}

fn noise(seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; 3 * 16 * 24];
    fill_uniform(seed, None, &mut values);
    values
}

#[test]
fn a_image_is_one_transfer_of_the_right_pixels() {
    let values = noise(1);
    let frame = drawn(&picture(&values), (3, 2), (30, 20));
    assert_eq!(frame.transfers, 1);
    for y in 0..20 {
        for x in 0..30 {
            let inside = (3..27).contains(&x) && (2..18).contains(&y);
            let expected = if inside {
                [0, 1, 2].map(|c| {
                    let value = values[(c * 16 + y - 2) * 24 + x - 3];
                    PixelRange::SIGNED.to_u8(value)
                })
            } else {
                [0; 3]
            };
            assert_eq!(frame.pixel(x, y), Some(expected), "({x}, {y})");
        }
    }
}

#[test]
fn a_image_over_the_edge_is_clipped() {
    let values = noise(2);
    let image = picture(&values);
    let whole = drawn(&image, (0, 0), (24, 16));
    let clipped = drawn(&image, (-7, -4), (10, 10));
    for y in 0..10 {
        for x in 0..10 {
            assert_eq!(clipped.pixel(x, y), whole.pixel(x + 7, y + 4));
        }
    }
    let area = Rectangle::new(Point::new(7, 4), Size::new(10, 10));
    let part = drawn(&image.sub_image(&area), (0, 0), (10, 10));
    assert_eq!(part.bytes, clipped.bytes);
}

#[test]
fn scaled_dithered_images_and_sheets_are_the_same_everywhere() {
    let values = noise(3);
    let scaled = picture(&values).scaled(3).unwrap();
    let dithered = scaled.dithered(Bayer::Four, Levels::BINARY);
    let frame = drawn(&dithered, (0, 0), (72, 48));
    assert_eq!(
        sha256(&frame.bytes),
        "c0c5850dfad86a213b45a5b653aa8aee2f2420f628300685fd6e7c4c8240d776"
    );

    let all: Vec<Vec<f32>> = (10..15).map(noise).collect();
    let images: Vec<_> = all.iter().map(|values| picture(values)).collect();
    let sheet = Sheet::new(&images, 3, 2, Rgb888::WHITE).unwrap();
    assert_eq!(sheet.size(), Size::new(76, 34));
    let frame = drawn(&sheet, (0, 0), (76, 34));
    assert_eq!(frame.pixel(25, 0), Some([255; 3]), "a gap");
    assert_eq!(frame.pixel(75, 33), Some([255; 3]), "the cell left over");
    assert_eq!(
        sha256(&frame.bytes),
        "be5e5e3c560a1117adbada5c40c2b163d13507355f0c605473cc8f67c2b9b128"
    );
}
