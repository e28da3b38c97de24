//! The latent of an image, without derivatives of the generator: any file's, on any engine.
//!
//! It minimizes |x(z) − x|² / 2σ² + |z|² / 2, the negative logarithm of p(z|x) for pixels with noise
//! σ and normal latents. Gauss and Newton's method with Levenberg and Marquardt's damping (Nocedal
//! and Wright, Numerical Optimization, section 10.3) does it: a latent has few components, so the
//! Jacobian costs as many images, and these are made together.

use dreamlet_runtime::latent::Distribution;

use crate::linalg::{Square, add_scaled, dot};

/// σ in levels of 255: what a generator cannot draw may be so far off, before the latent is
/// stretched for it.
const NOISE: f64 = 16.0;
/// Damping is tried at these multiples of the last, together.
const DAMPING: [f64; 6] = [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0];
/// A step that lowers the loss by a smaller share is the last.
const LEAST_GAIN: f64 = 1e-4;

/// An image to be found.
#[derive(Clone, Debug)]
pub(crate) struct Inversion<'a> {
    /// Its elements, from 0 to 255.
    pub(crate) target: &'a [f32],
    pub(crate) distribution: Distribution,
    /// Steps of a latent component by which derivatives are measured: the next, larger one where
    /// one leads no further, as with models that round.
    pub(crate) differences: &'a [f32],
    /// Most steps from one start.
    pub(crate) steps: usize,
}

/// Where the search from one start has come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inverted {
    pub(crate) latent: Vec<f32>,
    /// The image of the latent, elements from 0 to 255.
    pub(crate) image: Vec<f32>,
    /// What was minimized.
    pub(crate) loss: f64,
    pub(crate) steps: usize,
}

impl Inversion<'_> {
    /// What is minimized, for a latent and its image.
    pub(crate) fn loss(&self, latent: &[f32], image: &[f32]) -> f64 {
        let pairs = image.iter().zip(self.target);
        let squares: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let latent: f64 = latent.iter().map(|z| f64::from(*z).powi(2)).sum();
        squares / (2.0 * NOISE * NOISE) + self.prior() * latent / 2.0
    }

    /// Weight of |z|² / 2: uniform latents are all as likely.
    fn prior(&self) -> f64 {
        match self.distribution {
            Distribution::Normal => 1.0,
            Distribution::Uniform => 0.0,
        }
    }

    /// Searches from `start`. `generate` makes the images of latents that follow each other, in the
    /// target's order and from 0 to 255.
    ///
    /// # Errors
    /// Those of `generate`.
    pub(crate) fn search<E>(
        &self,
        start: &[f32],
        mut generate: impl FnMut(&[f32]) -> Result<Vec<f32>, E>,
    ) -> Result<Inverted, E> {
        let image = generate(start)?;
        let mut best = Inverted {
            loss: self.loss(start, &image),
            latent: start.to_vec(),
            image,
            steps: 0,
        };
        let mut damping = 1.0;
        let mut differences = self.differences.iter().copied();
        let mut difference = differences.next();
        while let Some(step) = difference.filter(|_| best.steps < self.steps) {
            let (curvature, slope) = self.model(&best, step, &mut generate)?;
            let eigen = curvature.largest(start.len());
            let mean = curvature.trace() / start.len().max(1) as f64;
            let tried = DAMPING.map(|factor| damping * factor);
            let mut latents = Vec::with_capacity(DAMPING.len() * start.len());
            for damping in tried {
                latents.extend(self.stepped(&best.latent, &eigen, &slope, damping * mean));
            }
            let images = generate(&latents)?;
            let latents = latents.chunks_exact(start.len().max(1));
            let images = images.chunks_exact(self.target.len().max(1));
            let made = latents
                .zip(images)
                .zip(tried)
                .map(|((latent, image), damping)| {
                    (self.loss(latent, image), latent, image, damping)
                });
            let lowest = made.min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((loss, latent, image, found)) = lowest.filter(|l| l.0 < best.loss) else {
                difference = differences.next();
                continue;
            };
            let gain = (best.loss - loss) / best.loss;
            best = Inverted {
                latent: latent.to_vec(),
                image: image.to_vec(),
                loss,
                steps: best.steps + 1,
            };
            damping = found;
            if gain < LEAST_GAIN {
                difference = differences.next();
            }
        }
        Ok(best)
    }

    /// The loss near a latent: Gauss and Newton's approximation of its second derivatives, and its
    /// gradient.
    fn model<E>(
        &self,
        at: &Inverted,
        difference: f32,
        generate: &mut impl FnMut(&[f32]) -> Result<Vec<f32>, E>,
    ) -> Result<(Square, Vec<f64>), E> {
        let len = at.latent.len();
        let mut latents = at.latent.repeat(len);
        for component in latents.iter_mut().step_by(len + 1) {
            *component += difference;
        }
        let images = generate(&latents)?;
        let images = images.chunks_exact(self.target.len().max(1));
        // In units of σ.
        let scale = 1.0 / (NOISE * f64::from(difference));
        let jacobian: Vec<Vec<f64>> = images
            .map(|image| {
                let pairs = image.iter().zip(&at.image);
                pairs.map(|(a, b)| f64::from(a - b) * scale).collect()
            })
            .collect();
        let pairs = at.image.iter().zip(self.target);
        let residual: Vec<f64> = pairs.map(|(a, b)| f64::from(a - b) / NOISE).collect();
        let mut curvature = Square::of_products(&jacobian);
        let prior = self.prior();
        curvature
            .values
            .iter_mut()
            .step_by(len + 1)
            .for_each(|v| *v += prior);
        let slopes = jacobian.iter().zip(&at.latent);
        let slope = slopes.map(|(row, z)| dot(row, &residual) + prior * f64::from(*z));
        Ok((curvature, slope.collect()))
    }

    /// The latent after a step with so much damping.
    fn stepped(
        &self,
        latent: &[f32],
        eigen: &[(f64, Vec<f64>)],
        slope: &[f64],
        damping: f64,
    ) -> Vec<f32> {
        let mut step = vec![0.0; latent.len()];
        for (value, vector) in eigen {
            let curvature = (value.max(0.0) + damping).max(f64::MIN_POSITIVE);
            add_scaled(&mut step, vector, -dot(slope, vector) / curvature);
        }
        let moved = latent.iter().zip(step);
        let moved = moved.map(|(z, step)| (f64::from(*z) + step) as f32);
        match self.distribution {
            Distribution::Normal => moved.collect(),
            Distribution::Uniform => moved.map(|z| z.clamp(-1.0, 1.0)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// x = A·z + b for two latent components and three pixels.
    fn linear(latents: &[f32]) -> Result<Vec<f32>, Infallible> {
        let image = |z: &[f32]| [100.0 + 32.0 * z[0], 100.0 + 16.0 * z[1], 100.0];
        Ok(latents.chunks(2).flat_map(image).collect())
    }

    fn search(target: &[f32], distribution: Distribution, steps: usize) -> Inverted {
        let inversion = Inversion {
            target,
            distribution,
            differences: &[0.125],
            steps,
        };
        inversion.search(&[0.5, 0.5], linear).unwrap()
    }

    #[test]
    fn a_linear_generator_is_inverted_as_the_closed_form_says() {
        // (AᵀA/σ² + 1)⁻¹ Aᵀ(x − b)/σ² with A = diag(32, 16) and σ = 16: 2·64/16 / (4 + 1) and
        // 1·32/16 / (1 + 1). What no latent reaches, the third pixel, changes nothing.
        let found = search(&[164.0, 132.0, 7.0], Distribution::Normal, 40);
        assert!((found.latent[0] - 1.6).abs() < 1e-3, "{found:?}");
        assert!((found.latent[1] - 1.0).abs() < 1e-3, "{found:?}");
        assert!((found.image[0] - 151.2).abs() < 0.1, "{found:?}");
        assert!(found.steps < 10, "{found:?}");
    }

    #[test]
    fn uniform_latents_are_found_in_their_range() {
        let found = search(&[116.0, 164.0, 100.0], Distribution::Uniform, 40);
        assert!((found.latent[0] - 0.5).abs() < 1e-3, "{found:?}");
        assert_eq!(found.latent[1], 1.0);
    }

    #[test]
    fn no_steps_give_the_start() {
        let found = search(&[0.0; 3], Distribution::Normal, 0);
        assert_eq!((found.latent, found.steps), (vec![0.5, 0.5], 0));
    }

    #[test]
    fn a_failing_generator_ends_the_search() {
        let inversion = Inversion {
            target: &[0.0; 3],
            distribution: Distribution::Normal,
            differences: &[0.1],
            steps: 3,
        };
        let found = inversion.search(&[0.0; 2], |_| Err::<Vec<f32>, _>("broken"));
        assert_eq!(found, Err("broken"));
    }
}
