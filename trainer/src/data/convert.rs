//! From the images' own shape to the one that is wanted: centre crop, channels, resize.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};

use super::error::DataError;
use super::parallel;
use super::progress::{Progress, Unit};
use crate::atomic_file::try_zeros;

/// Channels, rows and columns of planar images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Shape {
    /// A square.
    pub(super) fn square(channels: usize, size: usize) -> Self {
        Self {
            channels,
            height: size,
            width: size,
        }
    }

    /// Bytes of one image.
    pub(super) fn image_len(self) -> usize {
        self.channels
            .saturating_mul(self.height)
            .saturating_mul(self.width)
    }

    /// The shape that nets get: `size` and `channels` where they are given, otherwise the images' own.
    pub(super) fn wanted(
        self,
        size: Option<usize>,
        channels: Option<usize>,
    ) -> Result<Self, DataError> {
        let channels = check_channels(channels.unwrap_or(self.channels))?;
        let size = match size {
            Some(size) => check_size(size)?,
            None if self.height == self.width && check_size(self.width).is_ok() => self.width,
            None => {
                return Err(DataError::NativeSize {
                    height: self.height,
                    width: self.width,
                });
            }
        };
        Ok(Self::square(channels, size))
    }
}

/// Edge lengths that nets take: multiples of 4 from 16 to 128.
pub(super) fn check_size(size: usize) -> Result<usize, DataError> {
    if (16..=128).contains(&size) && size.is_multiple_of(4) {
        Ok(size)
    } else {
        Err(DataError::Size { found: size })
    }
}

/// Grey or RGB.
pub(super) fn check_channels(channels: usize) -> Result<usize, DataError> {
    match channels {
        1 | 3 => Ok(channels),
        found => Err(DataError::Channels { found }),
    }
}

/// Luma of an sRGB pixel with the weights of ITU-R BT.709 (table 1, item 3.2), rounded to nearest.
pub(super) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue);
    ((sum + 5000) / 10_000) as u8
}

/// One channel of an image, row by row.
pub(super) type Plane = ImageBuffer<Luma<u8>, Vec<u8>>;

/// Resizes a square plane to `size` x `size` (Catmull and Rom's cubic, widened when it shrinks the image so that
/// every source pixel counts) and writes it to `out`.
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
    fn sizes_are_multiples_of_4_from_16_to_128() {
        for good in [16, 20, 28, 64, 128] {
            assert!(check_size(good).is_ok());
        }
        for bad in [0, 4, 12, 15, 17, 30, 132, usize::MAX] {
            assert!(check_size(bad).is_err(), "{bad}");
        }
        assert!(shape(1, 28, 20).wanted(None, None).is_err());
        assert!(shape(1, 30, 30).wanted(None, None).is_err());
        assert_eq!(
            shape(1, 30, 20).wanted(Some(16), Some(3)).unwrap(),
            shape(3, 16, 16)
        );
        assert!(shape(1, 28, 28).wanted(None, Some(2)).is_err());
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
