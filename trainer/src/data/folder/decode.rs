//! From an image file to its pixels.

use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage};

use super::scan::ImageFile;

/// Rows or columns a file may have.
const MAX_EDGE: u32 = 32_768;

/// Bytes a decoded file may take; a small file can claim to be a huge image.
const MAX_BYTES: u64 = 512 << 20;

pub(in crate::data) fn read(files: &[ImageFile], index: usize) -> Result<RgbImage, String> {
    let file = files.get(index).ok_or("no such file")?;
    decode(&file.path)
}

/// An image, upright, in 8-bit RGB; what is transparent becomes white.
fn decode(path: &Path) -> Result<RgbImage, String> {
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
        *to = Rgb([over_white(r), over_white(g), over_white(b)]);
    }
    Ok(solid)
}
