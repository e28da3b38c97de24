//! What the user asks for: flags, and the same words in a file.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Deserialize;
use thiserror::Error;

use crate::panel::Panel;
use crate::picture::{Dither, Fit, PaletteChoice, Rotation, Size};

/// Shows images of a small generator on a display
#[derive(Debug, Parser)]
#[command(name = "dreamlet-frame", version, arg_required_else_help = true)]
pub struct Options {
    /// What a file may hold too.
    #[command(flatten)]
    pub choices: Choices,
    /// A file with the same words as the flags, and the pins; flags come before it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print which displays there are
    #[arg(long)]
    pub list_displays: bool,
    /// Look at model and display, draw a test pattern, say what is wrong
    #[arg(long)]
    pub check: bool,
}

/// What an image is made from, one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One image
    Still,
    /// A smooth walk that never ends
    #[default]
    Walk,
    /// One seed after another
    Gallery,
    /// One class after another
    Classes,
    /// Many images side by side
    Mosaic,
    /// The image of the day: the date in UTC is the seed
    Daily,
}

/// The flags that a file may hold too.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Choices {
    /// A compiled model, MODEL.dream
    pub model: Option<PathBuf>,
    /// A public key of `dreamlet keygen`: only models that `dreamlet sign --embed` signed with its private key are shown
    #[arg(long, value_name = "KEY")]
    pub trust: Option<PathBuf>,
    /// terminal, png:DIR, gif:FILE, framebuffer:/dev/fb0, or a panel; --list-displays shows all
    #[arg(long)]
    pub display: Option<String>,
    /// What is shown
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Time from one image to the next: 10s, 5m, 1h
    #[arg(long, value_name = "TIME", conflicts_with = "fps")]
    pub every: Option<Every>,
    /// Images a second
    #[arg(long, value_name = "N")]
    pub fps: Option<f64>,
    /// The first seed
    #[arg(long)]
    pub seed: Option<u64>,
    /// Images from one seed of a walk to the next
    #[arg(long)]
    pub steps: Option<u32>,
    /// The class of a conditional generator, by name or number
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// Limit of the latent's elements: smaller is more typical and less varied
    #[arg(long, value_name = "T")]
    pub truncation: Option<f32>,
    /// contain, cover, tile, or how many times larger
    #[arg(long, value_name = "FIT")]
    pub fit: Option<Fit>,
    /// How far the display is turned clockwise
    #[arg(long, value_enum)]
    #[serde(deserialize_with = "rotation")]
    pub rotate: Option<Rotation>,
    /// The colours an image is made of
    #[arg(long, value_enum)]
    pub palette: Option<PaletteChoice>,
    /// How few colours stand for many
    #[arg(long, value_enum)]
    pub dither: Option<Dither>,
    /// Columns and rows of a terminal's image or of files: 240x240
    #[arg(long, value_name = "SIZE")]
    pub size: Option<Size>,
    /// End after so many images
    #[arg(long, value_name = "N")]
    pub frames: Option<u64>,
    /// Print every ten seconds what it takes
    #[arg(long)]
    pub stats: bool,
    /// Pins and bus of a panel: in a file only.
    #[arg(skip)]
    pub panel: Panel,
}

/// What is wrong with flags or file.
#[derive(Debug, Error)]
pub enum OptionsError {
    /// The file cannot be read.
    #[error("cannot read the settings {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The failure.
        error: std::io::Error,
    },
    /// The file says what cannot be.
    #[error("the settings {}: {error}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// The failure.
        error: Box<toml::de::Error>,
    },
    /// Something must be given.
    #[error("no {what}: give {how}")]
    Missing {
        /// What failed.
        what: &'static str,
        /// How to give it.
        how: &'static str,
    },
    /// A number that cannot be.
    #[error("{what} is {found}: expected {expected}")]
    Value {
        /// What failed.
        what: &'static str,
        /// What was found.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
}

impl Options {
    /// The flags, and where they say nothing the file.
    ///
    /// # Errors
    /// [`OptionsError`]: the file cannot be read, or something cannot be.
    pub fn choices(&self) -> Result<Choices, OptionsError> {
        let file = match &self.config {
            None => Choices::default(),
            Some(path) => Choices::read(path)?,
        };
        let choices = self.choices.clone().or(file);
        choices.check()?;
        Ok(choices)
    }
}

impl Choices {
    fn read(path: &Path) -> Result<Self, OptionsError> {
        let text = std::fs::read_to_string(path).map_err(|error| OptionsError::Read {
            path: path.into(),
            error,
        })?;
        toml::from_str(&text).map_err(|error| OptionsError::Toml {
            path: path.into(),
            error: Box::new(error),
        })
    }

    /// These, and where they say nothing the others.
    fn or(self, other: Self) -> Self {
        // One of the two says how fast, not each a part of it.
        let timed = self.every.is_some() || self.fps.is_some();
        let (every, fps) = match timed {
            true => (self.every, self.fps),
            false => (other.every, other.fps),
        };
        Self {
            model: self.model.or(other.model),
            trust: self.trust.or(other.trust),
            display: self.display.or(other.display),
            mode: self.mode.or(other.mode),
            every,
            fps,
            seed: self.seed.or(other.seed),
            steps: self.steps.or(other.steps),
            class: self.class.or(other.class),
            truncation: self.truncation.or(other.truncation),
            fit: self.fit.or(other.fit),
            rotate: self.rotate.or(other.rotate),
            palette: self.palette.or(other.palette),
            dither: self.dither.or(other.dither),
            size: self.size.or(other.size),
            frames: self.frames.or(other.frames),
            stats: self.stats || other.stats,
            // No flag sets a pin.
            panel: other.panel,
        }
    }

    fn check(&self) -> Result<(), OptionsError> {
        let wrong = |what, found: String, expected| {
            Err(OptionsError::Value {
                what,
                found,
                expected,
            })
        };
        if let Some(fps) = self.fps.filter(|fps| !(0.001..=240.0).contains(fps)) {
            return wrong("--fps", fps.to_string(), "0.001 to 240");
        }
        if self.every.is_some() && self.fps.is_some() {
            return wrong("every", "given beside fps".into(), "one of the two");
        }
        if let Some(t) = self.truncation.filter(|t| !(*t > 0.0 && t.is_finite())) {
            return wrong(
                "--truncation",
                t.to_string(),
                "more than 0, usually 0.5 to 2",
            );
        }
        if self.steps == Some(0) {
            return wrong("--steps", "0".into(), "1 or more");
        }
        Ok(())
    }

    /// The model's file.
    ///
    /// # Errors
    /// [`OptionsError::Missing`].
    pub fn model(&self) -> Result<&Path, OptionsError> {
        self.model.as_deref().ok_or(OptionsError::Missing {
            what: "model",
            how: "MODEL.dream, or `model = \"…\"` in the settings",
        })
    }

    /// Which display.
    ///
    /// # Errors
    /// [`OptionsError::Missing`].
    pub fn display(&self) -> Result<&str, OptionsError> {
        self.display.as_deref().ok_or(OptionsError::Missing {
            what: "display",
            how: "--display terminal, or another of --list-displays",
        })
    }

    /// What is shown.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode.unwrap_or_default()
    }

    /// The time from one image to the next, if the user says one.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        let by_fps = self.fps.map(|fps| Duration::from_secs_f64(1.0 / fps));
        self.every.map(|every| every.0).or(by_fps)
    }
}

/// A time like `10s` or `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Every(pub Duration);

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(time) if time.as_millis() > 0 => Ok(Self(time)),
            Ok(_) => Err("expected a time of 1ms or more".into()),
            Err(error) => Err(format!("expected a time like 10s, 5m or 1h: {error}")),
        }
    }
}

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Degrees, as a number of the file.
fn rotation<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Rotation>, D::Error> {
    let degrees = u32::deserialize(from)?;
    match degrees {
        0 => Ok(Some(Rotation::None)),
        90 => Ok(Some(Rotation::Quarter)),
        180 => Ok(Some(Rotation::Half)),
        270 => Ok(Some(Rotation::ThreeQuarters)),
        _ => Err(serde::de::Error::custom(format!(
            "rotate is {degrees}: expected 0, 90, 180 or 270"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(arguments: &[&str]) -> Choices {
        let all = ["dreamlet-frame"].iter().chain(arguments);
        Options::try_parse_from(all).unwrap().choices
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Options::command().debug_assert();
    }

    #[test]
    fn flags_come_before_the_file() {
        let file: Choices = toml::from_str(
            "model = \"a.dream\"\nmode = \"daily\"\nevery = \"1h\"\nrotate = 90\nfit = \"cover\"\n\
             dither = \"blue-noise\"\nsize = \"800x480\"\n[panel]\ndc = 22\n",
        )
        .unwrap();
        let both = flags(&["b.dream", "--fps", "5", "--mode", "still"]).or(file);
        assert_eq!(both.model.as_deref(), Some(Path::new("b.dream")));
        assert_eq!(both.mode(), Mode::Still);
        assert_eq!(both.period(), Some(Duration::from_millis(200)));
        assert_eq!(
            (both.rotate, both.fit),
            (Some(Rotation::Quarter), Some(Fit::Cover))
        );
        assert_eq!(both.panel.dc, Some(22));
        both.check().unwrap();
    }

    #[test]
    fn unknown_words_of_the_file_are_named() {
        for (text, named) in [
            ("modus = \"walk\"", "modus"),
            ("rotate = 45", "45"),
            ("every = \"soon\"", "10s"),
            ("[panel]\nds = 1", "ds"),
            ("mode = \"party\"", "party"),
        ] {
            let error = toml::from_str::<Choices>(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for arguments in [
            &["--fps", "0"][..],
            &["--fps", "NaN"],
            &["--truncation=-1"],
            &["--steps", "0"],
        ] {
            assert!(flags(arguments).check().is_err(), "{arguments:?}");
        }
        assert!("0x5".parse::<Size>().is_err() && "5".parse::<Size>().is_err());
        assert!("0s".parse::<Every>().is_err());
    }
}
