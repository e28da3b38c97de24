//! From image files to pixels of one shape.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage};

use super::super::LoadOptions;
use super::super::convert::{Shape, luma};
use super::super::error::DataError;
use super::super::parallel;
use super::super::progress::{Progress, Unit};
use super::scan::{ImageFile, Listing};
use crate::atomic_file::try_zeros;

/// Rows or columns a file may have.
const MAX_EDGE: u32 = 32_768;

/// Bytes a decoded file may take; a small file can claim to be a huge image.
const MAX_BYTES: u64 = 512 << 20;

/// From this many times the wanted size on, pixels are averaged before the good filter runs.
const COARSE: u32 = 8;

/// Pixels of the good files in the listing's order, and the broken ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) pixels: Vec<u8>,
    /// Index into the listing, and why; in ascending order.
    pub(super) broken: Vec<(usize, String)>,
}

/// Decodes all files of the listing.
pub(super) fn decode_all(
    listing: &Listing,
    shape: Shape,
    options: &LoadOptions<'_>,
) -> Result<Decoded, DataError> {
    let progress = options.progress;
    let count = listing.files.len() as u64;
    progress.start("decoding images", Some(count), Unit::Images);
    let decoded = decode_files(&listing.files, shape, options.threads(), progress);
    progress.finish();
    decoded
}

/// Decodes some files; the indices of broken ones are those in `files`.
pub(super) fn decode_files(
    files: &[ImageFile],
    shape: Shape,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Decoded, DataError> {
    let len = files.len().saturating_mul(shape.image_len());
    let mut pixels = try_zeros(len).ok_or(DataError::Memory { needed: len as u64 })?;
    let reasons = parallel::fill_items(
        &mut pixels,
        shape.image_len(),
        threads,
        progress,
        || (),
        |(), index, out| {
            let file = files.get(index)?;
            // A decoder that panics over a file is as good as one that refuses it.
            catch_unwind(AssertUnwindSafe(|| decode(&file.path, shape, out)))
                .unwrap_or_else(|_| Err("the decoder failed".to_owned()))
                .err()
        },
    );
    let broken: Vec<(usize, String)> = reasons
        .into_iter()
        .enumerate()
        .filter_map(|(index, reason)| Some((index, reason?)))
        .collect();
    remove(&mut pixels, shape.image_len(), &broken);
    Ok(Decoded { pixels, broken })
}

/// Takes the images of broken files out.
fn remove(pixels: &mut Vec<u8>, image_len: usize, broken: &[(usize, String)]) {
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

/// Decodes one file into `out`, planar.
fn decode(path: &Path, shape: Shape, out: &mut [u8]) -> Result<(), String> {
    let image = read(path)?;
    let (width, height) = image.dimensions();
    let edge = width.min(height);
    if edge == 0 {
        return Err("the image has no pixels".to_owned());
    }
    let size = u32::try_from(shape.width).unwrap_or(u32::MAX);
    let middle = imageops::crop_imm(&image, (width - edge) / 2, (height - edge) / 2, edge, edge);
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

/// Reads a file, upright, in 8-bit RGB; what is transparent becomes white.
fn read(path: &Path) -> Result<RgbImage, String> {
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
