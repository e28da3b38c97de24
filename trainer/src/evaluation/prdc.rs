//! Precision, recall, density and coverage: how two sets of features overlap, by balls around each
//! image.

use super::matrix::{Matrix, ReadRows, count, each_distance};

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
        each_distance(
            set,
            set,
            &set.mean(),
            &mut nearest,
            |nearest, at, first, row| {
                for (j, distance) in row.iter().enumerate() {
                    if first + j != at {
                        insert(nearest, *distance);
                    }
                }
            },
        );
        Self(nearest)
    }

    /// The squared distances to the `k`-th nearest.
    fn nth(&self, k: usize) -> Vec<f32> {
        self.0
            .iter()
            .map(|nearest| nearest.get(k - 1).copied().unwrap_or(f32::INFINITY))
            .collect()
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
    let (precise, dense) = (real_radii.nth(PRECISION_K), real_radii.nth(DENSITY_K));
    let mut of_fakes = vec![(false, 0_u64); fake.rows()];
    each_distance(
        fake,
        real,
        &center,
        &mut of_fakes,
        |(within, balls), _, first, row| {
            let balls_here = row.iter().zip(dense.iter().skip(first));
            *balls += balls_here.filter(|(d, radius)| d <= radius).count() as u64;
            *within |= row
                .iter()
                .zip(precise.iter().skip(first))
                .any(|(d, radius)| d <= radius);
        },
    );
    let reach = fake_radii.nth(PRECISION_K);
    let mut of_reals = vec![(false, f32::INFINITY); real.rows()];
    each_distance(
        real,
        fake,
        &center,
        &mut of_reals,
        |(within, nearest), _, first, row| {
            *nearest = row.iter().copied().fold(*nearest, f32::min);
            *within |= row
                .iter()
                .zip(reach.iter().skip(first))
                .any(|(d, radius)| d <= radius);
        },
    );
    let share = |hits: usize, of: usize| count(hits) / count(of.max(1));
    let (fakes, reals) = (ReadRows::rows(fake), ReadRows::rows(real));
    let balls: u64 = of_fakes.iter().map(|(_, balls)| balls).sum();
    let balls = balls as f64;
    let covered = of_reals
        .iter()
        .zip(&dense)
        .filter(|((_, nearest), radius)| nearest <= *radius);
    Overlap {
        precision: share(of_fakes.iter().filter(|(within, _)| *within).count(), fakes),
        recall: share(of_reals.iter().filter(|(within, _)| *within).count(), reals),
        density: balls / count(DENSITY_K * fakes.max(1)),
        coverage: share(covered.count(), reals),
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
        assert_eq!(
            Radii::of(&real).nth(3),
            [9., 4., 4., 4., 4., 4., 4., 4., 4., 9.]
        );
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
        assert_eq!(
            (found.precision, found.recall, found.coverage),
            (1.0, 1.0, 1.0)
        );
        let far = Matrix::new(a.values().iter().map(|v| v + 100.0).collect(), 6);
        let found = measure(&a, &far);
        assert_eq!(
            (found.precision, found.recall, found.coverage),
            (0.0, 0.0, 0.0)
        );
        assert_eq!(found.density, 0.0);
    }

    #[test]
    fn a_collapsed_set_has_precision_without_recall() {
        let real = random(1, 600, 4);
        let fake = Matrix::new(
            random(2, 600, 4)
                .values()
                .iter()
                .map(|v| v * 0.05)
                .collect(),
            4,
        );
        let found = measure(&real, &fake);
        assert!(
            found.precision > 0.9 && found.recall < 0.1 && found.coverage < 0.5,
            "{found:?}"
        );
    }
}
