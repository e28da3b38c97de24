//! Dithering: many greys from few, for e-paper, one-bit displays and small palettes.

use super::error::{ImageError, input, output};

/// How many greys a display shows: 2 to 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Levels(u16);

impl Levels {
    /// Black and white.
    pub const BINARY: Self = Self(2);
    /// All greys of a byte.
    pub const ALL: Self = Self(256);

    /// `count` evenly spaced greys, black and white among them.
    ///
    /// # Errors
    /// [`ImageError::Levels`] unless `count` is 2 to 256.
    pub const fn new(count: usize) -> Result<Self, ImageError> {
        if count >= 2 && count <= 256 {
            Ok(Self(count as u16))
        } else {
            Err(ImageError::Levels { found: count })
        }
    }

    /// Number of greys.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0 as usize
    }

    /// The grey, 0 to 255, that level number `level` shows (rounded to nearest; levels beyond the
    /// last are white).
    #[must_use]
    pub const fn grey(self, level: u8) -> u8 {
        let last = self.0 as u32 - 1;
        let level = if level as u32 > last {
            last
        } else {
            level as u32
        };
        ((level * 255 + last / 2) / last) as u8
    }

    /// The level whose grey is nearest to `grey` (halves up).
    #[must_use]
    const fn nearest(self, grey: u8) -> u8 {
        ((grey as u32 * (self.0 as u32 - 1) * 2 + 255) / 510) as u8
    }
}

/// Ordered dithering by a Bayer matrix (Bayer, "An optimum method for two-level rendition of
/// continuous-tone images", 1973). Each pixel depends on its own place and value only, so it suits
/// single pixels, single rows and animation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bayer {
    /// 4 by 4: 16 thresholds, a coarse pattern that survives slow displays.
    Four,
    /// 8 by 8: 64 thresholds, finer greys.
    #[default]
    Eight,
}

impl Bayer {
    /// The matrix entry at column `x`, row `y`: 0 to 15 or 0 to 63, each once in a tile.
    #[must_use]
    pub const fn rank(self, x: usize, y: usize) -> u8 {
        let bits = match self {
            Self::Four => 2,
            Self::Eight => 3,
        };
        // Bit k of the coordinates weighs 4^(bits - 1 - k): the recursive definition, unrolled.
        let mut rank = 0;
        let mut k = 0;
        while k < bits {
            let (bx, by) = ((x >> k) & 1, (y >> k) & 1);
            rank = rank * 4 + (((bx ^ by) << 1) | by);
            k += 1;
        }
        rank as u8
    }

    /// The level, 0 to `levels - 1`, that shows a grey of 0 to 255 at column `x`, row `y`. Black is
    /// always level 0 and white always the last.
    #[must_use]
    pub const fn level(self, grey: u8, x: usize, y: usize, levels: Levels) -> u8 {
        // grey / 255 * (levels - 1) + (rank + 1/2) / entries, rounded down, in integers.
        let (level, above) = self.split(grey, levels);
        level + (above + self.threshold(x, y) >= self.full()) as u8
    }

    /// The level at or below a grey, and how far the grey is above it, of [`Self::full`]: all that
    /// does not depend on the place.
    pub(crate) const fn split(self, grey: u8, levels: Levels) -> (u8, u16) {
        let full = self.full() as u32;
        let scaled = grey as u32 * (levels.0 as u32 - 1) * (full / 255);
        ((scaled / full) as u8, (scaled % full) as u16)
    }

    /// What a level's grey must be exceeded by, with this added, to become the next one.
    pub(crate) const fn threshold(self, x: usize, y: usize) -> u16 {
        (2 * self.rank(x, y) as u16 + 1) * 255
    }

    /// From one level to the next.
    pub(crate) const fn full(self) -> u16 {
        510 * match self {
            Self::Four => 16,
            Self::Eight => 64,
        }
    }

    /// Dithers row number `y` of a grey image: `out` receives one level a pixel.
    ///
    /// # Errors
    /// [`ImageError::Output`] unless `out` is as long as `grey`.
    pub fn row(
        self,
        grey: &[u8],
        y: usize,
        levels: Levels,
        out: &mut [u8],
    ) -> Result<(), ImageError> {
        output(grey.len(), out.len())?;
        for (x, (level, grey)) in out.iter_mut().zip(grey).enumerate() {
            *level = self.level(*grey, x, y, levels);
        }
        Ok(())
    }
}

/// Error diffusion (Floyd and Steinberg, "An adaptive algorithm for spatial greyscale", 1976): what
/// a pixel's level is too dark or too bright is passed on, 7/16 to the right, 3/16, 5/16 and 1/16
/// to the row below. Better for still images than [`Bayer`], but rows must come from top to bottom.
/// Integer arithmetic: the same everywhere.
///
/// ```
/// use dreamlet_runtime::image::{FloydSteinberg, Levels};
/// let mut errors = [0; FloydSteinberg::scratch_len(8)];
/// let mut dither = FloydSteinberg::new(8, Levels::BINARY, &mut errors)?;
/// let mut row = [0; 8];
/// dither.row(&[128; 8], &mut row)?;
/// assert_eq!(row.iter().filter(|level| **level == 1).count(), 4);
/// # Ok::<(), dreamlet_runtime::image::ImageError>(())
/// ```
#[derive(Debug)]
pub struct FloydSteinberg<'b> {
    levels: Levels,
    /// Error carried into each pixel of the row to come, in sixteenths of a grey, one place to the
    /// right, so that the pixel left of the first has a place too.
    errors: &'b mut [i16],
    /// Column of the next pixel.
    x: usize,
    /// Error owed to that pixel by its left neighbour.
    right: i32,
    /// What the row below is owed so far at the column before, and at this one.
    below: i32,
    below_right: i32,
}

impl<'b> FloydSteinberg<'b> {
    /// Elements that the row buffer must hold: one more than the image is wide.
    #[must_use]
    pub const fn scratch_len(width: usize) -> usize {
        width.saturating_add(1)
    }

    /// Begins an image of `width` columns; `errors` is cleared and kept until the image is done.
    ///
    /// # Errors
    /// [`ImageError::Scratch`] unless `errors` holds [`FloydSteinberg::scratch_len`] numbers.
    pub fn new(width: usize, levels: Levels, errors: &'b mut [i16]) -> Result<Self, ImageError> {
        let expected = Self::scratch_len(width);
        if errors.len() != expected {
            return Err(ImageError::Scratch {
                expected,
                found: errors.len(),
            });
        }
        errors.fill(0);
        Ok(Self {
            levels,
            errors,
            x: 0,
            right: 0,
            below: 0,
            below_right: 0,
        })
    }

    /// Dithers the next row: `out` receives one level a pixel, 0 to `levels - 1`.
    ///
    /// # Errors
    /// [`ImageError::Input`] or [`ImageError::Output`] unless both are as long as the image is
    /// wide.
    pub fn row(&mut self, grey: &[u8], out: &mut [u8]) -> Result<(), ImageError> {
        let width = self.errors.len().saturating_sub(1);
        input(width, grey.len())?;
        output(width, out.len())?;
        for (level, grey) in out.iter_mut().zip(grey) {
            *level = self.pixel(*grey);
        }
        Ok(())
    }

    /// The level of the next pixel in reading order; rows follow one another by themselves.
    pub(crate) fn pixel(&mut self, grey: u8) -> u8 {
        let owed = self.errors.get(self.x + 1).map_or(0, |e| i32::from(*e));
        // In sixteenths of a grey; rounded to the grey that is wanted here.
        let wanted = i32::from(grey) * 16 + owed + self.right;
        let level = self.levels.nearest(((wanted + 8) >> 4).clamp(0, 255) as u8);
        let error = wanted - i32::from(self.levels.grey(level)) * 16;
        // The four shares add up to the error exactly: the last one is the remainder.
        let (right, left, down) = (error * 7 / 16, error * 3 / 16, error * 5 / 16);
        let corner = error - right - left - down;
        // The place left of this pixel has now received all its shares.
        if let Some(done) = self.errors.get_mut(self.x) {
            *done = clamp(self.below + left);
        }
        self.below = self.below_right + down;
        self.below_right = corner;
        self.right = right;
        self.x += 1;
        if self.x + 1 >= self.errors.len() {
            // The last column has no right neighbour to wait for.
            if let Some(last) = self.errors.last_mut() {
                *last = clamp(self.below);
            }
            (self.x, self.right, self.below, self.below_right) = (0, 0, 0, 0);
        }
        level
    }
}

fn clamp(error: i32) -> i16 {
    error.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// Packs levels into bits, eight pixels a byte, the first pixel in the highest bit, as one-bit
/// displays and e-paper take them: 0 becomes 0 and every other level 1. Bits after the last pixel
/// are 0.
///
/// # Errors
/// [`ImageError::Output`] unless `out` holds one byte for every eight pixels begun.
pub fn pack_bits(levels: &[u8], out: &mut [u8]) -> Result<(), ImageError> {
    output(levels.len().div_ceil(8), out.len())?;
    for (byte, pixels) in out.iter_mut().zip(levels.chunks(8)) {
        *byte = pixels.iter().enumerate().fold(0, |byte, (i, level)| {
            byte | (u8::from(*level != 0) << (7 - i))
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bayer_tile_holds_every_rank_once() {
        for (bayer, side) in [(Bayer::Four, 4), (Bayer::Eight, 8)] {
            let mut seen = [false; 64];
            for (x, y) in (0..side * side).map(|i| (i % side, i / side)) {
                let rank = usize::from(bayer.rank(x, y));
                assert!(rank < side * side && !seen[rank]);
                seen[rank] = true;
                assert_eq!(bayer.rank(x, y), bayer.rank(x + side, y + 3 * side));
            }
        }
        let first: [u8; 4] = core::array::from_fn(|x| Bayer::Four.rank(x, 0));
        assert_eq!(first, [0, 8, 2, 10]);
    }

    #[test]
    fn ordered_dithering_keeps_black_white_and_the_mean() {
        for bayer in [Bayer::Four, Bayer::Eight] {
            for levels in [2, 3, 4, 16, 256].map(|n| Levels::new(n).unwrap()) {
                for grey in 0..=255u8 {
                    let mut sum = 0u32;
                    for i in 0..64 {
                        let level = bayer.level(grey, i % 8, i / 8, levels);
                        assert!(usize::from(level) < levels.count());
                        sum += u32::from(levels.grey(level));
                    }
                    let mean = f64::from(sum) / 64.0;
                    assert!(
                        (mean - f64::from(grey)).abs() <= 255.0 / 16.0,
                        "{grey} became {mean}"
                    );
                    if grey == 0 || grey == 255 {
                        assert_eq!(mean, f64::from(grey));
                    }
                }
            }
        }
    }

    #[test]
    fn levels_are_even_and_nearest_is_their_inverse() {
        for count in 2..=256 {
            let levels = Levels::new(count).unwrap();
            assert_eq!((levels.grey(0), levels.grey((count - 1) as u8)), (0, 255));
            for level in 0..count {
                assert_eq!(usize::from(levels.nearest(levels.grey(level as u8))), level);
            }
        }
        assert_eq!(Levels::new(1), Err(ImageError::Levels { found: 1 }));
        assert_eq!(Levels::new(257), Err(ImageError::Levels { found: 257 }));
    }

    #[test]
    fn error_diffusion_keeps_the_mean_of_every_grey() {
        const SIDE: usize = 64;
        for grey in (0..=255u8).step_by(15) {
            let mut errors = [0; FloydSteinberg::scratch_len(SIDE)];
            let mut dither = FloydSteinberg::new(SIDE, Levels::BINARY, &mut errors).unwrap();
            let mut white = 0u32;
            for _ in 0..SIDE {
                let mut out = [0; SIDE];
                dither.row(&[grey; SIDE], &mut out).unwrap();
                white += out.iter().map(|l| u32::from(*l)).sum::<u32>();
            }
            let mean = f64::from(white) * 255.0 / (SIDE * SIDE) as f64;
            assert!((mean - f64::from(grey)).abs() < 4.0, "{grey} became {mean}");
        }
    }

    #[test]
    fn errors_reach_the_row_below_as_published() {
        // A single 128 becomes white: an error of -127, shared 7:3:5:1.
        let mut errors = [0; 4];
        let mut dither = FloydSteinberg::new(3, Levels::BINARY, &mut errors).unwrap();
        let mut out = [9; 3];
        dither.row(&[0, 128, 0], &mut out).unwrap();
        assert_eq!(out, [0, 1, 0]);
        let error = -127 * 16;
        let right = error * 7 / 16;
        let expected = [
            error * 3 / 16,
            error * 5 / 16 + right * 3 / 16,
            error - right - error * 3 / 16 - error * 5 / 16 + right * 5 / 16,
        ];
        assert_eq!(errors[1..4], expected.map(|e| e as i16));
    }

    #[test]
    fn one_column_wide_images_work() {
        let mut errors = [7; 2];
        let mut dither = FloydSteinberg::new(1, Levels::BINARY, &mut errors).unwrap();
        let mut white = 0;
        for _ in 0..400 {
            let mut out = [0];
            dither.row(&[128], &mut out).unwrap();
            white += u32::from(out[0]);
        }
        assert!((150..=250).contains(&white), "{white}");
    }

    #[test]
    fn wrong_lengths_are_named() {
        let mut errors = [0; 4];
        let short = FloydSteinberg::new(4, Levels::BINARY, &mut errors).map(|_| ());
        assert_eq!(
            short,
            Err(ImageError::Scratch {
                expected: 5,
                found: 4
            })
        );
        let mut dither = FloydSteinberg::new(3, Levels::BINARY, &mut errors).unwrap();
        assert_eq!(
            dither.row(&[0; 2], &mut [0; 3]),
            Err(ImageError::Input {
                expected: 3,
                found: 2
            })
        );
        assert_eq!(
            dither.row(&[0; 3], &mut [0; 2]),
            Err(ImageError::Output {
                expected: 3,
                found: 2
            })
        );
        assert_eq!(
            Bayer::Four.row(&[0], 0, Levels::BINARY, &mut []),
            Err(ImageError::Output {
                expected: 1,
                found: 0
            })
        );
    }

    #[test]
    fn bits_are_packed_first_pixel_highest() {
        let mut out = [0xff; 2];
        pack_bits(&[1, 0, 0, 0, 0, 0, 0, 1, 0, 3], &mut out).unwrap();
        assert_eq!(out, [0b1000_0001, 0b0100_0000]);
        assert_eq!(
            pack_bits(&[0; 9], &mut out[..1]),
            Err(ImageError::Output {
                expected: 2,
                found: 1
            })
        );
    }
}
