//! From a generator's `f32` planes (CHW) to interleaved bytes (HWC).

use super::error::{ImageError, input, output};
use super::pixel_range::PixelRange;
use super::shape::Shape;

/// Converts a whole image: `chw` holds `channels * height * width` values in channel, row, column
/// order; `out` receives as many bytes in row, column, channel order, each by
/// [`PixelRange::to_u8`].
///
/// # Errors
/// [`ImageError`] if the shape or the range is impossible or a slice has the wrong length.
pub fn to_hwc_u8(
    chw: &[f32],
    shape: Shape,
    range: PixelRange,
    out: &mut [u8],
) -> Result<(), ImageError> {
    let len = shape.check()?;
    range.check()?;
    input(len, chw.len())?;
    output(len, out.len())?;
    for (channel, plane) in chw.chunks_exact(shape.height * shape.width).enumerate() {
        for (byte, value) in out
            .iter_mut()
            .skip(channel)
            .step_by(shape.channels)
            .zip(plane)
        {
            *byte = range.to_u8(*value);
        }
    }
    Ok(())
}

/// Converts one row of an image: `out` receives `width * channels` interleaved bytes.
///
/// # Errors
/// [`ImageError`] as for [`to_hwc_u8`], and [`ImageError::Row`] for a row beyond the image.
pub fn row_to_u8(
    chw: &[f32],
    shape: Shape,
    range: PixelRange,
    row: usize,
    out: &mut [u8],
) -> Result<(), ImageError> {
    let len = shape.check()?;
    range.check()?;
    input(len, chw.len())?;
    output(shape.width * shape.channels, out.len())?;
    if row >= shape.height {
        return Err(ImageError::Row {
            height: shape.height,
            found: row,
        });
    }
    for (channel, plane) in chw.chunks_exact(shape.height * shape.width).enumerate() {
        let values = plane.iter().skip(row * shape.width);
        for (byte, value) in out
            .iter_mut()
            .skip(channel)
            .step_by(shape.channels)
            .zip(values)
        {
            *byte = range.to_u8(*value);
        }
    }
    Ok(())
}

/// Brightness of a colour, `(77 r + 150 g + 29 b + 128) / 256`: the luma weights of ITU-R BT.601,
/// sec. 2.5.1, in integers, so that it is the same everywhere. White is 255 and a grey is itself.
#[must_use]
pub const fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((77 * red as u32 + 150 * green as u32 + 29 * blue as u32 + 128) >> 8) as u8
}

/// Makes a row of interleaved bytes grey: each pixel's [`luma`], or the byte itself where
/// `channels` is 1.
///
/// # Errors
/// [`ImageError::Channels`] unless `channels` is 1 or 3, [`ImageError::Output`] unless `out` holds
/// one byte a pixel, [`ImageError::Input`] if the row ends within a pixel.
pub fn grey_row(row: &[u8], channels: usize, out: &mut [u8]) -> Result<(), ImageError> {
    if channels != 1 && channels != 3 {
        return Err(ImageError::Channels { found: channels });
    }
    let pixels = row.len() / channels;
    input(pixels * channels, row.len())?;
    output(pixels, out.len())?;
    for (grey, pixel) in out.iter_mut().zip(row.chunks_exact(channels)) {
        *grey = match *pixel {
            [red, green, blue] => luma(red, green, blue),
            [grey, ..] => grey,
            [] => 0,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RGB: [f32; 12] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1];

    #[test]
    fn planes_become_interleaved_pixels() {
        let shape = Shape {
            channels: 3,
            height: 2,
            width: 2,
        };
        let mut out = [0; 12];
        to_hwc_u8(&RGB, shape, PixelRange::UNIT, &mut out).unwrap();
        assert_eq!(out, [0, 102, 204, 26, 128, 230, 51, 153, 255, 77, 179, 255]);
    }

    #[test]
    fn rows_are_the_rows_of_the_image() {
        let shape = Shape {
            channels: 3,
            height: 2,
            width: 2,
        };
        let mut whole = [0; 12];
        to_hwc_u8(&RGB, shape, PixelRange::UNIT, &mut whole).unwrap();
        for row in 0..2 {
            let mut out = [0; 6];
            row_to_u8(&RGB, shape, PixelRange::UNIT, row, &mut out).unwrap();
            assert_eq!(out, whole[row * 6..row * 6 + 6]);
        }
        let beyond = row_to_u8(&RGB, shape, PixelRange::UNIT, 2, &mut [0; 6]);
        assert_eq!(
            beyond,
            Err(ImageError::Row {
                height: 2,
                found: 2
            })
        );
    }

    #[test]
    fn wrong_lengths_are_named() {
        let shape = Shape {
            channels: 3,
            height: 2,
            width: 2,
        };
        let mut out = [0; 12];
        let short = to_hwc_u8(&RGB[..11], shape, PixelRange::UNIT, &mut out);
        assert_eq!(
            short,
            Err(ImageError::Input {
                expected: 12,
                found: 11
            })
        );
        let small = to_hwc_u8(&RGB, shape, PixelRange::UNIT, &mut out[..3]);
        assert_eq!(
            small,
            Err(ImageError::Output {
                expected: 12,
                found: 3
            })
        );
    }

    #[test]
    fn grey_is_its_own_luma_and_green_is_brightest() {
        for grey in 0..=255 {
            assert_eq!(luma(grey, grey, grey), grey);
        }
        assert_eq!(
            (luma(255, 0, 0), luma(0, 255, 0), luma(0, 0, 255)),
            (77, 149, 29)
        );
        let mut out = [0; 2];
        grey_row(&[10, 10, 10, 0, 255, 0], 3, &mut out).unwrap();
        assert_eq!(out, [10, 149]);
        grey_row(&[10, 20], 1, &mut out).unwrap();
        assert_eq!(out, [10, 20]);
        assert_eq!(
            grey_row(&[1, 2, 3, 4], 3, &mut out[..1]),
            Err(ImageError::Input {
                expected: 3,
                found: 4
            })
        );
        assert_eq!(
            grey_row(&[1], 2, &mut out),
            Err(ImageError::Channels { found: 2 })
        );
    }
}
