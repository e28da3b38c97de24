//! The image that is shown.

use thiserror::Error;

/// Bytes that are not an image of this size.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "an image of {width} x {height} pixels with {channels} channels (1 or 3 are possible) has other than {found} bytes"
)]
pub struct PixelsError {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes a pixel.
    pub channels: usize,
    /// Bytes given.
    pub found: usize,
}

/// An image: bytes in row, column, channel order.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    bytes: &'a [u8],
    width: usize,
    height: usize,
    channels: usize,
}

impl<'a> Pixels<'a> {
    /// `bytes` as an image; 1 channel is grey, 3 are red, green, blue.
    ///
    /// # Errors
    /// [`PixelsError`] for other channels, or another number of bytes than the sizes say.
    pub fn new(
        bytes: &'a [u8],
        width: usize,
        height: usize,
        channels: usize,
    ) -> Result<Self, PixelsError> {
        let len = width
            .checked_mul(height)
            .and_then(|n| n.checked_mul(channels));
        if len != Some(bytes.len()) || !matches!(channels, 1 | 3) {
            return Err(PixelsError {
                width,
                height,
                channels,
                found: bytes.len(),
            });
        }
        Ok(Self {
            bytes,
            width,
            height,
            channels,
        })
    }

    /// Columns.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Whether all pixels are grey by their form.
    #[must_use]
    pub const fn grey(&self) -> bool {
        self.channels == 1
    }

    /// Red, green and blue of a pixel, if there is one.
    #[must_use]
    pub fn get(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        if x >= self.width {
            return None;
        }
        let at = (y * self.width + x) * self.channels;
        match *self.bytes.get(at..at + self.channels)? {
            [grey] => Some([grey; 3]),
            [red, green, blue] => Some([red, green, blue]),
            _ => None,
        }
    }

    /// All pixels, row after row.
    pub fn iter(&self) -> impl Iterator<Item = [u8; 3]> + use<'a> {
        let pixels = self.bytes.chunks_exact(self.channels);
        pixels.map(|pixel| match *pixel {
            [red, green, blue] => [red, green, blue],
            _ => [pixel.first().copied().unwrap_or(0); 3],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_as_many_bytes_as_its_sizes_say() {
        assert!(Pixels::new(&[0; 12], 2, 2, 3).is_ok());
        assert!(Pixels::new(&[0; 12], 2, 2, 1).is_err());
        assert!(Pixels::new(&[0; 8], 2, 2, 2).is_err());
        assert!(Pixels::new(&[], usize::MAX, 2, 3).is_err());
    }

    #[test]
    fn pixels_are_found_by_place_and_none_outside() {
        let rgb = Pixels::new(&[1, 2, 3, 4, 5, 6], 2, 1, 3).unwrap();
        assert_eq!(rgb.get(1, 0), Some([4, 5, 6]));
        assert_eq!((rgb.get(2, 0), rgb.get(0, 1)), (None, None));
        assert_eq!(rgb.iter().last(), Some([4, 5, 6]));
        let grey = Pixels::new(&[7, 8], 1, 2, 1).unwrap();
        assert_eq!(grey.get(0, 1), Some([8; 3]));
    }
}
