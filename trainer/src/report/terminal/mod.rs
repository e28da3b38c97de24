//! An image in the terminal, by the best means the terminal has.
//!
//! | means | terminals | image |
//! | --- | --- | --- |
//! | kitty graphics protocol | kitty, Ghostty, Konsole | as it is |
//! | sixel | foot, mlterm, WezTerm, iTerm2, mintty, contour | 64 greys or 216 colours |
//! | half blocks | all others but `dumb` | two pixels a character, in 24-bit colour or 256 |

mod blocks;
mod kitty;
mod sixel;

use std::io::{IsTerminal as _, Write};

use clap::ValueEnum;
use image::DynamicImage;
use image::imageops::FilterType;

use crate::sheet::{GridError, enlarge};

/// Width that a terminal is taken to have when it does not say.
const USUAL_COLUMNS: usize = 80;
/// Pixels in the width of a character, for fitting; real ones are rarely narrower.
const CELL_WIDTH: usize = 8;
/// Small images are enlarged up to this many pixels.
const COMFORTABLE_WIDTH: usize = 480;

/// Terminals with the kitty graphics protocol, by `TERM` or `TERM_PROGRAM`, and those with sixel.
const KITTY: [&str; 3] = ["xterm-kitty", "xterm-ghostty", "ghostty"];
const SIXEL: [&str; 7] = [
    "foot",
    "mlterm",
    "contour",
    "yaft",
    "WezTerm",
    "iTerm.app",
    "mintty",
];

/// What the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TerminalChoice {
    /// What the terminal is known to understand; nothing where standard output is no terminal
    #[default]
    Auto,
    /// The kitty graphics protocol
    Kitty,
    /// Sixel graphics
    Sixel,
    /// Coloured half blocks
    Blocks,
    /// No image
    Off,
}

/// How an image is written to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Kitty,
    Sixel,
    /// In 24-bit colour, else in the 256 of xterm.
    Blocks {
        true_color: bool,
    },
}

/// What the environment says about the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// Standard output is a terminal.
    pub is_terminal: bool,
    /// Characters in a line, where that is known.
    pub columns: Option<usize>,
    pub term: String,
    pub term_program: String,
    pub color_term: String,
    /// `KITTY_WINDOW_ID` or `KONSOLE_VERSION` is set.
    pub kitty: bool,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let text = |name: &str| std::env::var(name).unwrap_or_default();
        let columns = console::Term::stdout()
            .size_checked()
            .map(|(_rows, columns)| usize::from(columns))
            .or_else(|| text("COLUMNS").parse().ok());
        Self {
            is_terminal: std::io::stdout().is_terminal(),
            columns: columns.filter(|n| *n > 0),
            term: text("TERM"),
            term_program: text("TERM_PROGRAM"),
            color_term: text("COLORTERM"),
            kitty: !text("KITTY_WINDOW_ID").is_empty() || !text("KONSOLE_VERSION").is_empty(),
        }
    }
}

/// How to show images here, or `None` for not at all. A protocol that the user names is used
/// wherever output goes.
pub(crate) fn protocol(choice: TerminalChoice, environment: &Environment) -> Option<Protocol> {
    let Environment {
        is_terminal,
        columns: _,
        term,
        term_program,
        color_term,
        kitty,
    } = environment;
    let true_color =
        matches!(color_term.as_str(), "truecolor" | "24bit") || term.ends_with("-direct");
    let blocks = Protocol::Blocks { true_color };
    match choice {
        TerminalChoice::Off => None,
        TerminalChoice::Kitty => Some(Protocol::Kitty),
        TerminalChoice::Sixel => Some(Protocol::Sixel),
        TerminalChoice::Blocks => Some(blocks),
        TerminalChoice::Auto if !is_terminal || term.is_empty() || term == "dumb" => None,
        // A multiplexer passes text on and keeps graphics to itself, whatever terminal it runs in.
        TerminalChoice::Auto if term.starts_with("screen") || term.starts_with("tmux") => {
            Some(blocks)
        }
        TerminalChoice::Auto => {
            let is = |name: &&str| term.starts_with(name) || term_program == name;
            if *kitty || KITTY.iter().any(is) {
                Some(Protocol::Kitty)
            } else if SIXEL.iter().any(is) {
                Some(Protocol::Sixel)
            } else {
                Some(blocks)
            }
        }
    }
}

/// The bytes that show `image` in a terminal of `columns` characters, with a line break at the end.
/// An image that is too wide is reduced to fit; small ones are enlarged where pixels are small.
///
/// # Errors
/// [`GridError`] if the image cannot be encoded.
pub(crate) fn encode(
    image: &DynamicImage,
    protocol: Protocol,
    columns: usize,
) -> Result<Vec<u8>, GridError> {
    let columns = columns.clamp(1, 1000);
    match protocol {
        Protocol::Kitty => kitty::encode(&fit_pixels(image, columns)?),
        Protocol::Sixel => Ok(sixel::encode(&fit_pixels(image, columns)?)),
        Protocol::Blocks { true_color } => Ok(blocks::encode(&narrow(image, columns), true_color)),
    }
}

/// Shows `image` on standard output as `choice` says. Who reads no further is no error.
pub(crate) fn print(
    image: &DynamicImage,
    choice: TerminalChoice,
    environment: &Environment,
) -> std::io::Result<()> {
    match show(image, choice, environment, &mut std::io::stdout().lock()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map(|_shown| ()),
    }
}

/// Shows `image` on `out` as `choice` says, and whether it did.
fn show(
    image: &DynamicImage,
    choice: TerminalChoice,
    environment: &Environment,
    out: &mut impl Write,
) -> std::io::Result<bool> {
    let Some(protocol) = protocol(choice, environment) else {
        return Ok(false);
    };
    let columns = environment.columns.unwrap_or(USUAL_COLUMNS);
    let bytes = encode(image, protocol, columns).map_err(std::io::Error::other)?;
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(true)
}

/// The image, reduced if it is wider than `width` pixels.
fn narrow(image: &DynamicImage, width: usize) -> DynamicImage {
    let limit = u32::try_from(width).unwrap_or(u32::MAX).max(1);
    match image.width() > limit {
        true => image.resize(limit, u32::MAX, FilterType::Triangle),
        false => image.clone(),
    }
}

/// The image in a size to look at, where the terminal shows pixels.
fn fit_pixels(image: &DynamicImage, columns: usize) -> Result<DynamicImage, GridError> {
    let room = columns.saturating_mul(CELL_WIDTH);
    let factor = room.min(COMFORTABLE_WIDTH) / (image.width() as usize).max(1);
    enlarge(&narrow(image, room), factor.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::GrayImage;

    const PLAIN: Option<Protocol> = Some(Protocol::Blocks { true_color: false });

    fn terminal(term: &str) -> Environment {
        Environment {
            is_terminal: true,
            term: term.into(),
            ..Environment::default()
        }
    }

    fn auto(environment: &Environment) -> Option<Protocol> {
        protocol(TerminalChoice::Auto, environment)
    }

    #[test]
    fn each_terminal_gets_what_it_understands() {
        assert_eq!(auto(&terminal("xterm-kitty")), Some(Protocol::Kitty));
        assert_eq!(auto(&terminal("xterm-ghostty")), Some(Protocol::Kitty));
        assert_eq!(auto(&terminal("foot-extra")), Some(Protocol::Sixel));
        assert_eq!(auto(&terminal("xterm-256color")), PLAIN);
        let program = |name: &str| Environment {
            term_program: name.into(),
            ..terminal("xterm-256color")
        };
        assert_eq!(auto(&program("WezTerm")), Some(Protocol::Sixel));
        assert_eq!(auto(&program("vscode")), PLAIN);
        let colors = Environment {
            color_term: "truecolor".into(),
            ..terminal("xterm-256color")
        };
        assert_eq!(auto(&colors), Some(Protocol::Blocks { true_color: true }));
    }

    #[test]
    fn a_multiplexer_inside_kitty_gets_blocks() {
        let in_kitty = |term| Environment {
            kitty: true,
            ..terminal(term)
        };
        assert_eq!(auto(&in_kitty("tmux-256color")), PLAIN);
        assert_eq!(auto(&in_kitty("xterm-256color")), Some(Protocol::Kitty));
    }

    #[test]
    fn nothing_is_shown_where_there_is_no_terminal_or_a_dumb_one_unless_asked() {
        let piped = Environment {
            is_terminal: false,
            ..terminal("xterm-kitty")
        };
        for environment in [&piped, &terminal("dumb"), &terminal("")] {
            assert_eq!(auto(environment), None);
            let asked = protocol(TerminalChoice::Sixel, environment);
            assert_eq!(asked, Some(Protocol::Sixel));
        }
        let off = protocol(TerminalChoice::Off, &terminal("xterm-kitty"));
        assert_eq!(off, None);
        let image = DynamicImage::from(GrayImage::new(4, 4));
        let mut out = Vec::new();
        assert!(!show(&image, TerminalChoice::Auto, &piped, &mut out).unwrap());
        assert!(out.is_empty());
        assert!(show(&image, TerminalChoice::Blocks, &piped, &mut out).unwrap());
        assert!(!out.is_empty());
    }

    #[test]
    fn wide_images_are_reduced_and_small_ones_enlarged() {
        let image = |width, height| DynamicImage::from(GrayImage::new(width, height));
        let size = |image: &DynamicImage| (image.width(), image.height());
        assert_eq!(size(&narrow(&image(200, 100), 80)), (80, 40));
        assert_eq!(size(&narrow(&image(60, 100), 80)), (60, 100));
        let fitted = |image| size(&fit_pixels(&image, 80).unwrap());
        assert_eq!(fitted(image(100, 50)), (400, 200));
        assert_eq!(fitted(image(1000, 500)), (640, 320));
        let blocks = Protocol::Blocks { true_color: true };
        for columns in [0, 1, usize::MAX] {
            for protocol in [Protocol::Kitty, Protocol::Sixel, blocks] {
                let bytes = encode(&image(30, 20), protocol, columns).unwrap();
                assert!(!bytes.is_empty());
            }
        }
    }
}
