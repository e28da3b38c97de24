//! From the images' own shape to the one that is wanted: centre crop, channels, resize.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, Rgb, RgbImage};

use super::error::DataError;
use super::parallel;
use super::progress::{Progress, Unit};
use super::shape::Shape;
use crate::atomic_file::try_zeros;

/// Luma of an sRGB pixel with the weights of ITU-R BT.709 (table 1, item 3.2), rounded to nearest.
pub(super) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue);
    ((sum + 5000) / 10_000) as u8
}

/// From this many times the wanted size on, pixels are averaged before the good filter runs.
const COARSE: u32 = 8;

/// One channel of an image, row by row.
pub(super) type Plane = ImageBuffer<Luma<u8>, Vec<u8>>;

/// Resizes a square plane to `size` x `size` and writes it to `out`. The filter is Catmull and
/// Rom's cubic, widened when it shrinks the image, so that every source pixel counts.
pub(super) fn resize_plane(plane: &Plane, size: usize, out: &mut [u8]) {
    let edge = u32::try_from(size).unwrap_or(u32::MAX);
    let resized;
    let pixels = if plane.dimensions() == (edge, edge) {
        plane.as_raw()
    } else {
        resized = imageops::resize(plane, edge, edge, FilterType::CatmullRom);
        resized.as_raw()
    };
    for (to, from) in out.iter_mut().zip(pixels) {
        *to = *from;
    }
}

/// Brings all images of `pixels` from shape `from` to the square shape `to`.
pub(super) fn convert(
    pixels: Vec<u8>,
    from: Shape,
    to: Shape,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Vec<u8>, DataError> {
    if from == to {
        return Ok(pixels);
    }
    let count = pixels.len().checked_div(from.image_len()).unwrap_or(0);
    let len = count.saturating_mul(to.image_len());
    let mut out = try_zeros(len).ok_or(DataError::Memory { needed: len as u64 })?;
    let images: Vec<&[u8]> = pixels.chunks_exact(from.image_len().max(1)).collect();
    progress.start("resizing", Some(count as u64), Unit::Images);
    parallel::fill_items(
        &mut out,
        to.image_len(),
        threads,
        progress,
        || (),
        |(), index, out| {
            if let Some(image) = images.get(index) {
                convert_image(image, from, to, out);
            }
        },
    );
    progress.finish();
    Ok(out)
}

fn convert_image(image: &[u8], from: Shape, to: Shape, out: &mut [u8]) {
    let planes = image.chunks_exact(from.height.saturating_mul(from.width).max(1));
    let size = to.width;
    let area = size.saturating_mul(size).max(1);
    match (from.channels, to.channels) {
        (3, 1) => {
            let planes: Vec<&[u8]> = planes.collect();
            if let [red, green, blue] = planes[..] {
                let grey: Vec<u8> = red
                    .iter()
                    .zip(green)
                    .zip(blue)
                    .map(|((r, g), b)| luma(*r, *g, *b))
                    .collect();
                resize_plane(&square_of(&grey, from), size, out);
            }
        }
        (1, 3) => {
            let Some((first, rest)) = out.split_at_mut_checked(area) else {
                return;
            };
            for plane in planes {
                resize_plane(&square_of(plane, from), size, first);
            }
            for copy in rest.chunks_exact_mut(area) {
                copy.copy_from_slice(first);
            }
        }
        _ => {
            for (plane, out) in planes.zip(out.chunks_exact_mut(area)) {
                resize_plane(&square_of(plane, from), size, out);
            }
        }
    }
}

/// The largest square in the middle of a plane.
fn square_of(plane: &[u8], shape: Shape) -> Plane {
    let edge = shape.height.min(shape.width);
    let (top, left) = ((shape.height - edge) / 2, (shape.width - edge) / 2);
    let pixels: Vec<u8> = plane
        .chunks_exact(shape.width.max(1))
        .skip(top)
        .take(edge)
        .flat_map(|row| row.iter().skip(left).take(edge))
        .copied()
        .collect();
    let edge = u32::try_from(edge).unwrap_or(0);
    Plane::from_raw(edge, edge, pixels).unwrap_or_default()
}

/// The images of the good files in their order, and the broken files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fitted {
    pub(super) pixels: Vec<u8>,
    /// In ascending order.
    pub(super) broken: Vec<Broken>,
}

/// The index of a file that cannot be decoded, and why.
pub(super) type Broken = (usize, String);

/// Brings the images of `count` files, each decoded by `read`, to `shape`.
pub(super) fn convert_files(
    count: usize,
    shape: Shape,
    threads: usize,
    progress: &dyn Progress,
    read: impl Fn(usize) -> Result<RgbImage, String> + Sync,
) -> Result<Fitted, DataError> {
    let len = count.saturating_mul(shape.image_len());
    let mut pixels = try_zeros(len).ok_or(DataError::Memory { needed: len as u64 })?;
    let make = |index, out: &mut [u8]| convert_rgb(&read(index)?, shape, out);
    let reasons = parallel::fill_items(
        &mut pixels,
        shape.image_len(),
        threads,
        progress,
        || (),
        |(), index, out| {
            // A decoder that panics over a file is as good as one that refuses it.
            catch_unwind(AssertUnwindSafe(|| make(index, out)))
                .unwrap_or_else(|_| Err("the decoder failed".to_owned()))
                .err()
        },
    );
    let reasons = reasons.into_iter().enumerate();
    let broken: Vec<Broken> = reasons
        .filter_map(|(index, reason)| Some((index, reason?)))
        .collect();
    remove(&mut pixels, shape.image_len(), &broken);
    Ok(Fitted { pixels, broken })
}

/// Takes the images of broken files out.
fn remove(pixels: &mut Vec<u8>, image_len: usize, broken: &[Broken]) {
    let mut to = 0usize;
    let mut bad = broken.iter().map(|(index, _)| *index).peekable();
    for index in 0..pixels.len().checked_div(image_len).unwrap_or(0) {
        if bad.next_if_eq(&index).is_some() {
            continue;
        }
        let from = index * image_len;
        if to != from {
            pixels.copy_within(from..from + image_len, to);
        }
        to += image_len;
    }
    pixels.truncate(to);
}

/// Writes the largest square in the middle of an image into `out`, resized and planar.
fn convert_rgb(image: &RgbImage, shape: Shape, out: &mut [u8]) -> Result<(), String> {
    let (width, height) = image.dimensions();
    let edge = width.min(height);
    if edge == 0 {
        return Err("the image has no pixels".to_owned());
    }
    let size = u32::try_from(shape.width).unwrap_or(u32::MAX);
    let middle = imageops::crop_imm(image, (width - edge) / 2, (height - edge) / 2, edge, edge);
    let coarse = size.saturating_mul(COARSE / 2);
    let small = if edge == size {
        middle.to_image()
    } else if edge >= size.saturating_mul(COARSE) {
        let averaged = imageops::thumbnail(&*middle, coarse, coarse);
        imageops::resize(&averaged, size, size, FilterType::CatmullRom)
    } else {
        imageops::resize(&*middle, size, size, FilterType::CatmullRom)
    };
    let area = shape.width.saturating_mul(shape.height).max(1);
    match shape.channels {
        1 => {
            for (to, Rgb([r, g, b])) in out.iter_mut().zip(small.pixels()) {
                *to = luma(*r, *g, *b);
            }
        }
        _ => {
            for (channel, plane) in out.chunks_exact_mut(area).enumerate() {
                let values = small.pixels().filter_map(|pixel| pixel.0.get(channel));
                for (to, from) in plane.iter_mut().zip(values) {
                    *to = *from;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::progress::Silent;
    use super::*;

    fn shape(channels: usize, height: usize, width: usize) -> Shape {
        Shape {
            channels,
            height,
            width,
        }
    }

    #[test]
    fn luma_keeps_greys_and_weighs_green_most() {
        for v in 0..=255 {
            assert_eq!(luma(v, v, v), v);
        }
        assert_eq!(
            (luma(255, 0, 0), luma(0, 255, 0), luma(0, 0, 255)),
            (54, 182, 18)
        );
    }

    #[test]
    fn flat_images_stay_flat_at_every_size_and_channel_count() {
        for (from, to) in [(1, 1), (1, 3), (3, 1), (3, 3)] {
            for size in [16, 28, 64] {
                let pixels = vec![77; 2 * shape(from, 30, 20).image_len()];
                let out = convert(
                    pixels,
                    shape(from, 30, 20),
                    Shape::square(to, size),
                    2,
                    &Silent,
                )
                .unwrap();
                assert_eq!(out, vec![77; 2 * to * size * size]);
            }
        }
    }

    #[test]
    fn the_middle_is_kept() {
        // 16 rows of 20: columns 0, 1, 18 and 19 are cut off.
        let pixels: Vec<u8> = (0..16 * 20).map(|i| (i % 20) as u8).collect();
        let out = convert(pixels, shape(1, 16, 20), Shape::square(1, 16), 1, &Silent).unwrap();
        assert_eq!(out[..16], (2..18).collect::<Vec<u8>>()[..]);
    }

    #[test]
    fn shrinking_uses_every_pixel() {
        // A checkerboard finer than the result must become grey, not one of its colours.
        let pixels: Vec<u8> = (0..64 * 64)
            .map(|i| if (i / 64 + i) % 2 == 0 { 0 } else { 255 })
            .collect();
        let out = convert(pixels, shape(1, 64, 64), Shape::square(1, 16), 1, &Silent).unwrap();
        assert!(out.iter().all(|v| (120..=135).contains(v)), "{out:?}");
    }
}
