//! Images in few inks.

use dreamlet_runtime::image::Bayer;

use super::canvas::Canvas;
use super::ink::{Ink, Palette};
use super::noise;
use super::oklab::{linear, oklab};

/// How inks stand for the colours between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dither {
    /// The nearest ink
    None,
    /// A regular pattern of 8 by 8: for what moves
    Bayer,
    /// Errors go on to the neighbours: the finest
    #[default]
    FloydSteinberg,
    /// Three quarters of the errors go on: more contrast
    Atkinson,
    /// A pattern without order: for what moves
    BlueNoise,
}

/// Light is counted from 0 to this.
const FULL: i32 = 4095;
/// Steps of a channel in the table of nearest inks.
const STEPS: usize = 32;

/// Errors go to places right of and below a pixel: columns, rows, parts.
type Shares = &'static [(isize, usize, i32)];
/// In sixteenths (Floyd and Steinberg, 1976).
const FLOYD_STEINBERG: Shares = &[(1, 0, 7), (-1, 1, 3), (0, 1, 5), (1, 1, 1)];
/// In eighths, of which six are given away (Atkinson, in MacPaint, 1984).
const ATKINSON: Shares = &[
    (1, 0, 1),
    (2, 0, 1),
    (-1, 1, 1),
    (0, 1, 1),
    (1, 1, 1),
    (0, 2, 1),
];

/// Makes canvases of inks. It allocates when it is made, and not for an image, but that the first
/// image of each canvas gets memory for its inks.
#[derive(Debug)]
pub struct Inker {
    palette: Palette,
    dither: Dither,
    /// The light of each sRGB level once it is between the palette's black and its white.
    light: Vec<[i32; 3]>,
    /// The light of each ink.
    ink_light: Vec<[i32; 3]>,
    /// The step of `nearest` for each level of light.
    step: Vec<u8>,
    /// Number of the nearest ink for red, green, blue, in `STEPS` steps each.
    nearest: Vec<u8>,
    /// Thresholds of ordered dithering, -0.5 to 0.5, in a square.
    thresholds: Vec<f32>,
    /// Errors of this row and the two below it, with two places left and right.
    errors: [Vec<[i32; 3]>; 3],
}

impl Inker {
    /// For canvases of `width` columns.
    #[must_use]
    pub fn new(palette: Palette, dither: Dither, width: usize) -> Self {
        let light_of = |level: f32| (linear(level / 255.0) * FULL as f32).round() as i32;
        let end = |white: bool, channel: usize| {
            let ink = if white { Ink::White } else { Ink::Black };
            f32::from(palette.color(ink).get(channel).copied().unwrap_or(0))
        };
        let light = (0..=255u8).map(|level| {
            [0, 1, 2].map(|channel| {
                let (black, white) = (end(false, channel), end(true, channel));
                light_of(black + f32::from(level) * (white - black) / 255.0)
            })
        });
        let steps: Vec<f32> = (0..STEPS).map(|i| i as f32 / (STEPS - 1) as f32).collect();
        let inks: Vec<[f32; 3]> = palette
            .inks
            .iter()
            .map(|(_, color)| oklab(color.map(|v| linear(f32::from(v) / 255.0))))
            .collect();
        let nearest = (0..STEPS * STEPS * STEPS).map(|i| {
            let level = |i: usize| linear(steps.get(i % STEPS).copied().unwrap_or(0.0));
            let color = oklab([level(i / STEPS / STEPS), level(i / STEPS), level(i)]);
            let far = |ink: &[f32; 3]| -> f32 {
                let pairs = ink.iter().zip(color);
                pairs.map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let all = inks.iter().enumerate();
            let least = all.min_by(|(_, a), (_, b)| far(a).total_cmp(&far(b)));
            least.map_or(0, |(number, _)| number as u8)
        });
        // Steps are even in sRGB, as eyes are.
        let step = (0..=FULL).map(|light| {
            let light = light as f32 / FULL as f32;
            let middles = steps.windows(2).map(|pair| match *pair {
                [a, b] => linear((a + b) / 2.0),
                _ => 0.0,
            });
            middles.filter(|middle| light >= *middle).count() as u8
        });
        Self {
            palette,
            dither,
            light: light.collect(),
            ink_light: palette
                .inks
                .iter()
                .map(|(_, color)| color.map(|v| light_of(f32::from(v))))
                .collect(),
            step: step.collect(),
            nearest: nearest.collect(),
            thresholds: thresholds(dither),
            errors: [0; 3].map(|_| vec![[0; 3]; width + 4]),
        }
    }

    /// Gives a canvas its inks, and makes its colours theirs.
    pub fn ink(&mut self, canvas: &mut Canvas) {
        let Canvas {
            width, rgb, inks, ..
        } = canvas;
        let width = *width;
        inks.clear();
        inks.resize(rgb.len() / 3, Ink::White);
        let (shares, parts) = match self.dither {
            Dither::FloydSteinberg => (FLOYD_STEINBERG, 16),
            Dither::Atkinson => (ATKINSON, 8),
            Dither::None | Dither::Bayer | Dither::BlueNoise => (&[][..], 1),
        };
        self.errors.iter_mut().for_each(|row| row.fill([0; 3]));
        let rows = rgb.as_chunks_mut::<3>().0.chunks_exact_mut(width.max(1));
        for (y, (row, ink_row)) in rows.zip(inks.chunks_exact_mut(width.max(1))).enumerate() {
            for i in 0..row.len() {
                // From left to right and back, so that errors do not drift to one side.
                let (x, forth) = match y % 2 == 0 || shares.is_empty() {
                    true => (i, 1),
                    false => (row.len() - 1 - i, -1),
                };
                let (Some(pixel), Some(ink)) = (row.get_mut(x), ink_row.get_mut(x)) else {
                    continue;
                };
                let wanted = self.wanted(*pixel, x, y);
                let number = self.nearest(wanted);
                let Some(&(chosen, color)) = self.palette.inks.get(number) else {
                    continue;
                };
                let shown = self.ink_light.get(number).copied().unwrap_or([0; 3]);
                (*ink, *pixel) = (chosen, color);
                for (dx, dy, part) in shares {
                    let at = (x + 2).checked_add_signed(forth * dx);
                    let errors = self.errors.get_mut(*dy);
                    if let Some(error) = at.and_then(|at| errors?.get_mut(at)) {
                        for ((error, wanted), shown) in error.iter_mut().zip(wanted).zip(shown) {
                            *error += (wanted - shown) * part * 16 / parts;
                        }
                    }
                }
            }
            self.errors.rotate_left(1);
            if let Some(last) = self.errors.last_mut() {
                last.fill([0; 3]);
            }
        }
    }

    /// The light that a pixel should have, with the errors that came to it or its threshold.
    fn wanted(&self, pixel: [u8; 3], x: usize, y: usize) -> [i32; 3] {
        let error = self.errors.first().and_then(|row| row.get(x + 2));
        let mut error = error.copied().unwrap_or([0; 3]).map(|e| e / 16);
        if !self.thresholds.is_empty() {
            let side = self.thresholds.len().isqrt();
            let threshold = self.thresholds.get(y % side * side + x % side);
            // Two inks are as far apart as can be; more are nearer to each other.
            let reach = if self.palette.inks.len() == 2 {
                1.0
            } else {
                0.5
            };
            error = [(threshold.copied().unwrap_or(0.0) * reach * FULL as f32) as i32; 3];
        }
        let mut wanted = [0; 3];
        let channels = wanted.iter_mut().zip(pixel).zip(error).enumerate();
        for (channel, ((wanted, level), error)) in channels {
            let light = self.light.get(usize::from(level));
            let light = light.and_then(|light| light.get(channel));
            // An error beyond what can be shown would be seen far away.
            *wanted = (light.copied().unwrap_or(0) + error).clamp(-FULL / 2, FULL * 3 / 2);
        }
        wanted
    }

    /// Number of the ink nearest to a light.
    fn nearest(&self, light: [i32; 3]) -> usize {
        if !self.thresholds.is_empty() {
            return self.nearest_light(light);
        }
        let index = light.into_iter().fold(0, |index, light| {
            let step = self.step.get(light.clamp(0, FULL) as usize);
            index * STEPS + usize::from(step.copied().unwrap_or(0))
        });
        self.nearest.get(index).copied().unwrap_or(0).into()
    }

    /// The same by light alone, exactly: a threshold is added to light, and the steps of the table
    /// would move it.
    fn nearest_light(&self, light: [i32; 3]) -> usize {
        let far = |ink: &[i32; 3]| -> i32 {
            let pairs = ink.iter().zip(light);
            pairs.map(|(a, b)| (a - b) * (a - b) / 4).sum()
        };
        let all = self.ink_light.iter().enumerate();
        let least = all.min_by_key(|(_, ink)| far(ink));
        least.map_or(0, |(number, _)| number)
    }
}

/// Thresholds of ordered dithering; none where it is not ordered.
fn thresholds(dither: Dither) -> Vec<f32> {
    let even = |rank: f32, count: usize| (rank + 0.5) / count as f32 - 0.5;
    match dither {
        Dither::Bayer => (0..64)
            .map(|i| even(Bayer::Eight.rank(i % 8, i / 8).into(), 64))
            .collect(),
        Dither::BlueNoise => {
            let ranks = noise::ranks();
            ranks
                .iter()
                .map(|rank| even((*rank).into(), noise::SIDE * noise::SIDE))
                .collect()
        }
        Dither::None | Dither::FloydSteinberg | Dither::Atkinson => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ink::{MONO, SPECTRA6};
    use super::*;

    const SIDE: usize = 64;

    fn flat(color: [u8; 3], palette: Palette, dither: Dither) -> Canvas {
        let mut canvas = Canvas::new(SIDE, SIDE);
        canvas.fill(color);
        Inker::new(palette, dither, SIDE).ink(&mut canvas);
        canvas
    }

    /// Mean light of each channel, 0 to 1.
    fn mean(canvas: &Canvas) -> [f32; 3] {
        let mut sum = [0.0; 3];
        for pixel in canvas.pixels() {
            for (sum, level) in sum.iter_mut().zip(pixel) {
                *sum += linear(f32::from(level) / 255.0);
            }
        }
        sum.map(|sum| sum / (SIDE * SIDE) as f32)
    }

    #[test]
    fn the_light_of_greys_is_kept_in_black_and_white() {
        for dither in [Dither::FloydSteinberg, Dither::Bayer, Dither::BlueNoise] {
            for grey in (0..=255).step_by(17) {
                let exact = linear(grey as f32 / 255.0);
                let found = mean(&flat([grey as u8; 3], MONO, dither))[0];
                assert!(
                    (exact - found).abs() < 0.02,
                    "{dither:?} {grey}: {exact} {found}"
                );
            }
        }
    }

    #[test]
    fn the_light_of_colours_is_kept_in_six_inks_by_error_diffusion() {
        for color in [[128; 3], [200, 120, 110], [90, 110, 150], [150, 140, 90]] {
            let inker = Inker::new(SPECTRA6, Dither::FloydSteinberg, SIDE);
            let exact =
                [0, 1, 2].map(|c| inker.light[usize::from(color[c])][c] as f32 / FULL as f32);
            let found = mean(&flat(color, SPECTRA6, Dither::FloydSteinberg));
            for (exact, found) in exact.into_iter().zip(found) {
                assert!((exact - found).abs() < 0.02, "{color:?}: {exact} {found}");
            }
        }
    }

    #[test]
    fn black_white_and_pure_colours_stay_what_they_are() {
        for dither in [Dither::None, Dither::FloydSteinberg, Dither::Atkinson] {
            for (color, ink) in [([0; 3], Ink::Black), ([255; 3], Ink::White)] {
                let canvas = flat(color, SPECTRA6, dither);
                assert!(canvas.inks.iter().all(|one| *one == ink), "{dither:?}");
            }
        }
        let nearest = |color| flat(color, SPECTRA6, Dither::None).inks[0];
        assert_eq!(nearest([255, 0, 0]), Ink::Red);
        assert_eq!(nearest([255, 230, 0]), Ink::Yellow);
        assert_eq!(nearest([0, 60, 220]), Ink::Blue);
        assert_eq!(nearest([0, 120, 30]), Ink::Green);
    }

    #[test]
    fn the_second_image_on_a_canvas_is_as_the_first() {
        let mut inker = Inker::new(SPECTRA6, Dither::Atkinson, SIDE);
        let mut canvases = [Canvas::new(SIDE, SIDE), Canvas::new(SIDE, SIDE)];
        for canvas in &mut canvases {
            canvas.fill([120, 90, 60]);
            inker.ink(canvas);
        }
        assert_eq!(canvases[0], canvases[1]);
    }
}
