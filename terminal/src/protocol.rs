//! Which means a terminal has.

use std::io::IsTerminal as _;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum TerminalChoice {
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
pub enum Protocol {
    /// The kitty graphics protocol.
    Kitty,
    /// Sixel graphics.
    Sixel,
    /// In 24-bit colour, else in the 256 of xterm.
    Blocks {
        /// 24-bit colour.
        true_color: bool,
    },
}

/// What the environment says about the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Standard output is a terminal.
    pub is_terminal: bool,
    /// Characters in a line, where that is known.
    pub columns: Option<usize>,
    /// `TERM`.
    pub term: String,
    /// `TERM_PROGRAM`.
    pub term_program: String,
    /// `COLORTERM`.
    pub color_term: String,
    /// `KITTY_WINDOW_ID` or `KONSOLE_VERSION` is set.
    pub kitty: bool,
}

impl Environment {
    /// That of this process; `columns` is what the caller knows of the terminal's width, else
    /// `COLUMNS` counts.
    #[must_use]
    pub fn of_process(columns: Option<usize>) -> Self {
        let text = |name: &str| std::env::var(name).unwrap_or_default();
        let columns = columns.or_else(|| text("COLUMNS").parse().ok());
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
#[must_use]
pub fn protocol(choice: TerminalChoice, environment: &Environment) -> Option<Protocol> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
