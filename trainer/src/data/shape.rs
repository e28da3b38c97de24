//! The shape of images, and which shapes nets take.

use super::error::DataError;

/// Channels, rows and columns of planar images.
pub(super) type Shape = [usize; 3];

/// Bytes of an image.
pub(super) fn image_len(shape: Shape) -> usize {
    shape.into_iter().fold(1, usize::saturating_mul)
}

/// The shape that nets get: `size` and `channels` where they are given, otherwise the images' own.
pub(super) fn wanted(
    [own_channels, height, width]: Shape,
    size: Option<usize>,
    channels: Option<usize>,
) -> Result<Shape, DataError> {
    let channels = match channels.unwrap_or(own_channels) {
        channels @ (1 | 3 | 4) => channels,
        found => return Err(DataError::Channels { found }),
    };
    let size = match size {
        Some(found) if !is_size(found) => return Err(DataError::Size { found }),
        Some(size) => size,
        None if height == width && is_size(width) => width,
        None => return Err(DataError::NativeSize { height, width }),
    };
    Ok([channels, size, size])
}

/// Edge lengths that nets take: multiples of 4 from 16 to 128.
fn is_size(size: usize) -> bool {
    (16..=128).contains(&size) && size.is_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_multiples_of_4_from_16_to_128() {
        for good in [16, 20, 28, 64, 128] {
            assert!(is_size(good));
        }
        for bad in [0, 4, 12, 15, 17, 30, 132, usize::MAX] {
            assert!(!is_size(bad), "{bad}");
        }
        assert!(wanted([1, 28, 20], None, None).is_err());
        assert!(wanted([1, 30, 30], None, None).is_err());
        let squares = wanted([1, 30, 20], Some(16), Some(3)).unwrap();
        assert_eq!(squares, [3, 16, 16]);
        assert!(wanted([1, 28, 28], None, Some(2)).is_err());
    }
}
