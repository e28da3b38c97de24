//! This terminal: each image over the one before.

use std::io::{ErrorKind, Stdout, Write, stdout};
use std::time::Duration;

use dreamlet_terminal::{
    Environment, Pixels, Protocol, TerminalChoice, blocks, kitty, protocol, sixel,
};

use super::error::DisplayError;
use super::png;
use super::traits::{Display, Facts};
use crate::picture::{Canvas, Size};

/// Characters that a terminal is taken to have when it does not say.
const USUAL_CELLS: (u16, u16) = (80, 25);
/// Pixels of a terminal that does not say, and most that are drawn: more take long to send.
const USUAL_PIXELS: Size = Size {
    width: 480,
    height: 480,
};

/// A terminal, or whatever takes its bytes.
#[derive(Debug)]
pub struct Terminal<W> {
    out: W,
    protocol: Protocol,
    facts: Facts,
    /// The bytes of an image: one memory for all of them.
    text: Vec<u8>,
    begun: bool,
}

/// Standard output, with the protocol of the name or the terminal's best.
///
/// # Errors
/// [`DisplayError::Argument`] for a protocol that there is not.
pub fn open(argument: &str, size: Option<Size>) -> Result<Terminal<Stdout>, DisplayError> {
    let choice = match argument {
        "" => TerminalChoice::Auto,
        "blocks" => TerminalChoice::Blocks,
        "sixel" => TerminalChoice::Sixel,
        "kitty" => TerminalChoice::Kitty,
        other => {
            return Err(DisplayError::Argument {
                name: "terminal",
                expected: "nothing, :blocks, :sixel or :kitty",
                found: other.into(),
            });
        }
    };
    let window = rustix::termios::tcgetwinsize(stdout()).ok();
    let cells = window
        .map(|w| (w.ws_col, w.ws_row))
        .filter(|(x, y)| *x > 0 && *y > 1);
    let environment = Environment::of_process(cells.map(|(columns, _)| columns.into()));
    // Who names this display wants images, even where output is no terminal.
    let blocks = Protocol::Blocks { true_color: true };
    let protocol = protocol(choice, &environment).unwrap_or(blocks);
    let own = match protocol {
        Protocol::Blocks { .. } => {
            let (columns, rows) = cells.unwrap_or(USUAL_CELLS);
            Size {
                width: columns.into(),
                // The last row stays free, so that the terminal does not scroll.
                height: 2 * usize::from(rows - 1),
            }
        }
        Protocol::Kitty | Protocol::Sixel => {
            let pixels = window.map(|w| (w.ws_xpixel.into(), w.ws_ypixel.into()));
            let (width, height) = pixels
                .filter(|(x, y)| *x > 0 && *y > 0)
                .unwrap_or((USUAL_PIXELS.width, USUAL_PIXELS.height));
            Size {
                width: width.min(USUAL_PIXELS.width),
                height: height.min(USUAL_PIXELS.height),
            }
        }
    };
    Ok(Terminal::new(stdout(), protocol, size.unwrap_or(own)))
}

impl<W: Write> Terminal<W> {
    /// A terminal behind `out`.
    pub fn new(out: W, protocol: Protocol, size: Size) -> Self {
        Self {
            out,
            protocol,
            facts: Facts {
                width: size.width,
                height: size.height,
                palette: None,
                border: [0; 3],
                least_period: Duration::ZERO,
            },
            text: Vec::new(),
            begun: false,
        }
    }

    fn send(&mut self) -> Result<(), DisplayError> {
        let sent = self
            .out
            .write_all(&self.text)
            .and_then(|()| self.out.flush());
        sent.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => DisplayError::Closed,
            _ => DisplayError::Io {
                what: "cannot write to the terminal".into(),
                error,
                advice: "",
            },
        })
    }
}

impl<W: Write> Display for Terminal<W> {
    fn facts(&self) -> Facts {
        self.facts
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        self.text.clear();
        if !self.begun {
            // Without a cursor, on an empty screen.
            self.text.extend_from_slice(b"\x1b[?25l\x1b[2J");
            self.begun = true;
        }
        self.text.extend_from_slice(b"\x1b[H");
        let (width, height) = (canvas.width, canvas.height);
        let pixels = Pixels::new(&canvas.rgb, width, height, 3);
        match (self.protocol, pixels) {
            (Protocol::Kitty, _) => {
                let png = png::encode(canvas).map_err(|error| DisplayError::Io {
                    what: "cannot encode the image".into(),
                    error,
                    advice: "",
                })?;
                // The image before goes out of the terminal's memory.
                self.text.extend_from_slice(b"\x1b_Ga=d,d=A,q=2\x1b\\");
                kitty(&png, &mut self.text);
            }
            (Protocol::Sixel, Ok(pixels)) => sixel(pixels, &mut self.text),
            (Protocol::Blocks { true_color }, Ok(pixels)) => {
                blocks(pixels, true_color, "\r\n", &mut self.text);
            }
            (_, Err(error)) => {
                return Err(DisplayError::Argument {
                    name: "terminal",
                    expected: "images of its size",
                    found: error.to_string(),
                });
            }
        }
        self.send()
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        if !self.begun {
            return Ok(());
        }
        self.begun = false;
        self.text.clear();
        self.text.extend_from_slice(b"\x1b[0m\x1b[?25h\n");
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: Protocol = Protocol::Blocks { true_color: true };

    #[test]
    fn images_are_drawn_over_each_other_and_the_cursor_comes_back() {
        let size = Size {
            width: 2,
            height: 2,
        };
        let mut terminal = Terminal::new(Vec::new(), BLOCKS, size);
        let canvas = Canvas::new(2, 2);
        terminal.show(&canvas).unwrap();
        terminal.show(&canvas).unwrap();
        terminal.finish().unwrap();
        let text = String::from_utf8(terminal.out).unwrap();
        let image = "\x1b[H\x1b[38;2;0;0;0m\x1b[48;2;0;0;0m▀▀\x1b[0m\r\n";
        assert_eq!(
            text,
            format!("\x1b[?25l\x1b[2J{image}{image}\x1b[0m\x1b[?25h\n")
        );
    }

    #[test]
    fn who_reads_no_further_ends_the_program_without_an_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let size = Size {
            width: 2,
            height: 2,
        };
        let mut terminal = Terminal::new(Gone, BLOCKS, size);
        let shown = terminal.show(&Canvas::new(2, 2));
        assert!(matches!(shown, Err(DisplayError::Closed)));
    }
}
