//! Where each pixel of a display comes from.

use std::fmt;
use std::str::FromStr;

use dreamlet_runtime::Shape;
use thiserror::Error;

use super::canvas::Canvas;

/// How an image of another size fills a display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub enum Fit {
    /// As large as it is seen whole.
    #[default]
    Contain,
    /// As small as nothing stays empty; what stands over is cut off.
    Cover,
    /// Side by side at its own size, from the centre.
    Tile,
    /// Each pixel a square of so many.
    Times(u32),
}

/// A word that is no [`Fit`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "\"{found}\" is no way to fit: write contain, cover, tile, or how many times larger, 1 to {MAX_FACTOR}"
)]
pub struct FitError {
    /// The word.
    pub found: String,
}

/// Larger than any display.
const MAX_FACTOR: u32 = 4096;

impl FromStr for Fit {
    type Err = FitError;

    fn from_str(text: &str) -> Result<Self, FitError> {
        match text {
            "contain" => Ok(Self::Contain),
            "cover" => Ok(Self::Cover),
            "tile" => Ok(Self::Tile),
            number => match number.parse() {
                Ok(factor) if (1..=MAX_FACTOR).contains(&factor) => Ok(Self::Times(factor)),
                _ => Err(FitError { found: text.into() }),
            },
        }
    }
}

impl TryFrom<String> for Fit {
    type Error = FitError;

    fn try_from(text: String) -> Result<Self, FitError> {
        text.parse()
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contain => f.write_str("contain"),
            Self::Cover => f.write_str("cover"),
            Self::Tile => f.write_str("tile"),
            Self::Times(factor) => write!(f, "{factor}"),
        }
    }
}

/// How far a display is turned clockwise from the way it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Rotation {
    /// Not at all
    #[default]
    #[value(name = "0")]
    None,
    /// A quarter turn
    #[value(name = "90")]
    Quarter,
    /// Upside down
    #[value(name = "180")]
    Half,
    /// Three quarters
    #[value(name = "270")]
    ThreeQuarters,
}

impl Rotation {
    /// Columns and rows that a person sees of a display of this size.
    #[must_use]
    pub const fn seen(self, width: usize, height: usize) -> (usize, usize) {
        match self {
            Self::None | Self::Half => (width, height),
            Self::Quarter | Self::ThreeQuarters => (height, width),
        }
    }

    /// The place on a display of `width` by `height` of the pixel seen at (x, y).
    const fn place(self, x: usize, y: usize, width: usize, height: usize) -> (usize, usize) {
        let (right, bottom) = (width.saturating_sub(1), height.saturating_sub(1));
        match self {
            Self::None => (x, y),
            Self::Quarter => (y, bottom.saturating_sub(x)),
            Self::Half => (right.saturating_sub(x), bottom.saturating_sub(y)),
            Self::ThreeQuarters => (right.saturating_sub(y), x),
        }
    }
}

/// Puts images of one shape on canvases of one size. It allocates when it is made, and not for an
/// image.
#[derive(Debug)]
pub struct Fitter {
    shape: Shape,
    rotation: Rotation,
    /// The image's column for each column seen, `None` beside the image; rows likewise.
    columns: Vec<Option<u32>>,
    rows: Vec<Option<u32>>,
    border: [u8; 3],
}

impl Fitter {
    /// For images of `shape` on displays of `width` by `height`, `border` around them.
    #[must_use]
    pub fn new(
        shape: Shape,
        (width, height): (usize, usize),
        fit: Fit,
        rotation: Rotation,
        border: [u8; 3],
    ) -> Self {
        let (seen_width, seen_height) = rotation.seen(width, height);
        let (w, h) = (shape.width.max(1) as u64, shape.height.max(1) as u64);
        let (sw, sh) = (seen_width as u64, seen_height as u64);
        // The image's size as seen.
        let wide = sw * h <= sh * w;
        let by_width = (sw, (sw * h / w).max(1));
        let by_height = ((sh * w / h).max(1), sh);
        let (drawn_width, drawn_height) = match fit {
            Fit::Contain if wide => by_width,
            Fit::Cover if !wide => by_width,
            Fit::Contain | Fit::Cover => by_height,
            Fit::Tile => (w, h),
            Fit::Times(factor) => (w * u64::from(factor), h * u64::from(factor)),
        };
        let axis = |seen, drawn, source| axis(seen, drawn, source, fit == Fit::Tile);
        Self {
            shape,
            rotation,
            columns: axis(sw, drawn_width, w),
            rows: axis(sh, drawn_height, h),
            border,
        }
    }

    /// Puts an image on a canvas: bytes in row, column, channel order, as many as the shape says.
    pub fn draw(&self, image: &[u8], canvas: &mut Canvas) {
        let channels = self.shape.channels;
        let (width, height) = (canvas.width, canvas.height);
        canvas.inks.clear();
        for (y, row) in self.rows.iter().enumerate() {
            for (x, column) in self.columns.iter().enumerate() {
                let color = match (row, column) {
                    (Some(row), Some(column)) => {
                        let at = (*row as usize * self.shape.width + *column as usize) * channels;
                        match image.get(at..at + channels) {
                            Some(&[red, green, blue]) => [red, green, blue],
                            Some(&[grey]) => [grey; 3],
                            _ => self.border,
                        }
                    }
                    _ => self.border,
                };
                let (px, py) = self.rotation.place(x, y, width, height);
                canvas.set(px, py, color);
            }
        }
    }
}

/// For each of `seen` places the one of `source` that is shown there, when `source` places are
/// drawn on `drawn` of them, in the middle.
fn axis(seen: u64, drawn: u64, source: u64, repeated: bool) -> Vec<Option<u32>> {
    let begin = (i128::from(seen) - i128::from(drawn)).div_euclid(2);
    let place = |x: u64| {
        let inside = i128::from(x) - begin;
        let inside = match repeated {
            true => inside.rem_euclid(i128::from(drawn.max(1))),
            false => inside,
        };
        let inside = u64::try_from(inside).ok().filter(|n| *n < drawn)?;
        // The middle of the place, so that reducing takes from the middle too.
        u32::try_from((2 * inside + 1) * source / (2 * drawn)).ok()
    };
    (0..seen).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grey images of 2 columns and 1 row: 10, 20.
    fn drawn(size: (usize, usize), fit: Fit, rotation: Rotation) -> Vec<u8> {
        let shape = Shape::new(1, 1, 2).unwrap();
        let mut canvas = Canvas::new(size.0, size.1);
        Fitter::new(shape, size, fit, rotation, [9; 3]).draw(&[10, 20], &mut canvas);
        canvas.pixels().map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn contained_images_are_whole_and_in_the_middle() {
        let expected = [9, 9, 9, 9, 10, 10, 20, 20, 10, 10, 20, 20, 9, 9, 9, 9];
        assert_eq!(drawn((4, 4), Fit::Contain, Rotation::None), expected);
    }

    #[test]
    fn covering_images_leave_no_border() {
        assert_eq!(drawn((2, 2), Fit::Cover, Rotation::None), [10, 20, 10, 20]);
        let all = drawn((5, 3), Fit::Cover, Rotation::None);
        assert!(!all.contains(&9), "{all:?}");
    }

    #[test]
    fn whole_factors_make_squares_and_too_large_ones_show_the_middle() {
        assert_eq!(
            drawn((6, 2), Fit::Times(2), Rotation::None),
            [9, 10, 10, 20, 20, 9, 9, 10, 10, 20, 20, 9]
        );
        assert_eq!(drawn((2, 1), Fit::Times(8), Rotation::None), [10, 20]);
    }

    #[test]
    fn tiles_go_on_to_every_edge() {
        assert_eq!(
            drawn((5, 2), Fit::Tile, Rotation::None),
            [20, 10, 20, 10, 20, 20, 10, 20, 10, 20]
        );
    }

    #[test]
    fn a_display_turned_by_quarters_shows_the_image_upright() {
        // Seen upright: 10 left, 20 right.
        assert_eq!(drawn((2, 1), Fit::Times(1), Rotation::Half), [20, 10]);
        // A display of one column and two rows, turned clockwise: its bottom is left.
        assert_eq!(drawn((1, 2), Fit::Times(1), Rotation::Quarter), [20, 10]);
        assert_eq!(
            drawn((1, 2), Fit::Times(1), Rotation::ThreeQuarters),
            [10, 20]
        );
    }

    #[test]
    fn ways_to_fit_are_read_and_others_are_named() {
        for text in ["contain", "cover", "tile", "7"] {
            assert_eq!(text.parse::<Fit>().unwrap().to_string(), text);
        }
        for text in ["", "0", "-1", "9999999", "stretch"] {
            assert!(text.parse::<Fit>().is_err(), "{text}");
        }
    }
}
