//! Places of a display along one axis, and the cells of the image that they show: by any factor, and
//! without a division from one place to the next.

/// `cells` of an image on `places` of a display, both at least 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) cells: u32,
    pub(super) places: u32,
}

impl Axis {
    /// The cell whose area holds the middle of a place: `(place + 1/2) * cells / places`.
    pub(super) const fn cell(self, place: u32) -> u32 {
        let (at, _) = self.divided(place);
        at
    }

    /// That quotient and what remains, in halves of a place.
    const fn divided(self, place: u32) -> (u32, u32) {
        let middle = (2 * place as u64 + 1) * self.cells as u64;
        let full = self.full() as u64;
        match (middle.checked_div(full), middle.checked_rem(full)) {
            (Some(cell), Some(rest)) => (cell as u32, rest as u32),
            _ => (0, 0),
        }
    }

    const fn full(self) -> u32 {
        // Places are coordinates, so at most `i32::MAX`.
        self.places.saturating_mul(2)
    }

    /// The cells of the places from `place` on.
    pub(super) const fn steps(self, place: u32) -> Steps {
        let (cell, rest) = self.divided(place);
        let (whole, part) = match (
            self.cells.checked_div(self.places),
            self.cells.checked_rem(self.places),
        ) {
            (Some(whole), Some(part)) => (whole, 2 * part),
            _ => (0, 0),
        };
        Steps {
            cell,
            rest,
            whole,
            part,
            full: self.full(),
        }
    }
}

/// The cell of a place, and what leads to that of the next (Bresenham's algorithm).
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    pub(super) cell: u32,
    rest: u32,
    whole: u32,
    part: u32,
    full: u32,
}

impl Steps {
    /// Goes to the next place.
    pub(super) fn advance(&mut self) {
        self.cell = self.cell.wrapping_add(self.whole);
        let room = self.full.wrapping_sub(self.part);
        if self.rest >= room {
            self.rest -= room;
            self.cell = self.cell.wrapping_add(1);
        } else {
            self.rest += self.part;
        }
    }

    /// How many of the next `most` places show this cell; goes to the one behind them.
    pub(super) fn run(&mut self, most: u32) -> u32 {
        let cell = self.cell;
        let mut run = 0;
        while run < most && self.cell == cell {
            run += 1;
            self.advance();
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_the_quotients_for_every_factor() {
        for cells in 1..20 {
            for places in 1..50 {
                let axis = Axis { cells, places };
                for from in [0, 1, places / 2] {
                    let mut steps = axis.steps(from);
                    for place in from..places {
                        assert_eq!(steps.cell, axis.cell(place), "{place} of {axis:?}");
                        assert!(steps.cell < cells);
                        steps.advance();
                    }
                }
            }
        }
    }

    #[test]
    fn a_whole_factor_repeats_each_cell_so_often() {
        let mut steps = Axis {
            cells: 28,
            places: 224,
        }
        .steps(3);
        assert_eq!((steps.cell, steps.run(100)), (0, 5));
        assert_eq!((steps.cell, steps.run(100)), (1, 8));
        assert_eq!((steps.cell, steps.run(2)), (2, 2));
        assert_eq!(steps.cell, 2);
    }
}
