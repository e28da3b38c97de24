//! An animation as a GIF file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gif::{Encoder, EncodingError, Frame, Repeat};

use super::error::DisplayError;
use super::png::USUAL;
use super::traits::{Display, Facts};
use crate::picture::{Canvas, Size};

/// Hundredths of a second of an image where the user names no time.
const USUAL_DELAY: u16 = 5;

/// A file that gets one image after another.
pub struct Gif {
    path: PathBuf,
    /// `None` once it is finished.
    encoder: Option<Encoder<BufWriter<File>>>,
    facts: Facts,
    delay: u16,
}

impl Gif {
    /// Begins a file that is played again and again.
    ///
    /// # Errors
    /// [`DisplayError::Io`].
    pub fn open(
        path: &Path,
        size: Option<Size>,
        period: Option<Duration>,
    ) -> Result<Self, DisplayError> {
        let size = size.unwrap_or(USUAL);
        let side = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let file = File::create(path).map_err(|error| DisplayError::file(path, error))?;
        let file = BufWriter::new(file);
        let encoder = Encoder::new(file, side(size.width), side(size.height), &[]);
        let mut encoder = encoder.map_err(|error| failed(path, error))?;
        let repeat = encoder.set_repeat(Repeat::Infinite);
        repeat.map_err(|error| failed(path, error))?;
        let hundredths = |period: Duration| u16::try_from(period.as_millis() / 10);
        Ok(Self {
            path: path.into(),
            encoder: Some(encoder),
            facts: Facts {
                width: size.width,
                height: size.height,
                palette: None,
                border: [0; 3],
                least_period: Duration::ZERO,
            },
            // Players take less than two hundredths for ten.
            delay: period.map_or(USUAL_DELAY, |p| hundredths(p).unwrap_or(u16::MAX).max(2)),
        })
    }
}

impl Display for Gif {
    fn facts(&self) -> Facts {
        self.facts
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        let (width, height) = (self.facts.width, self.facts.height);
        if canvas.rgb.len() != width * height * 3 {
            return Err(DisplayError::Argument {
                name: "gif",
                expected: "images of its size",
                found: format!("{}x{}", canvas.width, canvas.height),
            });
        }
        let Some(encoder) = &mut self.encoder else {
            return Ok(());
        };
        // Both sides were made to fit when the file was begun.
        let mut frame = Frame::from_rgb_speed(width as u16, height as u16, &canvas.rgb, 10);
        frame.delay = self.delay;
        let written = encoder.write_frame(&frame);
        written.map_err(|error| failed(&self.path, error))
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        let Some(encoder) = self.encoder.take() else {
            return Ok(());
        };
        let file = encoder.into_inner().and_then(|mut file| Ok(file.flush()?));
        file.map_err(|error| failed(&self.path, error))
    }
}

fn failed(path: &Path, error: EncodingError) -> DisplayError {
    match error {
        EncodingError::Io(error) => DisplayError::file(path, error),
        other => DisplayError::file(path, std::io::Error::other(other)),
    }
}
