//! Images in the terminal, by the best means the terminal has.
//!
//! | means | terminals | image |
//! | --- | --- | --- |
//! | kitty graphics protocol | kitty, Ghostty, Konsole | as it is |
//! | sixel | foot, mlterm, WezTerm, iTerm2, mintty, contour | 64 greys or 216 colours |
//! | half blocks | all others but `dumb` | two pixels a character, in 24-bit colour or 256 |
//!
//! It is a crate of its own because a workstation's program and a device's both draw so, and neither
//! may depend on the other.
//!
//! ```
//! use dreamlet_terminal::{Pixels, blocks};
//! let mut text = Vec::new();
//! blocks(Pixels::new(&[0, 255], 1, 2, 1)?, true, "\n", &mut text);
//! assert_eq!(text, "\x1b[38;2;0;0;0m\x1b[48;2;255;255;255m▀\x1b[0m\n".as_bytes());
//! # Ok::<(), dreamlet_terminal::PixelsError>(())
//! ```

mod blocks;
mod kitty;
mod pixels;
mod protocol;
mod sixel;

pub use blocks::blocks;
pub use kitty::kitty;
pub use pixels::{Pixels, PixelsError};
pub use protocol::{Environment, Protocol, TerminalChoice, protocol};
pub use sixel::sixel;
