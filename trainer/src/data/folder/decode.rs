//! From image files to their pixels.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage};

use super::super::convert::convert_rgb;
use super::super::error::DataError;
use super::super::parallel::make_images;
use super::super::progress::Progress;
use super::super::shape::{Shape, image_len};
use super::scan::{Broken, ImageFile};

/// Rows or columns a file may have.
const MAX_EDGE: u32 = 32_768;

/// Bytes a decoded file may take; a small file can claim to be a huge image.
const MAX_BYTES: u64 = 512 << 20;

/// The images of the good files in their order, and the broken files.
#[derive(Debug)]
pub(in crate::data) struct Decoded {
    pub(in crate::data) pixels: Vec<u8>,
    /// In ascending order.
    pub(in crate::data) broken: Vec<Broken>,
}

/// Decodes files and brings their images to `shape`.
pub(in crate::data) fn decode(
    files: &[ImageFile],
    shape: Shape,
    progress: &dyn Progress,
) -> Result<Decoded, DataError> {
    let len = image_len(shape);
    let (mut pixels, results) = make_images(files.len(), len, progress, |index, out| {
        // A decoder that panics over a file is as good as one that refuses it.
        let make = || convert_rgb(&decode_file(&files[index].path)?, shape, out);
        catch_unwind(AssertUnwindSafe(make))
            .unwrap_or_else(|_| Err("the decoder failed".to_owned()))
    })?;
    let mut broken = Vec::new();
    let mut end = 0;
    for (index, result) in results.into_iter().enumerate() {
        match result {
            Ok(()) => {
                if !broken.is_empty() {
                    pixels.copy_within(index * len..(index + 1) * len, end);
                }
                end += len;
            }
            Err(reason) => broken.push((index, reason)),
        }
    }
    pixels.truncate(end);
    Ok(Decoded { pixels, broken })
}

/// An image, upright, in 8-bit RGB; what is transparent becomes white.
fn decode_file(path: &Path) -> Result<RgbImage, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_EDGE);
    limits.max_image_height = Some(MAX_EDGE);
    limits.max_alloc = Some(MAX_BYTES);
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| error.to_string())?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let bytes = decoder.total_bytes();
    if bytes > MAX_BYTES {
        return Err(format!(
            "the image needs {bytes} bytes, more than {MAX_BYTES}"
        ));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
    if !image.color().has_alpha() {
        return Ok(image.into_rgb8());
    }
    let image = image.into_rgba8();
    let (width, height) = image.dimensions();
    let mut solid = RgbImage::new(width, height);
    for (to, from) in solid.pixels_mut().zip(image.pixels()) {
        let [r, g, b, a] = from.0.map(u32::from);
        // Rounded to nearest; at most 255.
        let over_white = |value: u32| ((value * a + 255 * (255 - a) + 127) / 255) as u8;
        *to = Rgb([r, g, b].map(over_white));
    }
    Ok(solid)
}
