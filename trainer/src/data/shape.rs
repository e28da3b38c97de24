//! The shape of images, and which shapes nets take.

use super::error::DataError;

/// Channels, rows and columns of planar images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Shape {
    pub(super) fn square(channels: usize, size: usize) -> Self {
        Self {
            channels,
            height: size,
            width: size,
        }
    }

    pub(super) fn image_len(self) -> usize {
        self.channels
            .saturating_mul(self.height)
            .saturating_mul(self.width)
    }

    /// The shape that nets get: `size` and `channels` where they are given, otherwise the images'
    /// own.
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

pub(super) fn check_channels(channels: usize) -> Result<usize, DataError> {
    match channels {
        1 | 3 => Ok(channels),
        found => Err(DataError::Channels { found }),
    }
}

#[cfg(test)]
mod tests {
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
}
