//! Images in the few inks of e-paper: row by row, in integers, in the caller's row buffer.
//!
//! A panel's inks are not what their names say: its red is dark, its white is grey. [`Palette`]
//! knows how they look, and what they can be mixed to. [`Inking`] makes of each pixel the number of
//! an ink, so that from afar a row looks like the image:
//!
//! 1. Light is what is mixed, so a pixel's sRGB becomes light.
//! 2. Black and white become the panel's (black point compensation), and the chroma becomes what
//!    the inks can show at that brightness: hardly less of small chromas, much less of large ones.
//! 3. [`Dither`] chooses an ink. Error diffusion takes the nearest in OKLab and hands on the light
//!    that is wrong; ordered dithering takes ink by ink as often as the mix has them.
//!
//! ```
//! use dreamlet_runtime::ink::{Dither, Inking, Palette};
//!
//! const PANEL: Palette = Palette::SPECTRA_6;
//! const WIDTH: usize = 8;
//! let mut errors = [0; Inking::scratch_len(Dither::FloydSteinberg, WIDTH)];
//! let mut inking = Inking::new(&PANEL, Dither::FloydSteinberg, WIDTH, &mut errors)?;
//! let mut inks = [0; WIDTH];
//! inking.row(&[255; 3 * WIDTH], &mut inks)?;
//! assert_eq!(inks, [1; WIDTH]);
//! # Ok::<(), dreamlet_runtime::image::ImageError>(())
//! ```

mod inking;
mod linear;
mod oklab;
mod palette;

pub use inking::{Dither, Inking};
pub use palette::{Ink, Palette};

#[cfg(test)]
mod tests;
