//! A display from its name.

use std::path::Path;
use std::time::Duration;

use super::error::DisplayError;
use super::kinds::{KINDS, Kind};
use super::traits::Display;
use super::{png, terminal};
use crate::panel::Panel;
use crate::picture::Size;

/// What is asked of a display.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its name, and what stands behind the colon.
    pub name: String,
    /// Columns and rows, for displays that have no size of their own.
    pub size: Option<Size>,
    /// Time between images, for those that keep it.
    pub period: Option<Duration>,
    /// Pins and bus.
    pub panel: Panel,
}

/// The kind of a display, and what stands behind the colon.
///
/// # Errors
/// [`DisplayError::Unknown`] or [`DisplayError::NotBuilt`].
pub fn kind_of(name: &str) -> Result<(&'static Kind, &str), DisplayError> {
    let (word, argument) = name.split_once(':').unwrap_or((name, ""));
    let kind = KINDS.iter().find(|kind| kind.name == word);
    let kind = kind.ok_or_else(|| DisplayError::Unknown { found: name.into() })?;
    if !kind.built {
        return Err(DisplayError::NotBuilt {
            name: kind.name,
            feature: kind.feature,
        });
    }
    Ok((kind, argument))
}

/// Opens a display.
///
/// # Errors
/// [`DisplayError`].
pub fn open(wish: &Wish) -> Result<Box<dyn Display>, DisplayError> {
    let (kind, argument) = kind_of(&wish.name)?;
    let path = |expected: &'static str| match argument {
        "" => Err(DisplayError::Argument {
            name: kind.name,
            expected,
            found: wish.name.clone(),
        }),
        path => Ok(Path::new(path)),
    };
    match kind.name {
        "terminal" => Ok(Box::new(terminal::open(argument, wish.size)?)),
        "png" => Ok(Box::new(png::PngFolder::open(
            path("a folder, png:DIR")?,
            wish.size,
        )?)),
        #[cfg(feature = "gif")]
        "gif" => {
            let path = path("a file, gif:FILE")?;
            Ok(Box::new(super::gif::Gif::open(
                path,
                wish.size,
                wish.period,
            )?))
        }
        #[cfg(feature = "framebuffer")]
        "framebuffer" => {
            let path = path("a device, framebuffer:/dev/fb0")?;
            Ok(Box::new(super::framebuffer::Framebuffer::open(path)?))
        }
        #[cfg(feature = "tft")]
        "st7735" | "st7789" | "ili9341" | "gc9a01" => super::tft::open(kind.name, &wish.panel),
        #[cfg(feature = "oled")]
        "ssd1306" => super::oled::open(&wish.panel),
        #[cfg(feature = "spectra6")]
        "spectra6" => super::spectra6::open(&wish.panel),
        #[cfg(feature = "epaper")]
        name if name.starts_with("epd") => super::epaper::open(name, &wish.panel),
        _ => Err(DisplayError::Unknown {
            found: wish.name.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> String {
        let wish = Wish {
            name: name.into(),
            size: None,
            period: None,
            panel: Panel::default(),
        };
        open(&wish)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert!(error("hologram").contains("--list-displays"));
        assert!(error("png").contains("png:DIR"));
        assert!(error("terminal:crayon").contains("crayon"));
    }

    #[test]
    fn every_kind_in_the_table_can_be_opened_or_says_why_not() {
        for kind in KINDS.iter().filter(|kind| kind.built) {
            let text = error(kind.name);
            assert!(!text.contains("no display"), "{}: {text}", kind.name);
        }
    }
}
