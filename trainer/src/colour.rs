//! The colour under what is transparent.

use std::fmt;
use std::str::FromStr;

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

const NAMED: [(&str, [u8; 3]); 3] = [("white", [255; 3]), ("black", [0; 3]), ("grey", [128; 3])];

impl Default for Colour {
    /// White.
    fn default() -> Self {
        Self([255; 3])
    }
}

impl FromStr for Colour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, colour)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(Self(*colour));
        }
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(number) => {
                let [_, red, green, blue] = number.to_be_bytes();
                Ok(Self([red, green, blue]))
            }
            None => Err(format!(
                "\"{text}\" is no colour; write white, black, grey or six digits such as #ffcc00"
            )),
        }
    }
}

impl Colour {
    /// A value of a channel with this alpha over another one, rounded to nearest.
    pub(crate) fn over(value: u8, alpha: u8, under: u8) -> u8 {
        let [value, under, alpha] = [value, under, alpha].map(u32::from);
        // At most 255.
        ((value * alpha + under * (255 - alpha) + 127) / 255) as u8
    }

    /// A planar image of red, green, blue and alpha over this colour; another one as it is.
    pub(crate) fn under(self, image: &[u8], channels: usize) -> Vec<u8> {
        let plane = image.len() / channels.max(1);
        if channels != 4 || plane == 0 {
            return image.to_vec();
        }
        let (colours, alpha) = image.split_at(3 * plane);
        let planes = colours.chunks_exact(plane).zip(self.0);
        let solid = planes.flat_map(|(values, under)| {
            let pixels = values.iter().zip(alpha);
            pixels.map(move |(value, alpha)| Self::over(*value, *alpha, under))
        });
        solid.collect()
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_show_the_colour_and_opaque_ones_their_own() {
        // Red; two pixels, of which the second is half and the third not at all transparent.
        let image = [200, 200, 200, 0, 0, 0, 100, 100, 100, 0, 51, 255];
        let solid = Colour([0, 0, 250]).under(&image, 4);
        // A fifth of 200 and of 100; four fifths of 250 and a fifth of 100.
        assert_eq!(solid, [0, 40, 200, 0, 0, 0, 250, 220, 100]);
        assert_eq!(Colour::default().under(&[1, 2, 3], 3), [1, 2, 3]);
    }

    #[test]
    fn names_and_digits_are_read_and_nothing_else() {
        for (text, colour) in [("white", [255; 3]), ("#0a0B0c", [10, 11, 12])] {
            assert_eq!(text.parse(), Ok(Colour(colour)));
        }
        assert_eq!(
            Colour([1, 2, 255]).to_string().parse(),
            Ok(Colour([1, 2, 255]))
        );
        for text in ["", "#fff", "#+00000", "red", "#ääa"] {
            assert!(text.parse::<Colour>().is_err(), "{text}");
        }
    }
}
