//! Directions of the latent space along which images change most.

use super::first_layer::FirstLayer;
use crate::linalg::{Square, dot};

/// Latent components for which directions are found: matrices grow with the square of them.
pub(crate) const MOST_COMPONENTS: usize = 2048;
/// Classes whose matrices are averaged, where the class changes how the latent is weighted.
const CLASSES: usize = 16;

/// A direction, and how much of the change of images it makes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LatentDirection {
    /// Of length 1.
    pub(crate) vector: Vec<f64>,
    /// In the unit of what was measured.
    pub(crate) strength: f64,
    /// Of the sum over all directions, from 0 to 1.
    pub(crate) share: f64,
}

/// Closed form (Shen and Zhou 2021, "Closed-form factorization of latent semantics in GANs", eq. 4):
/// the `most` eigenvectors of AᵀA with the largest eigenvalues, for the matrix A of the first layer.
/// The strength is the root of the eigenvalue, how much longer than a step of the latent the step of
/// the layer's result is; the share is that of the eigenvalue. `None` if the graph cannot be computed.
pub(crate) fn of_weights(
    layer: &FirstLayer,
    classes: usize,
    most: usize,
) -> Option<Vec<LatentDirection>> {
    let first = layer.weights(0)?;
    let mut sum = Square::of_products(&first);
    for class in 1..classes.min(CLASSES) {
        let columns = layer.weights(class)?;
        let other = Square::of_products(&columns);
        for (sum, other) in sum.values.iter_mut().zip(other.values) {
            *sum += other;
        }
    }
    let averaged = classes.clamp(1, CLASSES) as f64;
    sum.values.iter_mut().for_each(|value| *value /= averaged);
    Some(of_products(&sum, most))
}

/// Of AᵀA.
fn of_products(products: &Square, most: usize) -> Vec<LatentDirection> {
    let all = products.trace().max(f64::MIN_POSITIVE);
    let pairs = products.largest(most).into_iter();
    pairs
        .map(|(value, vector)| LatentDirection {
            vector,
            strength: value.max(0.0).sqrt(),
            share: value.max(0.0) / all,
        })
        .collect()
}

/// The latent's own components in descending order of what a VAE's encoder says through each,
/// KL(q(z|x) ‖ N(0, 1)) in nats.
pub(crate) fn of_divergences(divergences: &[f64], most: usize) -> Vec<LatentDirection> {
    let all = divergences.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let mut order: Vec<(usize, f64)> = divergences.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let unit = |at: usize| {
        let components = (0..divergences.len()).map(|i| f64::from(u8::from(i == at)));
        components.collect()
    };
    order
        .into_iter()
        .take(most)
        .map(|(at, nats)| LatentDirection {
            vector: unit(at),
            strength: nats,
            share: nats / all,
        })
        .collect()
}

/// For each direction which of `others` is nearest to it, and the absolute cosine between the two.
pub(crate) fn nearest(
    directions: &[LatentDirection],
    others: &[LatentDirection],
) -> Vec<(usize, f64)> {
    let of = |direction: &LatentDirection| {
        let cosines = others
            .iter()
            .map(|o| dot(&direction.vector, &o.vector).abs());
        let best = cosines.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        best.unwrap_or((0, 0.0))
    };
    directions.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent_space::testing::small_layer;

    #[test]
    fn the_largest_eigenvector_of_a_matrix_made_by_hand_comes_first() {
        // AᵀA = [[5, 4], [4, 5]]: 9 along (1, 1), 1 along (1, -1).
        let columns = [vec![2.0, 1.0], vec![1.0, 2.0]];
        let found = of_products(&Square::of_products(&columns), 5);
        let half = 0.5_f64.sqrt();
        for (direction, (value, vector)) in found
            .iter()
            .zip([(9.0, [half, half]), (1.0, [half, -half])])
        {
            assert!((direction.strength - f64::sqrt(value)).abs() < 1e-12);
            assert!((direction.share - value / 10.0).abs() < 1e-12);
            let cosine = dot(&direction.vector, &vector);
            assert!((cosine.abs() - 1.0).abs() < 1e-12, "{direction:?}");
        }
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_layer_is_factored_through_its_graph() {
        // Columns of lengths 3 and 4, orthogonal.
        let layer = FirstLayer::find(&small_layer().0).unwrap();
        let found = of_weights(&layer, 0, 1).unwrap();
        assert_eq!(found.len(), 1);
        assert!((found[0].strength - 4.0).abs() < 1e-12);
        assert!((found[0].share - 16.0 / 25.0).abs() < 1e-12);
        assert!((found[0].vector[1] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn dimensions_go_by_their_divergence() {
        let found = of_divergences(&[0.5, 2.0, 1.5], 2);
        assert_eq!(found[0].vector, [0.0, 1.0, 0.0]);
        assert_eq!(found[1].vector, [0.0, 0.0, 1.0]);
        assert_eq!((found[0].strength, found[0].share), (2.0, 0.5));
    }

    #[test]
    fn the_nearest_direction_may_point_the_other_way() {
        let directions = of_divergences(&[3.0, 2.0], 2);
        let mut others = of_divergences(&[1.0, 2.0], 2);
        others[1].vector[0] = -1.0;
        assert_eq!(nearest(&directions, &others), [(1, 1.0), (0, 1.0)]);
    }
}
