//! Sixel graphics (DEC STD 070, chapter 9): bands of six rows, one pass over a band for each colour
//! in it.

use std::collections::BTreeSet;
use std::io::Write as _;

use crate::pixels::Pixels;

/// Greys of a grey image.
const GREYS: u16 = 64;
/// Steps of red, green and blue in a colour image: 216 colours, within the 256 registers that
/// terminals have.
const STEPS: u16 = 6;

/// Adds the image as sixels to `out`, with its size in the raster attributes and a line break
/// behind.
pub fn sixel(image: Pixels<'_>, out: &mut Vec<u8>) {
    let (width, height, grey) = (image.width(), image.height(), image.grey());
    // One register number a pixel.
    let register = |pixel: [u8; 3]| match grey {
        true => step(pixel[0], GREYS),
        false => pixel
            .iter()
            .fold(0, |register, v| register * STEPS as u8 + step(*v, STEPS)),
    };
    let pixels: Vec<u8> = image.iter().map(register).collect();
    let registers: BTreeSet<u8> = pixels.iter().copied().collect();

    // Writing to a vector cannot fail. P2 = 1: pixels that are not drawn stay as they are.
    let _ = write!(out, "\x1bP0;1;0q\"1;1;{width};{height}");
    for n in &registers {
        let [r, g, b] = percent(*n, grey);
        let _ = write!(out, "#{n};2;{r};{g};{b}");
    }
    for band in pixels.chunks(width.max(1) * 6) {
        let mut first = true;
        for n in &registers {
            let row = band_of(band, width, *n);
            if row.iter().all(|bits| *bits == 0) {
                continue;
            }
            if !first {
                out.push(b'$');
            }
            first = false;
            let _ = write!(out, "#{n}");
            runs(&row, out);
        }
        out.push(b'-');
    }
    out.extend_from_slice(b"\x1b\\\n");
}

/// The nearest of `count` even steps from 0 to 255.
fn step(value: u8, count: u16) -> u8 {
    ((u16::from(value) * (count - 1) * 2 + 255) / 510) as u8
}

/// Red, green and blue of a register, in percent.
fn percent(register: u8, grey: bool) -> [u16; 3] {
    let of = |step: u16, count: u16| (step * 200 + count - 1) / (2 * (count - 1));
    let n = u16::from(register);
    match grey {
        true => [of(n, GREYS); 3],
        false => [n / (STEPS * STEPS), n / STEPS % STEPS, n % STEPS].map(|s| of(s, STEPS)),
    }
}

/// The columns of a band: bit `i` is set where row `i` has this register.
fn band_of(band: &[u8], width: usize, register: u8) -> Vec<u8> {
    let mut columns = vec![0; width];
    for (y, row) in band.chunks(width.max(1)).enumerate() {
        for (bits, pixel) in columns.iter_mut().zip(row) {
            *bits |= u8::from(*pixel == register) << y;
        }
    }
    columns
}

/// Writes columns as sixel characters, runs of four and more as `!COUNT CHARACTER`; what is empty
/// at the end is left out.
fn runs(columns: &[u8], out: &mut Vec<u8>) {
    let mut runs: Vec<&[u8]> = columns.chunk_by(|a, b| a == b).collect();
    runs.pop_if(|last| last.first() == Some(&0));
    for run in runs {
        let character = 63 + run.first().copied().unwrap_or(0);
        if run.len() >= 4 {
            let _ = write!(out, "!{}", run.len());
            out.push(character);
        } else {
            out.extend(std::iter::repeat_n(character, run.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8], width: usize, height: usize, channels: usize) -> Vec<u8> {
        let mut out = Vec::new();
        sixel(
            Pixels::new(bytes, width, height, channels).unwrap(),
            &mut out,
        );
        out
    }

    /// Reads sixels back: an image of percentages.
    fn decode(bytes: &[u8]) -> (usize, usize, Vec<[u16; 3]>) {
        let text = std::str::from_utf8(bytes).unwrap();
        let body = text.strip_prefix("\x1bP0;1;0q\"1;1;").unwrap();
        let body = body.strip_suffix("\x1b\\\n").unwrap();
        let mut chars = body.chars().peekable();
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut n = 0;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                n = n * 10 + digit as usize;
                chars.next();
            }
            n
        };
        let width = number(&mut chars);
        assert_eq!(chars.next(), Some(';'));
        let height = number(&mut chars);
        let mut image = vec![[999; 3]; width * height];
        let mut palette = std::collections::HashMap::new();
        let (mut x, mut y, mut register) = (0, 0, 0);
        while let Some(c) = chars.next() {
            let mut count = 1;
            let sixel = match c {
                '#' => {
                    register = number(&mut chars);
                    if chars.peek() == Some(&';') {
                        let values = [0; 4].map(|_| {
                            assert_eq!(chars.next(), Some(';'));
                            number(&mut chars) as u16
                        });
                        assert_eq!(values[0], 2);
                        palette.insert(register, [values[1], values[2], values[3]]);
                    }
                    continue;
                }
                '$' | '-' => {
                    x = 0;
                    y += if c == '-' { 6 } else { 0 };
                    continue;
                }
                '!' => {
                    count = number(&mut chars);
                    chars.next().unwrap()
                }
                c => c,
            };
            for _ in 0..count {
                for bit in 0..6 {
                    if (sixel as u8 - 63) >> bit & 1 == 1 {
                        image[(y + bit) * width + x] = palette[&register];
                    }
                }
                x += 1;
            }
        }
        (width, height, image)
    }

    #[test]
    fn every_grey_pixel_is_drawn_within_a_step() {
        let image: Vec<u8> = (0..37 * 20)
            .map(|i| (i % 37 * 7 + i / 37 * 3) as u8)
            .collect();
        let (width, height, generated) = decode(&encode(&image, 37, 20, 1));
        assert_eq!((width, height), (37, 20));
        for (pixel, shown) in image.iter().zip(generated) {
            let exact = f32::from(*pixel) / 2.55;
            assert!(
                shown.iter().all(|v| (f32::from(*v) - exact).abs() <= 1.4),
                "{exact} {shown:?}"
            );
        }
    }

    #[test]
    fn every_coloured_pixel_is_drawn_within_a_step() {
        let image: Vec<u8> = (0..16 * 13usize)
            .flat_map(|i| {
                let (x, y) = (i % 16, i / 16);
                [x * 16, y * 19, x * y].map(|v| v as u8)
            })
            .collect();
        let (_, _, generated) = decode(&encode(&image, 16, 13, 3));
        for (pixel, shown) in image.chunks(3).zip(generated) {
            for (exact, shown) in pixel.iter().zip(shown) {
                assert!((f32::from(shown) - f32::from(*exact) / 2.55).abs() <= 10.5);
            }
        }
    }

    #[test]
    fn a_plain_image_is_a_few_bytes() {
        let expected = b"\x1bP0;1;0q\"1;1;100;6#63;2;100;100;100#63!100~-\x1b\\\n";
        assert_eq!(encode(&[255; 600], 100, 6, 1), expected);
    }
}
