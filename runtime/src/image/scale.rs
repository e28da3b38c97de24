//! Enlarging by whole factors: each pixel becomes a square.

use super::error::{ImageError, input, output};
use super::shape::Shape;

/// Enlarges one row of interleaved bytes `factor` times in width; write the result `factor` times
/// for a square.
///
/// # Errors
/// [`ImageError::Factor`] for 0, [`ImageError::Channels`] for 0 channels, [`ImageError::Input`] if
/// the row ends within a pixel, [`ImageError::TooLarge`] if the result's length overflows,
/// [`ImageError::Output`] unless `out` is `factor` times as long as `row`.
pub fn upscale_row(
    row: &[u8],
    channels: usize,
    factor: usize,
    out: &mut [u8],
) -> Result<(), ImageError> {
    if factor == 0 {
        return Err(ImageError::Factor);
    }
    let Some(pixels) = row.len().checked_div(channels) else {
        return Err(ImageError::Channels { found: channels });
    };
    input(pixels * channels, row.len())?;
    output(
        row.len().checked_mul(factor).ok_or(ImageError::TooLarge)?,
        out.len(),
    )?;
    let copies = row
        .chunks_exact(channels)
        .flat_map(|pixel| core::iter::repeat_n(pixel, factor));
    for (to, from) in out.chunks_exact_mut(channels).zip(copies) {
        to.copy_from_slice(from);
    }
    Ok(())
}

/// Enlarges an image of interleaved bytes `factor` times in both directions (nearest neighbour).
///
/// # Errors
/// [`ImageError`] if the shape is impossible, the factor is 0 or a slice has the wrong length.
pub fn upscale(
    image: &[u8],
    shape: Shape,
    factor: usize,
    out: &mut [u8],
) -> Result<(), ImageError> {
    if factor == 0 {
        return Err(ImageError::Factor);
    }
    let len = shape.check()?;
    input(len, image.len())?;
    let grown = factor
        .checked_mul(factor)
        .and_then(|f| f.checked_mul(len))
        .ok_or(ImageError::TooLarge)?;
    output(grown, out.len())?;
    let row_len = shape.width * shape.channels;
    let bands = out.chunks_exact_mut(row_len * factor * factor);
    for (row, band) in image.chunks_exact(row_len).zip(bands) {
        for out_row in band.chunks_exact_mut(row_len * factor) {
            upscale_row(row, shape.channels, factor, out_row)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_becomes_a_square() {
        let shape = Shape {
            channels: 1,
            height: 2,
            width: 2,
        };
        let mut out = [0; 16];
        upscale(&[1, 2, 3, 4], shape, 2, &mut out).unwrap();
        assert_eq!(out, [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
        let mut rgb = [0; 12];
        upscale_row(&[1, 2, 3, 4, 5, 6], 3, 2, &mut rgb).unwrap();
        assert_eq!(rgb, [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
    }

    #[test]
    fn factor_1_copies() {
        let shape = Shape {
            channels: 3,
            height: 1,
            width: 2,
        };
        let mut out = [0; 6];
        upscale(&[1, 2, 3, 4, 5, 6], shape, 1, &mut out).unwrap();
        assert_eq!(out, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn impossible_factors_and_lengths_are_named() {
        let shape = Shape {
            channels: 1,
            height: 1,
            width: 2,
        };
        assert_eq!(upscale(&[1, 2], shape, 0, &mut []), Err(ImageError::Factor));
        assert_eq!(
            upscale(&[1, 2], shape, usize::MAX, &mut []),
            Err(ImageError::TooLarge)
        );
        assert_eq!(
            upscale(&[1], shape, 1, &mut []),
            Err(ImageError::Input {
                expected: 2,
                found: 1
            })
        );
        assert_eq!(
            upscale_row(&[1], 0, 1, &mut [0]),
            Err(ImageError::Channels { found: 0 })
        );
        assert_eq!(
            upscale_row(&[1], 1, 2, &mut [0]),
            Err(ImageError::Output {
                expected: 2,
                found: 1
            })
        );
    }
}
