//! The exponential function and what is made of it, in arithmetic that compilers turn into vectors:
//! libm's are calls, a number each.

/// exp(x) for x ≤ 0, to 2 units in the last place; 0 below −87, where single precision ends.
#[inline(always)]
pub(super) fn exp_negative(x: f32) -> f32 {
    // ln 2 in two parts, so that the remainder is exact (Cody and Waite 1980).
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5 · 2²³ rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x < -87.0 { -87.0 } else { x };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = (clamped - whole * HIGH) - whole * LOW;
    // The coefficients of Cephes' expf.
    let mut p = 1.987_569_1e-4;
    for coefficient in [
        1.398_2e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        p = p * r + coefficient;
    }
    let fraction = p * (r * r) + r + 1.0;
    // The low bits of `shifted` are the whole number: it goes into the exponent.
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x < -87.0 { 0.0 } else { fraction * scale }
}

/// ln(1 + e) for e from 0 to 1, to 3 units in the last place: 2·artanh(e / (2 + e)).
#[inline(always)]
fn ln_1p_of_unit(e: f32) -> f32 {
    let t = e / (2.0 + e);
    let square = t * t;
    // t ≤ ⅓: what comes after t¹⁵ is under 10⁻⁹.
    let mut p = 1.0 / 15.0;
    for coefficient in [
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
    ] {
        p = p * square + coefficient;
    }
    2.0 * (t + t * (square * p))
}

/// ln(1 + exp(x)) and 1 / (1 + exp(−x)).
#[inline(always)]
pub(super) fn softplus_sigmoid(x: f32) -> (f32, f32) {
    let e = exp_negative(-x.abs());
    let larger = 1.0 / (1.0 + e);
    let positive = if x > 0.0 { x } else { 0.0 };
    let sigmoid = if x > 0.0 { larger } else { e * larger };
    (positive + ln_1p_of_unit(e), sigmoid)
}

/// exp(x), infinite above 88.7.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let e = exp_negative(-x.abs());
    if x > 0.0 { 1.0 / e } else { e }
}

/// 1 / (1 + exp(−x)).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    let e = exp_negative(-x.abs());
    let larger = 1.0 / (1.0 + e);
    if x > 0.0 { larger } else { e * larger }
}

/// tanh(x), to 10⁻⁷.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let e = exp_negative(-2.0 * x.abs());
    ((1.0 - e) / (1.0 + e)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest error of `found` against `expected`, over what is 1 for large elements and `least`
    /// for small ones.
    fn error(found: fn(f32) -> f32, expected: fn(f64) -> f64, least: f64) -> f64 {
        (-20_000..=20_000)
            .map(|i| {
                let x = i as f32 * 0.004_3;
                let (found, expected) = (f64::from(found(x)), expected(f64::from(x)));
                (found - expected).abs() / expected.abs().max(least)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_those_of_double_precision() {
        let small = f64::from(f32::MIN_POSITIVE);
        assert!(error(exp, f64::exp, small) < 4e-7);
        assert!(
            error(
                |x| softplus_sigmoid(x).0,
                |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
                small
            ) < 4e-7
        );
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        assert!(error(|x| softplus_sigmoid(x).1, logistic, small) < 4e-7);
        assert!(error(sigmoid, logistic, small) < 4e-7);
        assert!(error(tanh, f64::tanh, 1.0) < 2e-7);
    }

    #[test]
    fn far_from_zero_they_end_as_they_should() {
        assert_eq!(exp_negative(0.0), 1.0);
        assert_eq!(exp_negative(-1000.0), 0.0);
        assert_eq!(exp(1000.0), f32::INFINITY);
        assert_eq!(softplus_sigmoid(300.0), (300.0, 1.0));
        assert_eq!(softplus_sigmoid(-300.0), (0.0, 0.0));
        assert_eq!((tanh(300.0), tanh(-300.0)), (1.0, -1.0));
        for function in [exp, sigmoid, tanh] {
            assert!(function(f32::NAN).is_nan());
        }
    }
}
