//! From a row of pixels to a row of inks.

use super::linear::ONE;
use super::palette::{MAX_INKS, Palette};
use crate::image::{Bayer, ImageError, input, output};

/// How inks are put side by side to look like others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dither {
    /// Not at all: each pixel in the ink nearest to it.
    None,
    /// Ordered, by a Bayer matrix: a regular pattern, each pixel by itself.
    Bayer(Bayer),
    /// Ordered, by blue noise (Ulichney, "The void-and-cluster method for dither array generation",
    /// 1993): no pattern, each pixel by itself.
    BlueNoise,
    /// Error diffusion (Floyd and Steinberg, 1976), one row to the right and the next to the left.
    #[default]
    FloydSteinberg,
    /// Error diffusion of three quarters of the error (Atkinson's, as in HyperScan, 1987): more
    /// contrast, and paper stays clean; the brightest and darkest tones are lost.
    Atkinson,
}

/// A pixel that receives a share of the error: columns ahead, rows below, sixteenths.
type Share = (isize, usize, i32);

const FLOYD_STEINBERG: [Share; 4] = [(1, 0, 7), (-1, 1, 3), (0, 1, 5), (1, 1, 1)];
const ATKINSON: [Share; 6] = [
    (1, 0, 2),
    (2, 0, 2),
    (-1, 1, 2),
    (0, 1, 2),
    (1, 1, 2),
    (0, 2, 2),
];
/// Pixels beside a row that receive errors and hand none on.
const BESIDE: usize = 2;

/// Thresholds of blue noise, made by `scripts/blue_noise.py`.
const BLUE_NOISE: &[u8; BLUE_SIDE * BLUE_SIDE] = include_bytes!("blue_noise.bin");
const BLUE_SIDE: usize = 32;

impl Dither {
    const fn shares(self) -> &'static [Share] {
        match self {
            Self::FloydSteinberg => &FLOYD_STEINBERG,
            Self::Atkinson => &ATKINSON,
            _ => &[],
        }
    }

    /// Rows whose errors are kept.
    const fn rows(self) -> usize {
        match self {
            Self::FloydSteinberg => 2,
            Self::Atkinson => 3,
            _ => 0,
        }
    }

    /// What a place adds up to before it takes the next ink, in 1/16384; `None` where that does not
    /// depend on the place.
    fn threshold(self, x: usize, y: usize) -> Option<i32> {
        match self {
            Self::Bayer(bayer) => {
                let threshold = i32::from(bayer.threshold(x, y));
                Some(ONE - threshold * ONE / i32::from(bayer.full()))
            }
            Self::BlueNoise => {
                let at = y % BLUE_SIDE * BLUE_SIDE + x % BLUE_SIDE;
                let rank = BLUE_NOISE.get(at).copied().unwrap_or(0);
                Some((2 * i32::from(rank) + 1) * (ONE / 512))
            }
            _ => None,
        }
    }
}

/// Makes rows of inks of rows of pixels, from the top.
#[derive(Debug)]
pub struct Inking<'b> {
    palette: &'b Palette,
    dither: Dither,
    width: usize,
    y: usize,
    /// Light owed to this row's pixels and to those of the rows below, one row after another; in
    /// which of them this row is, changes from row to row.
    errors: &'b mut [i16],
}

impl<'b> Inking<'b> {
    /// Elements that the buffer for errors must hold; none for ordered dithering.
    #[must_use]
    pub const fn scratch_len(dither: Dither, width: usize) -> usize {
        Self::row_len(width).saturating_mul(dither.rows())
    }

    const fn row_len(width: usize) -> usize {
        width.saturating_add(2 * BESIDE).saturating_mul(3)
    }

    /// Begins an image of `width` columns; `errors` is cleared and kept until the image is done.
    ///
    /// # Errors
    /// [`ImageError::Scratch`] unless `errors` holds [`Inking::scratch_len`] numbers.
    pub fn new(
        palette: &'b Palette,
        dither: Dither,
        width: usize,
        errors: &'b mut [i16],
    ) -> Result<Self, ImageError> {
        let expected = Self::scratch_len(dither, width);
        if errors.len() != expected {
            return Err(ImageError::Scratch {
                expected,
                found: errors.len(),
            });
        }
        errors.fill(0);
        Ok(Self {
            palette,
            dither,
            width,
            y: 0,
            errors,
        })
    }

    /// Makes the next row: `rgb` has three bytes a pixel, `inks` receives the number of an ink for
    /// each.
    ///
    /// # Errors
    /// [`ImageError::Input`] or [`ImageError::Output`] unless both are as long as the image is
    /// wide.
    pub fn row(&mut self, rgb: &[u8], inks: &mut [u8]) -> Result<(), ImageError> {
        input(3 * self.width, rgb.len())?;
        output(self.width, inks.len())?;
        let pixels = rgb.as_chunks::<3>().0;
        for i in 0..self.width {
            let x = self.column(i);
            if let (Some(rgb), Some(ink)) = (pixels.get(x), inks.get_mut(x)) {
                *ink = self.pixel(x, *rgb);
            }
        }
        self.end_row();
        Ok(())
    }

    /// Columns of the image.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// What a driver calls an ink.
    #[must_use]
    pub fn name(&self, ink: u8) -> [u8; 3] {
        self.palette.name(ink)
    }

    /// [`Self::row`] in place: the first byte of each pixel becomes its ink.
    #[cfg_attr(
        not(feature = "embedded-graphics"),
        expect(dead_code, reason = "for drawing")
    )]
    pub(crate) fn row_in_place(&mut self, row: &mut [[u8; 3]]) {
        for i in 0..self.width {
            let x = self.column(i);
            if let Some(pixel) = row.get_mut(x) {
                pixel[0] = self.pixel(x, *pixel);
            }
        }
        self.end_row();
    }

    /// The column of the pixel that is number `i` of this row: odd rows go to the left.
    const fn column(&self, i: usize) -> usize {
        if self.leftwards() {
            self.width - 1 - i
        } else {
            i
        }
    }

    const fn leftwards(&self) -> bool {
        self.y % 2 == 1 && self.dither.rows() > 0
    }

    fn pixel(&mut self, x: usize, rgb: [u8; 3]) -> u8 {
        let mix = self.palette.mix(rgb);
        if let Some(threshold) = self.dither.threshold(x, self.y) {
            let mut sum = 0;
            for ink in self.palette.order() {
                sum += mix.get(usize::from(ink)).copied().unwrap_or(0);
                if sum > threshold {
                    return ink;
                }
            }
            return 1;
        }
        // Without dithering any ink may be the nearest.
        let inks = if self.dither == Dither::None {
            [1; MAX_INKS]
        } else {
            mix
        };
        let wanted = self.palette.light_of(&mix);
        let owed = self.owed(x + BESIDE, 0).copied().unwrap_or_default();
        let wanted: [i32; 3] = core::array::from_fn(|i| wanted[i] + i32::from(owed[i]));
        let (ink, light) = self.palette.nearest_of(&inks, wanted);
        let leftwards = self.leftwards();
        for &(ahead, below, share) in self.dither.shares() {
            let ahead = if leftwards { -ahead } else { ahead };
            let Some(owed) = self.owed((x + BESIDE).wrapping_add_signed(ahead), below) else {
                continue;
            };
            for (owed, (wanted, light)) in owed.iter_mut().zip(wanted.iter().zip(light)) {
                *owed = clamp(i32::from(*owed) + (wanted - light) * share / 16);
            }
        }
        ink
    }

    /// What a pixel, counted from [`BESIDE`], of this row or one below is owed.
    fn owed(&mut self, x: usize, below: usize) -> Option<&mut [i16; 3]> {
        let row = (self.y + below).checked_rem(self.dither.rows())?;
        let pixels = self.errors.as_chunks_mut::<3>().0;
        pixels.get_mut(row * (self.width + 2 * BESIDE) + x)
    }

    /// Goes to the next row; the place of this one is that of the last one below.
    fn end_row(&mut self) {
        let len = Self::row_len(self.width);
        if let Some(row) = self.y.checked_rem(self.dither.rows()) {
            let done = self.errors.get_mut(row * len..(row + 1) * len);
            done.unwrap_or_default().fill(0);
        }
        self.y = self.y.wrapping_add(1);
    }
}

/// Light at most twice as bright as there is.
fn clamp(error: i32) -> i16 {
    error.clamp(-2 * ONE, 2 * ONE - 1) as i16
}
