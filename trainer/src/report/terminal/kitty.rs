//! The kitty graphics protocol: a PNG in base64, in chunks of escape sequences.

use std::io::Write as _;

use image::DynamicImage;

use crate::report::grid::{GridError, png};

/// Most bytes of base64 in one escape sequence.
const CHUNK: usize = 4096;

/// Transmit and show (`a=T`) PNG data (`f=100`), quietly (`q=2`: no answers that would land in the shell).
pub(super) fn encode(image: &DynamicImage) -> Result<Vec<u8>, GridError> {
    let text = base64(&png(image)?);
    let mut out = Vec::with_capacity(text.len() + text.len() / CHUNK * 16 + 64);
    let mut chunks = text.chunks(CHUNK).peekable();
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

/// RFC 4648, section 4, with padding.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            out.push(match (digit <= group.len(), DIGITS.get(index)) {
                (true, Some(digit)) => *digit,
                _ => b'=',
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded.as_bytes());
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), b"+//+");
    }

    #[test]
    fn chunks_put_together_are_the_png() {
        // Noise, so that the PNG needs several chunks.
        let noise = RgbImage::from_fn(80, 80, |x, y| {
            image::Rgb([x, y, x ^ y].map(|v| (v.wrapping_mul(2_654_435_761) >> 13) as u8))
        });
        let image = DynamicImage::from(noise);
        let text = String::from_utf8(encode(&image).unwrap()).unwrap();
        let sequences: Vec<&str> = text
            .trim_end()
            .split("\x1b\\")
            .filter(|s| !s.is_empty())
            .collect();
        assert!(sequences.len() > 2);
        let mut data = String::new();
        for (i, sequence) in sequences.iter().enumerate() {
            let (head, body) = sequence
                .strip_prefix("\x1b_G")
                .unwrap()
                .split_once(';')
                .unwrap();
            let last = i + 1 == sequences.len();
            assert_eq!(head.starts_with("a=T,f=100"), i == 0);
            assert!(head.ends_with(if last { "m=0" } else { "m=1" }));
            assert!(body.len() <= CHUNK && (last || body.len() % 4 == 0));
            data.push_str(body);
        }
        assert_eq!(data.as_bytes(), base64(&png(&image).unwrap()));
    }
}
