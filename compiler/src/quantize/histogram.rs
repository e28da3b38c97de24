//! How large the elements of a tensor are, and at which size it is best cut off.

/// Bins; at least half of them are in use, so a level of 255 has eight or more.
const BINS: usize = 4096;
/// Parts of the largest element that are tried as the greatest that int8 can hold.
const STEPS: usize = 50;
/// Shares of the elements that are tried likewise.
const PERCENTILES: [f64; 3] = [0.999, 0.9999, 0.999_99];

/// Counts of a tensor's absolute values. They do not depend on the order in which elements were
/// added.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Histogram {
    /// All absolute values are below 2 to this power; `None` before the first one that is not 0.
    exponent: Option<i32>,
    bins: Vec<u64>,
    zeros: u64,
    /// The greatest absolute value.
    pub(super) most: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            exponent: None,
            bins: vec![0; BINS],
            zeros: 0,
            most: 0.0,
        }
    }
}

impl Histogram {
    /// Counts an element; NaN and infinity are left out.
    pub(super) fn add(&mut self, x: f64) {
        let size = x.abs();
        if size == 0.0 {
            self.zeros += 1;
        }
        if size == 0.0 || !size.is_finite() {
            return;
        }
        self.most = self.most.max(size);
        let exponent = match self.exponent {
            Some(exponent) if size < f64::from(exponent).exp2() => exponent,
            _ => {
                let needed = exponent_of(size);
                self.widen(needed);
                needed
            }
        };
        let bin = (size / f64::from(exponent).exp2() * BINS as f64) as usize;
        self.bins[bin.min(BINS - 1)] += 1;
    }

    /// Counts what another one has counted.
    pub(super) fn merge(&mut self, mut other: Self) {
        if let Some(exponent) = self.exponent {
            other.widen(exponent);
        }
        if let Some(exponent) = other.exponent {
            self.widen(exponent);
        }
        for (own, more) in self.bins.iter_mut().zip(&other.bins) {
            *own += more;
        }
        self.zeros += other.zeros;
        self.most = self.most.max(other.most);
    }

    /// Makes room for elements below 2 to the power of `exponent`: with each doubling two bins
    /// become one.
    fn widen(&mut self, exponent: i32) {
        let Some(own) = self.exponent else {
            self.exponent = Some(exponent);
            return;
        };
        if exponent <= own {
            return;
        }
        let shift = exponent.abs_diff(own).min(BINS.ilog2());
        for bin in 0..BINS {
            let count = std::mem::take(&mut self.bins[bin]);
            self.bins[bin >> shift] += count;
        }
        self.exponent = Some(exponent);
    }

    /// Where to cut off, so that `levels` equal steps from 0 to there lose least: the range with
    /// the least mean square error, among the whole one, fractions of it and percentiles (the
    /// search of the mean square error of Nagel et al., "A white paper on neural network
    /// quantization", 2021, sec. 3.1). 1 for a tensor of zeros.
    pub(super) fn range(&self, levels: u32) -> f64 {
        let Some(exponent) = self.exponent else {
            return 1.0;
        };
        let width = f64::from(exponent).exp2() / BINS as f64;
        let error = |range: f64| -> f64 {
            let step = range / f64::from(levels);
            let counted = self
                .bins
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0);
            counted
                .map(|(bin, &count)| {
                    let x = ((bin as f64 + 0.5) * width).min(self.most);
                    let lost = x - (x / step).round().min(f64::from(levels)) * step;
                    count as f64 * lost * lost
                })
                .sum()
        };
        let fractions = (1..=STEPS).map(|i| self.most * i as f64 / STEPS as f64);
        let percentiles = PERCENTILES.map(|share| self.percentile(share, width));
        let mut best = (f64::INFINITY, self.most);
        for range in fractions.chain(percentiles) {
            let error = error(range);
            if range > 0.0 && error <= best.0 {
                best = (error, range);
            }
        }
        best.1
    }

    /// A size that this share of all elements does not exceed.
    fn percentile(&self, share: f64, width: f64) -> f64 {
        let all = self.zeros + self.bins.iter().sum::<u64>();
        let wanted = (all as f64 * share).ceil() as u64;
        let mut seen = self.zeros;
        let found = self.bins.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let bin = found.unwrap_or(BINS - 1);
        ((bin + 1) as f64 * width).min(self.most)
    }
}

/// The least power of 2 that `size` is below. The logarithm may be rounded up to a whole number.
fn exponent_of(size: f64) -> i32 {
    let exponent = size.log2().floor() as i32 + 1;
    if size < f64::from(exponent - 1).exp2() {
        exponent - 1
    } else {
        exponent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: impl IntoIterator<Item = f64>) -> Histogram {
        let mut histogram = Histogram::default();
        for x in numbers {
            histogram.add(x);
        }
        histogram
    }

    #[test]
    fn the_order_of_numbers_and_of_parts_does_not_matter() {
        let numbers: Vec<f64> = (0..1000).map(|i| f64::from(i * i - 300) * 1e-4).collect();
        let forward = of(numbers.iter().copied());
        assert_eq!(forward, of(numbers.iter().rev().copied()));
        for cut in [1, 300, 999] {
            let mut parts = of(numbers[cut..].iter().copied());
            parts.merge(of(numbers[..cut].iter().copied()));
            assert_eq!(forward, parts);
        }
        let mut empty = Histogram::default();
        empty.merge(forward.clone());
        assert_eq!(empty, forward);
        empty.merge(Histogram::default());
        assert_eq!(empty, forward);
    }

    #[test]
    fn numbers_that_fill_their_range_keep_it() {
        let even = of((0..=1000).map(|i| f64::from(i) / 1000.0));
        assert!((even.range(255) - 1.0).abs() < 0.03, "{}", even.range(255));
    }

    #[test]
    fn one_number_far_outside_is_cut_off() {
        let mut numbers: Vec<f64> = (0..1_000_000)
            .map(|i| f64::from(i % 1000) / 1000.0)
            .collect();
        numbers.push(20.0);
        let range = of(numbers).range(127);
        // By calculus at 20 / (1 + 10^6 / (12 * 127^2)) = 3.25: what the outlier loses against what
        // all others win.
        assert!((2.5..4.0).contains(&range), "{range}");
    }

    #[test]
    fn zeros_and_numbers_that_are_none_leave_a_range_to_divide_by() {
        assert_eq!(of([]).range(127), 1.0);
        assert_eq!(of([0.0, -0.0, f64::NAN, f64::INFINITY]).range(127), 1.0);
        let tiny = of([1e-300, 0.0]).range(255);
        assert!(tiny > 0.0 && tiny <= 1e-300, "{tiny}");
    }
}
