//! From image files to their pixels.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, Luma, Rgb, RgbImage,
};

use super::super::convert::{FileImage, convert_file, planar};
use super::super::error::DataError;
use super::super::parallel::make_images;
use super::super::progress::Progress;
use super::super::shape::{Shape, image_len};
use super::scan::{Broken, ImageFile};
use super::source::Source;
use crate::colour::Colour;

/// Rows or columns a file may have.
const MAX_EDGE: u32 = 32_768;

/// Bytes that a file, and what is decoded of it, may take; a small file can claim to be a huge image.
pub(super) const MAX_BYTES: u64 = 512 << 20;

/// The images of the good files in their order, and the broken files.
#[derive(Debug)]
pub(in crate::data) struct Decoded {
    pub(in crate::data) pixels: Vec<u8>,
    /// In ascending order.
    pub(in crate::data) broken: Vec<Broken>,
}

/// Decodes files of `source`, lays them over `background` and brings their images to `shape`.
pub(in crate::data) fn decode(
    source: &Source,
    files: &[ImageFile],
    shape: Shape,
    background: Colour,
    progress: &dyn Progress,
) -> Result<Decoded, DataError> {
    let len = image_len(shape);
    let (mut pixels, results) = make_images(files.len(), len, progress, |index, out| {
        // A decoder that panics over a file is as good as one that refuses it.
        let make = || {
            let bytes = source.read(&files[index].entry, MAX_BYTES)?;
            convert_file(&decode_file(&bytes, background)?, shape, out)
        };
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

/// One file's image, as a folder's images are made of their files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OneImage {
    /// Planar bytes (channel, row, column).
    pub(crate) pixels: Vec<u8>,
    /// Width and height in the file.
    pub(crate) size: [u32; 2],
}

/// Decodes one file, lays it over `background` and brings it to `shape`: one of this width and
/// height stays as it is; of any other the middle is resized, which only squares can be.
///
/// # Errors
/// [`DataError::Image`] for a file that cannot be read or brought to the shape.
pub(crate) fn read_image(
    path: &Path,
    shape: Shape,
    background: Colour,
) -> Result<OneImage, DataError> {
    let wrong = |reason: String| DataError::Image {
        path: path.to_owned(),
        reason,
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let decoded = catch_unwind(|| decode_file(&bytes, background));
    let image = decoded
        .unwrap_or_else(|_| Err("the decoder failed".to_owned()))
        .map_err(wrong)?;
    let (width, height) = image.over.dimensions();
    let [_, rows, columns] = shape;
    let mut pixels = vec![0; image_len(shape)];
    if [width as usize, height as usize] == [columns, rows] {
        planar(&image, shape, &mut pixels);
    } else if rows == columns {
        convert_file(&image, shape, &mut pixels).map_err(wrong)?;
    } else {
        return Err(wrong(format!(
            "the image has {width}x{height} pixels: give one of {columns}x{rows}, only squares are resized"
        )));
    }
    Ok(OneImage {
        pixels,
        size: [width, height],
    })
}

/// Whether a JPEG file has its end marker: what comes before it is all there. The segments of
/// ITU-T T.81, annex B; the end of a preview within a segment does not count.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const START: u8 = 0xd8;
    const END: u8 = 0xd9;
    // Markers without a length: the restarts within a scan, and TEM.
    let stands_alone = |marker| matches!(marker, START | 0xd0..=0xd7 | 0x01);
    let mut at = 0;
    loop {
        // What stands between segments, a scan's data too, has no 0xFF but before 0.
        let Some(gap) = bytes
            .get(at..)
            .unwrap_or_default()
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))
        else {
            return false;
        };
        let marker = bytes[at + gap + 1];
        at += gap + 2;
        if marker == END {
            return true;
        }
        if stands_alone(marker) {
            continue;
        }
        let Some([high, low]) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
            return false;
        };
        // After the header of a scan the search goes on in its data.
        at += usize::from(u16::from_be_bytes([*high, *low]));
    }
}

/// An image, upright, in 8-bit RGB, over `background` where it is transparent, and its alpha.
fn decode_file(bytes: &[u8], background: Colour) -> Result<FileImage, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_EDGE);
    limits.max_image_height = Some(MAX_EDGE);
    limits.max_alloc = Some(MAX_BYTES);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if reader.format() == Some(ImageFormat::Jpeg) && !jpeg_is_whole(bytes) {
        // The decoder would fill the rest with grey.
        return Err("the file ends in the middle of the image".to_owned());
    }
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
        return Ok(FileImage {
            over: image.into_rgb8(),
            background,
            alpha: None,
        });
    }
    let image = image.into_rgba8();
    let (width, height) = image.dimensions();
    let mut over = RgbImage::new(width, height);
    let mut alpha = GrayImage::new(width, height);
    let pixels = over.pixels_mut().zip(alpha.pixels_mut());
    for ((over, alpha), from) in pixels.zip(image.pixels()) {
        let [r, g, b, a] = from.0;
        let [under_r, under_g, under_b] = background.0;
        let pairs = [(r, under_r), (g, under_g), (b, under_b)];
        *over = Rgb(pairs.map(|(value, under)| Colour::over(value, a, under)));
        *alpha = Luma([a]);
    }
    Ok(FileImage {
        over,
        background,
        alpha: Some(alpha),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    #[test]
    fn one_image_is_resized_only_where_it_must_be() {
        let folder = TestFolder::new();
        let path = folder.0.join("a.png");
        let image = RgbImage::from_fn(6, 4, |x, y| Rgb([(10 * x) as u8, (20 * y) as u8, 7]));
        image.save(&path).unwrap();
        let own = read_image(&path, [3, 4, 6], Colour::default()).unwrap();
        assert_eq!(own.size, [6, 4]);
        assert_eq!(own.pixels[..6], [0, 10, 20, 30, 40, 50]);
        assert_eq!(own.pixels[24..30], [0; 6]);
        let square = read_image(&path, [1, 2, 2], Colour::default()).unwrap();
        assert_eq!((square.size, square.pixels.len()), ([6, 4], 4));
        let error = read_image(&path, [3, 8, 6], Colour::default()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("6x4") && error.contains("6x8"), "{error}");
        let broken = folder.write("b.png", b"no image");
        let error = read_image(&broken, [1, 4, 4], Colour::default()).unwrap_err();
        assert!(error.to_string().contains("b.png"), "{error}");
    }
}
