//! Whole latent vectors from a seed.

use core::fmt;

use super::stream::Stream;

/// Domain tag of normal latents.
pub const NORMAL_DOMAIN: &str = "dreamlet.normal";
/// Domain tag of uniform latents.
pub const UNIFORM_DOMAIN: &str = "dreamlet.uniform";

/// What a generator's latent vector is drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "alloc", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "alloc", serde(rename_all = "lowercase"))]
pub enum Distribution {
    /// Independent N(0, 1) components.
    #[default]
    Normal,
    /// Independent components, uniform over (-1, 1].
    Uniform,
}

impl Distribution {
    /// Fills `out` with the latent vector of `seed`: [`fill_normal`] or [`fill_uniform`].
    pub fn fill(self, seed: u64, truncation: Option<f32>, out: &mut [f32]) {
        match self {
            Self::Normal => fill_normal(seed, truncation, out),
            Self::Uniform => fill_uniform(seed, truncation, out),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::Uniform => "uniform",
        })
    }
}

/// Fills `out` with the N(0, 1) latent vector of `seed`: the same bits on every target. A longer
/// vector begins with the shorter one of the same seed. `truncation` redraws components larger than
/// it in size; the usual value is between 0.5 (typical images) and 2 (nearly all variety); see [the
/// contract](super).
pub fn fill_normal(seed: u64, truncation: Option<f32>, out: &mut [f32]) {
    let mut stream = Stream::new(seed, NORMAL_DOMAIN, 0);
    match truncation {
        None => stream.fill_normal(out),
        Some(limit) => {
            for x in out {
                *x = stream.truncated_normal(limit);
            }
        }
    }
}

/// Fills `out` with the uniform (-1, 1] latent vector of `seed`, which some third-party GANs were
/// trained with. `truncation` below 1 scales it; a limit that is NaN or not positive gives zeros.
pub fn fill_uniform(seed: u64, truncation: Option<f32>, out: &mut [f32]) {
    let limit = match truncation {
        None => 1.0,
        Some(limit) if limit > 0.0 => limit.min(1.0),
        Some(_) => 0.0,
    };
    let mut stream = Stream::new(seed, UNIFORM_DOMAIN, 0);
    for x in out {
        *x = limit * (2.0 * stream.uniform() - 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits<const N: usize>(fill: impl Fn(&mut [f32])) -> [u32; N] {
        let mut out = [0.0; N];
        fill(&mut out);
        out.map(f32::to_bits)
    }

    #[test]
    fn the_first_latents_have_the_published_bits() {
        for (seed, expected) in [
            (
                0,
                [
                    0x3fd3_36cc,
                    0xbf35_57ce,
                    0x3cfa_6014,
                    0x3e8e_92a1,
                    0x3efc_3690,
                    0xbf50_d360,
                    0x3fda_d9a0,
                    0x3dd7_40d9,
                ],
            ),
            (
                1,
                [
                    0x3e7b_8608,
                    0x3f60_fae3,
                    0x3f43_8323,
                    0x4030_290a,
                    0xbed4_9dc7,
                    0x3e67_681a,
                    0xbed6_6fcc,
                    0x3f59_eb0f,
                ],
            ),
            (
                42,
                [
                    0x3c36_3c1b,
                    0x400d_a03e,
                    0xbe64_0d03,
                    0xbd21_d698,
                    0xbe83_9c3f,
                    0x3f0a_b129,
                    0x3fcb_4bbc,
                    0xbf64_0166,
                ],
            ),
            (
                u64::MAX,
                [
                    0xbeeb_da0d,
                    0x3f93_51af,
                    0xbdf2_c4f7,
                    0x3eda_41b2,
                    0xbf31_644b,
                    0x3d4e_f26e,
                    0xbf9e_3281,
                    0xbf55_10e8,
                ],
            ),
        ] {
            assert_eq!(
                bits(|out| fill_normal(seed, None, out)),
                expected,
                "seed {seed}"
            );
        }
    }

    #[test]
    fn truncated_and_uniform_latents_have_the_published_bits() {
        assert_eq!(
            bits(|out| fill_normal(42, Some(0.7), out)),
            [0x3c36_3c1b, 0xbe64_0d03, 0xbd21_d698, 0xbe83_9c3f]
        );
        assert_eq!(
            bits(|out| fill_uniform(42, None, out)),
            [0x3f0c_fa90, 0x3eee_a17c, 0xbf66_344e, 0x3f5b_b308]
        );
    }

    #[test]
    fn a_longer_vector_begins_with_the_shorter_one() {
        let short: [u32; 7] = bits(|out| fill_normal(3, Some(1.0), out));
        let long: [u32; 300] = bits(|out| fill_normal(3, Some(1.0), out));
        assert_eq!(short[..], long[..7]);
    }

    #[test]
    fn truncation_keeps_every_component_within_its_limit() {
        for limit in [
            0.001,
            0.015_624,
            0.015_625,
            0.1,
            0.5,
            0.7,
            1.0,
            2.0,
            100.0,
            f32::INFINITY,
        ] {
            let mut out = [9.0; 500];
            fill_normal(1, Some(limit), &mut out);
            assert!(out.iter().all(|x| x.abs() <= limit), "{limit}");
            assert!(out.iter().any(|x| *x != 0.0));
            fill_uniform(1, Some(limit), &mut out);
            assert!(out.iter().all(|x| x.abs() <= limit.min(1.0)));
        }
    }

    #[test]
    fn a_meaningless_truncation_gives_the_mean() {
        for limit in [0.0, -1.0, f32::NAN, f32::NEG_INFINITY] {
            assert_eq!(bits::<16>(|out| fill_normal(1, Some(limit), out)), [0; 16]);
            let mut out = [9.0; 16];
            fill_uniform(1, Some(limit), &mut out);
            assert!(out.iter().all(|x| *x == 0.0));
        }
    }

    #[test]
    fn a_wide_truncation_changes_nothing() {
        let free: [u32; 64] = bits(|out| fill_normal(8, None, out));
        assert_eq!(free, bits(|out| fill_normal(8, Some(6.0), out)));
    }
}
