//! Displays: one file for each kind, one table that names them all.

#[cfg(feature = "bus")]
pub mod bus;
#[cfg(feature = "epaper")]
pub mod epaper;
mod error;
#[cfg(feature = "framebuffer")]
pub mod framebuffer;
#[cfg(feature = "gif")]
pub mod gif;
mod kinds;
#[cfg(feature = "oled")]
pub mod oled;
mod open;
pub mod png;
#[cfg(feature = "spectra6")]
pub mod spectra6;
pub mod terminal;
#[cfg(all(test, feature = "bus"))]
mod testing;
#[cfg(feature = "tft")]
pub mod tft;
mod traits;

pub use error::DisplayError;
pub use kinds::{KINDS, Kind, list};
pub use open::{Wish, kind_of, open};
pub use traits::{Display, Facts};
