//! When the next image is due, and what to do when images come late.

use std::time::{Duration, Instant};

/// So many late images in a row are no accident.
const LATE: u32 = 5;

/// The rate was lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slower {
    /// Time between images that was asked for.
    pub asked: Duration,
    /// Time between images from now on.
    pub now: Duration,
}

/// Steady times between images.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    asked: Duration,
    period: Duration,
    due: Instant,
    last: Option<Instant>,
    /// Late images in a row, and the time that they took.
    late: u32,
    late_time: Duration,
    said: bool,
}

impl Pace {
    /// An image every `period`, the first one now; zero is as fast as it can.
    #[must_use]
    pub fn new(period: Duration, now: Instant) -> Self {
        Self {
            asked: period,
            period,
            due: now,
            last: None,
            late: 0,
            late_time: Duration::ZERO,
            said: false,
        }
    }

    /// When the next image is to be begun.
    #[must_use]
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// Time between images, as it is now.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// The next image is due now.
    pub fn hurry(&mut self, now: Instant) {
        self.due = now;
        self.last = None;
    }

    /// The next image is due at another time than the period says.
    pub fn wait_until(&mut self, due: Instant) {
        self.due = due;
        self.last = None;
    }

    /// An image was shown, and is seen since `now`. Tells, once, when the device cannot keep up: the
    /// rate then goes down to what it can.
    pub fn shown(&mut self, now: Instant) -> Option<Slower> {
        // As fast as it can: nothing is late.
        if self.asked.is_zero() {
            return None;
        }
        let missed = now > self.due + self.period;
        self.due = match missed {
            // Not several at once to make up for it.
            true => now,
            false => self.due + self.period,
        };
        let took = self.last.map(|last| now - last);
        self.last = Some(now);
        match took {
            Some(took) if missed => {
                self.late += 1;
                self.late_time += took;
            }
            _ => (self.late, self.late_time) = (0, Duration::ZERO),
        }
        if self.late < LATE {
            return None;
        }
        // A tenth more than the mean: a steady rate, not the edge of it.
        self.period = (self.late_time / self.late).mul_f32(1.1).max(self.period);
        (self.late, self.late_time) = (0, Duration::ZERO);
        let told = self.said;
        self.said = true;
        (!told).then_some(Slower {
            asked: self.asked,
            now: self.period,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn times_are_even_though_drawing_takes_now_more_now_less() {
        let begin = Instant::now();
        let mut pace = Pace::new(100 * MS, begin);
        for (i, took) in [1u32, 60, 3, 99, 5].into_iter().enumerate() {
            assert_eq!(pace.due(), begin + 100 * MS * i as u32);
            assert_eq!(pace.shown(pace.due() + took * MS), None);
        }
    }

    #[test]
    fn a_device_that_is_too_slow_is_told_once_and_the_rate_goes_down() {
        let mut now = Instant::now();
        let mut pace = Pace::new(10 * MS, now);
        let mut told = Vec::new();
        for _ in 0..100 {
            now = now.max(pace.due()) + 50 * MS;
            told.extend(pace.shown(now));
        }
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].asked, 10 * MS);
        assert!(told[0].now >= 50 * MS && told[0].now < 80 * MS, "{told:?}");
    }

    #[test]
    fn one_late_image_changes_nothing_and_is_not_made_up_for() {
        let begin = Instant::now();
        let mut pace = Pace::new(10 * MS, begin);
        assert_eq!(pace.shown(begin + MS), None);
        assert_eq!(pace.shown(begin + 500 * MS), None);
        assert_eq!(pace.due(), begin + 500 * MS);
        assert_eq!(pace.shown(begin + 501 * MS), None);
        assert_eq!(pace.period(), 10 * MS);
    }
}
