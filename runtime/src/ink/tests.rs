//! Flat fields: what is seen from afar is the colour that was wanted.

use std::vec;
use std::vec::Vec;

use super::linear::{ONE, light};
use super::oklab::oklab;
use super::{Dither, Ink, Inking, Palette};
use crate::image::{Bayer, ImageError};

const SIDE: usize = 96;
/// From one colour of the flat fields to the next: elsewhere an emulator runs them, a hundred times
/// slower.
const STEP: usize = if cfg!(target_arch = "x86_64") { 1 } else { 21 };
const ALL: [Dither; 6] = [
    Dither::None,
    Dither::Bayer(Bayer::Four),
    Dither::Bayer(Bayer::Eight),
    Dither::BlueNoise,
    Dither::FloydSteinberg,
    Dither::Atkinson,
];

/// The inks of an image.
fn inked(palette: &Palette, dither: Dither, width: usize, rgb: &[u8]) -> Vec<u8> {
    let mut errors = vec![0; Inking::scratch_len(dither, width)];
    let mut inking = Inking::new(palette, dither, width, &mut errors).unwrap();
    let mut inks = vec![0; rgb.len() / 3];
    for (rgb, inks) in rgb.chunks(3 * width).zip(inks.chunks_mut(width)) {
        inking.row(rgb, inks).unwrap();
    }
    inks
}

/// The mean light of inks.
fn mean(palette: &Palette, inks: &[u8]) -> [i32; 3] {
    let mut sum = [0i64; 3];
    for ink in inks {
        let light = light(palette.inks()[usize::from(*ink)].measured);
        for (sum, light) in sum.iter_mut().zip(light) {
            *sum += i64::from(light);
        }
    }
    sum.map(|sum| (sum / inks.len() as i64) as i32)
}

/// How far apart two colours of light look: in OKLab, times 100.
fn difference(a: [i32; 3], b: [i32; 3]) -> f64 {
    let square = oklab(a).into_iter().zip(oklab(b)).map(|(a, b)| {
        let d = f64::from(a - b) / f64::from(ONE);
        d * d
    });
    100.0 * square.sum::<f64>().sqrt()
}

fn colors() -> impl Iterator<Item = [u8; 3]> {
    let steps = [0, 40, 96, 150, 205, 255];
    (0..216).map(move |i| [steps[i % 6], steps[i / 6 % 6], steps[i / 36]])
}

/// The largest difference of a flat field's mean from the mix that it should show.
fn worst(palette: &Palette, dither: Dither) -> (f64, [u8; 3]) {
    let of = |rgb: [u8; 3]| {
        let inks = inked(palette, dither, SIDE, &rgb.repeat(SIDE * SIDE));
        // What a field of 96 pixels has at its upper border is no mean.
        let below = &inks[32 * SIDE..];
        difference(mean(palette, below), palette.light_of(&palette.mix(rgb)))
    };
    let all = colors().step_by(STEP).map(|rgb| (of(rgb), rgb));
    all.fold((0.0, [0; 3]), |a, b| if b.0 > a.0 { b } else { a })
}

#[test]
fn flat_fields_have_the_mean_of_their_mix() {
    // OKLab's distances times 100: between black and white there are 100. Bayer's matrix has 64
    // thresholds, blue noise 256.
    for (dither, most) in [
        (Dither::FloydSteinberg, 3.0),
        (Dither::Bayer(Bayer::Eight), 3.0),
        (Dither::BlueNoise, 1.0),
    ] {
        for palette in [
            Palette::SPECTRA_6,
            Palette::SEVEN_COLORS,
            Palette::BLACK_WHITE_RED,
            Palette::BLACK_WHITE_YELLOW,
            Palette::BLACK_WHITE,
        ] {
            let (difference, rgb) = worst(&palette, dither);
            assert!(
                difference < most,
                "{rgb:?} by {dither:?} is off by {difference}"
            );
        }
    }
}

#[test]
fn black_white_and_every_ink_of_a_mix_are_there() {
    let palette = Palette::SPECTRA_6;
    for dither in ALL {
        assert_eq!(
            inked(&palette, dither, 9, &[0; 9 * 27]),
            [0; 81],
            "{dither:?}"
        );
        assert_eq!(
            inked(&palette, dither, 9, &[255; 9 * 27]),
            [1; 81],
            "{dither:?}"
        );
    }
}

#[test]
fn mixes_add_up_and_keep_hue_and_brightness() {
    for palette in [Palette::SPECTRA_6, Palette::SEVEN_COLORS] {
        for rgb in colors() {
            let mix = palette.mix(rgb);
            assert_eq!(mix.iter().sum::<i32>(), ONE, "{rgb:?}");
            assert!(mix.iter().all(|share| *share >= 0), "{rgb:?}: {mix:?}");
        }
        let saturated = |rgb| {
            let [_, a, b] = oklab(palette.light_of(&palette.mix(rgb)));
            (a, b)
        };
        let (red, green) = (saturated([255, 0, 0]), saturated([0, 255, 0]));
        let (blue, yellow) = (saturated([0, 0, 255]), saturated([255, 255, 0]));
        assert!(red.0 > 1500 && green.0 < -250 && blue.1 < -1500 && yellow.1 > 500);
    }
}

/// The byte of sRGB nearest to light.
fn srgb(light: i32) -> u8 {
    let bytes = 0..=255;
    bytes
        .min_by_key(|byte| (super::linear::from_srgb(*byte) - light).abs())
        .unwrap()
}

#[test]
fn more_chroma_is_never_shown_as_less() {
    for palette in [
        Palette::SPECTRA_6,
        Palette::SEVEN_COLORS,
        Palette::BLACK_WHITE_RED,
    ] {
        for top in [[255, 0, 0], [0, 200, 60], [40, 60, 255], [255, 210, 0]] {
            let mut last = 0.0;
            let top = light(top);
            let grey = (2126 * top[0] + 7152 * top[1] + 722 * top[2]) / 10_000;
            for step in 0..=16 {
                let rgb = top.map(|c| srgb(grey + (c - grey) * step / 16));
                let [_, a, b] = oklab(palette.light_of(&palette.mix(rgb)));
                let chroma = f64::from(a).hypot(f64::from(b)) / f64::from(ONE);
                assert!(chroma > last - 0.012, "{rgb:?}: {chroma} after {last}");
                last = chroma;
            }
        }
    }
}

#[test]
fn rows_do_not_depend_on_how_they_are_asked_for() {
    let rgb: Vec<u8> = (0..3 * 40 * 30).map(|i| (i * 7 % 256) as u8).collect();
    let palette = Palette::SPECTRA_6;
    for dither in ALL {
        let whole = inked(&palette, dither, 40, &rgb);
        let mut errors = vec![7; Inking::scratch_len(dither, 40)];
        let mut inking = Inking::new(&palette, dither, 40, &mut errors).unwrap();
        let mut row = [0; 40];
        for (y, rgb) in rgb.chunks(120).enumerate() {
            inking.row(rgb, &mut row).unwrap();
            assert_eq!(row, whole[40 * y..40 * y + 40], "row {y} by {dither:?}");
        }
    }
}

#[test]
fn blue_noise_has_each_threshold_equally_often_and_few_slow_waves() {
    let noise = include_bytes!("blue_noise.bin");
    for value in 0..=255 {
        assert_eq!(noise.iter().filter(|byte| **byte == value).count(), 4);
    }
    // Half the pixels: the power of waves of 8 to 32 pixels is below a tenth of white noise's.
    let power = |wave: f64| {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (i, byte) in noise.iter().enumerate() {
            let sign = if *byte < 128 { -1.0 } else { 1.0 };
            let angle = core::f64::consts::TAU * wave * (i % 32) as f64 / 32.0;
            real += sign * angle.cos();
            imaginary += sign * angle.sin();
        }
        (real * real + imaginary * imaginary) / noise.len() as f64
    };
    for wave in [1.0, 2.0, 3.0, 4.0] {
        assert!(power(wave) < 0.1, "{}", power(wave));
    }
}

#[test]
fn palettes_of_any_number_of_inks_are_no_trouble() {
    let ink = Ink::new([90, 90, 90], [1, 2, 3]);
    for count in [0, 1, 2, 8, 12] {
        let inks = vec![ink; count];
        let palette = Palette::new(&inks);
        for dither in ALL {
            for found in inked(&palette, dither, 5, &[200; 75]) {
                assert!(usize::from(found) < count.clamp(2, 8));
            }
        }
        assert_eq!(palette.inks().len(), count.min(8));
    }
}

#[test]
fn wrong_lengths_are_named() {
    let palette = Palette::BLACK_WHITE;
    let mut errors = [0; 40];
    let short = Inking::new(&palette, Dither::FloydSteinberg, 4, &mut errors).map(|_| ());
    assert_eq!(
        short,
        Err(ImageError::Scratch {
            expected: 48,
            found: 40
        })
    );
    let mut inking = Inking::new(&palette, Dither::BlueNoise, 4, &mut []).unwrap();
    let input = inking.row(&[0; 11], &mut [0; 4]);
    assert_eq!(
        input,
        Err(ImageError::Input {
            expected: 12,
            found: 11
        })
    );
    let output = inking.row(&[0; 12], &mut [0; 5]);
    assert_eq!(
        output,
        Err(ImageError::Output {
            expected: 4,
            found: 5
        })
    );
}

/// Hues across, brightness down, fading to grey at the right.
fn golden_image() -> Vec<u8> {
    let mut rgb = Vec::new();
    for (x, y) in (0..48 * 32).map(|i| (i % 48, i / 48)) {
        let wave = |phase: i32| {
            let at = (x * 8 + phase) % 384;
            (if at < 192 { at } else { 383 - at }) * 255 / 192
        };
        for phase in [0, 128, 256] {
            rgb.push((wave(phase) * (48 - x) / 48 + y * 8 * x / 48).min(255) as u8);
        }
    }
    rgb
}

#[test]
fn golden_images_do_not_change() {
    // 64-bit FNV-1a of the inks, the same on every machine.
    let hash = |palette: &Palette, dither| {
        let inks = inked(palette, dither, 48, &golden_image());
        inks.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, ink| {
            (hash ^ u64::from(*ink)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let found = ALL.map(|dither| {
        [
            Palette::SPECTRA_6,
            Palette::SEVEN_COLORS,
            Palette::BLACK_WHITE_RED,
        ]
        .map(|palette| hash(&palette, dither))
    });
    let golden = [
        [
            0x4c09_6716_f58b_6bdf,
            0x4791_0c57_9bdf_a0ea,
            0xec50_24b3_03e1_04da,
        ],
        [
            0x9ea2_442c_ec40_1a95,
            0xa7b4_6a5c_e848_c35d,
            0x0349_2c5b_bf29_d140,
        ],
        [
            0x9199_ce2d_6f09_65e0,
            0xc2e3_bebd_1411_68ba,
            0x6e38_e1aa_4b80_5009,
        ],
        [
            0x4882_fd66_be55_9a38,
            0xe128_589f_5957_7d2a,
            0xee14_37ce_7e49_db0a,
        ],
        [
            0xd914_324b_bb9a_c732,
            0x9a77_a82a_93c8_89c4,
            0xa7f8_3b67_62e8_b97d,
        ],
        [
            0xbdef_dd03_8a73_87af,
            0xdd34_5870_fedd_4b61,
            0x9095_6e33_f2df_9024,
        ],
    ];
    assert_eq!(found, golden, "{found:#x?}");
}
