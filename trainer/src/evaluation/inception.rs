//! The inception score, from any classifier's probabilities.

use super::matrix::{Matrix, count};

/// Parts that the images are cut into.
pub(super) const SPLITS: usize = 10;

/// exp(E KL(p(y|x) ‖ p(y))) (Salimans et al. 2016, section 4): mean and standard deviation over 10
/// parts, in the order of the rows. From 1 to the number of classes. Probabilities have a row an
/// image and a column a class; they come in parts and are not kept.
#[derive(Debug)]
pub(super) struct Scores {
    /// Rows of a part.
    size: usize,
    parts: Vec<Part>,
}

/// What the score of one part of the images is made of.
#[derive(Clone, Debug, Default)]
struct Part {
    rows: usize,
    /// Sum of p ln p over rows and classes.
    negentropy: f64,
    /// Sum of p over rows.
    classes: Vec<f64>,
}

impl Scores {
    /// For `rows` images; those over a multiple of ten are left out.
    pub(super) fn new(rows: usize) -> Self {
        Self {
            size: (rows / SPLITS).max(1),
            parts: Vec::new(),
        }
    }

    /// The next rows.
    pub(super) fn add(&mut self, probabilities: &Matrix) {
        for row in probabilities.iter() {
            if self.parts.last().is_none_or(|part| part.rows == self.size) {
                self.parts.push(Part::default());
            }
            if let Some(part) = self.parts.last_mut() {
                part.add(row);
            }
        }
    }

    /// Mean and standard deviation over the parts.
    pub(super) fn score(&self) -> (f64, f64) {
        let parts = self.parts.iter().take(SPLITS);
        let scores: Vec<f64> = parts.map(Part::score).collect();
        let n = count(scores.len().max(1));
        let mean = scores.iter().sum::<f64>() / n;
        let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n;
        (mean, variance.sqrt())
    }
}

/// p ln p, which is 0 at 0.
fn negentropy(p: f64) -> f64 {
    if p > 0.0 { p * p.ln() } else { 0.0 }
}

impl Part {
    fn add(&mut self, row: &[f32]) {
        self.rows += 1;
        self.classes.resize(row.len(), 0.0);
        for (sum, p) in self.classes.iter_mut().zip(row) {
            let p = f64::from(*p);
            *sum += p;
            self.negentropy += negentropy(p);
        }
    }

    /// E KL(p ‖ q) with the mean q of p is E Σ p ln p − Σ q ln q.
    fn score(&self) -> f64 {
        let rows = count(self.rows.max(1));
        let marginal: f64 = self.classes.iter().map(|sum| negentropy(sum / rows)).sum();
        (self.negentropy / rows - marginal).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inception_score(probabilities: &Matrix) -> (f64, f64) {
        let mut scores = Scores::new(probabilities.rows());
        scores.add(probabilities);
        scores.score()
    }

    #[test]
    fn sure_and_varied_is_the_number_of_classes_and_unsure_or_collapsed_is_one() {
        let one_hot = |class: &dyn Fn(usize) -> usize| {
            let row = |i: usize| (0..4).map(move |c| (i, c));
            let value = |(i, c)| if class(i) == c { 1.0 } else { 0.0 };
            Matrix::new((0..80).flat_map(row).map(value).collect(), 4)
        };
        let (varied, deviation) = inception_score(&one_hot(&|i| i % 4));
        assert!((varied - 4.0).abs() < 1e-9 && deviation < 1e-9);
        assert!((inception_score(&one_hot(&|_| 2)).0 - 1.0).abs() < 1e-9);
        // In parts of any size.
        let (all, mut scores) = (one_hot(&|i| (i / 3) % 4), Scores::new(80));
        for part in all.values().chunks(4 * 7) {
            scores.add(&Matrix::new(part.to_vec(), 4));
        }
        assert_eq!(scores.score(), inception_score(&all));
        let unsure = Matrix::new(vec![0.25; 320], 4);
        assert!((inception_score(&unsure).0 - 1.0).abs() < 1e-9);
    }
}
