//! Images after the generator: shape, pixel range, 8-bit conversion, scaling and dithering.
//!
//! A generator writes `f32` in channel, row, column order (CHW); displays and files take bytes in row,
//! column, channel order (HWC). Everything works into the caller's buffers, and every step has a form that
//! handles one row, for devices without room for a frame.
//!
//! ```
//! use dreamlet_runtime::image::{PixelRange, Shape, to_hwc_u8};
//! let shape = Shape::new(1, 2, 2)?;
//! let mut bytes = [0; 4];
//! to_hwc_u8(&[-1.0, 0.0, 0.5, 1.0], shape, PixelRange::SIGNED, &mut bytes)?;
//! assert_eq!(bytes, [0, 128, 191, 255]);
//! # Ok::<(), dreamlet_runtime::image::ImageError>(())
//! ```

mod convert;
mod dither;
mod error;
mod scale;

pub use convert::{grey_row, luma, row_to_u8, to_hwc_u8};
pub use dither::{Bayer, FloydSteinberg, Levels, pack_bits};
pub use error::ImageError;
pub use scale::{upscale, upscale_row};

/// Largest height and width that [`Shape::new`] accepts.
pub const MAX_SIDE: usize = 16_384;

/// Shape of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "alloc", derive(serde::Serialize, serde::Deserialize))]
pub struct Shape {
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// A shape that has been [checked](Shape::check).
    ///
    /// # Errors
    /// As [`Shape::check`].
    pub const fn new(channels: usize, height: usize, width: usize) -> Result<Self, ImageError> {
        let shape = Self {
            channels,
            height,
            width,
        };
        match shape.check() {
            Ok(_) => Ok(shape),
            Err(error) => Err(error),
        }
    }

    /// Checks that there are 1 or 3 channels and 1 to [`MAX_SIDE`] rows and columns, and gives the
    /// number of values, `channels * height * width`.
    ///
    /// # Errors
    /// [`ImageError::Channels`], [`ImageError::Side`], or [`ImageError::TooLarge`] where the product
    /// does not fit a `usize`.
    pub const fn check(self) -> Result<usize, ImageError> {
        if self.channels != 1 && self.channels != 3 {
            return Err(ImageError::Channels {
                found: self.channels,
            });
        }
        if self.height == 0 || self.height > MAX_SIDE {
            return Err(ImageError::Side { found: self.height });
        }
        if self.width == 0 || self.width > MAX_SIDE {
            return Err(ImageError::Side { found: self.width });
        }
        match self.len() {
            Some(len) => Ok(len),
            None => Err(ImageError::TooLarge),
        }
    }

    /// Values of an image, `channels * height * width`, or `None` if that overflows.
    #[must_use]
    pub const fn len(self) -> Option<usize> {
        match self.channels.checked_mul(self.height) {
            Some(rows) => rows.checked_mul(self.width),
            None => None,
        }
    }

    /// Whether an image of this shape has no pixels.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.channels == 0 || self.height == 0 || self.width == 0
    }
}

/// What black and white are in a generator's output.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "alloc", derive(serde::Serialize, serde::Deserialize))]
pub struct PixelRange {
    /// The value shown as 0.
    pub low: f32,
    /// The value shown as 255.
    pub high: f32,
}

impl PixelRange {
    /// 0 to 1: what a sigmoid makes.
    pub const UNIT: Self = Self {
        low: 0.0,
        high: 1.0,
    };
    /// -1 to 1: what a hyperbolic tangent makes.
    pub const SIGNED: Self = Self {
        low: -1.0,
        high: 1.0,
    };

    /// Checks that both ends are finite and different, and that their distance is finite too. `low` may
    /// be the larger one, for a generator of negatives.
    ///
    /// # Errors
    /// [`ImageError::Range`].
    pub fn check(self) -> Result<(), ImageError> {
        let scale = 255.0 / (self.high - self.low);
        if self.low.is_finite() && self.high.is_finite() && scale.is_finite() && scale != 0.0 {
            Ok(())
        } else {
            Err(ImageError::Range {
                low: self.low,
                high: self.high,
            })
        }
    }

    /// The byte of a value: `(value - low) * (255 / (high - low))`, rounded to the nearest integer with halves
    /// up, and clamped to 0..=255. NaN is 0, and so is every value of a range that fails [`Self::check`]
    /// with NaN.
    #[must_use]
    pub fn to_u8(self, value: f32) -> u8 {
        let level = (value - self.low) * (255.0 / (self.high - self.low));
        // `as` clamps and sends NaN to 0. The difference is exact, unlike `level + 0.5`.
        let floor = level as u8;
        if level - f32::from(floor) >= 0.5 {
            floor.saturating_add(1)
        } else {
            floor
        }
    }

    /// The value of a byte: `low` for 0, `high` for 255 and evenly between.
    #[must_use]
    pub fn from_u8(self, byte: u8) -> f32 {
        let t = f32::from(byte) / 255.0;
        self.low * (1.0 - t) + self.high * t
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_up_and_the_ends_clamp() {
        let range = PixelRange {
            low: 0.0,
            high: 255.0,
        };
        for (value, byte) in [
            (0.0, 0),
            (0.499_999_97, 0),
            (0.5, 1),
            (1.5, 2),
            (254.499, 254),
            (254.5, 255),
            (255.0, 255),
            (1e30, 255),
            (-0.5, 0),
            (f32::NEG_INFINITY, 0),
            (f32::INFINITY, 255),
            (f32::NAN, 0),
        ] {
            assert_eq!(range.to_u8(value), byte, "{value}");
        }
        assert_eq!(PixelRange::SIGNED.to_u8(0.0), 128);
        assert_eq!(
            PixelRange {
                low: 1.0,
                high: 0.0
            }
            .to_u8(1.0),
            0
        );
        assert_eq!(
            PixelRange {
                low: 1.0,
                high: 0.0
            }
            .to_u8(0.0),
            255
        );
    }

    #[test]
    fn bytes_survive_the_way_to_values_and_back() {
        for range in [
            PixelRange::UNIT,
            PixelRange::SIGNED,
            PixelRange {
                low: 3.0,
                high: -2.0,
            },
        ] {
            for byte in 0..=255 {
                assert_eq!(range.to_u8(range.from_u8(byte)), byte);
            }
        }
    }

    #[test]
    fn degenerate_ranges_are_refused_and_still_total() {
        for (low, high) in [
            (0.0, 0.0),
            (f32::NAN, 1.0),
            (0.0, f32::INFINITY),
            (f32::MIN, f32::MAX),
            (0.0, 1e-40),
        ] {
            let range = PixelRange { low, high };
            assert!(
                matches!(range.check(), Err(ImageError::Range { .. })),
                "{range:?}"
            );
            let _ = range.to_u8(0.5);
        }
        assert!(PixelRange::SIGNED.check().is_ok());
    }

    #[test]
    fn impossible_shapes_are_named() {
        assert_eq!(Shape::new(3, 28, 20).map(|s| s.len()), Ok(Some(1680)));
        assert_eq!(
            Shape::new(2, 28, 28),
            Err(ImageError::Channels { found: 2 })
        );
        assert_eq!(Shape::new(1, 0, 28), Err(ImageError::Side { found: 0 }));
        assert_eq!(
            Shape::new(1, 28, usize::MAX),
            Err(ImageError::Side { found: usize::MAX })
        );
        assert_eq!(
            Shape {
                channels: 3,
                height: usize::MAX,
                width: 2
            }
            .len(),
            None
        );
    }
}
