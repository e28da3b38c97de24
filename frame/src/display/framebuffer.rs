//! A screen that Linux drives: `/dev/fb0`, with what the kernel says of it under
//! `/sys/class/graphics`. Reading that needs no call that Rust cannot check.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::DisplayError;
use super::traits::{Display, Facts};
use crate::picture::Canvas;

/// How a pixel is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Five, six and five bits in two bytes, the lower first.
    Rgb565,
    /// Blue, green, red.
    Bgr,
    /// Blue, green, red and a byte that is not looked at.
    Bgrx,
}

/// A framebuffer device.
#[derive(Debug)]
pub struct Framebuffer {
    path: PathBuf,
    file: File,
    format: Format,
    /// Bytes from one row to the next.
    stride: usize,
    facts: Facts,
    /// The bytes of a row.
    row: Vec<u8>,
}

impl Framebuffer {
    /// Opens a device.
    ///
    /// # Errors
    /// [`DisplayError`].
    pub fn open(path: &Path) -> Result<Self, DisplayError> {
        let name = path.file_name().unwrap_or_default();
        Self::with_facts_of(path, &Path::new("/sys/class/graphics").join(name))
    }

    /// Opens a device of which the kernel says what it is in the folder `about`.
    ///
    /// # Errors
    /// [`DisplayError`].
    pub fn with_facts_of(path: &Path, about: &Path) -> Result<Self, DisplayError> {
        let opened = OpenOptions::new().write(true).open(path);
        let file = opened.map_err(|error| DisplayError::Io {
            advice: match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "add the user to the group video: sudo usermod -aG video USER"
                }
                io::ErrorKind::NotFound => {
                    "no screen is connected, or the kernel has no driver for it; ls /dev/fb*"
                }
                _ => "",
            },
            what: format!("cannot open the framebuffer {}", path.display()),
            error,
        })?;
        let fact = |name: &str| {
            let path = about.join(name);
            fs::read_to_string(&path).map_err(|error| DisplayError::Io {
                what: format!("cannot read {}", path.display()),
                error,
                advice: "",
            })
        };
        let wrong =
            |name: &'static str, found: &str, expected: &'static str| DisplayError::Argument {
                name,
                expected,
                found: found.trim().into(),
            };
        let size = fact("virtual_size")?;
        let mut sides = size.trim().split(',').map(|n| n.parse().ok());
        let (width, height): (usize, usize) = match (sides.next(), sides.next()) {
            (Some(Some(width)), Some(Some(height))) if width > 0 && height > 0 => (width, height),
            _ => {
                return Err(wrong(
                    "framebuffer",
                    &size,
                    "a size like 800,480 in virtual_size",
                ));
            }
        };
        let bits = fact("bits_per_pixel")?;
        let (format, bytes) = match bits.trim() {
            "16" => (Format::Rgb565, 2),
            "24" => (Format::Bgr, 3),
            "32" => (Format::Bgrx, 4),
            other => return Err(wrong("framebuffer", other, "16, 24 or 32 bits_per_pixel")),
        };
        let stride = fact("stride")?;
        let stride = stride.trim().parse().ok().filter(|n| *n >= width * bytes);
        let stride = stride
            .ok_or_else(|| wrong("framebuffer", "a shorter row", "a stride of a row or more"))?;
        Ok(Self {
            path: path.into(),
            file,
            format,
            stride,
            facts: Facts {
                width,
                height,
                palette: None,
                border: [0; 3],
                least_period: Duration::ZERO,
            },
            row: Vec::with_capacity(width * bytes),
        })
    }
}

impl Display for Framebuffer {
    fn facts(&self) -> Facts {
        self.facts
    }

    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError> {
        let rows = canvas.rgb.chunks_exact((canvas.width * 3).max(1));
        for (y, pixels) in rows.enumerate().take(self.facts.height) {
            self.row.clear();
            for [r, g, b] in pixels.as_chunks().0 {
                match self.format {
                    Format::Rgb565 => self
                        .row
                        .extend_from_slice(&rgb565(*r, *g, *b).to_le_bytes()),
                    Format::Bgr => self.row.extend_from_slice(&[*b, *g, *r]),
                    Format::Bgrx => self.row.extend_from_slice(&[*b, *g, *r, 0xff]),
                }
            }
            let written = self.file.write_all_at(&self.row, (y * self.stride) as u64);
            written.map_err(|error| DisplayError::file(&self.path, error))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), DisplayError> {
        self.show(&Canvas::new(self.facts.width, self.facts.height))
    }
}

fn rgb565(r: u8, g: u8, b: u8) -> u16 {
    (u16::from(r) >> 3) << 11 | (u16::from(g) >> 2) << 5 | u16::from(b) >> 3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a device of 2 by 2 pixels after red, green, blue, white.
    fn shown(bits: &str, stride: &str) -> Vec<u8> {
        let name = format!("dreamlet-fb-{}-{bits}-{stride}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in [
            ("virtual_size", "2,2\n"),
            ("bits_per_pixel", bits),
            ("stride", stride),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        let device = folder.join("fb0");
        fs::write(&device, []).unwrap();
        let mut canvas = Canvas::new(2, 2);
        canvas.rgb = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
        let mut display = Framebuffer::with_facts_of(&device, &folder).unwrap();
        display.show(&canvas).unwrap();
        let bytes = fs::read(&device).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        bytes
    }

    #[test]
    fn pixels_are_stored_as_the_kernel_says() {
        assert_eq!(
            shown("16", "4"),
            [0x00, 0xf8, 0xe0, 0x07, 0x1f, 0x00, 0xff, 0xff]
        );
        let rows = [
            0, 0, 255, 255, 0, 255, 0, 255, 255, 0, 0, 255, 255, 255, 255, 255,
        ];
        assert_eq!(shown("32", "8"), rows);
    }

    #[test]
    fn rows_begin_where_the_stride_says() {
        let bytes = shown("24", "8");
        assert_eq!(
            bytes,
            [0, 0, 255, 0, 255, 0, 0, 0, 255, 0, 0, 255, 255, 255]
        );
    }
}
