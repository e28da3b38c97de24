//! Numbers that change over a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number, or two: from the first to the second one along half a cosine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scheduled {
    /// The same all the time.
    Constant(f64),
    /// From the first to the second.
    Cosine([f64; 2]),
}

impl Scheduled {
    /// The number at `progress` of the way, 0 to 1.
    #[must_use]
    pub fn at(self, progress: f64) -> f64 {
        match self {
            Self::Constant(value) => value,
            Self::Cosine([first, last]) => {
                let progress = progress.clamp(0.0, 1.0);
                let left = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
                last + (first - last) * left
            }
        }
    }

    /// The largest number that it ever is.
    #[must_use]
    pub fn most(self) -> f64 {
        self.at(0.0).max(self.at(1.0))
    }

    /// Whether it changes.
    #[must_use]
    pub fn changes(self) -> bool {
        self.at(0.0) != self.at(1.0)
    }
}

impl fmt::Display for Scheduled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => write!(f, "{value}"),
            Self::Cosine([first, last]) => write!(f, "[{first}, {last}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_the_ends_of_half_a_cosine() {
        let falls = Scheduled::Cosine([3.0, 1.0]);
        assert_eq!(
            [0.0, 0.5, 1.0, 2.0].map(|at| falls.at(at)),
            [3.0, 2.0, 1.0, 1.0]
        );
        // (1 + cos 60°) / 2 is left.
        assert!((falls.at(1.0 / 3.0) - 2.5).abs() < 1e-12);
        assert!(falls.changes() && falls.most() == 3.0);
        assert_eq!(Scheduled::Constant(2.0).at(0.7), 2.0);
    }
}
