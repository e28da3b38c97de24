//! Images in few inks.

use dreamlet_runtime::image::Bayer;
use dreamlet_runtime::ink::{self, Inking};

use super::canvas::Canvas;
use super::ink::{Ink, Palette};

/// How inks stand for the colours between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dither {
    /// The nearest ink
    None,
    /// A regular pattern of 8 by 8: for what moves
    Bayer,
    /// Errors go on to the neighbours: the finest
    #[default]
    FloydSteinberg,
    /// Three quarters of the errors go on: more contrast
    Atkinson,
    /// A pattern without order: for what moves
    BlueNoise,
}

impl From<Dither> for ink::Dither {
    fn from(dither: Dither) -> Self {
        match dither {
            Dither::None => Self::None,
            Dither::Bayer => Self::Bayer(Bayer::Eight),
            Dither::FloydSteinberg => Self::FloydSteinberg,
            Dither::Atkinson => Self::Atkinson,
            Dither::BlueNoise => Self::BlueNoise,
        }
    }
}

/// Makes canvases of inks, by the runtime's [`Inking`]. It allocates when it is made, and not for
/// an image, but that the first image of each canvas gets memory for its inks.
#[derive(Debug)]
pub struct Inker {
    palette: Palette,
    dither: ink::Dither,
    width: usize,
    /// Errors on their way to the neighbours.
    errors: Vec<i16>,
    /// The inks of a row, as numbers.
    row: Vec<u8>,
}

impl Inker {
    /// For canvases of `width` columns.
    #[must_use]
    pub fn new(palette: Palette, dither: Dither, width: usize) -> Self {
        let dither = dither.into();
        Self {
            palette,
            dither,
            width,
            errors: vec![0; Inking::scratch_len(dither, width)],
            row: vec![0; width],
        }
    }

    /// Gives a canvas its inks, and makes its colours theirs.
    ///
    /// # Errors
    /// [`dreamlet_runtime::image::ImageError`] for a canvas of another width.
    pub fn ink(&mut self, canvas: &mut Canvas) -> Result<(), dreamlet_runtime::image::ImageError> {
        let Canvas { rgb, inks, .. } = canvas;
        inks.clear();
        inks.resize(rgb.len() / 3, Ink::White);
        let width = self.width.max(1);
        let (palette, measured) = (self.palette, self.palette.measured);
        let mut inking = Inking::new(measured, self.dither, self.width, &mut self.errors)?;
        for (rgb, inks) in rgb.chunks_mut(3 * width).zip(inks.chunks_mut(width)) {
            inking.row(rgb, &mut self.row)?;
            let pixels = rgb.as_chunks_mut::<3>().0.iter_mut().zip(inks);
            for ((color, ink), number) in pixels.zip(&self.row) {
                (*ink, *color) = palette.ink(*number);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ink::SPECTRA6;
    use super::*;

    const SIDE: usize = 64;

    fn flat(color: [u8; 3], palette: Palette, dither: Dither) -> Canvas {
        let mut canvas = Canvas::new(SIDE, SIDE);
        canvas.fill(color);
        Inker::new(palette, dither, SIDE).ink(&mut canvas).unwrap();
        canvas
    }

    #[test]
    fn black_white_and_pure_colours_stay_what_they_are() {
        for dither in [Dither::None, Dither::FloydSteinberg, Dither::Atkinson] {
            for (color, ink) in [([0; 3], Ink::Black), ([255; 3], Ink::White)] {
                let canvas = flat(color, SPECTRA6, dither);
                assert!(canvas.inks.iter().all(|one| *one == ink), "{dither:?}");
            }
        }
        let nearest = |color| flat(color, SPECTRA6, Dither::None).inks[0];
        assert_eq!(nearest([255, 0, 0]), Ink::Red);
        assert_eq!(nearest([255, 230, 0]), Ink::Yellow);
        assert_eq!(nearest([0, 60, 220]), Ink::Blue);
        assert_eq!(nearest([0, 120, 30]), Ink::Green);
    }

    #[test]
    fn the_second_image_on_a_canvas_is_as_the_first() {
        let mut inker = Inker::new(SPECTRA6, Dither::Atkinson, SIDE);
        let mut canvases = [Canvas::new(SIDE, SIDE), Canvas::new(SIDE, SIDE)];
        for canvas in &mut canvases {
            canvas.fill([120, 90, 60]);
            inker.ink(canvas).unwrap();
        }
        assert_eq!(canvases[0], canvases[1]);
    }

    #[test]
    fn a_canvas_of_another_width_is_refused() {
        let mut inker = Inker::new(SPECTRA6, Dither::None, SIDE);
        assert!(inker.ink(&mut Canvas::new(SIDE + 1, 3)).is_err());
    }
}
