//! Functions of f32 without branches or calls, so that loops over them become vectors. They are the
//! same on every target: no product is fused with a sum.

/// `2^n`, where `n` is an integer from -127 (which gives 0) to 127 that was added to [`MAGIC`].
#[inline(always)]
fn power_of_two(magic: f32) -> f32 {
    f32::from_bits((magic.to_bits() << 23).wrapping_add(127 << 23))
}

/// 1.5 * 2^23: what is added to it is rounded to an integer, which stands in its lowest bits.
const MAGIC: f32 = 12_582_912.0;

/// `n` (as [`MAGIC`] plus `n`) and what [`tail`] makes of `r`, where `x = n ln 2 + r`.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let magic = x * core::f32::consts::LOG2_E + MAGIC;
    let n = magic - MAGIC;
    // ln 2 in two parts, the first of few bits.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    (magic, tail(r))
}

/// `exp(r) - 1` for `r` within half of ln 2; the coefficients are those of Cephes' `expf`.
#[inline(always)]
fn tail(r: f32) -> f32 {
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = sum * r + coefficient;
    }
    sum * r * r + r
}

/// Smallest number whose [`exp`] is not 0.
const EXP_LEAST: f32 = -87.0;

#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let (magic, tail) = split(x);
    // In two factors: 2^128 is none.
    let half = power_of_two(magic - 1.0);
    let value = (tail + 1.0) * half * 2.0;
    let value = if x < EXP_LEAST { 0.0 } else { value };
    if x > 88.722_83 { f32::INFINITY } else { value }
}

/// `exp(x) - 1` for `x` up to 0.
#[inline(always)]
pub(in super::super) fn exp_m1(x: f32) -> f32 {
    let (magic, tail) = split(x);
    let scale = power_of_two(magic);
    let value = tail * scale + (scale - 1.0);
    if x < EXP_LEAST { -1.0 } else { value }
}

/// The coefficients are those of Cephes' `logf`.
#[inline(always)]
pub(super) fn log(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits();
    // The mantissa from sqrt(1/2) to sqrt(2).
    let shifted = bits.wrapping_sub(core::f32::consts::FRAC_1_SQRT_2.to_bits());
    let exponent = (shifted.cast_signed() >> 23) as f32;
    let exponent = if subnormal { exponent - 23.0 } else { exponent };
    let mantissa = bits.wrapping_sub(shifted & 0xFF80_0000);
    let r = f32::from_bits(mantissa) - 1.0;
    let square = r * r;
    let mut sum = 7.037_683_6e-2;
    for coefficient in [
        -0.115_146_1,
        0.116_769_99,
        -0.124_201_41,
        0.142_493_23,
        -0.166_680_58,
        0.200_007_14,
        -0.249_999_94,
        0.333_333_3,
    ] {
        sum = sum * r + coefficient;
    }
    let small = sum * r * square - exponent * 2.121_944_4e-4 - 0.5 * square;
    let value = r + small + exponent * 0.693_359_4;
    let value = if x < f32::INFINITY { value } else { x };
    let value = if x > 0.0 { value } else { f32::NAN };
    if x == 0.0 { f32::NEG_INFINITY } else { value }
}

/// `ln(1 + exp(x))`.
#[inline(always)]
pub(super) fn softplus(x: f32) -> f32 {
    let t = exp(-x.abs());
    // 1 + t is rounded; what it has lost is added again.
    let sum = 1.0 + t;
    let lost = t - (sum - 1.0);
    max(x, 0.0) + (log(sum) + lost / sum)
}

/// Greatest number whose [`sin`] and [`cos`] are exact to the last bits.
pub(super) const MOST_ANGLE: f32 = 30_000.0;

/// Sine of `r + n pi`, with `n` in the lowest bits of `magic`: `r` is within half of pi. The
/// coefficients are those of SLEEF's `sinf`.
#[inline(always)]
fn sin_within(r: f32, magic: f32) -> f32 {
    let square = r * r;
    let mut sum = 2.608_316e-6;
    for coefficient in [-1.981_069e-4, 8.333_079e-3, -0.166_666_6] {
        sum = sum * square + coefficient;
    }
    let value = sum * square * r + r;
    // Every other half turn is the other way around.
    f32::from_bits(value.to_bits() ^ magic.to_bits() << 31)
}

/// `x - n pi` with pi in four parts, all but the last of few bits.
#[inline(always)]
fn less_pi(x: f32, n: f32) -> f32 {
    x - n * 3.140_625 - n * 9.670_257_6e-4 - n * 6.277_114e-7 - n * 1.215_420_1e-10
}

#[inline(always)]
pub(super) fn sin(x: f32) -> f32 {
    let magic = x * core::f32::consts::FRAC_1_PI + MAGIC;
    sin_within(less_pi(x, magic - MAGIC), magic)
}

#[inline(always)]
pub(super) fn cos(x: f32) -> f32 {
    // cos(r + (n + 1/2) pi) = -sin(r + n pi).
    let magic = x * core::f32::consts::FRAC_1_PI - 0.5 + MAGIC;
    -sin_within(less_pi(x, magic - MAGIC + 0.5), magic)
}

/// To the nearest integer, halves to the even one.
#[inline(always)]
pub(super) fn round(x: f32) -> f32 {
    // 2^23 with the sign of x: the sum has no room for fractions.
    let large = f32::from_bits(0x4B00_0000 | x.to_bits() & 0x8000_0000);
    let rounded = (x + large) - large;
    if x.abs() < 8_388_608.0 { rounded } else { x }
}

#[inline(always)]
pub(super) fn floor(x: f32) -> f32 {
    let rounded = round(x);
    if rounded > x { rounded - 1.0 } else { rounded }
}

#[inline(always)]
pub(super) fn ceil(x: f32) -> f32 {
    let rounded = round(x);
    if rounded < x { rounded + 1.0 } else { rounded }
}

#[inline(always)]
pub(super) fn trunc(x: f32) -> f32 {
    if x < 0.0 { ceil(x) } else { floor(x) }
}

#[inline(always)]
pub(super) fn sign(x: f32) -> f32 {
    let negative = if x < 0.0 { -1.0 } else { x };
    if x > 0.0 { 1.0 } else { negative }
}

/// The remainder of `x / y` with the sign of `x`, exact; libm's `fmodf` links a panic.
pub(super) fn remainder(x: f32, y: f32) -> f32 {
    if x == 0.0 && y != 0.0 && !y.is_nan() {
        return x;
    }
    if y == 0.0 || x.abs() == f32::INFINITY || x.is_nan() || y.is_nan() {
        return f32::NAN;
    }
    let (mut exponent, mut rest) = parts(x.abs());
    let (least, divisor) = parts(y.abs());
    if exponent < least {
        return x;
    }
    // Long division, of which only the rest is kept.
    while exponent > least {
        if rest >= divisor {
            rest -= divisor;
        }
        rest <<= 1;
        exponent -= 1;
    }
    if rest >= divisor {
        rest -= divisor;
    }
    while rest > 0 && rest < IMPLICIT {
        rest <<= 1;
        exponent -= 1;
    }
    let magnitude = match exponent {
        _ if rest == 0 => 0,
        1.. => exponent.cast_unsigned() << 23 | rest & (IMPLICIT - 1),
        // A subnormal number has no implicit bit; what is moved out is 0.
        _ => rest.unbounded_shr((1 - exponent).cast_unsigned()),
    };
    f32::from_bits(magnitude | x.to_bits() & 0x8000_0000)
}

/// The bit of a mantissa that is not written.
const IMPLICIT: u32 = 1 << 23;

/// Exponent and mantissa, with its implicit bit, of a number above 0.
#[inline(always)]
fn parts(x: f32) -> (i32, u32) {
    let exponent = (x.to_bits() >> 23).cast_signed();
    let mantissa = x.to_bits() & (IMPLICIT - 1);
    if exponent > 0 {
        return (exponent, mantissa | IMPLICIT);
    }
    let missing = mantissa.leading_zeros().saturating_sub(8);
    (1 - missing.cast_signed(), mantissa.unbounded_shl(missing))
}

/// The greater one.
#[inline(always)]
pub(super) fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller one.
#[inline(always)]
pub(super) fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// A truth value.
#[inline(always)]
pub(super) fn truth(holds: bool) -> f32 {
    if holds { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest error of `f` on points from `low` to `high`, relative to numbers above 1.
    fn error(f: fn(f32) -> f32, right: fn(f64) -> f64, low: f32, high: f32) -> f64 {
        (0..200_000)
            .map(|i| low + (high - low) * (i as f32 / 200_000.0))
            .map(|x| {
                let right = right(x.into());
                (f64::from(f(x)) - right).abs() / right.abs().max(1.0)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_right_to_the_last_bits() {
        assert!(error(exp, f64::exp, -90.0, 88.7) < 3e-7);
        assert!(error(exp_m1, f64::exp_m1, -90.0, 0.0) < 2e-7);
        assert!(error(log, f64::ln, 1e-6, 3.0) < 2e-7);
        assert!(error(log, f64::ln, 1.0, 1e9) < 2e-7);
        assert!(error(softplus, |x| x.exp().ln_1p(), -90.0, 90.0) < 3e-7);
        assert!(error(sin, f64::sin, -400.0, 400.0) < 3e-7);
        assert!(error(cos, f64::cos, -400.0, 400.0) < 3e-7);
        assert!(error(sin, f64::sin, 2e4, MOST_ANGLE) < 1e-6);
        // Relative to the result where it is small.
        for i in 1..1000 {
            let x = -1e-4 * i as f32;
            let right = f64::from(x).exp_m1();
            assert!((f64::from(exp_m1(x)) / right - 1.0).abs() < 3e-7, "{x}");
        }
    }

    #[test]
    fn ends_of_the_range_are_right() {
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(exp(89.0), f32::INFINITY);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp_m1(f32::NEG_INFINITY), -1.0);
        assert_eq!(log(0.0), f32::NEG_INFINITY);
        assert_eq!(log(f32::INFINITY), f32::INFINITY);
        assert_eq!(log(1.0), 0.0);
        assert!(log(-1.0).is_nan() && log(f32::NAN).is_nan() && exp(f32::NAN).is_nan());
        assert!((log(1e-40) - 1e-40f32.ln()).abs() < 1e-5);
        assert_eq!(softplus(1e30), 1e30);
        assert_eq!(softplus(f32::NEG_INFINITY), 0.0);
    }

    #[test]
    fn remainders_are_exact() {
        let mut numbers = std::vec::Vec::new();
        let mut bits: u32 = 1;
        for _ in 0..600 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            numbers.push(f32::from_bits(bits));
            numbers.push((bits >> 8) as f32 / 1000.0 - 8000.0);
        }
        let ends = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            2.5,
            1e-45,
            -1e-40,
            f32::MAX,
            f32::MIN_POSITIVE,
        ];
        numbers.extend(ends);
        numbers.extend([f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
        for &x in &numbers {
            for &y in &numbers {
                let (found, right) = (remainder(x, y), x % y);
                let same = found.to_bits() == right.to_bits();
                assert!(
                    same || found.is_nan() && right.is_nan(),
                    "{x} % {y}: {found}, {right}"
                );
            }
        }
    }

    #[test]
    fn rounding_is_rounding() {
        for i in -4000..4000 {
            let x = i as f32 / 8.0;
            assert_eq!(round(x), x.round_ties_even(), "{x}");
            assert_eq!(floor(x), x.floor(), "{x}");
            assert_eq!(ceil(x), x.ceil(), "{x}");
            assert_eq!(trunc(x), x.trunc(), "{x}");
        }
        for x in [1e9, -1e9, 8_388_607.5, f32::INFINITY, 16_777_217.0] {
            assert_eq!(round(x), x.round_ties_even());
            assert_eq!(floor(x), x.floor());
        }
        assert_eq!([sign(3.0), sign(-0.5), sign(0.0)], [1.0, -1.0, 0.0]);
    }
}
