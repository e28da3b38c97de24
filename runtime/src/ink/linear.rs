//! Light in integers: a byte of sRGB is no amount of light, and only amounts can be mixed.

/// The whole of a channel's light.
pub(super) const ONE: i32 = 1 << 14;

/// The light of a byte of sRGB (IEC 61966-2-1, sec. 5.2).
pub(super) const fn from_srgb(byte: u8) -> i32 {
    LIGHT[byte as usize] as i32
}

/// The light of a colour.
pub(super) const fn light([red, green, blue]: [u8; 3]) -> [i32; 3] {
    [from_srgb(red), from_srgb(green), from_srgb(blue)]
}

const LIGHT: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as f64 / 255.0;
        let light = if value <= 0.04045 {
            value / 12.92
        } else {
            // x^2.4 is the fifth root of x^12.
            let x = (value + 0.055) / 1.055;
            let x4 = x * x * x * x;
            root(x4 * x4 * x4, 5)
        };
        table[byte] = (light * ONE as f64 + 0.5) as u16;
        byte += 1;
    }
    table
};

/// The root of a number between 0 and 1, by Newton's method: `core` has no powers in constants.
pub(super) const fn root(of: f64, degree: u32) -> f64 {
    let mut x = 1.0;
    let mut step = 0;
    while step < 60 {
        let mut power = 1.0;
        let mut i = 1;
        while i < degree {
            power *= x;
            i += 1;
        }
        let next = x - (x - of / power) / degree as f64;
        if next <= 0.0 {
            break;
        }
        x = next;
        step += 1;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_is_that_of_the_standard() {
        for byte in 0..=255 {
            let value = f64::from(byte) / 255.0;
            let light = if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            };
            let found = f64::from(from_srgb(byte)) / f64::from(ONE);
            assert!((found - light).abs() <= 0.51 / f64::from(ONE), "{byte}");
        }
    }
}
