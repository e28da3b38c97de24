//! Images with alpha, from files to what nets get.

use image::{Rgba, RgbaImage};

use super::*;
use crate::atomic_file::TestFolder;
use crate::colour::Colour;
use crate::data::{DataSpec, LoadOptions};

fn load_one(image: &RgbaImage, channels: usize, background: Colour) -> Vec<u8> {
    let folder = TestFolder::new();
    image.save(folder.write("data/a.png", b"")).unwrap();
    let options = LoadOptions {
        size: Some(16),
        channels: Some(channels),
        background,
        cache_dir: Some(folder.0.join("cache")),
        ..LoadOptions::default()
    };
    let first = load(&DataSpec::Folder(folder.0.join("data")), &options).unwrap();
    let cached = load(&DataSpec::Folder(folder.0.join("data")), &options).unwrap();
    assert_eq!(first.fingerprint(), cached.fingerprint());
    assert_eq!(first.channels, channels);
    first.train.image(0).unwrap().to_vec()
}

const BLUE: Colour = Colour([0, 0, 255]);

#[test]
fn colours_are_straight_and_what_is_transparent_has_the_colour_of_the_background() {
    // Left: nothing, under which a file may have any colour. Middle: half. Right: all.
    let image = RgbaImage::from_fn(16, 16, |x, _| match x {
        0..6 => Rgba([7, 8, 9, 0]),
        6..12 => Rgba([200, 100, 0, 128]),
        _ => Rgba([200, 100, 0, 255]),
    });
    let found = load_one(&image, 4, BLUE);
    let pixel = |x: usize| [0, 1, 2, 3].map(|channel| found[channel * 256 + 5 * 16 + x]);
    assert_eq!(pixel(2), [0, 0, 255, 0]);
    assert_eq!(pixel(14), [200, 100, 0, 255]);
    // Through bytes that are multiplied with a half: one level of 255 is two.
    for (found, expected) in pixel(9).into_iter().zip([200, 100, 0, 128]) {
        assert!(found.abs_diff(expected) <= 1, "{:?}", pixel(9));
    }
}

#[test]
fn images_with_alpha_over_their_background_are_those_of_three_channels() {
    // A disk with a soft edge, four times as large as what nets get.
    let image = RgbaImage::from_fn(64, 64, |x, y| {
        let [x, y] = [x, y].map(|at| at as f32 - 31.5);
        let alpha = (24.0 - x.hypot(y)).clamp(0.0, 1.0);
        Rgba([250, 40, 40, (255.0 * alpha) as u8])
    });
    for background in [Colour::default(), BLUE] {
        let seen = background.under(&load_one(&image, 4, background), 4);
        let solid = load_one(&image, 3, background);
        let far = seen.iter().zip(&solid).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far <= Some(2), "{far:?}");
        // At the edge the disk is as red as within it.
        let found = load_one(&image, 4, background);
        for at in 0..256 {
            let alpha = u32::from(found[3 * 256 + at]);
            if alpha > 64 {
                // Two levels of what is seen, one of rounding and one of the filter, which also
                // overshoots within an edge: up to 255, as it does without alpha.
                let far = u32::from(found[at].abs_diff(250));
                assert!(far <= 5.max(1 + 2 * 255 / alpha), "{far} at alpha {alpha}");
            }
        }
    }
}

#[test]
fn opaque_files_get_alpha_and_sets_without_transparency_are_refused() {
    let opaque = RgbaImage::from_pixel(20, 20, Rgba([1, 2, 3, 255]));
    let found = load_one(&opaque, 4, BLUE);
    assert!(found[3 * 256..].iter().all(|alpha| *alpha == 255));
    let options = LoadOptions {
        channels: Some(4),
        ..LoadOptions::default()
    };
    let refused = load(&DataSpec::Glyphs, &options).unwrap_err();
    assert!(matches!(refused, DataError::NoAlpha { .. }), "{refused}");
}
