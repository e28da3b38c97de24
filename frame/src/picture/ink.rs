//! Inks of panels, and palettes: the inks an image is made of, with their measured colours.

use dreamlet_runtime::ink;

/// A colour that a panel can show in a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ink {
    /// Black.
    Black,
    /// White.
    White,
    /// Yellow.
    Yellow,
    /// Red.
    Red,
    /// Blue.
    Blue,
    /// Green.
    Green,
    /// Orange.
    Orange,
}

/// Inks, with what they look like on the panel.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// For people.
    pub name: &'static str,
    /// The inks, in the order of `measured`.
    pub inks: &'static [Ink],
    /// Their colours, and how they mix.
    pub(super) measured: &'static ink::Palette,
}

/// Black and white, as they are meant.
pub const MONO: Palette = Palette {
    name: "mono",
    inks: &[Ink::Black, Ink::White],
    measured: &PURE,
};

const PURE: ink::Palette = ink::Palette::new(&[
    ink::Ink::new([0; 3], [0; 3]),
    ink::Ink::new([255; 3], [255; 3]),
]);

/// Black, white and red e-paper.
pub const RED: Palette = Palette {
    name: "red",
    inks: &[Ink::Black, Ink::White, Ink::Red],
    measured: &ink::Palette::BLACK_WHITE_RED,
};

/// Black, white and yellow e-paper.
pub const YELLOW: Palette = Palette {
    name: "yellow",
    inks: &[Ink::Black, Ink::White, Ink::Yellow],
    measured: &ink::Palette::BLACK_WHITE_YELLOW,
};

/// Spectra 6.
pub const SPECTRA6: Palette = Palette {
    name: "spectra6",
    inks: &[
        Ink::Black,
        Ink::White,
        Ink::Blue,
        Ink::Green,
        Ink::Red,
        Ink::Yellow,
    ],
    measured: &ink::Palette::SPECTRA_6,
};

/// Seven-colour ACeP.
pub const ACEP: Palette = Palette {
    name: "acep",
    inks: &[
        Ink::Black,
        Ink::White,
        Ink::Green,
        Ink::Blue,
        Ink::Red,
        Ink::Yellow,
        Ink::Orange,
    ],
    measured: &ink::Palette::SEVEN_COLORS,
};

impl PartialEq for Palette {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Palette {}

impl Palette {
    /// An ink and what it looks like, by its number; black for one that is none.
    #[must_use]
    pub fn ink(&self, number: u8) -> (Ink, [u8; 3]) {
        let number = usize::from(number);
        let found = self.inks.get(number).zip(self.measured.inks().get(number));
        found.map_or((Ink::Black, [0; 3]), |(ink, colors)| {
            (*ink, colors.measured)
        })
    }

    /// What an ink looks like; black for one that is not of the palette.
    #[must_use]
    pub fn color(&self, ink: Ink) -> [u8; 3] {
        let all = self.inks.iter().zip(self.measured.inks());
        let found = all.into_iter().find(|(one, _)| **one == ink);
        found.map_or([0; 3], |(_, colors)| colors.measured)
    }
}

/// What a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaletteChoice {
    /// What the display has
    #[default]
    Auto,
    /// All colours, where the display has them
    Full,
    /// Black and white
    Mono,
    /// Black, white, red
    Red,
    /// Black, white, yellow
    Yellow,
    /// The six inks of Spectra 6
    Spectra6,
    /// The seven of ACeP
    Acep,
}

impl PaletteChoice {
    /// The palette on a display that has `own` inks (`None`: all colours); `None` for all colours.
    #[must_use]
    pub const fn on(self, own: Option<Palette>) -> Option<Palette> {
        match self {
            Self::Auto => own,
            Self::Full => None,
            Self::Mono => Some(MONO),
            Self::Red => Some(RED),
            Self::Yellow => Some(YELLOW),
            Self::Spectra6 => Some(SPECTRA6),
            Self::Acep => Some(ACEP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ink_has_the_colour_of_its_name() {
        for palette in [MONO, RED, YELLOW, SPECTRA6, ACEP] {
            assert_eq!(palette.inks.len(), palette.measured.inks().len());
            for (ink, colors) in palette.inks.iter().zip(palette.measured.inks()) {
                let expected = match ink {
                    Ink::Black => [0, 0, 0],
                    Ink::White => [255, 255, 255],
                    Ink::Yellow => [255, 255, 0],
                    Ink::Red => [255, 0, 0],
                    Ink::Blue => [0, 0, 255],
                    Ink::Green => [0, 255, 0],
                    Ink::Orange => [255, 128, 0],
                };
                assert_eq!(colors.name, expected, "{} {ink:?}", palette.name);
            }
        }
    }
}
