//! Which seed and class the next image has.

use std::time::SystemTime;

use super::calendar::date_seed;
use crate::options::Mode;

/// An image's seed and class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The seed.
    pub seed: u64,
    /// The class of a conditional generator.
    pub class: Option<usize>,
}

/// Orders, one after another. A walk has latents of its own, and takes the class alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    mode: Mode,
    seed: u64,
    classes: usize,
    /// The class that the user holds.
    class: Option<usize>,
    count: u64,
}

impl Series {
    pub(super) const fn new(mode: Mode, seed: u64, classes: usize, class: Option<usize>) -> Self {
        Self {
            mode,
            seed,
            classes,
            class,
            count: 0,
        }
    }

    /// The next one.
    pub(super) fn next(&mut self, now: SystemTime) -> Order {
        let count = self.count;
        self.count = count.wrapping_add(1);
        let seed = match self.mode {
            Mode::Still | Mode::Walk => self.seed,
            Mode::Daily => date_seed(now),
            Mode::Gallery | Mode::Mosaic => self.seed.wrapping_add(count),
            // All classes of a seed, then the next seed.
            Mode::Classes => self.seed.wrapping_add(count / (self.classes.max(1) as u64)),
        };
        let by_turns = match self.mode {
            Mode::Classes => count,
            _ => seed,
        };
        let class = match self.classes {
            0 => None,
            classes => Some(self.class.unwrap_or((by_turns % classes as u64) as usize)),
        };
        Order { seed, class }
    }

    /// A button: the class after this one, and then it stays.
    pub(super) fn next_class(&mut self, shown: Option<usize>) {
        if self.classes > 0 {
            self.class = Some(shown.map_or(0, |class| (class + 1) % self.classes));
        }
    }

    /// A button: another image, in modes that stand still.
    pub(super) fn skip(&mut self) {
        if matches!(self.mode, Mode::Still) {
            self.seed = self.seed.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn orders(mode: Mode, classes: usize, class: Option<usize>) -> Vec<(u64, Option<usize>)> {
        let mut series = Series::new(mode, 7, classes, class);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_083_200);
        let orders = (0..4).map(|_| series.next(now));
        orders.map(|order| (order.seed, order.class)).collect()
    }

    #[test]
    fn each_mode_has_its_order() {
        assert_eq!(orders(Mode::Still, 0, None), [(7, None); 4]);
        let gallery = [(7, Some(1)), (8, Some(2)), (9, Some(0)), (10, Some(1))];
        assert_eq!(orders(Mode::Gallery, 3, None), gallery);
        let classes = [(7, Some(0)), (7, Some(1)), (7, Some(2)), (8, Some(0))];
        assert_eq!(orders(Mode::Classes, 3, None), classes);
        assert_eq!(orders(Mode::Daily, 0, None), [(20_261_201, None); 4]);
        assert_eq!(orders(Mode::Gallery, 3, Some(2))[3], (10, Some(2)));
    }

    #[test]
    fn the_button_for_the_class_goes_round() {
        let mut series = Series::new(Mode::Gallery, 0, 3, None);
        series.next_class(Some(2));
        assert_eq!(series.next(SystemTime::now()).class, Some(0));
        series.next_class(Some(0));
        assert_eq!(series.next(SystemTime::now()).class, Some(1));
    }
}
