//! What to sample: seeds or an interpolation, as a person writes them.

use std::str::FromStr;

use super::error::SamplingError;

/// Most images of one call: a mistyped range must not run for days.
pub(crate) const MAX_IMAGES: u64 = 100_000;

/// Seeds from text such as `0-35` or `1,5,9-12`, in the order they are written; ranges include both
/// ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(Vec<u64>);

impl From<Vec<u64>> for Seeds {
    fn from(seeds: Vec<u64>) -> Self {
        Self(seeds)
    }
}

fn seed(text: &str, part: &str) -> Result<u64, SamplingError> {
    part.trim().parse().map_err(|_| SamplingError::Seed {
        text: text.into(),
        part: part.trim().into(),
    })
}

impl FromStr for Seeds {
    type Err = SamplingError;

    fn from_str(text: &str) -> Result<Self, SamplingError> {
        let mut seeds = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (seed(text, first)?, seed(text, last)?),
                None => (seed(text, part)?, seed(text, part)?),
            };
            if last < first {
                return Err(SamplingError::SeedRange { first, last });
            }
            // One less than the number of seeds, which for 0 to the last seed does not fit.
            let found = (last - first)
                .saturating_add(1)
                .saturating_add(seeds.len() as u64);
            if found > MAX_IMAGES {
                return Err(SamplingError::TooMany {
                    limit: MAX_IMAGES,
                    found,
                });
            }
            seeds.extend(first..=last);
        }
        Ok(Self(seeds))
    }
}

/// From one seed's image to another's in a number of images, from text such as `3,8,16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interpolation {
    pub from: u64,
    pub to: u64,
    /// Images, both ends among them; at least 2.
    pub count: u64,
}

impl FromStr for Interpolation {
    type Err = SamplingError;

    fn from_str(text: &str) -> Result<Self, SamplingError> {
        let parts: Vec<&str> = text.split(',').collect();
        let [from, to, count] = parts.as_slice() else {
            return Err(SamplingError::Interpolation { text: text.into() });
        };
        let (from, to, count) = (seed(text, from)?, seed(text, to)?, seed(text, count)?);
        if count < 2 {
            return Err(SamplingError::Interpolation { text: text.into() });
        }
        if count > MAX_IMAGES {
            return Err(SamplingError::TooMany {
                limit: MAX_IMAGES,
                found: count,
            });
        }
        Ok(Self { from, to, count })
    }
}

/// How an interpolation goes from one latent vector to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Along a great circle: every image is as typical as a sample.
    #[default]
    Spherical,
    /// Along the straight line.
    Linear,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Latents {
    /// One for each seed.
    Seeds(Seeds),
    /// Points between two.
    Between(Interpolation, Way),
    /// These, each as long as the generator takes them.
    Given(Vec<Vec<f32>>),
}

impl Latents {
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Seeds(seeds) => seeds.0.len(),
            Self::Given(latents) => latents.len(),
            Self::Between(interpolation, _) => {
                usize::try_from(interpolation.count).unwrap_or(usize::MAX)
            }
        }
    }

    /// The number that names image `index`: its seed, or its place.
    pub(crate) fn number(&self, index: usize) -> u64 {
        match self {
            Self::Seeds(seeds) => seeds.0.get(index).copied().unwrap_or(0),
            Self::Between(..) | Self::Given(_) => index as u64,
        }
    }
}

/// A truncation from text such as `0.7`.
///
/// # Errors
/// [`SamplingError::Truncation`] unless it is a number above 0.
pub(crate) fn parse_truncation(text: &str) -> Result<f32, SamplingError> {
    match text.trim().parse::<f32>() {
        Ok(limit) if limit > 0.0 && limit.is_finite() => Ok(limit),
        _ => Err(SamplingError::Truncation { text: text.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_in_the_order_they_are_written() {
        let read = |text: &str| text.parse::<Seeds>().unwrap().0;
        assert_eq!(read("0-35"), (0..=35).collect::<Vec<_>>());
        assert_eq!(read("1,5,9-12"), [1, 5, 9, 10, 11, 12]);
        assert_eq!(read(" 7 , 3 - 4 ,7"), [7, 3, 4, 7]);
        assert_eq!(
            read("18446744073709551614-18446744073709551615"),
            [u64::MAX - 1, u64::MAX]
        );
    }

    #[test]
    fn what_is_no_seed_is_named() {
        for (text, part) in [
            ("", ""),
            ("1,,2", ""),
            ("1-x", "x"),
            ("-3", ""),
            ("0x10", "0x10"),
            ("18446744073709551616", "18446744073709551616"),
        ] {
            let error = text.parse::<Seeds>().unwrap_err();
            assert!(
                matches!(&error, SamplingError::Seed { part: p, .. } if p == part),
                "{text}: {error}"
            );
        }
        assert!(matches!(
            "9-3".parse::<Seeds>(),
            Err(SamplingError::SeedRange { first: 9, last: 3 })
        ));
    }

    #[test]
    fn huge_ranges_are_refused_before_they_are_made() {
        for text in [
            "0-18446744073709551615",
            "0-100000",
            "5,0-99999",
            "0-60000,0-60000",
        ] {
            assert!(
                matches!(text.parse::<Seeds>(), Err(SamplingError::TooMany { .. })),
                "{text}"
            );
        }
        assert_eq!("0-99999".parse::<Seeds>().unwrap().0.len(), 100_000);
    }

    #[test]
    fn interpolations_need_two_seeds_and_two_images() {
        assert_eq!(
            "3,8,16".parse::<Interpolation>().unwrap(),
            Interpolation {
                from: 3,
                to: 8,
                count: 16
            }
        );
        for text in ["3,8", "3,8,1", "3,8,0", "3,8,16,2", ""] {
            assert!(
                matches!(
                    text.parse::<Interpolation>(),
                    Err(SamplingError::Interpolation { .. })
                ),
                "{text}"
            );
        }
        assert!(matches!(
            "3,a,4".parse::<Interpolation>(),
            Err(SamplingError::Seed { .. })
        ));
        assert!(matches!(
            "0,1,99999999".parse::<Interpolation>(),
            Err(SamplingError::TooMany { .. })
        ));
    }

    #[test]
    fn truncations_are_numbers_that_make_sense() {
        assert_eq!(parse_truncation("0.7").unwrap(), 0.7);
        for text in ["0", "-1", "NaN", "inf", "much"] {
            assert!(parse_truncation(text).is_err(), "{text}");
        }
    }
}
