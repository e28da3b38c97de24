//! All displays by name.

use std::fmt::Write as _;

/// A kind of display.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What the user writes.
    pub name: &'static str,
    /// What may stand behind a colon.
    pub argument: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The feature it needs; empty for those that are always there.
    pub feature: &'static str,
    /// Whether this program has it.
    pub built: bool,
}

const fn kind(
    name: &'static str,
    argument: &'static str,
    about: &'static str,
    feature: &'static str,
    built: bool,
) -> Kind {
    Kind {
        name,
        argument,
        about,
        feature,
        built,
    }
}

const TFT: bool = cfg!(feature = "tft");
const EPAPER: bool = cfg!(feature = "epaper");

/// All of them.
pub const KINDS: &[Kind] = &[
    kind(
        "terminal",
        "[:blocks|:sixel|:kitty]",
        "this terminal",
        "",
        true,
    ),
    kind("png", ":DIR", "numbered PNG files", "", true),
    kind("gif", ":FILE", "an animation", "gif", cfg!(feature = "gif")),
    kind(
        "framebuffer",
        ":/dev/fb0",
        "a screen or TFT that Linux drives",
        "framebuffer",
        cfg!(feature = "framebuffer"),
    ),
    kind("st7735", "", "TFT 128x160, SPI", "tft", TFT),
    kind("st7789", "", "TFT 240x320 or 240x240, SPI", "tft", TFT),
    kind("ili9341", "", "TFT 240x320, SPI", "tft", TFT),
    kind("gc9a01", "", "round TFT 240x240, SPI", "tft", TFT),
    kind(
        "ssd1306",
        "",
        "OLED 128x64 or 128x32, I2C or SPI",
        "oled",
        cfg!(feature = "oled"),
    ),
    kind(
        "epd2in13",
        "",
        "e-paper 122x250, V3, black and white",
        "epaper",
        EPAPER,
    ),
    kind(
        "epd2in9",
        "",
        "e-paper 128x296, V2, black and white",
        "epaper",
        EPAPER,
    ),
    kind(
        "epd4in2",
        "",
        "e-paper 400x300, V1, black and white",
        "epaper",
        EPAPER,
    ),
    kind(
        "epd7in5",
        "",
        "e-paper 800x480, V2, black and white",
        "epaper",
        EPAPER,
    ),
    kind(
        "epd5in83b",
        "",
        "e-paper 648x480, V2, black, white, red",
        "epaper",
        EPAPER,
    ),
    kind(
        "epd7in5b",
        "",
        "e-paper 800x480, V2, black, white, red",
        "epaper",
        EPAPER,
    ),
    kind(
        "epd5in65f",
        "",
        "e-paper 600x448, seven inks",
        "epaper",
        EPAPER,
    ),
    kind(
        "epd7in3f",
        "",
        "e-paper 800x480, seven inks",
        "epaper",
        EPAPER,
    ),
    kind(
        "spectra6",
        "",
        "e-paper 800x480, six inks: 7.3inch (E), Inky Impression 7.3 of 2025",
        "spectra6",
        cfg!(feature = "spectra6"),
    ),
];

/// All displays, one a line, for people.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for kind in KINDS {
        let word = format!("{}{}", kind.name, kind.argument);
        let missing = match kind.built {
            true => String::new(),
            false => format!(" (not in this program: --features {})", kind.feature),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{word:<32} {}{missing}", kind.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_display_is_listed_once() {
        let text = list();
        for kind in KINDS {
            let begins = |line: &&str| line.split([' ', ':', '[']).next() == Some(kind.name);
            assert_eq!(text.lines().filter(begins).count(), 1, "{}", kind.name);
        }
    }
}
