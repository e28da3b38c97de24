//! Two pixels in each character: the upper half block in the foreground's colour, the lower half in
//! the background's.

use std::io::Write as _;

use crate::pixels::Pixels;

/// Adds rows of half blocks to `out`, each ended by a reset and `line_break`. Colours are only
/// written where they change. In 24-bit colour, else in the 256 of xterm.
pub fn blocks(image: Pixels<'_>, true_color: bool, line_break: &str, out: &mut Vec<u8>) {
    for y in (0..image.height()).step_by(2) {
        let mut shown = (None, None);
        for x in 0..image.width() {
            // `None` below the last row: the terminal's own background.
            let (upper, lower) = (image.get(x, y), image.get(x, y + 1));
            if shown.0 != upper {
                color(out, 38, upper, true_color);
            }
            if shown.1 != lower {
                color(out, 48, lower, true_color);
            }
            shown = (upper, lower);
            out.extend_from_slice("▀".as_bytes());
        }
        out.extend_from_slice(b"\x1b[0m");
        out.extend_from_slice(line_break.as_bytes());
    }
}

/// Selects the foreground (38) or background (48).
fn color(out: &mut Vec<u8>, ground: u8, color: Option<[u8; 3]>, true_color: bool) {
    // Writing to a vector cannot fail.
    let _ = match color {
        None => write!(out, "\x1b[{}m", ground + 1),
        Some([r, g, b]) if true_color => write!(out, "\x1b[{ground};2;{r};{g};{b}m"),
        Some(color) => write!(out, "\x1b[{ground};5;{}m", of_256(color)),
    };
}

/// The nearest of xterm's 256 colours: 6 by 6 by 6 from 16 on (0, 95, 135, ... 255), 24 greys from
/// 232 on (8, 18, ... 238).
fn of_256([r, g, b]: [u8; 3]) -> u8 {
    let step = |v: u8| match v {
        ..48 => 0,
        48..115 => 1,
        _ => (v - 35) / 40,
    };
    let shown = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    let [sr, sg, sb] = [r, g, b].map(step);
    let mean = ((u16::from(r) + u16::from(g) + u16::from(b)) / 3) as u8;
    let grey = (mean.saturating_sub(3) / 10).min(23);
    let far = |other: [u8; 3]| -> u32 {
        let differences = [r, g, b].into_iter().zip(other).map(|(a, b)| a.abs_diff(b));
        differences.map(|d| u32::from(d).pow(2)).sum()
    };
    if far([8 + 10 * grey; 3]) < far([sr, sg, sb].map(shown)) {
        232 + grey
    } else {
        16 + 36 * sr + 6 * sg + sb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8], width: usize, height: usize, true_color: bool) -> String {
        let mut out = Vec::new();
        let image = Pixels::new(bytes, width, height, 1).unwrap();
        blocks(image, true_color, "\n", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn two_pixels_share_a_character_and_the_row_left_over_keeps_the_background() {
        let text = encode(&[0, 128, 255], 1, 3, true);
        assert_eq!(
            text,
            "\x1b[38;2;0;0;0m\x1b[48;2;128;128;128m▀\x1b[0m\n\x1b[38;2;255;255;255m▀\x1b[0m\n"
        );
    }

    #[test]
    fn a_colour_is_written_once_for_a_run() {
        let text = encode(&[255; 10], 5, 2, false);
        assert_eq!(text, "\x1b[38;5;231m\x1b[48;5;231m▀▀▀▀▀\x1b[0m\n");
    }

    #[test]
    fn each_of_the_256_colours_is_its_own_nearest() {
        let levels = [0u8, 95, 135, 175, 215, 255];
        for (i, r) in (0u8..).zip(levels) {
            for (j, g) in (0u8..).zip(levels) {
                for (k, b) in (0u8..).zip(levels) {
                    assert_eq!(of_256([r, g, b]), 16 + 36 * i + 6 * j + k);
                }
            }
        }
        for i in 0..24 {
            assert_eq!(of_256([8 + 10 * i; 3]), 232 + i);
        }
    }
}
