//! Principal components of features, as directions of the latent space.

use super::directions::LatentDirection;
use crate::linalg::{Square, add_scaled, dot};

/// Features of some latents, a row each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observations {
    pub(crate) latents: Vec<Vec<f32>>,
    pub(crate) features: Vec<Vec<f32>>,
    /// The class of each.
    pub(crate) classes: Vec<usize>,
}

/// GANSpace (Härkönen et al. 2020, "GANSpace: Discovering interpretable GAN controls", section 2.1):
/// the `most` principal components of the features, and for each the direction of the latent that
/// follows its coordinate best in least squares. What tells classes apart is taken out before: the
/// mean of each class. The strength is the component's standard deviation, the share that of the
/// variance.
pub(crate) fn components(observed: &Observations, most: usize) -> Vec<LatentDirection> {
    let features = centred(&observed.features, &observed.classes);
    let latents = centred(&observed.latents, &observed.classes);
    let count = features.len();
    // The coordinates of the rows along the components are eigenvectors of the rows' products.
    let products = Square::of_products(&features);
    let all = products.trace().max(f64::MIN_POSITIVE);
    let real = |pair: &(f64, Vec<f64>)| pair.0 > 1e-9 * all;
    let pairs = products.largest(most).into_iter().filter(real);
    pairs
        .map(|(value, coordinates)| {
            let mut vector = vec![0.0; latents.first().map_or(0, Vec::len)];
            for (latent, coordinate) in latents.iter().zip(coordinates) {
                add_scaled(&mut vector, latent, coordinate);
            }
            let length = dot(&vector, &vector).sqrt().max(f64::MIN_POSITIVE);
            vector.iter_mut().for_each(|component| *component /= length);
            LatentDirection {
                vector,
                strength: (value / count as f64).sqrt(),
                share: value / all,
            }
        })
        .collect()
}

/// The rows less the mean of those of their class.
fn centred(rows: &[Vec<f32>], classes: &[usize]) -> Vec<Vec<f64>> {
    let wide = rows.iter();
    let mut wide: Vec<Vec<f64>> = wide
        .map(|row| row.iter().copied().map(f64::from).collect())
        .collect();
    let width = wide.first().map_or(0, Vec::len);
    let groups = classes.iter().max().map_or(0, |most| most + 1);
    let mut means = vec![(0.0, vec![0.0; width]); groups];
    for (row, class) in wide.iter().zip(classes) {
        if let Some((count, mean)) = means.get_mut(*class) {
            *count += 1.0;
            add_scaled(mean, row, 1.0);
        }
    }
    for (row, class) in wide.iter_mut().zip(classes) {
        if let Some((count, mean)) = means.get(*class) {
            add_scaled(row, mean, -1.0 / count);
        }
    }
    wide
}

#[cfg(test)]
mod tests {
    use dreamlet_runtime::latent::fill_normal;

    use super::*;

    #[test]
    fn components_of_a_linear_generator_are_the_columns_it_weights_most() {
        // x = (3 z0 + 3 z1, z0 - z1, class): 18 along (1, 1), 2 along (1, -1), for any class.
        let mut observed = Observations::default();
        for seed in 0..600 {
            let mut z = [0.0; 2];
            fill_normal(seed, None, &mut z);
            let class = (seed % 3) as usize;
            observed.latents.push(z.to_vec());
            let x = [3.0 * (z[0] + z[1]), z[0] - z[1], 100.0 * class as f32];
            observed.features.push(x.to_vec());
            observed.classes.push(class);
        }
        let found = components(&observed, 3);
        assert_eq!(found.len(), 2, "{found:?}");
        let half = 0.5_f64.sqrt();
        for (direction, (share, vector)) in found
            .iter()
            .zip([(0.9, [half, half]), (0.1, [half, -half])])
        {
            assert!(
                dot(&direction.vector, &vector).abs() > 0.99,
                "{direction:?}"
            );
            assert!((direction.share - share).abs() < 0.02, "{direction:?}");
        }
    }
}
