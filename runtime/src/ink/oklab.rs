//! OKLab in integers: a space in which distances are about as large as they look (Ottosson, "A
//! perceptual color space for image processing", 2020, with the matrices of 2021-01-25).

use super::linear::{ONE, root};

/// Bits of the fractions of the matrices.
const BITS: u32 = 14;

/// Light to the answers of the eye's cones.
const CONES: [[i32; 3]; 3] = fixed([
    [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
    [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
    [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
]);
/// Their cube roots to lightness, green to red and blue to yellow.
const AXES: [[i32; 3]; 3] = fixed([
    [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
    [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
    [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
]);

const fn fixed(matrix: [[f64; 3]; 3]) -> [[i32; 3]; 3] {
    let mut out = [[0; 3]; 3];
    let mut i = 0;
    while i < 9 {
        let value = matrix[i / 3][i % 3] * (1 << BITS) as f64;
        out[i / 3][i % 3] = (if value < 0.0 {
            value - 0.5
        } else {
            value + 0.5
        }) as i32;
        i += 1;
    }
    out
}

/// A colour: lightness and two axes, in 1/16384.
pub(super) type Lab = [i32; 3];

/// The colour of light. Less than none, and more than all, are colours too: errors add up to them.
pub(super) const fn oklab(light: [i32; 3]) -> Lab {
    // In 1/65536, so that dark ones have digits.
    let cones = times(&CONES, light, BITS - 2);
    times(
        &AXES,
        [
            cube_root(cones[0]),
            cube_root(cones[1]),
            cube_root(cones[2]),
        ],
        BITS,
    )
}

const fn times(matrix: &[[i32; 3]; 3], x: [i32; 3], bits: u32) -> [i32; 3] {
    let half = 1 << (bits - 1);
    let mut out = [0; 3];
    let mut i = 0;
    while i < 3 {
        let [a, b, c] = matrix[i];
        out[i] = (a * x[0] + b * x[1] + c * x[2] + half) >> bits;
        i += 1;
    }
    out
}

/// How far two colours are from one another, squared.
pub(super) const fn distance(a: Lab, b: Lab) -> u32 {
    // Even of the largest errors each is below three: the sum fits.
    let [l, m, n] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    (l * l) as u32 + (m * m) as u32 + (n * n) as u32
}

/// The table's steps, and where it begins: below, numbers are multiplied by 8 until they are not.
const STEP: u32 = 512;
const FIRST: u32 = 1 << 13;
const ROOTS: [u16; 114] = {
    let mut table = [0; 114];
    let mut i = 0;
    while i < 114 {
        let x = (FIRST + i as u32 * STEP) as f64 / 65536.0;
        table[i] = (root(x, 3) * ONE as f64 + 0.5) as u16;
        i += 1;
    }
    table
};

/// The cube root of `of / 65536`, in 1/16384.
const fn cube_root(of: i32) -> i32 {
    let mut rest = of.unsigned_abs();
    if rest == 0 {
        return 0;
    }
    let (mut halvings, mut doublings) = (0, 0);
    while rest < FIRST {
        rest <<= 3;
        halvings += 1;
    }
    while rest > 8 * FIRST {
        rest >>= 3;
        doublings += 1;
    }
    let at = ((rest - FIRST) / STEP) as usize;
    let share = ((rest - FIRST) % STEP) as i32;
    let (low, high) = (ROOTS[at % 113] as i32, ROOTS[at % 113 + 1] as i32);
    let root = (low + (high - low) * share / STEP as i32) >> halvings << doublings;
    if of < 0 { -root } else { root }
}

#[cfg(test)]
mod tests {
    use super::super::linear::light;
    use super::*;

    /// By the paper, in f64.
    fn exact(rgb: [u8; 3]) -> [f64; 3] {
        let light = light(rgb).map(|channel| f64::from(channel) / f64::from(ONE));
        let dot = |row: [f64; 3], x: [f64; 3]| row[0] * x[0] + row[1] * x[1] + row[2] * x[2];
        let cones = [
            dot([0.4122214708, 0.5363325363, 0.0514459929], light),
            dot([0.2119034982, 0.6806995451, 0.1073969566], light),
            dot([0.0883024619, 0.2817188376, 0.6299787005], light),
        ]
        .map(f64::cbrt);
        [
            dot([0.2104542553, 0.7936177850, -0.0040720468], cones),
            dot([1.9779984951, -2.4285922050, 0.4505937099], cones),
            dot([0.0259040371, 0.7827717662, -0.8086757660], cones),
        ]
    }

    #[test]
    fn integers_are_within_a_thousandth_and_a_half_of_the_paper() {
        for i in 0..17 * 17 * 17 {
            let rgb = [i % 17, i / 17 % 17, i / 289].map(|step| (step * 15).min(255) as u8);
            let found = oklab(light(rgb)).map(|axis| f64::from(axis) / f64::from(ONE));
            for (found, exact) in found.into_iter().zip(exact(rgb)) {
                assert!(
                    (found - exact).abs() < 0.0015,
                    "{rgb:?}: {found} for {exact}"
                );
            }
        }
    }

    #[test]
    fn white_is_the_lightest_and_greys_have_no_colour() {
        let [lightness, a, b] = oklab([ONE; 3]);
        assert!(lightness.abs_diff(ONE) <= 2 && a.abs() <= 3 && b.abs() <= 3);
        assert_eq!(oklab([0; 3]), [0; 3]);
        assert_eq!(oklab([-ONE; 3])[0], -oklab([ONE; 3])[0]);
        // Errors make at most three times the light of white.
        assert!(oklab([27 * ONE / 8; 3])[0].abs_diff(3 * ONE / 2) < 40);
    }
}
