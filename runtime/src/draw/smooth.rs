//! The pixels of an enlarged image in drawing order, bilinear between the middles of its cells, in
//! integers.

use super::axis::Axis;
use super::clip::ClippedArea;
use super::picture::Picture;

/// Bits of a cell's fraction.
const BITS: u32 = 16;

/// Where places lie among cells: `(place + 1/2) * cells / places - 1/2`, in 1/65536 of a cell.
#[derive(Clone, Copy)]
struct Along {
    at: i64,
    step: i64,
    last: i64,
}

impl Along {
    fn new(axis: Axis, place: u32) -> Self {
        let step = (i64::from(axis.cells) << BITS)
            .checked_div(axis.places.into())
            .unwrap_or(0);
        Self {
            at: step * i64::from(place) + step / 2 - (1 << (BITS - 1)),
            step,
            last: i64::from(axis.cells.saturating_sub(1)) << BITS,
        }
    }

    /// The cell before, and the share of the one behind it, of 256; goes to the next place.
    fn next(&mut self) -> (u32, u32) {
        let at = self.at.clamp(0, self.last) as u32;
        self.at += self.step;
        (at >> BITS, at >> (BITS - 8) & 255)
    }
}

/// The pixels of a part of an image.
pub(super) struct Smooth<'p, 'a, C> {
    picture: &'p Picture<'a, C>,
    first: Along,
    columns: Along,
    columns_left: u32,
    width: u32,
    rows: Along,
    rows_left: u32,
    /// The two rows that this one lies between.
    row: (u32, u32),
    /// The column whose mix, and that of the column behind it, are known.
    known: Option<u32>,
    mixes: [[u32; 3]; 2],
}

impl<'p, 'a, C> Smooth<'p, 'a, C> {
    pub(super) fn new(picture: &'p Picture<'a, C>, part: &ClippedArea) -> Self {
        let [across, down] = picture.axes();
        let first = Along::new(across, part.left);
        let width = part.target.size.width;
        Self {
            picture,
            first,
            columns: first,
            columns_left: 0,
            width,
            rows: Along::new(down, part.top),
            rows_left: part.target.size.height,
            row: (0, 0),
            known: None,
            mixes: [[0; 3]; 2],
        }
    }

    /// What lies between two rows in one column, times 256.
    fn mix(&self, column: u32) -> [u32; 3] {
        let [across, down] = self.picture.axes();
        let column = column.min(across.cells.saturating_sub(1));
        let (row, share) = self.row;
        let above = self.picture.rgb(column, row);
        if share == 0 {
            return above.map(|byte| u32::from(byte) << 8);
        }
        let below = self
            .picture
            .rgb(column, (row + 1).min(down.cells.saturating_sub(1)));
        core::array::from_fn(|i| between(above[i].into(), below[i].into(), share))
    }
}

/// `a` to `b` by `share` of 256, times 256.
const fn between(a: u32, b: u32, share: u32) -> u32 {
    a * (256 - share) + b * share
}

impl<C> Iterator for Smooth<'_, '_, C> {
    type Item = [u8; 3];

    fn next(&mut self) -> Option<[u8; 3]> {
        if self.columns_left == 0 {
            self.rows_left = self.rows_left.checked_sub(1)?;
            self.row = self.rows.next();
            (self.columns, self.columns_left) = (self.first, self.width);
            self.known = None;
        }
        self.columns_left = self.columns_left.checked_sub(1)?;
        let (column, share) = self.columns.next();
        if self.known != Some(column) {
            let follows = column > 0 && self.known == Some(column - 1);
            let left = if follows {
                self.mixes[1]
            } else {
                self.mix(column)
            };
            self.mixes = [left, self.mix(column + 1)];
            self.known = Some(column);
        }
        let [left, right] = &self.mixes;
        Some(core::array::from_fn(|i| {
            ((between(left[i], right[i], share) + (1 << 15)) >> 16) as u8
        }))
    }
}
