//! The kitty graphics protocol: a PNG in base64, in chunks of escape sequences.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::DynamicImage;

use crate::sheet::{GridError, png};

/// Most bytes of base64 in one escape sequence.
const CHUNK: usize = 4096;

/// Transmit and show (`a=T`) PNG data (`f=100`), quietly (`q=2`: no answers that would land in the
/// shell).
pub(super) fn encode(image: &DynamicImage) -> Result<Vec<u8>, GridError> {
    let text = STANDARD.encode(png(image)?);
    let mut out = Vec::with_capacity(text.len() + text.len() / CHUNK * 16 + 64);
    let mut chunks = text.as_bytes().chunks(CHUNK).peekable();
    let mut head = "a=T,f=100,q=2,";
    while let Some(chunk) = chunks.next() {
        let more = u8::from(chunks.peek().is_some());
        // Writing to a vector cannot fail.
        let _ = write!(out, "\x1b_G{head}m={more};");
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\x1b\\");
        head = "";
    }
    out.push(b'\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn chunks_put_together_are_the_png() {
        // Noise, so that the PNG needs several chunks.
        let noise = RgbImage::from_fn(80, 80, |x, y| {
            image::Rgb([x, y, x ^ y].map(|v| (v.wrapping_mul(2_654_435_761) >> 13) as u8))
        });
        let image = DynamicImage::from(noise);
        let text = String::from_utf8(encode(&image).unwrap()).unwrap();
        let sequences: Vec<&str> = text.trim_end().split_terminator("\x1b\\").collect();
        assert!(sequences.len() > 2);
        let mut data = String::new();
        for (i, sequence) in sequences.iter().enumerate() {
            let sequence = sequence.strip_prefix("\x1b_G").unwrap();
            let (head, body) = sequence.split_once(';').unwrap();
            let last = i + 1 == sequences.len();
            assert_eq!(head.starts_with("a=T,f=100"), i == 0);
            assert!(head.ends_with(if last { "m=0" } else { "m=1" }));
            assert!(body.len() <= CHUNK && (last || body.len() % 4 == 0));
            data.push_str(body);
        }
        assert_eq!(data, STANDARD.encode(png(&image).unwrap()));
    }
}
