//! A counter-based stream of random numbers, addressed by seed, domain, stream and step.

use core::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Bytes of a domain tag that fit the key as they are; longer tags are folded (see
/// [`Stream::new`]).
pub const MAX_DOMAIN_LEN: usize = 16;

/// Below this truncation the normal density over `[-t, t]` is flat to within `t^2 / 2` = 0.013 %.
const FLAT_TRUNCATION: f32 = 1.0 / 64.0;

/// Random numbers that depend on nothing but their address: a seed, a domain tag, a stream number
/// and a step. Two streams that differ in any of the four are independent, and any of them can be
/// opened without running the others first, which is what makes a resumed training run exact.
///
/// The words and the numbers made from them are part of the [contract](crate::latent) and will not
/// change.
///
/// ```
/// use dreamlet_runtime::latent::Stream;
/// let mut order: [u32; 5] = [0, 1, 2, 3, 4];
/// Stream::at(7, "shuffle", 0, 3).shuffle(&mut order);
/// let mut again: [u32; 5] = [0, 1, 2, 3, 4];
/// Stream::at(7, "shuffle", 0, 3).shuffle(&mut again);
/// assert_eq!(order, again);
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    words: ChaCha8Rng,
    /// The second number of a Box-Muller pair, kept for the next call of [`Stream::normal`].
    spare: Option<f32>,
}

impl Stream {
    /// Opens stream number `stream` of `domain` under `seed`, at step 0.
    ///
    /// `domain` names what the numbers are for (`"init"`, `"shuffle"`). Tags of up to
    /// [`MAX_DOMAIN_LEN`] bytes without NUL at their end never collide; of a longer one, byte `i`
    /// is XORed into place `i mod 16`.
    #[must_use]
    pub fn new(seed: u64, domain: &str, stream: u64) -> Self {
        Self::at(seed, domain, stream, 0)
    }

    /// Opens the stream of one step, such as a training step or an epoch. Step 0 is
    /// [`Stream::new`].
    #[must_use]
    pub fn at(seed: u64, domain: &str, stream: u64, step: u64) -> Self {
        let mut tag = [0u8; MAX_DOMAIN_LEN];
        for chunk in domain.as_bytes().chunks(MAX_DOMAIN_LEN) {
            for (place, byte) in tag.iter_mut().zip(chunk) {
                *place ^= byte;
            }
        }
        let mut key = [0u8; 32];
        let parts = seed
            .to_le_bytes()
            .into_iter()
            .chain(tag)
            .chain(step.to_le_bytes());
        for (place, byte) in key.iter_mut().zip(parts) {
            *place = byte;
        }
        let mut words = ChaCha8Rng::from_seed(key);
        words.set_stream(stream);
        Self { words, spare: None }
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.words.next_u32()
    }

    /// The next 64 random bits: two words, the low half first.
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | (u64::from(self.next_u32()) << 32)
    }

    /// A uniform number in (0, 1], a multiple of 2^-24, from one word.
    pub fn uniform(&mut self) -> f32 {
        // At most 2^24, which f32 holds exactly.
        ((self.next_u32() >> 8) + 1) as f32 * (1.0 / 16_777_216.0)
    }

    /// A number from N(0, 1), at most 5.77 in size. Two calls use two words (Box-Muller makes
    /// pairs).
    pub fn normal(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(f64::from(self.uniform())));
        let angle = TAU * f64::from(self.uniform());
        // It is positive, so this changes nothing. But compilers see now that large angles, which
        // take more code than all others, do not occur.
        let angle = f64::from_bits(angle.to_bits().min(TAU.to_bits()));
        let (sin, cos) = libm::sincos(angle);
        self.spare = Some((radius * sin) as f32);
        (radius * cos) as f32
    }

    /// A number from N(0, 1) given that its size is at most `truncation`, by drawing again; see the
    /// [contract](crate::latent) for tiny and meaningless limits.
    pub fn truncated_normal(&mut self, truncation: f32) -> f32 {
        if truncation.is_nan() || truncation <= 0.0 {
            return 0.0;
        }
        if truncation < FLAT_TRUNCATION {
            return truncation * (2.0 * self.uniform() - 1.0);
        }
        loop {
            let x = self.normal();
            if x.abs() <= truncation {
                return x;
            }
        }
    }

    /// Fills `out` with numbers from N(0, 1).
    pub fn fill_normal(&mut self, out: &mut [f32]) {
        for x in out {
            *x = self.normal();
        }
    }

    /// Fills `out` with uniform numbers in (0, 1].
    pub fn fill_uniform(&mut self, out: &mut [f32]) {
        for x in out {
            *x = self.uniform();
        }
    }

    /// An unbiased index in `0..n`, or 0 for `n = 0`. Takes one word below 2^32 and two above, more
    /// with a small chance (Lemire, "Fast random integer generation in an interval", 2019, alg. 5),
    /// so the result does not depend on the target's pointer width.
    pub fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        if n == 0 {
            return 0;
        }
        let index = match u32::try_from(n) {
            Ok(n) => u64::from(self.below_u32(n)),
            Err(_) => self.below_u64(n),
        };
        index as usize
    }

    fn below_u32(&mut self, n: u32) -> u32 {
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    fn below_u64(&mut self, n: u64) -> u64 {
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts `items` into a uniformly random order (Fisher-Yates, from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_differ_in_one_coordinate_differ() {
        let first = |mut s: Stream| (s.next_u32(), s.next_u32());
        let base = first(Stream::at(1, "a", 2, 3));
        assert_eq!(base, first(Stream::at(1, "a", 2, 3)));
        for other in [
            Stream::at(2, "a", 2, 3),
            Stream::at(1, "b", 2, 3),
            Stream::at(1, "a", 3, 3),
            Stream::at(1, "a", 2, 4),
        ] {
            assert_ne!(base, first(other));
        }
        assert_eq!(
            first(Stream::new(1, "a", 2)),
            first(Stream::at(1, "a", 2, 0))
        );
        assert_ne!(
            first(Stream::new(1, "0123456789abcdefX", 2)),
            first(Stream::new(1, "0123456789abcdefY", 2))
        );
    }

    #[test]
    fn normals_have_mean_0_variance_1_and_normal_tails() {
        let mut s = Stream::new(5, "test", 0);
        let n = 200_000;
        let (mut sum, mut square, mut beyond) = (0.0f64, 0.0f64, 0u32);
        for _ in 0..n {
            let x = f64::from(s.normal());
            assert!(x.abs() < 5.78);
            sum += x;
            square += x * x;
            beyond += u32::from(x.abs() > 1.959_964);
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.01);
        assert!((square / n - 1.0).abs() < 0.015);
        assert!((f64::from(beyond) / n - 0.05).abs() < 0.003);
    }

    #[test]
    fn uniforms_are_never_zero_and_reach_all_of_the_interval() {
        let mut s = Stream::new(5, "test", 1);
        let (mut low, mut high) = (1.0f32, 0.0f32);
        for _ in 0..100_000 {
            let u = s.uniform();
            assert!(u > 0.0 && u <= 1.0);
            low = low.min(u);
            high = high.max(u);
        }
        assert!(low < 1e-4 && high > 1.0 - 1e-4);
    }

    #[test]
    fn below_is_in_range_even_and_total() {
        let mut s = Stream::new(9, "test", 0);
        assert_eq!(s.below(0), 0);
        assert_eq!(s.below(1), 0);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[s.below(7)] += 1;
        }
        assert!(
            counts.iter().all(|c| c.abs_diff(10_000) < 400),
            "{counts:?}"
        );
        #[cfg(target_pointer_width = "64")]
        for _ in 0..100 {
            assert!(s.below(1 << 40) < 1 << 40);
        }
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: [usize; 100] = core::array::from_fn(|i| i);
        Stream::new(3, "shuffle", 0).shuffle(&mut items);
        assert_ne!(items, core::array::from_fn(|i| i));
        items.sort_unstable();
        assert_eq!(items, core::array::from_fn(|i| i));
    }
}
