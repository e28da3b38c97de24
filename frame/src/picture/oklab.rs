//! Distances between colours as eyes see them: OKLab (Ottosson, "A perceptual color space for image
//! processing", 2020), and linear light (sRGB, IEC 61966-2-1).

/// The light of an sRGB level of 0 to 1.
pub(super) fn linear(level: f32) -> f32 {
    match level {
        ..=0.04045 => level / 12.92,
        _ => ((level + 0.055) / 1.055).powf(2.4),
    }
}

/// Lightness and the two colour axes of a colour in linear light.
pub(super) fn oklab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_has_lightness_one_and_no_colour() {
        let [l, a, b] = oklab([1.0; 3]);
        assert!((l - 1.0).abs() < 1e-3 && a.abs() < 1e-3 && b.abs() < 1e-3);
    }

    #[test]
    fn red_is_where_the_author_says() {
        // Ottosson's page: sRGB red is (0.628, 0.225, 0.126).
        let found = oklab([1.0, 0.0, 0.0]);
        for (found, expected) in found.into_iter().zip([0.628, 0.225, 0.126]) {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
    }
}
