//! Inks of panels, and palettes: the inks an image is made of, with their measured colours.

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

/// Inks, each with the red, green and blue that it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// For people.
    pub name: &'static str,
    /// The inks.
    pub inks: &'static [(Ink, [u8; 3])],
}

/// Black and white, as they are meant.
pub const MONO: Palette = Palette {
    name: "mono",
    inks: &[(Ink::Black, [0; 3]), (Ink::White, [255; 3])],
};

/// Black, white and red e-paper: black and white as Spectra 6 has them, and its red.
pub const RED: Palette = Palette {
    name: "red",
    inks: &[BLACK_6, WHITE_6, RED_6],
};

/// Black, white and yellow e-paper, in the inks of Spectra 6.
pub const YELLOW: Palette = Palette {
    name: "yellow",
    inks: &[BLACK_6, WHITE_6, YELLOW_6],
};

/// Spectra 6, measured on panels.
pub const SPECTRA6: Palette = Palette {
    name: "spectra6",
    inks: &[BLACK_6, WHITE_6, YELLOW_6, RED_6, BLUE_6, GREEN_6],
};

/// Seven-colour ACeP, as Pimoroni's library `inky` has measured it (`inky_uc8159.py`).
pub const ACEP: Palette = Palette {
    name: "acep",
    inks: &[
        (Ink::Black, [57, 48, 57]),
        (Ink::White, [255; 3]),
        (Ink::Green, [58, 91, 70]),
        (Ink::Blue, [61, 59, 94]),
        (Ink::Red, [156, 72, 75]),
        (Ink::Yellow, [208, 190, 71]),
        (Ink::Orange, [177, 106, 73]),
    ],
};

const BLACK_6: (Ink, [u8; 3]) = (Ink::Black, [0x19, 0x1e, 0x21]);
const WHITE_6: (Ink, [u8; 3]) = (Ink::White, [0xe8; 3]);
const YELLOW_6: (Ink, [u8; 3]) = (Ink::Yellow, [0xef, 0xde, 0x44]);
const RED_6: (Ink, [u8; 3]) = (Ink::Red, [0xb2, 0x13, 0x18]);
const BLUE_6: (Ink, [u8; 3]) = (Ink::Blue, [0x21, 0x57, 0xba]);
const GREEN_6: (Ink, [u8; 3]) = (Ink::Green, [0x12, 0x5f, 0x20]);

impl Palette {
    /// What an ink looks like; black for one that is not of the palette.
    #[must_use]
    pub fn color(&self, ink: Ink) -> [u8; 3] {
        let found = self.inks.iter().find(|(one, _)| *one == ink);
        found.map_or([0; 3], |(_, color)| *color)
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
