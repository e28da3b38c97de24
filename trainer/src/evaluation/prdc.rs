//! Precision, recall, density and coverage: how two sets of features overlap, by balls around each
//! image.

use super::matrix::{Matrix, count, each_distance};

/// Neighbours that precision and recall reach to (Kynkäänniemi et al. 2019, section 3).
const PRECISION_K: usize = 3;

/// Neighbours that density and coverage reach to (Naeem et al. 2020, section 4).
const DENSITY_K: usize = 5;

/// The squared distances from each row to its nearest other rows, nearest first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Radii(Vec<[f32; DENSITY_K]>);

impl Radii {
    /// Of all rows of `set`; infinite where there are not enough rows.
    pub(super) fn of(set: &Matrix) -> Self {
        let mut nearest = vec![[f32::INFINITY; DENSITY_K]; set.rows()];
        let keep = |nearest: &mut _, at: usize, first: usize, row: &[f32]| {
            for (j, distance) in row.iter().enumerate() {
                if first + j != at {
                    insert(nearest, *distance);
                }
            }
        };
        each_distance(set, set, &set.mean(), &mut nearest, keep);
        Self(nearest)
    }

    /// The squared distances to the `k`-th nearest.
    fn nth(&self, k: usize) -> Vec<f32> {
        self.0.iter().map(|nearest| nearest[k - 1]).collect()
    }
}

/// Keeps the smallest values in order.
fn insert(nearest: &mut [f32; DENSITY_K], distance: f32) {
    if nearest.last().is_some_and(|last| distance < *last) {
        let mut carried = distance;
        for kept in nearest {
            if carried < *kept {
                std::mem::swap(kept, &mut carried);
            }
        }
    }
}

/// How two sets overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Overlap {
    /// Share of generated images within the ball of some real one, k = 3.
    pub precision: f64,
    /// Share of real images within the ball of some generated one, k = 3.
    pub recall: f64,
    /// Mean number of real balls around a generated image, over k = 5. Can exceed 1.
    pub density: f64,
    /// Share of real images with a generated one in their ball, k = 5.
    pub coverage: f64,
}

/// Improved precision and recall (Kynkäänniemi et al. 2019, equations 1 and 2), density and
/// coverage (Naeem et al. 2020, equations 5 and 6). A ball reaches from an image to its k-th
/// nearest neighbour of the same set, the image itself not counted.
pub(super) fn overlap(
    real: &Matrix,
    real_radii: &Radii,
    fake: &Matrix,
    fake_radii: &Radii,
) -> Overlap {
    let center = real.mean();
    let [precise, reach] = [real_radii, fake_radii].map(|radii| radii.nth(PRECISION_K));
    let dense = real_radii.nth(DENSITY_K);
    // Balls with these squared radii, the first of them number `first`, that hold an image.
    let held = |row: &[f32], first: usize, radii: &[f32]| {
        let balls = row.iter().zip(radii.iter().skip(first));
        balls
            .filter(|(distance, radius)| distance <= radius)
            .count()
    };
    let mut of_fakes = vec![(false, 0); fake.rows()];
    let look = |(within, balls): &mut (bool, usize), _, first: usize, row: &[f32]| {
        *balls += held(row, first, &dense);
        *within |= held(row, first, &precise) > 0;
    };
    each_distance(fake, real, &center, &mut of_fakes, look);
    let mut of_reals = vec![(false, f32::INFINITY); real.rows()];
    let look = |(within, nearest): &mut (bool, f32), _, first: usize, row: &[f32]| {
        *nearest = row.iter().copied().fold(*nearest, f32::min);
        *within |= held(row, first, &reach) > 0;
    };
    each_distance(real, fake, &center, &mut of_reals, look);
    let (precise, balls): (Vec<_>, Vec<_>) = of_fakes.into_iter().unzip();
    let (recalled, nearest): (Vec<_>, Vec<f32>) = of_reals.into_iter().unzip();
    let covered = nearest.iter().zip(&dense).map(|(d, radius)| d <= radius);
    let share = |of: Vec<bool>| count(of.iter().filter(|is| **is).count()) / count(of.len().max(1));
    Overlap {
        density: count(balls.iter().sum()) / count(DENSITY_K * balls.len().max(1)),
        precision: share(precise),
        recall: share(recalled),
        coverage: share(covered.collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::random;
    use super::*;

    fn measure(real: &Matrix, fake: &Matrix) -> Overlap {
        overlap(real, &Radii::of(real), fake, &Radii::of(fake))
    }

    #[test]
    fn points_on_a_line_have_the_overlap_one_counts_by_hand() {
        // Reals 0..=9: the inner ones have their third neighbour at distance 2, 0 and 9 at 3, 1 and
        // 8 at 2.
        let real = Matrix::new((0..10_u8).map(f32::from).collect(), 1);
        let third = [9., 4., 4., 4., 4., 4., 4., 4., 4., 9.];
        assert_eq!(Radii::of(&real).nth(3), third);
        // Fakes 2.5, 3.5, 4.5, 5.5 and far away 100: third neighbours at 3, 2, 2, 3 and 96.5.
        let fake = Matrix::new(vec![2.5, 3.5, 4.5, 5.5, 100.0], 1);
        let found = measure(&real, &fake);
        assert_eq!(found.precision, 0.8);
        // Everything is in the ball of the far one or of a near one.
        assert_eq!(found.recall, 1.0);
        // Fifth neighbours: 0 and 9 at 5, 1 and 8 at 4, the inner ones at 3.
        let radii = [5.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 4.0, 5.0];
        let within = |x: f32, i: usize| (x - i as f32).abs() <= radii[i];
        let balls: usize = [2.5_f32, 3.5, 4.5, 5.5]
            .iter()
            .map(|x| (0..10).filter(|i| within(*x, *i)).count())
            .sum();
        assert!((found.density - balls as f64 / 25.0).abs() < 1e-12);
        assert_eq!(found.coverage, 1.0);
    }

    #[test]
    fn a_set_overlaps_itself_whole_and_a_far_one_not_at_all() {
        let a = random(1, 600, 6);
        let found = measure(&a, &a);
        let shares = |of: Overlap| [of.precision, of.recall, of.coverage];
        assert_eq!(shares(found), [1.0; 3]);
        let far = Matrix::new(a.values().iter().map(|v| v + 100.0).collect(), 6);
        let found = measure(&a, &far);
        assert_eq!(shares(found), [0.0; 3]);
        assert_eq!(found.density, 0.0);
    }

    #[test]
    fn a_collapsed_set_has_precision_without_recall() {
        let real = random(1, 600, 4);
        let fake = random(2, 600, 4);
        let fake = Matrix::new(fake.values().iter().map(|v| v * 0.05).collect(), 4);
        let found = measure(&real, &fake);
        assert!(
            found.precision > 0.9 && found.recall < 0.1 && found.coverage < 0.5,
            "{found:?}"
        );
    }
}
