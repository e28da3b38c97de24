//! An axis: where a value is on it, and which values are marked.

/// Steps between marks, times a power of ten.
const COARSE: &[f64] = &[1.0, 2.0, 5.0, 10.0];
const FINE: &[f64] = &[1.0, 2.0, 2.5, 5.0, 10.0];
/// Most marks.
const MARKS: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    logarithmic: bool,
}

impl Axis {
    /// From `low` to `high`, opened up where they are the same.
    pub(super) fn new(low: f64, high: f64) -> Self {
        if high - low > f64::EPSILON * (low.abs() + high.abs()) {
            return Self::exact(low, high);
        }
        let room = if low == 0.0 { 1.0 } else { low.abs() * 0.5 };
        Self::exact(low - room, high + room)
    }

    pub(crate) fn exact(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            logarithmic: false,
        }
    }

    /// From `low` to `high`, both above 0, in equal factors.
    pub(crate) fn logarithmic(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            logarithmic: true,
        }
    }

    /// Over all `values`, with a little room; logarithmic when they are positive and span more than
    /// a decade.
    pub(crate) fn around(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !low.is_finite() || !high.is_finite() {
            return Self::exact(0.0, 1.0);
        }
        if low > 0.0 && high / low > 10.0 {
            return Self::logarithmic(low / 1.3, high * 1.3);
        }
        let same = low.abs().max(1e-6) * 0.1;
        let room = if high > low {
            (high - low) * 0.08
        } else {
            same
        };
        Self::exact(low - room, high + room)
    }

    /// With a little air on both sides.
    pub(super) fn padded(self) -> Self {
        let air = (self.high - self.low) * 0.05;
        // A curve that cannot be negative gets no air below zero.
        let least = if self.low >= 0.0 { 0.0 } else { f64::MIN };
        Self::exact((self.low - air).max(least), self.high + air)
    }

    /// Place of a value, 0 at `low`, 1 at `high`.
    pub(crate) fn at(self, value: f64) -> f64 {
        let scale = |x: f64| match self.logarithmic {
            true => x.max(f64::MIN_POSITIVE).ln(),
            false => x,
        };
        (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
    }

    /// A few round values on the axis.
    pub(super) fn ticks(self) -> Vec<f64> {
        round_values(self, 4.0, COARSE)
    }

    /// About five round values on the axis, or powers of ten.
    pub(crate) fn marks(self) -> Vec<f64> {
        if self.logarithmic {
            round_powers(self)
        } else {
            round_values(self, 5.0, FINE)
        }
    }
}

/// Round values, about `count` of them; `low` alone where there is no room.
fn round_values(Axis { low, high, .. }: Axis, count: f64, steps: &[f64]) -> Vec<f64> {
    let raw = (high - low) / count;
    let power = 10_f64.powf(raw.log10().floor());
    let mut steps = steps.iter().map(|m| m * power);
    let step = steps.find(|s| *s >= raw * 0.999).unwrap_or(raw);
    if !(step.is_finite() && step > 0.0) {
        return vec![low];
    }
    let first = (low / step).ceil();
    (0..MARKS)
        .map(|i| (first + i as f64) * step)
        .take_while(|v| *v <= high + step * 1e-9)
        // Not −0.
        .map(|v| if v.abs() < step * 1e-9 { 0.0 } else { v })
        .collect()
}

/// Powers of ten between the ends; where there are fewer than two, 1, 2 and 5 times them.
fn round_powers(Axis { low, high, .. }: Axis) -> Vec<f64> {
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let times = |factors: &[f64]| -> Vec<f64> {
        let tens = decades.clone().map(|d| 10_f64.powi(d));
        tens.flat_map(|ten| factors.iter().map(move |factor| factor * ten))
            .filter(|x| *x >= low * 0.999_999 && *x <= high * 1.000_001)
            .collect()
    };
    match times(&[1.0]) {
        tens if tens.len() >= 2 => tens,
        _ => times(&[1.0, 2.0, 5.0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_lie_on_the_axis() {
        let ticks = |low, high| Axis::new(low, high).ticks();
        assert_eq!(ticks(0.0, 10.0), [0.0, 5.0, 10.0]);
        assert_eq!(ticks(-1.0, 1.0), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(ticks(103.0, 545.0), [200.0, 400.0]);
        for (low, high) in [(0.0, 0.0), (5.0, 5.0), (-3.0, -3.0), (1e-300, 1e300)] {
            let axis = Axis::new(low, high);
            let ticks = axis.ticks();
            assert!(ticks.len() < 20);
            assert!(ticks.iter().all(|t| (-0.01..=1.01).contains(&axis.at(*t))));
        }
    }

    #[test]
    fn a_logarithmic_axis_puts_the_geometric_middle_in_the_middle() {
        let axis = Axis::logarithmic(1e-5, 1e-1);
        assert!((axis.at(1e-3) - 0.5).abs() < 1e-12);
        assert_eq!(axis.at(1e-9).clamp(0.0, 1.0), 0.0);
        assert_eq!(axis.marks().len(), 5);
    }

    #[test]
    fn marks_are_round_and_inside_the_axis() {
        let linear = |low, high| Axis::exact(low, high).marks();
        assert_eq!(linear(16.0, 128.0), [25.0, 50.0, 75.0, 100.0, 125.0]);
        assert_eq!(linear(0.0, 0.9).len(), 5);
        assert_eq!(linear(-10.0, 90.0)[0].to_bits(), 0.0_f64.to_bits());
        assert_eq!(Axis::logarithmic(16.0, 64.0).marks(), [20.0, 50.0]);
        assert_eq!(linear(3.0, 3.0), [3.0]);
    }

    #[test]
    fn values_over_many_decades_get_a_logarithmic_axis() {
        assert!(Axis::around(&[1.0, 1e4]).logarithmic);
        assert!(!Axis::around(&[-1.0, 1e4]).logarithmic);
        let same = Axis::around(&[5.0, 5.0]);
        assert!((same.at(5.0) - 0.5).abs() < 1e-9);
        assert!(Axis::around(&[]).at(0.3) > 0.29);
    }
}
