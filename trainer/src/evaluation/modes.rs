//! Modes of stacked images: which digits a classifier of single digits sees in their channels.

use std::path::Path;

use super::classifier::{TrainedClassifier, likeliest};
use super::error::EvaluationError;
use super::matrix::count;
use crate::data::{DIGITS, Dataset, Progress, Stack, stack};

/// Images that a measurement of modes takes (Metz et al. 2017 and those who compare with them).
pub(crate) const SAMPLES: usize = 25_600;

/// Real images that are described together.
const PART: usize = 2048;

/// A classifier of the digits of a stacked set.
#[derive(Debug)]
pub(super) struct Digits {
    pub(super) classifier: TrainedClassifier,
    /// Share of each class among the training digits.
    shares: Vec<f64>,
}

impl Digits {
    /// The classifier of the digits of `data`, from the cache folder or trained now; `None` of a
    /// set that is not stacked.
    pub(super) fn of(
        data: &Dataset,
        cache: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Option<Self>, EvaluationError> {
        let Some(digits) = &data.digits else {
            return Ok(None);
        };
        let fingerprint = digits.fingerprint();
        let classifier = TrainedClassifier::of(digits, &fingerprint, cache, progress)?;
        let mut counts = vec![0; digits.classes.len()];
        for label in digits.train.labels().unwrap_or_default() {
            if let Some(count) = counts.get_mut(usize::from(*label)) {
                *count += 1;
            }
        }
        let all = count(digits.train.len().max(1));
        let shares = counts.into_iter().map(|n| count(n) / all).collect();
        Ok(Some(Self { classifier, shares }))
    }

    /// The mode of each image: its digits as the digits of a number, red first.
    pub(super) fn modes(
        &self,
        pixels: &[u8],
        progress: &dyn Progress,
    ) -> Result<Vec<usize>, EvaluationError> {
        // The channels of planar images are grey images that follow each other.
        let (_, probabilities) = self.classifier.run(pixels, progress)?;
        let digits: Vec<usize> = probabilities
            .iter()
            .map(|row| likeliest(row).unwrap_or(0))
            .collect();
        let number = |digits: &[usize]| digits.iter().fold(0, |n, d| n * self.shares.len() + d);
        Ok(digits.chunks_exact(DIGITS).map(number).collect())
    }

    /// For how many modes there are.
    pub(super) fn counts(&self) -> ModeCounts {
        let classes = self.shares.len();
        let share = |mode: usize| {
            let digits = (0..DIGITS as u32).map(|place| mode / classes.pow(place) % classes);
            digits
                .map(|digit| self.shares.get(digit).copied().unwrap_or(0.0))
                .product()
        };
        let modes = classes.pow(DIGITS as u32);
        ModeCounts {
            counts: vec![0; modes],
            shares: (0..modes).map(share).collect(),
        }
    }

    /// The modes of `rows` new images of test digits, for real images against real ones.
    pub(super) fn floor(
        &self,
        data: &Dataset,
        rows: usize,
        progress: &dyn Progress,
    ) -> Result<ModeCounts, EvaluationError> {
        let mut counts = self.counts();
        if let Some(digits) = &data.digits {
            let pixels = stack(&digits.test, rows, Stack::Floor);
            for part in pixels.chunks(PART * data.image_len().max(1)) {
                counts.add(&self.modes(part, progress)?);
            }
        }
        Ok(counts)
    }
}

/// How many images there are of each mode.
#[derive(Clone, Debug)]
pub(super) struct ModeCounts {
    counts: Vec<usize>,
    /// Share of each mode in the data: the product of its digits' shares.
    shares: Vec<f64>,
}

impl ModeCounts {
    pub(super) fn add(&mut self, modes: &[usize]) {
        for mode in modes {
            if let Some(count) = self.counts.get_mut(*mode) {
                *count += 1;
            }
        }
    }

    /// Number of modes that there are.
    pub(super) fn of(&self) -> usize {
        self.counts.len()
    }

    /// Number of modes that there is an image of.
    pub(super) fn found(&self) -> usize {
        self.counts.iter().filter(|n| **n > 0).count()
    }

    /// KL(images ‖ data) of the modes in nats: sum of p ln(p / q). A mode that no training digit
    /// makes does not count.
    pub(super) fn divergence(&self) -> f64 {
        let all = count(self.counts.iter().sum::<usize>().max(1));
        let terms = self.counts.iter().zip(&self.shares);
        let terms = terms.filter(|(n, share)| **n > 0 && **share > 0.0);
        terms
            .map(|(n, share)| {
                let p = count(*n) / all;
                p * (p / share).ln()
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even() -> ModeCounts {
        ModeCounts {
            counts: vec![0; 1000],
            shares: vec![0.001; 1000],
        }
    }

    #[test]
    fn one_mode_is_ln_1000_away_and_all_modes_evenly_are_0_away() {
        let mut one = even();
        one.add(&[123; 25_600]);
        assert_eq!(one.found(), 1);
        assert!((one.divergence() - 1000_f64.ln()).abs() < 1e-12);
        let mut all = even();
        all.add(&(0..1000).collect::<Vec<_>>());
        assert_eq!((all.found(), all.of()), (1000, 1000));
        assert!(all.divergence().abs() < 1e-12);
        // Half of the modes: ln 2.
        let mut half = even();
        half.add(&(0..500).collect::<Vec<_>>());
        assert!((half.divergence() - 2_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn images_drawn_evenly_are_as_far_as_their_number_makes_them() {
        let mut stream = dreamlet_runtime::latent::Stream::new(1, "test.modes", 0);
        let mut counts = even();
        counts.add(&(0..SAMPLES).map(|_| stream.below(1000)).collect::<Vec<_>>());
        assert_eq!(counts.found(), 1000);
        // (modes - 1) / (2 * images) in expectation (Miller 1955): 0.0195.
        let found = counts.divergence();
        assert!((0.017..0.022).contains(&found), "{found}");
    }
}
