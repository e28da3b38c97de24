//! The shape of an image.

use super::error::{ImageError, MAX_SIDE};

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
    /// [`ImageError::Channels`], [`ImageError::Side`], or [`ImageError::TooLarge`] where the
    /// product does not fit a `usize`.
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

#[cfg(test)]
mod tests {
    use super::*;

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
