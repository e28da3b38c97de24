//! The pixels of an enlarged image in drawing order: each cell of the image is shaded once, and its
//! row is repeated.

use super::axis::Steps;
use super::clip::ClippedArea;
use super::picture::{Picture, grey};

/// Cells of a row that are kept: rows of wider images are shaded for each row of the display.
const KEPT: usize = 64;
/// Columns after which the thresholds of ordered dithering repeat.
const TILE: usize = 8;

/// What a cell looks like on the display.
pub(super) trait Shade<C>: Copy {
    /// Whether it depends on the place within the cell.
    const DITHERED: bool = false;
    /// What the display is given.
    type Output;
    fn new(picture: &Picture<'_, C>, rgb: [u8; 3]) -> Self;
    fn at(self, threshold: u16) -> Self::Output;
}

/// One colour.
#[derive(Clone, Copy)]
pub(super) struct Plain<C>(C);

impl<C: Copy> Shade<C> for Plain<C> {
    type Output = C;

    fn new(picture: &Picture<'_, C>, rgb: [u8; 3]) -> Self {
        Self(picture.color_of(rgb))
    }

    #[inline(always)]
    fn at(self, _: u16) -> C {
        self.0
    }
}

/// Two neighbouring greys, and how far the cell is from the lower one to the higher.
#[derive(Clone, Copy)]
pub(super) struct Dithered<C> {
    low: C,
    high: C,
    above: u16,
    full: u16,
}

impl<C: Copy> Shade<C> for Dithered<C> {
    const DITHERED: bool = true;
    type Output = C;

    fn new(picture: &Picture<'_, C>, rgb: [u8; 3]) -> Self {
        let (bayer, levels) = picture.ordered();
        let (level, above) = bayer.split(grey(rgb), levels);
        let color = |level| picture.color_of([levels.grey(level); 3]);
        Self {
            low: color(level),
            high: color(level.saturating_add(1)),
            above,
            full: bayer.full(),
        }
    }

    #[inline(always)]
    fn at(self, threshold: u16) -> C {
        if self.above + threshold >= self.full {
            self.high
        } else {
            self.low
        }
    }
}

/// The image's own colour.
#[derive(Clone, Copy)]
pub(super) struct Rgb([u8; 3]);

impl<C> Shade<C> for Rgb {
    type Output = [u8; 3];

    fn new(_: &Picture<'_, C>, rgb: [u8; 3]) -> Self {
        Self(rgb)
    }

    #[inline(always)]
    fn at(self, _: u16) -> [u8; 3] {
        self.0
    }
}

/// The pixels of a part of an image.
pub(super) struct Runs<'p, 'a, C, S> {
    picture: &'p Picture<'a, C>,
    /// The cell that is shown, and for how many places more.
    shade: S,
    run: u32,
    /// Cells that come, with their places, from number `next` on.
    kept: [(S, u16); KEPT],
    count: usize,
    next: usize,
    /// Columns at the part's left side, and behind the kept ones; places behind them.
    first: Steps,
    columns: Steps,
    beyond: u32,
    /// Whether a whole row is kept.
    whole: bool,
    rows: Steps,
    rows_left: u32,
    place: (u32, u32),
    left: u32,
    width: u32,
    thresholds: [u16; TILE],
}

impl<'p, 'a, C, S: Shade<C>> Runs<'p, 'a, C, S> {
    pub(super) fn new(picture: &'p Picture<'a, C>, part: &ClippedArea) -> Self {
        let [across, down] = picture.axes();
        let first = across.steps(part.left);
        let shade = S::new(picture, [0; 3]);
        let mut runs = Self {
            picture,
            shade,
            run: 0,
            kept: [(shade, 0); KEPT],
            count: 0,
            next: 0,
            first,
            columns: first,
            beyond: part.target.size.width,
            whole: false,
            rows: down.steps(part.top),
            rows_left: part.target.size.height,
            place: (part.left, part.top),
            left: part.left,
            width: part.target.size.width,
            thresholds: [0; TILE],
        };
        runs.begin_row();
        runs.shade_cells();
        runs.whole = runs.beyond == 0;
        runs
    }

    /// Shades the next cells of this row.
    fn shade_cells(&mut self) {
        (self.count, self.next) = (0, 0);
        for kept in &mut self.kept {
            if self.beyond == 0 {
                break;
            }
            let rgb = self.picture.rgb(self.columns.cell, self.rows.cell);
            let run = self.columns.run(self.beyond.min(u16::MAX.into()));
            *kept = (S::new(self.picture, rgb), run as u16);
            self.beyond -= run;
            self.count += 1;
        }
    }

    fn begin_row(&mut self) {
        self.place.0 = self.left;
        if S::DITHERED {
            let (bayer, _) = self.picture.ordered();
            for (x, threshold) in self.thresholds.iter_mut().enumerate() {
                *threshold = bayer.threshold(x, self.place.1 as usize);
            }
        }
    }

    /// Goes to the next cell; `None` behind the last row.
    #[inline(never)]
    fn next_cell(&mut self) -> Option<()> {
        if self.next == self.count {
            if self.beyond == 0 {
                self.next_row()?;
            } else {
                self.shade_cells();
            }
        }
        let (shade, run) = *self.kept.get(self.next)?;
        (self.shade, self.run) = (shade, run.into());
        self.next += 1;
        Some(())
    }

    fn next_row(&mut self) -> Option<()> {
        self.rows_left = self.rows_left.checked_sub(1).filter(|left| *left > 0)?;
        let row = self.rows.cell;
        self.rows.advance();
        self.place.1 = self.place.1.wrapping_add(1);
        self.begin_row();
        self.next = 0;
        if !self.whole || self.rows.cell != row {
            (self.columns, self.beyond) = (self.first, self.width);
            self.shade_cells();
        }
        Some(())
    }
}

impl<C, S: Shade<C>> Iterator for Runs<'_, '_, C, S> {
    type Item = S::Output;

    // Called for every pixel of the display: a call would cost as much as what it does.
    #[inline(always)]
    fn next(&mut self) -> Option<S::Output> {
        if self.run == 0 {
            self.next_cell()?;
        }
        self.run -= 1;
        let mut threshold = 0;
        if S::DITHERED {
            threshold = self.thresholds[self.place.0 as usize % TILE];
            self.place.0 = self.place.0.wrapping_add(1);
        }
        Some(self.shade.at(threshold))
    }
}
