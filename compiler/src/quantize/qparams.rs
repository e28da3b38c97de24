//! What a quantized tensor's integers mean, and the arithmetic between two of them.

use dreamlet_runtime::engine::compiled::format::DType;
use dreamlet_runtime::image::PixelRange;

/// How a tensor's elements are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Format {
    /// As they are.
    F32,
    /// Integers of this kind times a scale.
    Scaled(DType, f64),
    /// Unsigned 8-bit integers: the pixels of the image.
    Pixels(PixelRange),
}

impl Format {
    /// 8-bit integers with the range `range`.
    pub(super) fn int8(unsigned: bool, range: f64) -> Self {
        if unsigned {
            Self::Scaled(DType::U8, range / 255.0)
        } else {
            Self::Scaled(DType::I8, range / 127.0)
        }
    }

    /// 16-bit integers with the range `range`.
    pub(super) fn int16(range: f64) -> Self {
        Self::Scaled(DType::I16, range / 32767.0)
    }

    /// What the device calls it.
    pub(super) const fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Scaled(dtype, _) => dtype,
            Self::Pixels(_) => DType::U8,
        }
    }

    /// What is nearest to `x`, before it is rounded to an integer.
    pub(super) fn position(self, x: f64) -> f64 {
        let (low, high) = limits(self.dtype());
        let position = match self {
            Self::F32 => return x,
            Self::Scaled(_, scale) => x / scale,
            Self::Pixels(range) => {
                let (black, white) = (f64::from(range.low), f64::from(range.high));
                (x - black) / (white - black) * 255.0
            }
        };
        position.max(low).min(high)
    }
}

/// The least and the greatest integer of a kind.
pub(super) const fn limits(dtype: DType) -> (f64, f64) {
    match dtype {
        DType::I8 => (-127.0, 127.0),
        DType::U8 => (0.0, 255.0),
        _ => (-32767.0, 32767.0),
    }
}

/// Integers that are nearly `factors` times `2^shift`, the greatest of which uses 31 bits, and
/// `shift`. A factor has a relative error of `2^-31` times the ratio of the greatest to it.
pub(super) fn multipliers(factors: &[f64]) -> (Vec<i32>, u32) {
    let most = factors.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let shift = if most > 0.0 && most.is_finite() {
        (30.0 - most.log2().floor()).clamp(1.0, 62.0) as u32
    } else {
        62
    };
    let scale = f64::from(shift).exp2();
    // `as` saturates.
    let all = factors.iter().map(|x| (x * scale).round() as i32);
    (all.collect(), shift)
}

/// The two multipliers of a sum of bytes that are nearly `factors` times `2^shift`, and the greatest
/// `shift` with which every sum fits 32 bits. Factors that do not fit at all saturate.
pub(super) fn sum_multipliers(factors: [f64; 2]) -> ([i32; 2], u32) {
    let mut shift = 30;
    loop {
        let half = f64::from(shift - 1).exp2();
        let room = ((f64::from(i32::MAX) - half) / 255.0).floor();
        let multipliers = factors.map(|x| (x * f64::from(shift).exp2()).round());
        let fits = multipliers[0].abs() + multipliers[1].abs() <= room;
        if fits || shift == 1 {
            let most = if fits { room } else { (room / 2.0).floor() };
            // `as` makes 0 of NaN.
            return (multipliers.map(|x| x.clamp(-most, most) as i32), shift);
        }
        shift -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers_of_sums_are_as_large_as_32_bits_allow() {
        for factors in [
            [1.0, 1.0],
            [0.01, -0.02],
            [4.0, 1e-3],
            [300.0, -300.0],
            [1e-7, 0.0],
        ] {
            let (multipliers, shift) = sum_multipliers(factors);
            assert!((1..=30).contains(&shift), "{shift}");
            let sum: i64 = multipliers.iter().map(|m| i64::from(*m).abs()).sum();
            assert!(sum * 255 + (1 << (shift - 1)) <= i64::from(i32::MAX));
            for (factor, multiplier) in factors.iter().zip(multipliers) {
                let found = f64::from(multiplier) / f64::from(shift).exp2();
                // What 255 of it are off, in levels, with factors around 1.
                let off = 255.0 * (found - factor).abs() / factor.abs().max(1.0);
                assert!(off < 1e-3, "{factor}: {off}");
            }
        }
        for factors in [[1e30, -1e30], [f64::INFINITY, 1.0], [f64::NAN, 1.0]] {
            let (multipliers, shift) = sum_multipliers(factors);
            let sum: i64 = multipliers.iter().map(|m| i64::from(*m).abs()).sum();
            assert!(sum * 255 + (1 << (shift - 1)) <= i64::from(i32::MAX));
        }
    }

    #[test]
    fn multipliers_are_as_near_as_31_bits_can_be() {
        for most in [1e-9, 3.7e-4, 0.5, 0.999_999_999, 1.0, 123.0, 5e8] {
            let factors = [most, most / 3.0, most / 1024.0];
            let (multipliers, shift) = multipliers(&factors);
            assert!((1..=62).contains(&shift), "{shift}");
            for (factor, multiplier) in factors.iter().zip(multipliers) {
                let found = f64::from(multiplier) / f64::from(shift).exp2();
                let error = (found / factor - 1.0).abs();
                assert!(error < f64::from(-20).exp2(), "{factor}: {error}");
            }
        }
    }

    #[test]
    fn factors_that_cannot_be_written_saturate() {
        assert_eq!(multipliers(&[0.0, 0.0]), (vec![0, 0], 62));
        assert_eq!(multipliers(&[1e12]), (vec![i32::MAX], 1));
        assert_eq!(multipliers(&[1e-30]), (vec![0], 62));
        assert_eq!(multipliers(&[f64::NAN]).0, [0]);
    }

    #[test]
    fn positions_stay_within_what_can_be_written() {
        let int8 = Format::int8(false, 2.54);
        assert!((int8.position(0.5) - 25.0).abs() < 1e-9);
        assert_eq!([int8.position(9.0), int8.position(-9.0)], [127.0, -127.0]);
        assert_eq!(Format::int8(true, 1.0).position(-0.5), 0.0);
        assert_eq!(Format::int16(1.0).position(-1.5), -32767.0);
        let pixels = Format::Pixels(PixelRange::SIGNED);
        assert_eq!(
            [-1.0, 0.0, 1.0, 7.0].map(|x| pixels.position(x)),
            [0.0, 127.5, 255.0, 255.0]
        );
    }
}
