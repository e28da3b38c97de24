//! The 16-bit floats that weights are rounded to (IEEE 754 binary16), as the crate `half` has them.

use half::f16;

fn from_f32(x: f32) -> u16 {
    f16::from_f32(x).to_bits()
}

fn to_f32(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

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
    assert_eq!(f16::MAX.to_f32(), 65504.0);
    assert_eq!(to_f32(0x7bff), f16::MAX.to_f32());
    assert!(to_f32(from_f32(f32::NAN)).is_nan());
    assert_eq!(from_f32(f32::NEG_INFINITY), 0xfc00);
}
