//! The inks of a panel, and what they can be mixed to.

use super::linear::{ONE, light};
use super::oklab::{Lab, distance, oklab};

/// Most inks.
pub(super) const MAX_INKS: usize = 8;
/// Bits of the fractions of a mix's coefficients.
const BITS: u32 = 12;

/// One ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ink {
    /// What it looks like on the panel, as sRGB.
    pub measured: [u8; 3],
    /// What drivers call it: the colour whose `From<Rgb888>` is this ink.
    pub name: [u8; 3],
}

impl Ink {
    /// An ink.
    #[must_use]
    pub const fn new(measured: [u8; 3], name: [u8; 3]) -> Self {
        Self { measured, name }
    }
}

/// Two neighbouring chromatic inks, which with black and white mix to all between them.
#[derive(Clone, Copy, Debug)]
struct Sector {
    inks: [u8; 2],
    /// Light above that of black to shares of white and of the two.
    shares: [[i32; 3]; 3],
}

/// The inks of a panel as they look there, black first and white second.
///
/// ```
/// use dreamlet_runtime::ink::{Ink, Palette};
/// // A panel of one's own: black, white, yellow.
/// const PANEL: Palette = Palette::new(&[
///     Ink::new([30, 30, 32], [0, 0, 0]),
///     Ink::new([215, 215, 210], [255, 255, 255]),
///     Ink::new([215, 190, 40], [255, 255, 0]),
/// ]);
/// assert_eq!(PANEL.nearest([250, 240, 60]), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Palette {
    inks: [Ink; MAX_INKS],
    light: [[i32; 3]; MAX_INKS],
    lab: [Lab; MAX_INKS],
    count: usize,
    sectors: [Sector; MAX_INKS],
    sector_count: usize,
    /// Of each chromatic ink alone: light to its share, across the greys.
    alone: [[i32; 3]; MAX_INKS],
    /// Light to the share of white of the grey that is as bright.
    grey: [i32; 3],
    /// The inks from the darkest to the brightest.
    order: [u8; MAX_INKS],
}

/// Shares of the inks in a mix, in 1/16384; they add up to 16384.
pub(super) type Mix = [i32; MAX_INKS];

/// Brightness of light (IEC 61966-2-1).
const BRIGHTNESS: [f64; 3] = [0.2126, 0.7152, 0.0722];

const WHITE: usize = 1;

impl Palette {
    /// E Ink Spectra 6: 7.3" E, 13.3", Inky Impression of 2025. Values of epdoptimize (its
    /// `spectra6legacy`), <https://github.com/paperlesspaper/epdoptimize>.
    pub const SPECTRA_6: Self = Self::new(&[
        Ink::new([0x19, 0x1E, 0x21], [0, 0, 0]),
        Ink::new([0xE8, 0xE8, 0xE8], [255, 255, 255]),
        Ink::new([0x21, 0x57, 0xBA], [0, 0, 255]),
        Ink::new([0x12, 0x5F, 0x20], [0, 255, 0]),
        Ink::new([0xB2, 0x13, 0x18], [255, 0, 0]),
        Ink::new([0xEF, 0xDE, 0x44], [255, 255, 0]),
    ]);
    /// E Ink Gallery (ACeP) of seven colours: 5.65" F, 7.3" F, Inky Impression before 2025. Values
    /// of epdoptimize (`acep`). Names as in `OctColor` of epd-waveshare.
    pub const SEVEN_COLORS: Self = Self::new(&[
        Ink::new([0x19, 0x1E, 0x21], [0, 0, 0]),
        Ink::new([0xF1, 0xF1, 0xF1], [255, 255, 255]),
        Ink::new([0x53, 0xA4, 0x28], [0, 255, 0]),
        Ink::new([0x31, 0x31, 0x8F], [0, 0, 255]),
        Ink::new([0xD2, 0x0E, 0x13], [255, 0, 0]),
        Ink::new([0xF3, 0xCF, 0x11], [255, 255, 0]),
        Ink::new([0xB8, 0x5E, 0x1C], [255, 128, 0]),
    ]);
    /// Black, white, red. No measured values were found: these are the same inks of
    /// [`Palette::SPECTRA_6`].
    pub const BLACK_WHITE_RED: Self = Self::new(&[
        Ink::new([0x19, 0x1E, 0x21], [0, 0, 0]),
        Ink::new([0xE8, 0xE8, 0xE8], [255, 255, 255]),
        Ink::new([0xB2, 0x13, 0x18], [255, 0, 0]),
    ]);
    /// Black, white, yellow: as [`Palette::BLACK_WHITE_RED`]. The driver's chromatic colour is any
    /// that is neither black nor white, so for `TriColor` of epd-waveshare this is right too.
    pub const BLACK_WHITE_YELLOW: Self = Self::new(&[
        Ink::new([0x19, 0x1E, 0x21], [0, 0, 0]),
        Ink::new([0xE8, 0xE8, 0xE8], [255, 255, 255]),
        Ink::new([0xEF, 0xDE, 0x44], [255, 255, 0]),
    ]);
    /// Black and white as they are on paper.
    pub const BLACK_WHITE: Self = Self::new(&[
        Ink::new([0x19, 0x1E, 0x21], [0, 0, 0]),
        Ink::new([0xE8, 0xE8, 0xE8], [255, 255, 255]),
    ]);

    /// A palette of 2 to 8 inks: black, white, then the others in any order. More are left out;
    /// without black and white nothing but ink 0 is shown. In a constant it costs nothing.
    #[must_use]
    pub const fn new(inks: &[Ink]) -> Self {
        let count = if inks.len() < MAX_INKS {
            inks.len()
        } else {
            MAX_INKS
        };
        let none = Sector {
            inks: [0; 2],
            shares: [[0; 3]; 3],
        };
        let mut palette = Self {
            inks: [Ink::new([0; 3], [0; 3]); MAX_INKS],
            light: [[0; 3]; MAX_INKS],
            lab: [[0; 3]; MAX_INKS],
            count,
            sectors: [none; MAX_INKS],
            sector_count: 0,
            alone: [[0; 3]; MAX_INKS],
            grey: [0; 3],
            order: [0, 1, 2, 3, 4, 5, 6, 7],
        };
        let mut above = [[0.0; 3]; MAX_INKS];
        let mut i = 0;
        while i < count {
            palette.inks[i] = inks[i];
            palette.light[i] = light(inks[i].measured);
            palette.lab[i] = oklab(palette.light[i]);
            above[i] = minus(palette.light[i], palette.light[0]);
            i += 1;
        }
        if count > WHITE {
            let white = above[WHITE];
            let bright = dot(BRIGHTNESS, white);
            palette.grey = fixed(scaled(BRIGHTNESS, 1.0 / bright));
            palette.find_sectors(&above);
            let mut i = WHITE + 1;
            while i < count {
                // What of the ink lies across the greys.
                let along = dot(above[i], white) / dot(white, white);
                let across = less(above[i], scaled(white, along));
                palette.alone[i] = fixed(scaled(across, 1.0 / dot(across, across)));
                i += 1;
            }
        }
        palette.sort();
        palette
    }

    /// Pairs of chromatic inks with none between them, and less than half a turn from one to the
    /// other.
    const fn find_sectors(&mut self, above: &[[f64; 3]; MAX_INKS]) {
        let white = above[WHITE];
        let mut pair = 0;
        while pair < self.count * self.count {
            let (i, j) = (pair / self.count, pair % self.count);
            pair += 1;
            if i <= WHITE || j <= WHITE || i == j || self.sector_count == MAX_INKS {
                continue;
            }
            let [a, b] = [above[i], above[j]];
            let volume = dot(white, cross(a, b));
            if volume <= 0.0 {
                continue;
            }
            let shares = [
                scaled(cross(a, b), 1.0 / volume),
                scaled(cross(b, white), 1.0 / volume),
                scaled(cross(white, a), 1.0 / volume),
            ];
            let mut between = false;
            let mut k = WHITE + 1;
            while k < self.count {
                if k != i
                    && k != j
                    && dot(shares[1], above[k]) > 0.0
                    && dot(shares[2], above[k]) > 0.0
                {
                    between = true;
                }
                k += 1;
            }
            if !between {
                self.sectors[self.sector_count] = Sector {
                    inks: [i as u8, j as u8],
                    shares: [fixed(shares[0]), fixed(shares[1]), fixed(shares[2])],
                };
                self.sector_count += 1;
            }
        }
    }

    /// Sorts the inks by lightness.
    const fn sort(&mut self) {
        let mut i = 1;
        while i < self.count {
            let mut j = i;
            while j > 0
                && self.lab[self.order[j] as usize][0] < self.lab[self.order[j - 1] as usize][0]
            {
                let ink = self.order[j];
                self.order[j] = self.order[j - 1];
                self.order[j - 1] = ink;
                j -= 1;
            }
            i += 1;
        }
    }

    /// The inks.
    #[must_use]
    pub fn inks(&self) -> &[Ink] {
        self.inks.get(..self.count).unwrap_or_default()
    }

    /// What a driver calls ink number `ink`.
    #[must_use]
    pub fn name(&self, ink: u8) -> [u8; 3] {
        self.inks()
            .get(usize::from(ink))
            .map_or([0; 3], |ink| ink.name)
    }

    /// The ink that looks most like a colour of sRGB, by OKLab.
    #[must_use]
    pub fn nearest(&self, rgb: [u8; 3]) -> u8 {
        self.nearest_of(&[1; MAX_INKS], light(rgb)).0
    }

    /// The ink of a mix that looks most like light, and its own light.
    pub(super) fn nearest_of(&self, mix: &Mix, light: [i32; 3]) -> (u8, [i32; 3]) {
        let lab = oklab(light);
        let inks = self.lab.iter().zip(&self.light).zip(mix).take(self.count);
        let nearest = inks
            .enumerate()
            .filter(|(_, (_, share))| **share > 0)
            .min_by_key(|(_, ((ink, _), _))| distance(**ink, lab));
        nearest.map_or((0, [0; 3]), |(ink, ((_, light), _))| (ink as u8, *light))
    }

    /// The inks from the darkest to the brightest.
    pub(super) fn order(&self) -> impl Iterator<Item = u8> {
        self.order.into_iter().take(self.count)
    }

    /// How much of each ink shows a colour of sRGB: its brightness between the panel's black and
    /// white, its hue, and as much of its chroma as the inks have. Neighbouring hues and chromas
    /// stay apart.
    pub(super) fn mix(&self, rgb: [u8; 3]) -> Mix {
        let mut mix = [0; MAX_INKS];
        let [black, white] = [self.light[0], self.light[WHITE]];
        // Black point compensation: what is black becomes the panel's black, white its white.
        let light = light(rgb);
        let above: [i32; 3] =
            core::array::from_fn(|i| (light[i] * (white[i] - black[i]) + ONE / 2) / ONE);
        let grey = product(self.grey, above).clamp(0, ONE);
        let (inks, [mut whiteness, mut a, mut b]) = self.chromatic(above, grey);
        let chroma = a + b;
        if chroma > 0 {
            // How many times too far from grey it is before white or black run out.
            let times = beyond(grey, whiteness, chroma);
            let scaled = |share: i32, by: i32| ((i64::from(share) * i64::from(by)) >> 14) as i32;
            // The more it is, the nearer it comes to the brightness at which the inks have the most.
            let most: i32 = [(inks[0], a), (inks[1], b)]
                .map(|(ink, share)| {
                    let bright = product(self.grey, self.above(ink.into()));
                    (i64::from(bright) * i64::from(share) / i64::from(chroma)) as i32
                })
                .iter()
                .sum();
            let moved = scaled(most - grey, (ONE - ratio(KNEE, times)).max(0) / 2);
            // Hardly any chroma is no reason to become darker.
            let moved = moved.clamp(-chroma / 2, chroma / 2);
            let (grey, from) = (grey + moved, whiteness + moved);
            let times = beyond(grey, from, chroma);
            let kept = ratio(compressed(times), times).min(ONE);
            (a, b) = (scaled(a, kept), scaled(b, kept));
            whiteness = grey + scaled(from - grey, kept);
        }
        // Less is rounding: greys are black and white alone.
        (a, b) = (above_rounding(a), above_rounding(b));
        whiteness = whiteness.clamp(0, ONE - (a + b).min(ONE));
        mix[0] = (ONE - whiteness - a - b).max(0);
        mix[WHITE] += whiteness;
        for (ink, share) in inks.into_iter().zip([a, b]) {
            if let Some(place) = mix.get_mut(usize::from(ink)) {
                *place += share;
            }
        }
        mix
    }

    /// The chromatic inks around a colour, and the shares of white and of them.
    fn chromatic(&self, above: [i32; 3], grey: i32) -> ([u8; 2], [i32; 3]) {
        for sector in self.sectors.iter().take(self.sector_count) {
            let [white, a, b] = sector.shares.map(|row| product(row, above));
            if a >= 0 && b >= 0 {
                return (sector.inks, [white, a, b]);
            }
        }
        // No two inks are around it: what one of them has in common with it.
        let alone = self
            .alone
            .iter()
            .take(self.count)
            .enumerate()
            .skip(WHITE + 1);
        let best = alone
            .map(|(ink, row)| (ink, product(*row, above)))
            .max_by_key(|(_, share)| *share)
            .filter(|(_, share)| *share > 0);
        best.map_or(([0; 2], [grey, 0, 0]), |(ink, share)| {
            let brightness: i32 = product(self.grey, self.above(ink));
            let white = grey - (i64::from(share) * i64::from(brightness) / i64::from(ONE)) as i32;
            ([ink as u8, 0], [white, share, 0])
        })
    }

    fn above(&self, ink: usize) -> [i32; 3] {
        let light = self.light.get(ink).copied().unwrap_or_default();
        core::array::from_fn(|i| light[i] - self.light[0][i])
    }

    /// The light of a mix.
    pub(super) fn light_of(&self, mix: &Mix) -> [i32; 3] {
        let mut sum = [0; 3];
        for (share, light) in mix.iter().zip(&self.light) {
            for (sum, light) in sum.iter_mut().zip(light) {
                *sum += share * light;
            }
        }
        sum.map(|sum| (sum + ONE / 2) / ONE)
    }
}

/// `of / whole` in 1/16384; more than what any colour has where that is infinite.
fn ratio(of: i32, whole: i32) -> i32 {
    const MOST: i64 = 64 * ONE as i64;
    (i64::from(of) * i64::from(ONE))
        .checked_div(whole.into())
        .map_or(MOST, |ratio| ratio.min(MOST)) as i32
}

/// Chroma up to this share of what there is stays.
const KNEE: i32 = ONE / 4 * 3;

/// More than [`KNEE`] comes ever closer to all of it.
fn compressed(times: i32) -> i32 {
    const REST: i64 = (ONE - KNEE) as i64;
    let more = i64::from(times - KNEE);
    if more <= 0 {
        return times;
    }
    KNEE + (REST * more / (REST + more)) as i32
}

/// How many times the chroma is of what there is at this brightness.
fn beyond(grey: i32, whiteness: i32, chroma: i32) -> i32 {
    ratio(grey - whiteness, grey).max(ratio(whiteness - grey + chroma, ONE - grey))
}

const fn above_rounding(share: i32) -> i32 {
    if share < ONE / 256 { 0 } else { share }
}

fn product(row: [i32; 3], light: [i32; 3]) -> i32 {
    let sum: i64 = row
        .iter()
        .zip(light)
        .map(|(a, b)| i64::from(*a) * i64::from(b))
        .sum();
    (sum >> BITS) as i32
}

const fn fixed(row: [f64; 3]) -> [i32; 3] {
    let mut out = [0; 3];
    let mut i = 0;
    while i < 3 {
        // `row` is of light where all is 1, as are shares.
        let value = row[i] * (1 << BITS) as f64;
        out[i] = (if value < 0.0 {
            value - 0.5
        } else {
            value + 0.5
        }) as i32;
        i += 1;
    }
    out
}

const fn minus(a: [i32; 3], b: [i32; 3]) -> [f64; 3] {
    let one = ONE as f64;
    [
        (a[0] - b[0]) as f64 / one,
        (a[1] - b[1]) as f64 / one,
        (a[2] - b[2]) as f64 / one,
    ]
}

const fn less(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

const fn scaled(a: [f64; 3], by: f64) -> [f64; 3] {
    [a[0] * by, a[1] * by, a[2] * by]
}

const fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

const fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}
