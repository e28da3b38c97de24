//! The inception score, from any classifier's probabilities.

use super::matrix::{Matrix, count};

/// Parts that the pictures are cut into.
pub(super) const SPLITS: usize = 10;

/// exp(E KL(p(y|x) ‖ p(y))) (Salimans et al. 2016, section 4): mean and standard deviation over 10 parts, in the order of the rows. From
/// 1 to the number of classes. `probabilities` has a row a picture and a column a class.
#[must_use]
pub fn inception_score(probabilities: &Matrix) -> (f64, f64) {
    let rows = (probabilities.rows() / SPLITS).max(1);
    let scores: Vec<f64> = probabilities
        .values()
        .chunks_exact((rows * probabilities.width()).max(1))
        .take(SPLITS)
        .map(|part| score(&Matrix::new(part.to_vec(), probabilities.width())))
        .collect();
    let n = count(scores.len().max(1));
    let mean = scores.iter().sum::<f64>() / n;
    let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

fn score(part: &Matrix) -> f64 {
    let marginal = part.mean();
    let divergence = |row: &[f32]| -> f64 {
        row.iter()
            .zip(&marginal)
            .map(|(p, q)| (f64::from(*p), q))
            .filter(|(p, _)| *p > 0.0)
            .map(|(p, q)| p * (p / q).ln())
            .sum()
    };
    let total: f64 = part.iter().map(divergence).sum();
    (total / count(part.rows().max(1))).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let unsure = Matrix::new(vec![0.25; 320], 4);
        assert!((inception_score(&unsure).0 - 1.0).abs() < 1e-9);
    }
}
