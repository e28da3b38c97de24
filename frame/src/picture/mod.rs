//! From a generated image to what a display takes: fitted, turned, and in the display's inks.
//!
//! Only this folder knows how that is done; the rest of the program calls [`Fitter`] and
//! [`Inker`].

mod canvas;
mod dither;
mod fit;
mod ink;
mod size;

pub use canvas::Canvas;
pub use dither::{Dither, Inker};
pub use fit::{Fit, FitError, Fitter, Rotation};
pub use ink::{ACEP, Ink, MONO, Palette, PaletteChoice, RED, SPECTRA6, YELLOW};
pub use size::Size;
