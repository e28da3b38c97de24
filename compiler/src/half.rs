//! 16-bit floats (IEEE 754 binary16).

/// The largest number.
pub(crate) const MAX: f32 = 65504.0;

/// The nearest 16-bit float, of two equally near the one with an even last bit; infinity for what is nearer to 65536 than to [`MAX`].
pub(crate) fn from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // 65520, the middle between the largest number and what would be the next.
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    // Below the smallest normal number, 2^-14, the step is 2^-24: adding 1/2 puts that step at the last bit of an f32, which rounds it.
    if magnitude < 0x3880_0000 {
        let rounded = f32::from_bits(magnitude) + 0.5;
        return sign | (rounded.to_bits() - 0x3f00_0000) as u16;
    }
    // 13 bits fewer: a little less than half a step more, or half a step more where the last bit that stays is 1.
    let rounded = magnitude + 0x0fff + (magnitude >> 13 & 1);
    sign | ((rounded - 0x3800_0000) >> 13) as u16
}

/// The same number.
pub(crate) fn to_f32(half: u16) -> f32 {
    let magnitude = u32::from(half & 0x7fff);
    let x = match magnitude {
        0..0x0400 => magnitude as f32 / 16_777_216.0,
        0x0400..0x7c00 => f32::from_bits((magnitude << 13) + 0x3800_0000),
        0x7c00 => f32::INFINITY,
        _ => f32::NAN,
    };
    if half & 0x8000 == 0 { x } else { -x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_and_every_middle_goes_to_the_even_one() {
        for half in 0..0x7c00u16 {
            let x = to_f32(half);
            assert_eq!(from_f32(x), half);
            assert_eq!(from_f32(-x), half | 0x8000);
            let next = if half == 0x7bff {
                65536.0
            } else {
                to_f32(half + 1)
            };
            let middle = (x + next) / 2.0;
            let even = half + (half & 1);
            assert_eq!(from_f32(middle), even, "middle above {x}");
            assert_eq!(
                from_f32(middle.next_down()),
                half,
                "below the middle above {x}"
            );
            assert_eq!(
                from_f32(middle.next_up()),
                half + 1,
                "above the middle above {x}"
            );
        }
        assert_eq!(to_f32(0x3c00), 1.0);
        assert_eq!(to_f32(0xc000), -2.0);
        assert_eq!(to_f32(0x7bff), MAX);
        assert!(to_f32(from_f32(f32::NAN)).is_nan());
        assert_eq!(from_f32(f32::NEG_INFINITY), 0xfc00);
    }
}
