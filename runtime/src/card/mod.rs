//! What a generator says about itself: the card, JSON under one key in the model file's metadata.
//!
//! The card holds everything a device must know to sample the generator (latent, image shape, pixel
//! range, classes), where it comes from (data set, configuration, author, licence), and golden
//! images by which an engine shows that it computes the same ones.
//!
//! Fields this version does not know are ignored, so that a newer trainer can add some; a card
//! whose `format` is newer than [`CARD_FORMAT`] is refused, because there a known field has changed
//! its meaning.
//!
//! ```
//! use dreamlet_runtime::card::Card;
//! let json = r#"{
//!     "format": 1, "name": "digits",
//!     "latent": { "len": 64, "distribution": "normal" },
//!     "image": { "channels": 1, "height": 28, "width": 28 },
//!     "range": { "low": -1.0, "high": 1.0 }
//! }"#;
//! let card = Card::from_json(json)?;
//! assert_eq!(card.latent.len, 64);
//! assert!(card.classes.is_empty());
//! # Ok::<(), dreamlet_runtime::card::CardError>(())
//! ```

mod direction;
mod error;
mod golden;
mod make_golden;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::image::{PixelRange, Shape};
use crate::latent::Distribution;

pub use direction::Direction;
pub use error::CardError;
pub use golden::{Fingerprint, Golden, GoldenMatch, Tolerance, sha256};
pub use make_golden::{GOLDEN_SEEDS, make_golden};

/// The key of the card in a model file's metadata.
pub const CARD_KEY: &str = "io.dreamlet.card";
/// The newest card format this version reads, and the one it writes.
pub const CARD_FORMAT: u32 = 1;
/// Longest JSON text that [`Card::from_json`] looks at, in bytes.
pub const MAX_CARD_LEN: usize = 1 << 20;
/// Longest latent vector that a card may ask for.
pub const MAX_LATENT_LEN: usize = 1 << 16;
/// Most classes that a card may name.
pub const MAX_CLASSES: usize = 1 << 16;

/// What a generator says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of the card's format, [`CARD_FORMAT`] today.
    pub format: u32,
    /// Name of the generator, for people.
    pub name: String,
    /// What goes in.
    pub latent: Latent,
    /// What comes out.
    pub image: Shape,
    /// What black and white are in the output.
    pub range: PixelRange,
    /// Names of the classes, in the order of their numbers; empty for an unconditional generator.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Name of the data set it was trained on.
    #[serde(default)]
    pub dataset: String,
    /// Hash of the resolved configuration it was trained with, in hexadecimal.
    #[serde(default)]
    pub config_hash: String,
    /// Version of the trainer that made it.
    #[serde(default)]
    pub trainer_version: String,
    /// Who trained it.
    #[serde(default)]
    pub author: String,
    /// Licence of the weights, as an SPDX expression.
    #[serde(default)]
    pub license: String,
    /// How far an engine may be from the golden images.
    #[serde(default)]
    pub tolerance: Tolerance,
    /// Images by which an engine is checked.
    #[serde(default)]
    pub golden: Vec<Golden>,
    /// What the file's inputs take and what its output is, where dreamlet did not export it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<InterfaceCard>,
    /// Directions of the latent space, those that change images most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directions: Vec<Direction>,
    /// How it was trained, which a compiled model leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingCard>,
}

/// How a generator was trained: all that is needed to train it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingCard {
    /// The resolved configuration as TOML, the seed included; folders by their names alone.
    pub config: String,
    /// Steps after which the generator was taken.
    pub step: u64,
    /// Whether it is the generator itself and not its EMA.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub raw: bool,
    /// Whether it is the first stage alone of a two-stage VAE.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub first_stage: bool,
    /// SHA-256 of the images and labels it was trained on, in hexadecimal.
    pub data: String,
    /// SHA-256 of the teacher's file, in hexadecimal; empty without a teacher.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub teacher: String,
    /// What computed it, as far as rounding depends on it: processors of one class give the same
    /// weights.
    pub machine: String,
    /// SHA-256 of the weights, in hexadecimal.
    pub weights: String,
}

/// What the inputs of a file take and what its output is, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceCard {
    /// Name of an input, and `normal`, `uniform`, `class`, `onehot:COUNT` or `constant:VALUE`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<(String, String)>,
    /// Name of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// `chw` or `hwc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Red, green and blue of what lies behind an output with alpha; without it white.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<[u8; 3]>,
}

/// A generator's latent vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latent {
    /// Number of components.
    pub len: usize,
    /// What the components are drawn from.
    #[serde(default)]
    pub distribution: Distribution,
}

impl Card {
    /// A valid card that says only what an engine needs; fill in the rest.
    #[must_use]
    pub fn new(name: &str, latent: Latent, image: Shape, range: PixelRange) -> Self {
        Self {
            format: CARD_FORMAT,
            name: name.into(),
            latent,
            image,
            range,
            classes: Vec::new(),
            dataset: String::new(),
            config_hash: String::new(),
            trainer_version: String::new(),
            author: String::new(),
            license: String::new(),
            tolerance: Tolerance::default(),
            golden: Vec::new(),
            interface: None,
            directions: Vec::new(),
            training: None,
        }
    }

    /// Reads a card and [checks](Self::check) it.
    ///
    /// # Errors
    /// [`CardError`]: too long, not JSON, a field missing or of the wrong type, or a value that
    /// cannot be.
    pub fn from_json(text: &str) -> Result<Self, CardError> {
        if text.len() > MAX_CARD_LEN {
            return Err(CardError::TooLong {
                limit: MAX_CARD_LEN,
                found: text.len(),
            });
        }
        // The format is looked at first: a newer card may well not have the fields of this one.
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        let json = |error: serde_json::Error| CardError::Json {
            line: error.line(),
            column: error.column(),
            message: alloc::format!("{error}"),
        };
        let Versioned { format } = serde_json::from_str(text).map_err(json)?;
        if format == 0 || format > CARD_FORMAT {
            return Err(CardError::Format {
                newest: CARD_FORMAT,
                found: format,
            });
        }
        let card: Self = serde_json::from_str(text).map_err(json)?;
        card.check()?;
        Ok(card)
    }

    /// Writes the card as JSON in one line, after [checking](Self::check) it.
    ///
    /// # Errors
    /// [`CardError`] if the card is invalid or its JSON would be longer than [`MAX_CARD_LEN`].
    pub fn to_json(&self) -> Result<String, CardError> {
        self.check()?;
        let text = serde_json::to_string(self).map_err(|error| CardError::Json {
            line: error.line(),
            column: error.column(),
            message: alloc::format!("{error}"),
        })?;
        if text.len() > MAX_CARD_LEN {
            return Err(CardError::TooLong {
                limit: MAX_CARD_LEN,
                found: text.len(),
            });
        }
        Ok(text)
    }

    /// Checks that the card describes a generator that can be: see [`CardError`] for all that can
    /// be wrong.
    ///
    /// # Errors
    /// [`CardError`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), CardError> {
        if self.format == 0 || self.format > CARD_FORMAT {
            return Err(CardError::Format {
                newest: CARD_FORMAT,
                found: self.format,
            });
        }
        if self.latent.len == 0 || self.latent.len > MAX_LATENT_LEN {
            return Err(CardError::LatentLength {
                limit: MAX_LATENT_LEN,
                found: self.latent.len,
            });
        }
        self.image.check().map_err(CardError::Image)?;
        self.range.check().map_err(CardError::Image)?;
        if self.classes.len() > MAX_CLASSES {
            return Err(CardError::Classes {
                limit: MAX_CLASSES,
                found: self.classes.len(),
            });
        }
        let max_abs = self.tolerance.max_abs;
        if !max_abs.is_finite() || max_abs < 0.0 {
            return Err(CardError::Tolerance { found: max_abs });
        }
        for (index, golden) in self.golden.iter().enumerate() {
            golden.check_fields(index, self.classes.len(), self.image)?;
        }
        direction::check(&self.directions, self.latent.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageError;
    use alloc::string::ToString;
    use alloc::vec;

    fn card() -> Card {
        let image = Shape {
            channels: 1,
            height: 28,
            width: 28,
        };
        let latent = Latent {
            len: 64,
            distribution: Distribution::Normal,
        };
        let mut card = Card::new("digits", latent, image, PixelRange::SIGNED);
        let pixels: Vec<u8> = (0..784).map(|i| (i % 256) as u8).collect();
        card.golden = vec![Golden::of(3, None, image, &pixels).unwrap()];
        let mut vector = vec![0.0; 64];
        (vector[1], vector[60]) = (0.6, -0.8);
        let name = "size".to_string();
        card.directions = vec![Direction { name, vector }];
        card
    }

    #[test]
    fn a_card_survives_json() {
        let card = card();
        assert_eq!(Card::from_json(&card.to_json().unwrap()).unwrap(), card);
    }

    #[test]
    fn unknown_fields_are_ignored_and_optional_ones_may_be_missing() {
        let text = card()
            .to_json()
            .unwrap()
            .replacen('{', r#"{"later":{"deep":[1,2]},"#, 1);
        assert_eq!(Card::from_json(&text).unwrap(), card());
    }

    #[test]
    fn a_card_without_directions_does_not_speak_of_them() {
        let mut card = card();
        card.directions.clear();
        let text = card.to_json().unwrap();
        assert!(!text.contains("directions"), "{text}");
        assert_eq!(Card::from_json(&text).unwrap(), card);
    }

    #[test]
    fn a_direction_is_added_to_a_latent() {
        let mut latent = [1.0; 64];
        card().directions[0].add_to(&mut latent, 2.0);
        assert_eq!((latent[0], latent[1], latent[60]), (1.0, 2.2, -0.6));
    }

    #[test]
    fn a_newer_format_is_refused_before_its_fields_are_read() {
        for found in [0, 2, 77] {
            let text = alloc::format!(r#"{{"format":{found}}}"#);
            assert_eq!(
                Card::from_json(&text),
                Err(CardError::Format { newest: 1, found })
            );
        }
    }

    #[test]
    fn broken_json_is_placed() {
        let error = Card::from_json("{\"format\": 1,\n oops}").unwrap_err();
        assert!(matches!(error, CardError::Json { line: 2, .. }), "{error}");
        let error = Card::from_json("{\"format\": 1}").unwrap_err();
        assert!(error.to_string().contains("name"), "{error}");
        let long = " ".repeat(MAX_CARD_LEN + 1);
        assert!(matches!(
            Card::from_json(&long),
            Err(CardError::TooLong { .. })
        ));
        let deep = "[".repeat(100_000);
        assert!(matches!(
            Card::from_json(&deep),
            Err(CardError::Json { .. })
        ));
    }

    #[test]
    fn every_impossible_value_is_named() {
        let broken = |change: fn(&mut Card)| {
            let mut card = card();
            change(&mut card);
            card.to_json().unwrap_err()
        };
        assert!(matches!(
            broken(|c| c.format = 9),
            CardError::Format { found: 9, .. }
        ));
        assert!(matches!(
            broken(|c| c.latent.len = 0),
            CardError::LatentLength { found: 0, .. }
        ));
        assert!(matches!(
            broken(|c| c.image.channels = 4),
            CardError::Image(ImageError::Channels { found: 4 })
        ));
        assert!(matches!(
            broken(|c| c.range.high = -1.0),
            CardError::Image(ImageError::Range { .. })
        ));
        assert!(matches!(
            broken(|c| c.tolerance.max_abs = f32::NAN),
            CardError::Tolerance { .. }
        ));
        assert!(matches!(
            broken(|c| c.golden[0].class = Some(0)),
            CardError::GoldenClass { index: 0, .. }
        ));
        assert!(matches!(
            broken(|c| c.golden[0].sha256.push('0')),
            CardError::GoldenHash { index: 0 }
        ));
        assert!(matches!(
            broken(|c| c.golden[0].mean = 300.0),
            CardError::GoldenMean { index: 0, .. }
        ));
        assert!(matches!(
            broken(|c| c.directions[0].vector.truncate(63)),
            CardError::DirectionComponents {
                index: 0,
                expected: 64,
                found: 63
            }
        ));
        assert!(matches!(
            broken(|c| c.directions[0].vector[0] = f32::NAN),
            CardError::DirectionLength { index: 0, .. }
        ));
        assert!(matches!(
            broken(|c| c.directions.push(c.directions[0].clone())),
            CardError::DirectionName { index: 1, .. }
        ));
        assert!(matches!(
            broken(|c| c.image.width = 6),
            CardError::GoldenFingerprint { index: 0, .. }
        ));
    }
}
