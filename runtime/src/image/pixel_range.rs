//! From a generator's numbers to bytes and back.

use super::error::ImageError;

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

    /// Checks that both ends are finite and different, and that their distance is finite too. `low`
    /// may be the larger one, for a generator of negatives.
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

    /// The byte of a value: `(value - low) * (255 / (high - low))`, rounded to the nearest integer
    /// with halves up, and clamped to 0..=255. NaN is 0, and so is every value of a range that
    /// fails [`Self::check`] with NaN.
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
}
