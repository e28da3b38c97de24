//! Drawing: a generated image lands on a display where it should, in one transfer, and the same on
//! every target.
#![cfg(test)]

use dreamlet_runtime::card::sha256;
use dreamlet_runtime::draw::{Picture, Sheet};
use dreamlet_runtime::image::{Bayer, Levels, PixelRange, Shape};
use dreamlet_runtime::latent::fill_uniform;
use dreamlet_tests::frame::Frame;
use embedded_graphics::image::{Image, ImageDrawableExt};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

const SHAPE: Shape = Shape {
    channels: 3,
    height: 16,
    width: 24,
};

fn noise(seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; 3 * 16 * 24];
    fill_uniform(seed, None, &mut values);
    values
}

#[test]
fn a_image_is_one_transfer_of_the_right_pixels() {
    let values = noise(1);
    let image = Picture::<Rgb888>::from_chw(&values, SHAPE, PixelRange::SIGNED).unwrap();
    let mut frame = Frame::new(30, 20);
    Image::new(&image, Point::new(3, 2))
        .draw(&mut frame)
        .unwrap();
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
    let image = Picture::<Rgb888>::from_chw(&values, SHAPE, PixelRange::SIGNED).unwrap();
    let mut whole = Frame::new(24, 16);
    Image::new(&image, Point::zero()).draw(&mut whole).unwrap();
    let mut clipped = Frame::new(10, 10);
    Image::new(&image, Point::new(-7, -4))
        .draw(&mut clipped)
        .unwrap();
    for y in 0..10 {
        for x in 0..10 {
            assert_eq!(clipped.pixel(x, y), whole.pixel(x + 7, y + 4));
        }
    }
    let area = Rectangle::new(Point::new(7, 4), Size::new(10, 10));
    let mut part = Frame::new(10, 10);
    Image::new(&image.sub_image(&area), Point::zero())
        .draw(&mut part)
        .unwrap();
    assert_eq!(part.bytes, clipped.bytes);
}

#[test]
fn scaled_dithered_images_and_sheets_are_the_same_everywhere() {
    let values = noise(3);
    let image = Picture::<Rgb888>::from_chw(&values, SHAPE, PixelRange::SIGNED).unwrap();
    let dithered = image
        .scaled(3)
        .unwrap()
        .dithered(Bayer::Four, Levels::BINARY);
    let mut frame = Frame::new(72, 48);
    Image::new(&dithered, Point::zero())
        .draw(&mut frame)
        .unwrap();
    assert_eq!(
        sha256(&frame.bytes),
        "c0c5850dfad86a213b45a5b653aa8aee2f2420f628300685fd6e7c4c8240d776"
    );

    let all: Vec<Vec<f32>> = (10..15).map(noise).collect();
    let images: Vec<Picture<'_, Rgb888>> = all
        .iter()
        .map(|values| Picture::from_chw(values, SHAPE, PixelRange::SIGNED).unwrap())
        .collect();
    let sheet = Sheet::new(&images, 3, 2, Rgb888::WHITE).unwrap();
    assert_eq!(sheet.size(), Size::new(76, 34));
    let mut frame = Frame::new(76, 34);
    Image::new(&sheet, Point::zero()).draw(&mut frame).unwrap();
    assert_eq!(frame.pixel(25, 0), Some([255; 3]), "a gap");
    assert_eq!(frame.pixel(75, 33), Some([255; 3]), "the cell left over");
    assert_eq!(
        sha256(&frame.bytes),
        "be5e5e3c560a1117adbada5c40c2b163d13507355f0c605473cc8f67c2b9b128"
    );
}
