//! How long things take on this machine: training steps, and images from an exported generator.

pub(crate) mod allocations;
pub(crate) mod cold;
pub(crate) mod engines;
pub(crate) mod floor;
pub(crate) mod sampling;
pub(crate) mod training;

/// How long the repetitions of one thing took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Times {
    seconds: Vec<f64>,
}

impl Times {
    pub(crate) fn push(&mut self, seconds: f64) {
        self.seconds.push(seconds);
    }

    pub(crate) fn count(&self) -> usize {
        self.seconds.len()
    }

    /// The shortest, in seconds; infinite without repetitions.
    pub(crate) fn min(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The middle one, in seconds; NaN without repetitions. Other programs only ever add to a time.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        sorted.get(middle).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_least_do_not_depend_on_the_order() {
        let mut times = Times::default();
        assert!(times.min() > 1e300 && times.median().is_nan());
        [5.0, 1.0, 9.0, 3.0, 2.0]
            .into_iter()
            .for_each(|t| times.push(t));
        assert_eq!((times.count(), times.min(), times.median()), (5, 1.0, 3.0));
    }
}
