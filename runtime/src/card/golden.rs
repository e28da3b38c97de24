//! Golden images: how an engine shows that it makes the images the trainer saw.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use super::error::CardError;
use crate::image::{ImageError, Shape};

/// Rows and columns of blocks in a fingerprint, at most.
const BLOCKS: usize = 8;

/// How far an engine may be from the trainer's images. Engines that compute in `f32` differ by
/// rounding; the defaults are what this project promises.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Largest difference of a value in the generator's own range, for engines that compute in
    /// `f32`.
    pub max_abs: f32,
    /// Largest difference of a byte of the 8-bit image.
    pub levels: u8,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            max_abs: 1e-4,
            levels: 2,
        }
    }
}

/// An image the generator must make: its hash, and a coarse copy for engines that round
/// differently.
///
/// The latent vector is the card's distribution at `seed`, without truncation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    /// The seed of the latent vector.
    pub seed: u64,
    /// The class, for a conditional generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<usize>,
    /// SHA-256 of the 8-bit image (row, column, channel order), in lower-case hexadecimal.
    pub sha256: String,
    /// Mean of all bytes of the image, 0 to 255.
    pub mean: f32,
    /// Means of blocks of the image.
    pub fingerprint: Fingerprint,
}

/// How near an image is to a golden one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GoldenMatch {
    /// Every byte is the same.
    Exact,
    /// The hash differs, but every block mean and the mean are within the tolerance.
    Within {
        /// Largest difference of a block mean, in levels of 255.
        worst: u8,
    },
    /// A block mean or the mean is further away than the tolerance allows.
    Different {
        /// Largest difference of a block mean, in levels of 255.
        worst: u8,
        /// Mean of the golden image.
        expected_mean: f32,
        /// Mean of the image that was checked.
        found_mean: f32,
    },
}

impl Golden {
    /// Describes `image`, 8-bit in row, column, channel order, which the generator made from
    /// `seed`.
    ///
    /// # Errors
    /// [`ImageError`] if the shape is impossible or the image has another length.
    pub fn of(
        seed: u64,
        class: Option<usize>,
        shape: Shape,
        image: &[u8],
    ) -> Result<Self, ImageError> {
        let fingerprint = Fingerprint::of(shape, image)?;
        Ok(Self {
            seed,
            class,
            sha256: sha256(image),
            mean: mean(image),
            fingerprint,
        })
    }

    /// Compares an image, 8-bit in row, column, channel order, with the golden one.
    ///
    /// No byte differing by more than `tolerance.levels` always gives [`GoldenMatch::Within`] or
    /// better. The converse does not hold, for a fingerprint has 8 by 8 blocks only: it finds wrong
    /// weights, a wrong pixel range, a wrong operator or a shift, and not a single pixel.
    ///
    /// # Errors
    /// [`ImageError`] if the shape is impossible or the image has another length than it says.
    pub fn check(
        &self,
        tolerance: Tolerance,
        shape: Shape,
        image: &[u8],
    ) -> Result<GoldenMatch, ImageError> {
        let found = Fingerprint::of(shape, image)?;
        if sha256(image) == self.sha256 {
            return Ok(GoldenMatch::Exact);
        }
        let (found_mean, expected_mean) = (mean(image), self.mean);
        let worst = match found.0.len() == self.fingerprint.0.len() {
            true => found
                .0
                .iter()
                .zip(&self.fingerprint.0)
                .map(|(a, b)| a.abs_diff(*b))
                .max()
                .unwrap_or(0),
            false => u8::MAX,
        };
        // A little room for the mean's own rounding.
        let near = (found_mean - expected_mean).abs() <= f32::from(tolerance.levels) + 0.01;
        if worst <= tolerance.levels && near {
            Ok(GoldenMatch::Within { worst })
        } else {
            Ok(GoldenMatch::Different {
                worst,
                expected_mean,
                found_mean,
            })
        }
    }

    /// Checks golden image number `index` of a generator with so many classes and this shape.
    pub(super) fn check_fields(
        &self,
        index: usize,
        classes: usize,
        shape: Shape,
    ) -> Result<(), CardError> {
        let class_fits = match self.class {
            None => classes == 0,
            Some(class) => class < classes,
        };
        if !class_fits {
            return Err(CardError::GoldenClass {
                index,
                classes,
                found: self.class,
            });
        }
        if self.sha256.len() != 64
            || !self
                .sha256
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(CardError::GoldenHash { index });
        }
        if !(0.0..=255.0).contains(&self.mean) {
            return Err(CardError::GoldenMean {
                index,
                found: self.mean,
            });
        }
        let expected = Fingerprint::len_for(shape);
        let found = self.fingerprint.0.len();
        if found != expected {
            return Err(CardError::GoldenFingerprint {
                index,
                expected,
                found,
            });
        }
        Ok(())
    }
}

/// Means of the blocks of an image cut into 8 by 8 (or one a pixel where it is smaller), each a
/// byte, in row, column, channel order. Block `i` of `n` over `size` pixels is
/// `i * size / n .. (i + 1) * size / n`; means are rounded to nearest, halves up. In JSON it is a
/// string of hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub Vec<u8>);

impl Fingerprint {
    /// Number of block means for images of `shape`.
    #[must_use]
    pub fn len_for(shape: Shape) -> usize {
        shape.channels * shape.height.min(BLOCKS) * shape.width.min(BLOCKS)
    }

    /// The block means of an 8-bit image in row, column, channel order.
    ///
    /// # Errors
    /// [`ImageError`] if the shape is impossible or the image has another length.
    pub fn of(shape: Shape, image: &[u8]) -> Result<Self, ImageError> {
        let expected = shape.check()?;
        if image.len() != expected {
            return Err(ImageError::Input {
                expected,
                found: image.len(),
            });
        }
        let (rows, columns) = (shape.height.min(BLOCKS), shape.width.min(BLOCKS));
        let mut sums = vec![(0u64, 0u64); Self::len_for(shape)];
        for (y, row) in image.chunks_exact(shape.width * shape.channels).enumerate() {
            let block_row = block(y, shape.height, rows);
            for (x, pixel) in row.chunks_exact(shape.channels).enumerate() {
                let start = (block_row * columns + block(x, shape.width, columns)) * shape.channels;
                for ((sum, count), byte) in sums.iter_mut().skip(start).zip(pixel) {
                    *sum += u64::from(*byte);
                    *count += 1;
                }
            }
        }
        Ok(Self(
            sums.into_iter()
                .map(|(sum, count)| ((2 * sum + count) / (2 * count.max(1))) as u8)
                .collect(),
        ))
    }
}

/// Which of `blocks` blocks over `size` pixels pixel `at` belongs to.
fn block(at: usize, size: usize, blocks: usize) -> usize {
    ((at + 1) * blocks - 1) / size
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|c| c.to_digit(16).map(|d| d as u8))
            .collect();
        match digits {
            Some(digits) if digits.len() % 2 == 0 => {
                let bytes = digits
                    .chunks_exact(2)
                    .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
                Ok(Self(bytes.collect()))
            }
            _ => Err(de::Error::custom(
                "the fingerprint is not an even number of hexadecimal digits",
            )),
        }
    }
}

/// SHA-256 of some bytes in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn mean(image: &[u8]) -> f32 {
    let sum: u64 = image.iter().map(|b| u64::from(*b)).sum();
    (sum as f64 / image.len().max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        channels: 3,
        height: 20,
        width: 28,
    };

    fn image() -> Vec<u8> {
        (0..1680u32).map(|i| (i * i % 251) as u8).collect()
    }

    #[test]
    fn the_same_bytes_match_exactly() {
        let golden = Golden::of(1, None, SHAPE, &image()).unwrap();
        assert_eq!(
            golden.check(Tolerance::default(), SHAPE, &image()),
            Ok(GoldenMatch::Exact)
        );
    }

    #[test]
    fn two_levels_a_pixel_are_always_within() {
        let golden = Golden::of(1, None, SHAPE, &image()).unwrap();
        for change in [|b: &mut u8| *b += 2, |b: &mut u8| *b = b.saturating_sub(2)] {
            let mut near = image();
            near.iter_mut().for_each(change);
            let result = golden.check(Tolerance::default(), SHAPE, &near).unwrap();
            assert!(
                matches!(result, GoldenMatch::Within { worst: 1..=2 }),
                "{result:?}"
            );
        }
    }

    #[test]
    fn another_image_a_shift_and_an_inversion_are_different() {
        // Smooth, as generated images are: a checker of noise would have equal block means
        // everywhere.
        let smooth: Vec<u8> = (0..1680u32)
            .map(|i| (i % 84 * 3 / 2 + i / 84 * 6) as u8)
            .collect();
        let golden = Golden::of(1, None, SHAPE, &smooth).unwrap();
        let inverted: Vec<u8> = smooth.iter().map(|b| 255 - b).collect();
        let mut shifted = smooth.clone();
        shifted.rotate_right(84 * 3);
        for other in [inverted, shifted, image(), vec![0; 1680]] {
            let result = golden.check(Tolerance::default(), SHAPE, &other).unwrap();
            assert!(
                matches!(result, GoldenMatch::Different { .. }),
                "{result:?}"
            );
        }
    }

    #[test]
    fn blocks_cover_every_pixel_as_documented() {
        for size in 1..40usize {
            let n = size.min(BLOCKS);
            for i in 0..n {
                for at in i * size / n..(i + 1) * size / n {
                    assert_eq!(block(at, size, n), i, "pixel {at} of {size}");
                }
            }
        }
        let tiny = Shape {
            channels: 1,
            height: 1,
            width: 3,
        };
        assert_eq!(Fingerprint::of(tiny, &[1, 2, 3]).unwrap().0, [1, 2, 3]);
    }

    #[test]
    fn wrong_lengths_and_digits_are_errors() {
        let golden = Golden::of(1, None, SHAPE, &image()).unwrap();
        let short = golden.check(Tolerance::default(), SHAPE, &image()[1..]);
        assert_eq!(
            short,
            Err(ImageError::Input {
                expected: 1680,
                found: 1679
            })
        );
        for text in ["\"0\"", "\"0g\"", "\"é1\"", "7"] {
            assert!(serde_json::from_str::<Fingerprint>(text).is_err());
        }
        assert_eq!(
            serde_json::from_str::<Fingerprint>("\"00fF\"").unwrap().0,
            [0, 255]
        );
    }

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
