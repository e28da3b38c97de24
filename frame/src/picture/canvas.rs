//! The image as a display takes it.

use super::ink::Ink;

/// One image of a display's size. Its memory is used again for image after image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Rows of red, green, blue.
    pub rgb: Vec<u8>,
    /// One ink a pixel, where the image has been reduced to inks; else empty.
    pub inks: Vec<Ink>,
}

impl Canvas {
    /// A black canvas.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            rgb: vec![0; width * height * 3],
            inks: Vec::new(),
        }
    }

    /// Fills it with one colour.
    pub fn fill(&mut self, color: [u8; 3]) {
        for pixel in self.rgb.as_chunks_mut().0 {
            *pixel = color;
        }
    }

    /// All pixels, row after row.
    pub fn pixels(&self) -> impl Iterator<Item = [u8; 3]> + '_ {
        self.rgb.as_chunks().0.iter().copied()
    }

    /// Changes one pixel; one outside is none.
    pub fn set(&mut self, x: usize, y: usize, color: [u8; 3]) {
        if x < self.width
            && let Some(pixel) = self.rgb.as_chunks_mut().0.get_mut(y * self.width + x)
        {
            *pixel = color;
        }
    }
}
