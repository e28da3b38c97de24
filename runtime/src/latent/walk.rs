//! An endless smooth walk through latent space.

use super::fill::Distribution;
use crate::error_messages::error_messages;

/// Keys that a point of the walk depends on.
const KEYS: usize = 4;

/// What can be wrong with a [`Walk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WalkError {
    /// The buffer for the keys is not `4 * latent_len` long, which [`Walk::buffer_len`] gives.
    Buffer {
        /// Elements the walk needs.
        expected: usize,
        /// Elements the caller gave.
        found: usize,
    },
    /// The output of [`Walk::next_into`] is not `latent_len` long.
    Output {
        /// Length of the latent vector.
        expected: usize,
        /// Room the caller gave.
        found: usize,
    },
    /// A latent vector of no elements, or of so many that four of them cannot be counted.
    LatentLength {
        /// The length requested.
        found: usize,
    },
    /// The walk must take at least one step from one seed to the next.
    NoSteps,
}

error_messages! { WalkError:
    Self::Buffer { expected, found } =>
        "the walk's buffer holds {found} elements, needs {expected}: four latent vectors";
    Self::Output { expected, found } =>
        "the output holds {found} elements, needs {expected}: one latent vector";
    Self::LatentLength { found } => "cannot walk through latent vectors of {found} elements";
    Self::NoSteps => "the walk needs at least 1 step from seed to seed, found 0";
}

/// A smooth walk that never ends and never repeats: it passes through the latent vectors of `seed`,
/// `seed + 1`, `seed + 2` (exactly: those images are the ones [`super::fill_normal`] gives),
/// `steps` points from one to the next. After the last `u64` it goes on with seed 0.
///
/// Between two seeds the point is a weighted sum of the four nearest keys with Catmull-Rom weights
/// (Catmull and Rom, "A class of local interpolating splines", 1974), so that the direction does
/// not jump at a key. The weights are divided by the root of the sum of their squares: a sum of
/// independent N(0, 1) vectors is then N(0, 1) again, so every point of the walk is as typical for
/// the generator as a fresh sample. With truncation, components can pass the limit between keys: by
/// 56 % where the four keys have the limit with alternating signs. Uniform latents are not rescaled
/// but clamped to -1..=1; with truncation they pass it by up to a quarter.
///
/// ```
/// use dreamlet_runtime::latent::{Distribution, Walk};
/// let mut keys = [0.0; 4 * 64];
/// let mut walk = Walk::new(Distribution::Normal, 42, 30, Some(1.0), 64, &mut keys)?;
/// let mut latent = [0.0; 64];
/// for _frame in 0..90 {
///     walk.next_into(&mut latent)?;
/// }
/// assert_eq!(walk.seed(), 45);
/// # Ok::<(), dreamlet_runtime::latent::WalkError>(())
/// ```
#[derive(Debug)]
pub struct Walk<'b> {
    distribution: Distribution,
    truncation: Option<f32>,
    /// Four latent vectors, of `seed - 1` to `seed + 2`; that of seed s stands at place `s mod 4`.
    keys: &'b mut [f32],
    latent_len: usize,
    seed: u64,
    step: u32,
    steps: u32,
}

impl<'b> Walk<'b> {
    /// Elements that the buffer for a walk must hold, or `None` if that overflows.
    #[must_use]
    pub const fn buffer_len(latent_len: usize) -> Option<usize> {
        latent_len.checked_mul(KEYS)
    }

    /// Begins a walk at `seed`, with `steps` points from one seed to the next. `keys` is scratch of
    /// [`Walk::buffer_len`] numbers, kept for as long as the walk.
    ///
    /// # Errors
    /// [`WalkError`] if `steps` or `latent_len` is 0 or the buffer has the wrong length.
    pub fn new(
        distribution: Distribution,
        seed: u64,
        steps: u32,
        truncation: Option<f32>,
        latent_len: usize,
        keys: &'b mut [f32],
    ) -> Result<Self, WalkError> {
        let expected = match Self::buffer_len(latent_len) {
            Some(len) if len > 0 => len,
            _ => return Err(WalkError::LatentLength { found: latent_len }),
        };
        if keys.len() != expected {
            return Err(WalkError::Buffer {
                expected,
                found: keys.len(),
            });
        }
        if steps == 0 {
            return Err(WalkError::NoSteps);
        }
        let mut walk = Self {
            distribution,
            truncation,
            keys,
            latent_len,
            seed,
            step: 0,
            steps,
        };
        for offset in 0..KEYS as u64 {
            walk.load(seed.wrapping_sub(1).wrapping_add(offset));
        }
        Ok(walk)
    }

    fn load(&mut self, seed: u64) {
        let place = (seed % KEYS as u64) as usize;
        if let Some(key) = self.keys.chunks_exact_mut(self.latent_len).nth(place) {
            self.distribution.fill(seed, self.truncation, key);
        }
    }

    /// The seed that the next point belongs to: the point is at this seed or between it and the one
    /// after.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// How far the next point is from [`Walk::seed`] to the seed after it, from 0 to below 1 (1
    /// where `steps` is too large for an `f32` to tell).
    #[must_use]
    pub fn fraction(&self) -> f32 {
        (f64::from(self.step) / f64::from(self.steps)) as f32
    }

    /// Writes the next point of the walk into `out` and goes one step on.
    ///
    /// # Errors
    /// [`WalkError::Output`] if `out` is not as long as the latent vector; the walk then stays
    /// where it is.
    pub fn next_into(&mut self, out: &mut [f32]) -> Result<(), WalkError> {
        if out.len() != self.latent_len {
            return Err(WalkError::Output {
                expected: self.latent_len,
                found: out.len(),
            });
        }
        let weights = weights(
            f64::from(self.step) / f64::from(self.steps),
            self.distribution,
        );
        let mut by_place = [0.0; KEYS];
        for (offset, weight) in weights.into_iter().enumerate() {
            let seed = self.seed.wrapping_sub(1).wrapping_add(offset as u64);
            if let Some(place) = by_place.get_mut((seed % KEYS as u64) as usize) {
                *place = weight;
            }
        }
        for (i, out) in out.iter_mut().enumerate() {
            let column = self.keys.iter().skip(i).step_by(self.latent_len);
            let sum: f64 = column
                .zip(by_place)
                .map(|(key, weight)| weight * f64::from(*key))
                .sum();
            *out = match self.distribution {
                Distribution::Normal => sum,
                Distribution::Uniform => sum.clamp(-1.0, 1.0),
            } as f32;
        }
        self.step += 1;
        if self.step == self.steps {
            self.step = 0;
            self.seed = self.seed.wrapping_add(1);
            self.load(self.seed.wrapping_add(2));
        }
        Ok(())
    }
}

/// Catmull-Rom weights of the keys before, at, after and two after, at fraction `t`.
fn weights(t: f64, distribution: Distribution) -> [f64; KEYS] {
    let (t2, t3) = (t * t, t * t * t);
    let weights = [
        0.5 * (-t + 2.0 * t2 - t3),
        0.5 * (2.0 - 5.0 * t2 + 3.0 * t3),
        0.5 * (t + 4.0 * t2 - 3.0 * t3),
        0.5 * (-t2 + t3),
    ];
    match distribution {
        Distribution::Uniform => weights,
        Distribution::Normal => {
            let norm = libm::sqrt(weights.iter().map(|w| w * w).sum());
            weights.map(|w| w / norm)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::fill_normal;

    #[test]
    fn the_walk_passes_exactly_through_the_latents_of_successive_seeds() {
        for start in [0, 7, u64::MAX - 1] {
            let mut keys = [0.0; 40];
            let mut walk =
                Walk::new(Distribution::Normal, start, 5, Some(0.8), 10, &mut keys).unwrap();
            for offset in 0..9u64 {
                let (mut point, mut expected) = ([0.0; 10], [0.0; 10]);
                assert_eq!(walk.seed(), start.wrapping_add(offset));
                assert_eq!(walk.fraction(), 0.0);
                walk.next_into(&mut point).unwrap();
                fill_normal(start.wrapping_add(offset), Some(0.8), &mut expected);
                assert_eq!(point, expected);
                for _ in 0..4 {
                    walk.next_into(&mut point).unwrap();
                }
            }
        }
    }

    #[test]
    fn every_point_of_the_walk_has_unit_variance() {
        const LEN: usize = 2000;
        let mut keys = [0.0; 4 * LEN];
        let mut walk = Walk::new(Distribution::Normal, 3, 8, None, LEN, &mut keys).unwrap();
        for _ in 0..32 {
            let mut point = [0.0f32; LEN];
            walk.next_into(&mut point).unwrap();
            let variance = point.iter().map(|x| x * x).sum::<f32>() / LEN as f32;
            assert!((variance - 1.0).abs() < 0.15, "{variance}");
        }
    }

    #[test]
    fn the_walk_is_smooth_at_the_keys() {
        let mut keys = [0.0; 4 * 32];
        let mut walk = Walk::new(Distribution::Normal, 11, 1000, None, 32, &mut keys).unwrap();
        let mut points = [[0.0f32; 32]; 3];
        for _ in 0..998 {
            walk.next_into(&mut points[0]).unwrap();
        }
        let mut last = None;
        for _ in 0..6 {
            points.rotate_left(1);
            walk.next_into(&mut points[2]).unwrap();
            let speed = points[2][0] - points[1][0];
            if let Some(last) = last {
                assert!(f32::abs(speed - last) < 1e-3, "{speed} after {last}");
            }
            if points[0] != [0.0; 32] {
                last = Some(speed);
            }
        }
    }

    #[test]
    fn uniform_walks_stay_in_their_range() {
        let mut keys = [0.0; 64];
        let mut walk = Walk::new(Distribution::Uniform, 0, 7, None, 16, &mut keys).unwrap();
        let mut point = [0.0; 16];
        for _ in 0..200 {
            walk.next_into(&mut point).unwrap();
            assert!(point.iter().all(|x| (-1.0..=1.0).contains(x)));
        }
    }

    #[test]
    fn wrong_sizes_are_named() {
        let mut keys = [0.0; 8];
        let mut new = |steps, len| {
            Walk::new(Distribution::Normal, 0, steps, None, len, &mut keys).map(|_| ())
        };
        assert_eq!(
            new(1, 3),
            Err(WalkError::Buffer {
                expected: 12,
                found: 8
            })
        );
        assert_eq!(new(0, 2), Err(WalkError::NoSteps));
        assert_eq!(new(1, 0), Err(WalkError::LatentLength { found: 0 }));
        assert_eq!(
            new(1, usize::MAX),
            Err(WalkError::LatentLength { found: usize::MAX })
        );
        let mut walk = Walk::new(Distribution::Normal, 0, 1, None, 2, &mut keys).unwrap();
        assert_eq!(
            walk.next_into(&mut [0.0; 3]),
            Err(WalkError::Output {
                expected: 2,
                found: 3
            })
        );
    }
}
