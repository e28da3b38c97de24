//! An image in the terminal, by the best means the terminal has; the means are the crate
//! `dreamlet-terminal`'s.

use std::io::Write;

use dreamlet_terminal::{Pixels, PixelsError};
use image::DynamicImage;
use image::imageops::FilterType;

use crate::sheet::{GridError, enlarge, png};

pub(crate) use dreamlet_terminal::{Environment, Protocol, TerminalChoice, protocol};

/// Width that a terminal is taken to have when it does not say.
const USUAL_COLUMNS: usize = 80;
/// Pixels in the width of a character, for fitting; real ones are rarely narrower.
const CELL_WIDTH: usize = 8;
/// Small images are enlarged up to this many pixels.
const COMFORTABLE_WIDTH: usize = 480;

/// The bytes that show `image` in a terminal of `columns` characters, with a line break at the end.
/// An image that is too wide is reduced to fit; small ones are enlarged where pixels are small.
///
/// # Errors
/// [`GridError`] if the image cannot be encoded.
pub(crate) fn encode(
    image: &DynamicImage,
    protocol: Protocol,
    columns: usize,
) -> Result<Vec<u8>, GridError> {
    let columns = columns.clamp(1, 1000);
    let mut out = Vec::new();
    match protocol {
        Protocol::Kitty => dreamlet_terminal::kitty(&png(&fit_pixels(image, columns)?)?, &mut out),
        Protocol::Sixel => with_pixels(&fit_pixels(image, columns)?, |pixels| {
            dreamlet_terminal::sixel(pixels, &mut out);
        })?,
        Protocol::Blocks { true_color } => with_pixels(&narrow(image, columns), |pixels| {
            dreamlet_terminal::blocks(pixels, true_color, "\n", &mut out);
        })?,
    }
    Ok(out)
}

/// The environment of this process.
pub(crate) fn environment() -> Environment {
    let size = console::Term::stdout().size_checked();
    Environment::of_process(size.map(|(_rows, columns)| usize::from(columns)))
}

/// Calls `show` with the image's bytes, grey ones where it is grey.
fn with_pixels(image: &DynamicImage, show: impl FnOnce(Pixels<'_>)) -> Result<(), GridError> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let encode = |error: PixelsError| GridError::Encode {
        reason: error.to_string(),
    };
    match image.color().has_color() {
        true => show(Pixels::new(&image.to_rgb8(), width, height, 3).map_err(encode)?),
        false => show(Pixels::new(&image.to_luma8(), width, height, 1).map_err(encode)?),
    }
    Ok(())
}

/// Shows `image` on standard output as `choice` says. Who reads no further is no error.
pub(crate) fn print(
    image: &DynamicImage,
    choice: TerminalChoice,
    environment: &Environment,
) -> std::io::Result<()> {
    match show(image, choice, environment, &mut std::io::stdout().lock()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map(|_shown| ()),
    }
}

/// Shows `image` on `out` as `choice` says, and whether it did.
fn show(
    image: &DynamicImage,
    choice: TerminalChoice,
    environment: &Environment,
    out: &mut impl Write,
) -> std::io::Result<bool> {
    let Some(protocol) = protocol(choice, environment) else {
        return Ok(false);
    };
    let columns = environment.columns.unwrap_or(USUAL_COLUMNS);
    let bytes = encode(image, protocol, columns).map_err(std::io::Error::other)?;
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(true)
}

/// The image, reduced if it is wider than `width` pixels.
fn narrow(image: &DynamicImage, width: usize) -> DynamicImage {
    let limit = u32::try_from(width).unwrap_or(u32::MAX).max(1);
    match image.width() > limit {
        true => image.resize(limit, u32::MAX, FilterType::Triangle),
        false => image.clone(),
    }
}

/// The image in a size to look at, where the terminal shows pixels.
fn fit_pixels(image: &DynamicImage, columns: usize) -> Result<DynamicImage, GridError> {
    let room = columns.saturating_mul(CELL_WIDTH);
    let factor = room.min(COMFORTABLE_WIDTH) / (image.width() as usize).max(1);
    enlarge(&narrow(image, room), factor.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::GrayImage;

    #[test]
    fn an_image_is_shown_where_the_protocol_says_so_and_nowhere_else() {
        let piped = Environment {
            term: "xterm-kitty".into(),
            ..Environment::default()
        };
        let image = DynamicImage::from(GrayImage::new(4, 4));
        let mut out = Vec::new();
        assert!(!show(&image, TerminalChoice::Auto, &piped, &mut out).unwrap());
        assert!(out.is_empty());
        assert!(show(&image, TerminalChoice::Blocks, &piped, &mut out).unwrap());
        assert!(!out.is_empty());
    }

    #[test]
    fn wide_images_are_reduced_and_small_ones_enlarged() {
        let image = |width, height| DynamicImage::from(GrayImage::new(width, height));
        let size = |image: &DynamicImage| (image.width(), image.height());
        assert_eq!(size(&narrow(&image(200, 100), 80)), (80, 40));
        assert_eq!(size(&narrow(&image(60, 100), 80)), (60, 100));
        let fitted = |image| size(&fit_pixels(&image, 80).unwrap());
        assert_eq!(fitted(image(100, 50)), (400, 200));
        assert_eq!(fitted(image(1000, 500)), (640, 320));
        let blocks = Protocol::Blocks { true_color: true };
        for columns in [0, 1, usize::MAX] {
            for protocol in [Protocol::Kitty, Protocol::Sixel, blocks] {
                let bytes = encode(&image(30, 20), protocol, columns).unwrap();
                assert!(!bytes.is_empty());
            }
        }
    }
}
