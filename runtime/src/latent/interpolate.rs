//! Between two latent vectors.

use core::fmt;

/// The slices of an interpolation have different lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthMismatch {
    /// Length of the first vector.
    pub expected: usize,
    /// Length of the other vector or of the output buffer, whichever differs.
    pub found: usize,
}

impl fmt::Display for LengthMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "vectors of {} and {} elements cannot be interpolated: give both and the output the same length",
            self.expected, self.found
        )
    }
}

impl core::error::Error for LengthMismatch {}

/// Vectors shorter than this have no direction.
const NO_LENGTH: f64 = 1e-12;
/// Below this sine of the angle two vectors count as parallel.
const PARALLEL: f64 = 1e-7;

fn check(a: &[f32], b: &[f32], out: &[f32]) -> Result<(), LengthMismatch> {
    for found in [b.len(), out.len()] {
        if found != a.len() {
            return Err(LengthMismatch {
                expected: a.len(),
                found,
            });
        }
    }
    Ok(())
}

/// Clamps to 0..=1; NaN becomes 0.
fn position(t: f32) -> f64 {
    if t > 0.0 { f64::from(t.min(1.0)) } else { 0.0 }
}

/// The straight line from `a` (at `t = 0`) to `b` (at `t = 1`), into `out`; `t` is clamped to 0..=1
/// and NaN is 0. Between two normal latents the middle is shorter than either, hence less varied:
/// see [`slerp`].
///
/// # Errors
/// [`LengthMismatch`] unless the three slices are equally long.
pub fn lerp(a: &[f32], b: &[f32], t: f32, out: &mut [f32]) -> Result<(), LengthMismatch> {
    check(a, b, out)?;
    let t = position(t);
    for ((a, b), out) in a.iter().zip(b).zip(out) {
        *out = ((1.0 - t) * f64::from(*a) + t * f64::from(*b)) as f32;
    }
    Ok(())
}

/// The great circle from `a` (at `t = 0`) to `b` (at `t = 1`), into `out`: the direction turns at
/// an even rate and the length changes linearly (Shoemake, "Animating rotation with quaternion
/// curves", 1985, sec. 3.3; for latents White, "Sampling generative networks", 2016, sec. 2.1). `t`
/// is clamped to 0..=1; NaN is 0.
///
/// Where no great circle is defined there is still an answer: (nearly) parallel vectors and vectors
/// of no length are joined by a straight line, and opposite ones by the half circle through the
/// coordinate axis on which `a` is smallest.
///
/// # Errors
/// [`LengthMismatch`] unless the three slices are equally long.
pub fn slerp(a: &[f32], b: &[f32], t: f32, out: &mut [f32]) -> Result<(), LengthMismatch> {
    check(a, b, out)?;
    let norm = |v: &[f32]| libm::sqrt(v.iter().map(|x| f64::from(*x) * f64::from(*x)).sum());
    let (norm_a, norm_b) = (norm(a), norm(b));
    if norm_a < NO_LENGTH || norm_b < NO_LENGTH {
        return lerp(a, b, t, out);
    }
    let pairs = || {
        a.iter()
            .zip(b)
            .map(|(a, b)| (f64::from(*a) / norm_a, f64::from(*b) / norm_b))
    };
    let cos: f64 = pairs().map(|(a, b)| a * b).sum();
    // The part of b at right angles to a, as a length: exact where acos would lose all digits.
    let sin = libm::sqrt(pairs().map(|(a, b)| (b - cos * a) * (b - cos * a)).sum());
    let t = position(t);
    let length = (1.0 - t) * norm_a + t * norm_b;
    if sin >= PARALLEL {
        let (turn_sin, turn_cos) = libm::sincos(t * libm::atan2(sin, cos));
        for (out, (a, b)) in out.iter_mut().zip(pairs()) {
            *out = (length * (turn_cos * a + turn_sin * (b - cos * a) / sin)) as f32;
        }
        return Ok(());
    }
    if cos > 0.0 {
        return lerp(a, b, t as f32, out);
    }
    let smallest = pairs()
        .map(|(a, _)| a)
        .enumerate()
        .fold((0, f64::INFINITY), |least, (i, a)| {
            if a.abs() < f64::abs(least.1) {
                (i, a)
            } else {
                least
            }
        });
    let side = libm::sqrt(1.0 - smallest.1 * smallest.1);
    if side < PARALLEL {
        // One dimension only: the line through zero is the only way.
        return lerp(a, b, t as f32, out);
    }
    let (turn_sin, turn_cos) = libm::sincos(t * core::f64::consts::PI);
    for (i, (out, (a, _))) in out.iter_mut().zip(pairs()).enumerate() {
        let axis = f64::from(u8::from(i == smallest.0));
        *out = (length * (turn_cos * a + turn_sin * (axis - smallest.1 * a) / side)) as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::fill_normal;

    fn norm(v: &[f32]) -> f64 {
        v.iter()
            .map(|x| f64::from(*x) * f64::from(*x))
            .sum::<f64>()
            .sqrt_()
    }

    trait Root {
        fn sqrt_(self) -> f64;
    }
    impl Root for f64 {
        fn sqrt_(self) -> f64 {
            libm::sqrt(self)
        }
    }

    fn vectors() -> ([f32; 64], [f32; 64]) {
        let (mut a, mut b) = ([0.0; 64], [0.0; 64]);
        fill_normal(1, None, &mut a);
        fill_normal(2, None, &mut b);
        (a, b)
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn both_ways_begin_at_a_and_end_at_b() {
        let (a, b) = vectors();
        let mut out = [0.0; 64];
        for way in [lerp, slerp] {
            for t in [0.0, -3.0, f32::NAN] {
                way(&a, &b, t, &mut out).unwrap();
                assert!(close(&out, &a));
            }
            for t in [1.0, 7.0] {
                way(&a, &b, t, &mut out).unwrap();
                assert!(close(&out, &b));
            }
        }
    }

    #[test]
    fn the_great_circle_keeps_the_length_between_its_ends() {
        let (a, b) = vectors();
        let mut out = [0.0; 64];
        for i in 0..=10 {
            let t = i as f32 / 10.0;
            slerp(&a, &b, t, &mut out).unwrap();
            let expected = norm(&a) + (norm(&b) - norm(&a)) * f64::from(t);
            assert!((norm(&out) - expected).abs() < 1e-4, "{t}");
        }
        lerp(&a, &b, 0.5, &mut out).unwrap();
        assert!(norm(&out) < 0.9 * norm(&a));
    }

    #[test]
    fn opposite_vectors_are_joined_by_a_half_circle_not_through_zero() {
        let (a, _) = vectors();
        let b = a.map(|x| -x);
        let mut out = [0.0; 64];
        for i in 0..=8 {
            slerp(&a, &b, i as f32 / 8.0, &mut out).unwrap();
            assert!((norm(&out) - norm(&a)).abs() < 1e-4);
        }
        assert!(close(&out, &b));
        let mut one = [9.0];
        slerp(&[2.0], &[-2.0], 0.5, &mut one).unwrap();
        assert_eq!(one, [0.0]);
    }

    #[test]
    fn zero_parallel_and_empty_vectors_have_an_answer() {
        let (a, _) = vectors();
        let zero = [0.0; 64];
        let mut out = [0.0; 64];
        for (from, to) in [
            (&a, &zero),
            (&zero, &a),
            (&zero, &zero),
            (&a, &a),
            (&a, &a.map(|x| 2.0 * x)),
        ] {
            slerp(from, to, 0.5, &mut out).unwrap();
            assert!(
                out.iter()
                    .zip(from.iter().zip(to))
                    .all(|(o, (x, y))| (o - (x + y) / 2.0).abs() < 1e-5)
            );
        }
        slerp(&[], &[], 0.5, &mut []).unwrap();
    }

    #[test]
    fn unequal_lengths_are_named() {
        let mut out = [0.0; 2];
        assert_eq!(
            lerp(&[1.0, 2.0], &[1.0], 0.5, &mut out),
            Err(LengthMismatch {
                expected: 2,
                found: 1
            })
        );
        assert_eq!(
            slerp(&[1.0], &[1.0], 0.5, &mut out),
            Err(LengthMismatch {
                expected: 1,
                found: 2
            })
        );
    }
}
