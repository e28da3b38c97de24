//! Images side by side in one, and PNG files that are whole or not there.

mod labelled;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use dreamlet_runtime::image::{ImageError, Shape};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage, RgbaImage};
use thiserror::Error;

use crate::atomic_file::write_atomic;

pub(crate) use labelled::{LabelledRow, labelled};

/// Most pixels of a sheet: 64 Mi, so that a mistyped number of seeds does not fill the memory.
pub(crate) const MAX_PIXELS: u64 = 1 << 26;
/// The grey of the gaps: seen beside black images and beside white ones.
const GAP_GREY: u8 = 0x50;

/// What can be wrong with a sheet of images.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GridError {
    #[error("there is no image to show")]
    Empty,
    /// The shape is impossible.
    #[error("{0}")]
    Shape(#[source] ImageError),
    /// An image has another length than the shape says.
    #[error("image {index} has {found} bytes, its shape needs {expected}")]
    ImageLength {
        index: usize,
        expected: usize,
        found: usize,
    },
    /// The columns are 0, or the enlargement is.
    #[error("{what} is 0; give at least 1")]
    Zero { what: &'static str },
    /// The sheet would have more than [`MAX_PIXELS`] pixels.
    #[error(
        "a sheet of {width} x {height} pixels is more than {MAX_PIXELS}: take fewer images, a smaller scale, or a folder \
         with one file for each"
    )]
    TooLarge { width: u64, height: u64 },
    #[error("the image could not be encoded as PNG: {reason}")]
    Encode { reason: String },
    #[error("cannot write {}: {error}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        error: std::io::Error,
    },
}

/// A buffer for a sheet of `width` by `height` pixels, if that is not too large.
fn sheet(width: u64, height: u64, channels: usize) -> Result<(u32, u32, Vec<u8>), GridError> {
    let too_large = || GridError::TooLarge { width, height };
    let pixels = width
        .checked_mul(height)
        .filter(|n| *n <= MAX_PIXELS)
        .ok_or_else(too_large)?;
    let side = |n: u64| u32::try_from(n).map_err(|_| too_large());
    let bytes = usize::try_from(pixels)
        .map_err(|_| too_large())?
        .saturating_mul(channels);
    Ok((side(width)?, side(height)?, vec![GAP_GREY; bytes]))
}

/// Rows of interleaved bytes, with 1 or 3 channels, as an image.
fn image_of(
    width: u32,
    height: u32,
    channels: usize,
    bytes: Vec<u8>,
) -> Result<DynamicImage, GridError> {
    let image = match channels {
        1 => GrayImage::from_raw(width, height, bytes).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, bytes).map(DynamicImage::from),
    };
    image.ok_or(GridError::TooLarge {
        width: width.into(),
        height: height.into(),
    })
}

/// Arranges images of one shape in rows from left to right, `gap` pixels of grey between them and
/// around.
///
/// Each image is `height * width * channels` bytes in row, column, channel order. Without `columns`
/// the sheet is as near to a square of images as it can be, wider rather than higher. The image is
/// grey or RGB as the images are.
///
/// # Errors
/// [`GridError`]: no images, one of the wrong length, 0 columns, or too many pixels.
pub(crate) fn grid(
    images: &[Vec<u8>],
    shape: Shape,
    columns: Option<usize>,
    gap: usize,
) -> Result<DynamicImage, GridError> {
    let expected = shape.check().map_err(GridError::Shape)?;
    if images.is_empty() {
        return Err(GridError::Empty);
    }
    if columns == Some(0) {
        let what = "the number of columns";
        return Err(GridError::Zero { what });
    }
    for (index, image) in images.iter().enumerate() {
        check_length(index, image, expected)?;
    }
    let count = images.len();
    let square = (count - 1).isqrt() + 1;
    let columns = columns.unwrap_or(square).min(count);
    let rows = count.div_ceil(columns);
    let side = |cells: usize, size: usize| {
        let (cells, size, gap) = (cells as u64, size as u64, gap as u64);
        let all = cells.saturating_mul(size.saturating_add(gap));
        all.saturating_add(gap)
    };
    let channels = shape.channels;
    let (width, height) = (side(columns, shape.width), side(rows, shape.height));
    let (width, height, mut bytes) = sheet(width, height, channels)?;
    let (row_len, stride) = (shape.width * channels, width as usize * channels);
    for (i, image) in images.iter().enumerate() {
        let left = gap + i % columns * (shape.width + gap);
        let top = gap + i / columns * (shape.height + gap);
        for (y, row) in image.chunks_exact(row_len).enumerate() {
            let at = (top + y) * stride + left * channels;
            if let Some(to) = bytes.get_mut(at..at + row_len) {
                to.copy_from_slice(row);
            }
        }
    }
    image_of(width, height, channels, bytes)
}

/// Image number `index` has as many bytes as its shape needs.
fn check_length(index: usize, image: &[u8], expected: usize) -> Result<(), GridError> {
    match image.len() {
        found if found == expected => Ok(()),
        found => Err(GridError::ImageLength {
            index,
            expected,
            found,
        }),
    }
}

/// Planar bytes (channel, row, column) in row, column, channel order.
pub(crate) fn chw_to_hwc(chw: &[u8], shape: Shape) -> Vec<u8> {
    let plane = shape.height * shape.width;
    let place = |i: usize| i % shape.channels * plane + i / shape.channels;
    let bytes = (0..plane * shape.channels).map(|i| chw.get(place(i)).copied());
    bytes.map(Option::unwrap_or_default).collect()
}

/// Enlarges an image by a whole factor: each pixel becomes a square.
pub(crate) fn enlarge(image: &DynamicImage, factor: usize) -> Result<DynamicImage, GridError> {
    if factor == 0 {
        return Err(GridError::Zero { what: "the scale" });
    }
    if factor == 1 {
        return Ok(image.clone());
    }
    let grown = |side: u32| u64::from(side).saturating_mul(factor as u64);
    let (width, height, _) = sheet(grown(image.width()), grown(image.height()), 0)?;
    Ok(image.resize_exact(width, height, image::imageops::FilterType::Nearest))
}

/// One image, `height * width * channels` bytes in row, column, channel order, as an image.
///
/// # Errors
/// [`GridError`] if the shape is impossible or the image has another length.
pub(crate) fn to_image(bytes: &[u8], shape: Shape) -> Result<DynamicImage, GridError> {
    let expected = shape.check().map_err(GridError::Shape)?;
    check_length(0, bytes, expected)?;
    // A checked shape has sides of at most 16,384.
    let (width, height) = (shape.width as u32, shape.height as u32);
    image_of(width, height, shape.channels, bytes.to_vec())
}

/// As [`to_image`], of bytes that have alpha besides; `None` where they have not.
pub(crate) fn with_alpha(bytes: &[u8], shape: Shape) -> Option<DynamicImage> {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let whole = shape.channels == 3 && bytes.len() == 4 * shape.width * shape.height;
    let image = RgbaImage::from_raw(width, height, bytes.to_vec());
    image.filter(|_| whole).map(DynamicImage::from)
}

/// The bytes of a PNG file.
pub(crate) fn png(image: &DynamicImage) -> Result<Vec<u8>, GridError> {
    let mut bytes = Cursor::new(Vec::new());
    let written = image.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| GridError::Encode {
        reason: error.to_string(),
    })?;
    Ok(bytes.into_inner())
}

/// Writes a PNG file that is whole or not there: under a temporary name, synced, renamed.
pub(crate) fn save_png(image: &DynamicImage, path: &Path) -> Result<(), GridError> {
    write_atomic(path, &png(image)?).map_err(|error| GridError::Write {
        path: path.to_path_buf(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    const GREY: Shape = Shape {
        channels: 1,
        height: 2,
        width: 3,
    };

    #[test]
    fn images_stand_where_they_should_with_gaps_between_and_around() {
        let images = (0..5).map(|i| (0..6).map(|p| 10 * i + p).collect());
        let images: Vec<Vec<u8>> = images.collect();
        let sheet = grid(&images, GREY, None, 1).unwrap().into_luma8();
        // Five images: three columns, two rows.
        assert_eq!(sheet.dimensions(), (1 + 3 * 4, 1 + 2 * 3));
        for (x, y, pixel) in sheet.enumerate_pixels() {
            let (column, row) = (x.saturating_sub(1) / 4, y.saturating_sub(1) / 3);
            let i = row * 3 + column;
            let expected = if x % 4 == 0 || y % 3 == 0 || i >= 5 {
                GAP_GREY
            } else {
                (10 * i + (y % 3 - 1) * 3 + x % 4 - 1) as u8
            };
            assert_eq!(pixel.0, [expected], "({x}, {y})");
        }
    }

    #[test]
    fn columns_are_as_asked_or_as_many_as_images() {
        let images = vec![vec![0; 6]; 4];
        let size = |columns| grid(&images, GREY, columns, 0).unwrap().width();
        let sizes = [Some(1), None, Some(4), Some(99)].map(size);
        assert_eq!(sizes, [3, 6, 12, 12]);
    }

    #[test]
    fn colours_survive_png() {
        let shape = Shape::new(3, 2, 2).unwrap();
        let bytes: Vec<u8> = (0..12).map(|i| i * 20).collect();
        let sheet = grid(std::slice::from_ref(&bytes), shape, None, 0).unwrap();
        let read = image::load_from_memory(&png(&sheet).unwrap()).unwrap();
        assert_eq!(read.into_rgb8().into_raw(), bytes);
        let alone = to_image(&bytes, shape).unwrap();
        assert_eq!(alone.into_rgb8().into_raw(), bytes);
    }

    #[test]
    fn enlarging_makes_squares() {
        let small = to_image(&[1, 2, 3, 4, 5, 6], GREY).unwrap();
        let large = enlarge(&small, 3).unwrap().into_luma8();
        assert_eq!(large.dimensions(), (9, 6));
        for (x, y, pixel) in large.enumerate_pixels() {
            assert_eq!(pixel.0, [(1 + y / 3 * 3 + x / 3) as u8]);
        }
    }

    #[test]
    fn a_file_is_written_whole_and_an_impossible_place_is_named() {
        let folder = TestFolder::new();
        let image = to_image(&[9; 6], GREY).unwrap();
        let path = folder.0.join("one.png");
        save_png(&image, &path).unwrap();
        let read = image::open(path).unwrap().into_luma8();
        assert_eq!(read.into_raw(), [9; 6]);
        let files = std::fs::read_dir(&folder.0).unwrap();
        let names: Vec<_> = files.map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["one.png"]);
        let error = save_png(&image, &folder.0.join("no/such.png")).unwrap_err();
        assert!(error.to_string().contains("such.png"), "{error}");
    }

    #[test]
    fn what_cannot_be_is_named() {
        assert!(matches!(grid(&[], GREY, None, 1), Err(GridError::Empty)));
        let short = grid(&[vec![0; 6], vec![0; 5]], GREY, None, 1);
        assert!(matches!(
            short,
            Err(GridError::ImageLength {
                index: 1,
                expected: 6,
                found: 5
            })
        ));
        let none = grid(&[vec![0; 6]], GREY, Some(0), 1);
        assert!(matches!(none, Err(GridError::Zero { .. })));
        let wide = grid(&[vec![0; 6]], GREY, None, usize::MAX);
        assert!(matches!(wide, Err(GridError::TooLarge { .. })));
        let image = to_image(&[0; 6], GREY).unwrap();
        assert!(matches!(enlarge(&image, 0), Err(GridError::Zero { .. })));
        let large = enlarge(&image, usize::MAX);
        assert!(matches!(large, Err(GridError::TooLarge { .. })));
    }
}
