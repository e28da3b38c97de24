//! From the images' own shape to the one that is wanted: centre crop, channels, resize.

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, Luma, Pixel, Rgb, RgbImage};

use super::error::DataError;
use super::parallel::make_images;
use super::progress::{Progress, Unit};
use super::shape::{Shape, image_len};
use crate::colour::Colour;

/// Luma of an sRGB pixel with the weights of ITU-R BT.709 (table 1, item 3.2), rounded to nearest.
pub(super) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue);
    ((sum + 5000) / 10_000) as u8
}

/// From this many times the wanted size on, pixels are averaged before the good filter runs.
const COARSE: u32 = 8;

type Pixels<P> = ImageBuffer<P, Vec<u8>>;

/// Resizes to a square. The filter is Catmull and Rom's cubic, widened when it shrinks the image,
/// so that every source pixel counts.
fn resize<P: Pixel<Subpixel = u8> + 'static>(image: &Pixels<P>, size: u32) -> Pixels<P> {
    imageops::resize(image, size, size, FilterType::CatmullRom)
}

/// The largest square in the middle of an image.
fn middle<P: Pixel<Subpixel = u8> + 'static>(image: &Pixels<P>) -> Pixels<P> {
    let (width, height) = image.dimensions();
    let edge = width.min(height);
    imageops::crop_imm(image, (width - edge) / 2, (height - edge) / 2, edge, edge).to_image()
}

/// Brings all images of `pixels` from shape `from` to the square shape `to`.
pub(super) fn convert(
    pixels: Vec<u8>,
    from: Shape,
    to: Shape,
    progress: &dyn Progress,
) -> Result<Vec<u8>, DataError> {
    if from == to {
        return Ok(pixels);
    }
    let images: Vec<&[u8]> = pixels.chunks_exact(image_len(from).max(1)).collect();
    let count = images.len();
    let resized = progress.during("resizing", Some(count as u64), Unit::Images, || {
        make_images(count, image_len(to), progress, |index, out| {
            convert_image(images[index], from, to, out);
        })
    });
    Ok(resized?.0)
}

fn convert_image(image: &[u8], [_, height, width]: Shape, to: Shape, out: &mut [u8]) {
    let squares = image.chunks_exact((height * width).max(1)).map(|plane| {
        let plane = Pixels::<Luma<u8>>::from_raw(width as u32, height as u32, plane.to_vec());
        middle(&plane.unwrap_or_default())
    });
    let mut planes: Vec<_> = squares.collect();
    if let ([red, green, blue], 1) = (&mut planes[..], to[0]) {
        for ((red, green), blue) in red.iter_mut().zip(green.iter()).zip(blue.iter()) {
            *red = luma(*red, *green, *blue);
        }
        planes.truncate(1);
    }
    let planes: Vec<_> = planes.iter().map(|p| resize(p, to[2] as u32)).collect();
    // Grey becomes RGB by being there three times.
    let places = out.chunks_exact_mut((to[1] * to[2]).max(1));
    for (out, plane) in places.zip(planes.iter().cycle()) {
        out.copy_from_slice(plane);
    }
}

/// The image of a file: as it is seen over a colour, and its alpha, if it has any.
pub(super) struct FileImage {
    pub(super) over: RgbImage,
    pub(super) background: Colour,
    pub(super) alpha: Option<GrayImage>,
}

/// The largest square in the middle of an image, resized.
fn fitted<P: Pixel<Subpixel = u8> + 'static>(image: &Pixels<P>, size: u32) -> Pixels<P> {
    let middle = middle(image);
    if middle.width() >= size.saturating_mul(COARSE) {
        let coarse = size.saturating_mul(COARSE / 2);
        resize(&imageops::thumbnail(&middle, coarse, coarse), size)
    } else {
        resize(&middle, size)
    }
}

impl FileImage {
    /// The largest square in its middle, resized.
    fn fitted(&self, size: u32) -> Self {
        Self {
            over: fitted(&self.over, size),
            background: self.background,
            alpha: self.alpha.as_ref().map(|alpha| fitted(alpha, size)),
        }
    }
}

/// Writes the largest square in the middle of an image into `out`, resized and planar.
pub(super) fn convert_file(image: &FileImage, shape: Shape, out: &mut [u8]) -> Result<(), String> {
    if image.over.is_empty() {
        return Err("the image has no pixels".to_owned());
    }
    planar(&image.fitted(shape[2] as u32), shape, out);
    Ok(())
}

/// Writes an image of the wanted width and height into `out`, planar.
pub(super) fn planar(image: &FileImage, shape: Shape, out: &mut [u8]) {
    if shape[0] == 1 {
        for (to, Rgb([r, g, b])) in out.iter_mut().zip(image.over.pixels()) {
            *to = luma(*r, *g, *b);
        }
        return;
    }
    let plane = (shape[1] * shape[2]).max(1);
    for (channel, to) in out.chunks_exact_mut(plane).take(3).enumerate() {
        for (to, from) in to.iter_mut().zip(image.over.pixels()) {
            *to = from.0[channel];
        }
    }
    if shape[0] == 4 {
        let (colours, alpha) = out.split_at_mut(3 * plane);
        match &image.alpha {
            None => alpha.fill(255),
            Some(found) => alpha.copy_from_slice(found),
        }
        for (colours, under) in colours.chunks_exact_mut(plane).zip(image.background.0) {
            for (colour, alpha) in colours.iter_mut().zip(alpha.iter()) {
                *colour = straight(*colour, *alpha, under);
            }
        }
    }
}

/// The colour that is seen as `seen` with this alpha over another one. Edges that were resized over
/// the background keep the colour of what they belong to; what is wholly transparent has the
/// background's.
fn straight(seen: u8, alpha: u8, under: u8) -> u8 {
    if alpha == 0 {
        return under;
    }
    let [seen, under, alpha] = [seen, under, alpha].map(i32::from);
    let difference = (seen - under) * 255;
    let rounding = difference.signum() * alpha / 2;
    (under + (difference + rounding) / alpha).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::super::progress::Silent;
    use super::*;

    #[test]
    fn luma_keeps_greys_and_weighs_green_most() {
        for v in 0..=255 {
            assert_eq!(luma(v, v, v), v);
        }
        let primaries = (luma(255, 0, 0), luma(0, 255, 0), luma(0, 0, 255));
        assert_eq!(primaries, (54, 182, 18));
    }

    #[test]
    fn flat_images_stay_flat_at_every_size_and_channel_count() {
        for (from, to) in [(1, 1), (1, 3), (3, 1), (3, 3)] {
            for size in [16, 28, 64] {
                let pixels = vec![77; 2 * from * 30 * 20];
                let out = convert(pixels, [from, 30, 20], [to, size, size], &Silent).unwrap();
                assert_eq!(out, vec![77; 2 * to * size * size]);
            }
        }
    }

    #[test]
    fn the_middle_is_kept() {
        // 16 rows of 20: columns 0, 1, 18 and 19 are cut off.
        let pixels: Vec<u8> = (0..16 * 20).map(|i| (i % 20) as u8).collect();
        let out = convert(pixels, [1, 16, 20], [1, 16, 16], &Silent).unwrap();
        assert_eq!(out[..16], (2..18).collect::<Vec<u8>>()[..]);
    }

    #[test]
    fn shrinking_uses_every_pixel() {
        // A checkerboard finer than the result must become grey, not one of its colours.
        let pixels: Vec<u8> = (0..64 * 64)
            .map(|i| if (i / 64 + i) % 2 == 0 { 0 } else { 255 })
            .collect();
        let out = convert(pixels, [1, 64, 64], [1, 16, 16], &Silent).unwrap();
        assert!(out.iter().all(|v| (120..=135).contains(v)), "{out:?}");
    }
}
