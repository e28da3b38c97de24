//! Numbered PNG files in a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::DisplayError;
use super::traits::{Display, Facts};
use crate::picture::{Canvas, Size};

/// Size of an image where the user names none.
pub(super) const USUAL: Size = Size {
    width: 240,
    height: 240,
};

/// A folder of images.
#[derive(Debug)]
pub struct PngFolder {
    folder: PathBuf,
    facts: Facts,
    number: u64,
}

impl PngFolder {
    /// Makes the folder if it is not there. Files of an earlier run are written over.
    ///
    /// # Errors
    /// [`DisplayError::Io`].
    pub fn open(folder: &Path, size: Option<Size>) -> Result<Self, DisplayError> {
        fs::create_dir_all(folder).map_err(|error| DisplayError::file(folder, error))?;
        let size = size.unwrap_or(USUAL);
        Ok(Self {
            folder: folder.into(),
            facts: Facts {
                width: size.width,
                height: size.height,
                palette: None,
                border: [0; 3],
                least_period: Duration::ZERO,
            },
            number: 0,
        })
    }
}

impl Display for PngFolder {
    fn facts(&self) -> Facts {
        self.facts
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        let path = self.folder.join(format!("{:06}.png", self.number));
        let temporary = self.folder.join(".frame.tmp");
        // A reader sees a whole image or none. After a power cut the last may be missing, which a
        // frame can bear, so nothing is synced.
        let written = encode(canvas)
            .and_then(|bytes| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(DisplayError::file(&path, error));
        }
        self.number += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        Ok(())
    }
}

/// A canvas as the bytes of a PNG file.
pub(super) fn encode(canvas: &Canvas) -> std::io::Result<Vec<u8>> {
    let side = |n: usize| u32::try_from(n).map_err(std::io::Error::other);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(canvas.width)?, side(canvas.height)?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&canvas.rgb)?;
    writer.finish()?;
    Ok(bytes)
}
