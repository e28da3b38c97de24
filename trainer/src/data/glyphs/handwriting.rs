//! A hand that writes: from a style to the points of this one digit, shaken, bent and placed.

use core::f32::consts::TAU;

use dreamlet_runtime::latent::Stream;

use super::skeletons::{DIGITS, Knot, Stroke, Style};

/// Edge of the image all lengths here are meant for; other sizes are scaled when they are drawn.
pub(super) const CANVAS: f32 = 28.0;

/// Pieces that the curve between two knots is cut into.
const PIECES: u8 = 6;

/// Height, in pixels of the canvas, that a digit has on average (MNIST fits digits into 20x20).
const HEIGHT: f32 = 19.6;

/// Widest digit and empty border, in pixels of the canvas.
const MAX_WIDTH: f32 = 20.5;
const BORDER: f32 = 1.6;

/// A point of the pen's way, in pixels of the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
    /// Half the width of the line.
    pub(super) radius: f32,
}

/// What the pen did.
#[derive(Clone, Debug, Default)]
pub(super) struct Writing {
    pub(super) strokes: Vec<Vec<Point>>,
    /// Width of the line's edge in pixels of the canvas: 1 is sharp, more is blurred.
    pub(super) softness: f32,
    /// Brightness of the ink, up to 1.
    pub(super) ink: f32,
}

/// Uniform in (low, high].
fn between(stream: &mut Stream, low: f32, high: f32) -> f32 {
    low + (high - low) * stream.uniform()
}

/// Normal, with tails cut off at two deviations.
fn around(stream: &mut Stream, mean: f32, deviation: f32) -> f32 {
    mean + deviation * stream.normal().clamp(-2.0, 2.0)
}

/// Writes `digit` with random values of `stream`.
pub(super) fn write(digit: usize, stream: &mut Stream) -> Writing {
    let Some(style) = choose(digit, stream) else {
        return Writing::default();
    };
    let shake = between(stream, 0.012, 0.042);
    let strokes = style.strokes.iter();
    let mut strokes: Vec<_> = strokes
        .map(|stroke| curve(&shaken(stroke, shake, stream)))
        .collect();
    bend(stream, &mut strokes);
    pose(stream, &mut strokes);
    place(stream, &mut strokes);
    press(stream, &mut strokes);
    // Blur, most often little.
    let blur = stream.uniform();
    let pale = stream.uniform();
    Writing {
        strokes,
        softness: 1.05 + 0.9 * blur * blur,
        ink: 1.0 - 0.3 * pale * pale * pale,
    }
}

fn choose(digit: usize, stream: &mut Stream) -> Option<&'static Style> {
    let styles = DIGITS.get(digit)?;
    let total: usize = styles.iter().map(|style| usize::from(style.weight)).sum();
    let mut ticket = stream.below(total);
    styles.iter().find(|style| {
        let weight = usize::from(style.weight);
        let mine = ticket < weight;
        ticket = ticket.saturating_sub(weight);
        mine
    })
}

/// The knots, in units of the digit's height, each a little off.
fn shaken(stroke: Stroke, shake: f32, stream: &mut Stream) -> Vec<(f32, f32, bool)> {
    let mut off = |value: i8| f32::from(value) / 100.0 + around(stream, 0.0, shake);
    let mut knots: Vec<_> = stroke
        .iter()
        .map(|Knot { x, y, corner }| (off(*x), off(*y), *corner))
        .collect();
    // Straight lines are never quite straight: a middle knot off the line bends them.
    let mut index = 0;
    while let Some([(x0, y0, true), (x1, y1, true)]) = knots.get(index..index + 2) {
        let bow = around(stream, 0.0, 0.04);
        let middle = (
            (x0 + x1) / 2.0 - (y1 - y0) * bow,
            (y0 + y1) / 2.0 + (x1 - x0) * bow,
            false,
        );
        knots.insert(index + 1, middle);
        index += 2;
    }
    knots
}

/// Catmull and Rom's cubic through the knots ("A class of local interpolating splines", 1974), with
/// a stop at each corner. The radius is left at 0.
fn curve(knots: &[(f32, f32, bool)]) -> Vec<Point> {
    let at = |index: usize| knots.get(index).copied();
    let point = |x, y| Point { x, y, radius: 0.0 };
    let first = knots.iter().take(1);
    let mut points: Vec<_> = first.map(|(x, y, _)| point(*x, *y)).collect();
    for (index, [from, to]) in (1_usize..).zip(knots.array_windows::<2>()) {
        // Beyond a corner or an end the curve is continued straight on.
        let before = match index.checked_sub(2).and_then(at) {
            Some(knot) if !from.2 => knot,
            _ => (2.0 * from.0 - to.0, 2.0 * from.1 - to.1, false),
        };
        let after = match at(index + 1) {
            Some(knot) if !to.2 => knot,
            _ => (2.0 * to.0 - from.0, 2.0 * to.1 - from.1, false),
        };
        let cubic = |a: f32, b: f32, c: f32, d: f32, t: f32| {
            let linear = c - a;
            let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
            let cube = 3.0 * (b - c) + d - a;
            b + 0.5 * t * (linear + t * (square + t * cube))
        };
        for piece in 1..=PIECES {
            let t = f32::from(piece) / f32::from(PIECES);
            points.push(point(
                cubic(before.0, from.0, to.0, after.0, t),
                cubic(before.1, from.1, to.1, after.1, t),
            ));
        }
    }
    points
}

/// A slow wave in each direction: bends the digit as a whole.
fn bend(stream: &mut Stream, strokes: &mut [Vec<Point>]) {
    let mut wave = || {
        [
            around(stream, 0.0, 0.026),
            between(stream, 0.5, 1.3) * TAU,
            between(stream, 0.0, TAU),
        ]
    };
    let [across, along] = [wave(), wave()];
    let wave =
        |[height, frequency, phase]: [f32; 3], at: f32| height * libm::sinf(frequency * at + phase);
    for point in strokes.iter_mut().flatten() {
        let (x, y) = (point.x, point.y);
        point.x = x + wave(across, y);
        point.y = y + wave(along, x);
    }
}

/// Slant, rotation and proportions.
fn pose(stream: &mut Stream, strokes: &mut [Vec<Point>]) {
    let angle = around(stream, 0.0, 0.09);
    let width = libm::expf(around(stream, 0.08, 0.2));
    let slant = around(stream, 0.14, 0.2);
    let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
    for point in strokes.iter_mut().flatten() {
        let x = point.x * width - point.y * slant;
        let y = point.y;
        point.x = x * cos - y * sin;
        point.y = x * sin + y * cos;
    }
}

/// Scales the digit and puts it near the middle of the canvas.
fn place(stream: &mut Stream, strokes: &mut [Vec<Point>]) {
    let mut low = (f32::INFINITY, f32::INFINITY);
    let mut high = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    let mut sum = (0.0, 0.0);
    for point in strokes.iter().flatten() {
        low = (low.0.min(point.x), low.1.min(point.y));
        high = (high.0.max(point.x), high.1.max(point.y));
        sum = (sum.0 + point.x, sum.1 + point.y);
    }
    let count = strokes.iter().flatten().count().max(1) as f32;
    let (width, height) = ((high.0 - low.0).max(0.05), (high.1 - low.1).max(0.05));
    let wanted = HEIGHT * around(stream, 0.95, 0.06);
    let scale = (wanted / height).min(MAX_WIDTH / width);
    // Half by the middle of the box, half by the centre of the ink, as MNIST's images are.
    let middle = (
        0.25 * (low.0 + high.0) + 0.5 * sum.0 / count,
        0.25 * (low.1 + high.1) + 0.5 * sum.1 / count,
    );
    let shift = (around(stream, 0.0, 0.7), around(stream, 0.0, 0.7));
    // The digit stays inside the border: it is pushed back by as much as it would leave it.
    let inside = |low: f32, high: f32, middle: f32, shift: f32| {
        let offset = CANVAS / 2.0 - middle * scale + shift;
        let least = BORDER + 1.5 - low * scale;
        let most = CANVAS - BORDER - 1.5 - high * scale;
        offset.max(least).min(most.max(least))
    };
    let right = inside(low.0, high.0, middle.0, shift.0);
    let down = inside(low.1, high.1, middle.1, shift.1);
    for point in strokes.iter_mut().flatten() {
        point.x = point.x * scale + right;
        point.y = point.y * scale + down;
    }
}

/// Gives every point its radius: pen width, pressure that swells and fades, thinner at the ends.
fn press(stream: &mut Stream, strokes: &mut [Vec<Point>]) {
    let pen = (1.3 * libm::expf(around(stream, 0.0, 0.27))).clamp(0.75, 2.1);
    let swing = between(stream, 0.0, 0.22);
    let frequency = between(stream, 0.4, 1.4) * TAU;
    let phase = between(stream, 0.0, TAU);
    let taper = [between(stream, 0.6, 1.05), between(stream, 0.5, 1.05)];
    for stroke in strokes {
        let last = stroke.len().saturating_sub(1).max(1) as f32;
        for (index, point) in stroke.iter_mut().enumerate() {
            let t = index as f32 / last;
            let wave = 1.0 + swing * libm::sinf(frequency * t + phase);
            // The first and last eighth of a stroke run from the taper to full width.
            let end_width = |t: f32, at_end: f32| at_end + (1.0 - at_end) * (t * 8.0).min(1.0);
            let ends = end_width(t, taper[0]) * end_width(1.0 - t, taper[1]);
            point.radius = (pen * wave * ends).max(0.55);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_pass_through_their_knots_and_stop_at_corners() {
        let knots = [
            (0.0, 0.0, true),
            (1.0, 0.0, true),
            (1.0, 1.0, false),
            (0.0, 1.0, false),
        ];
        let points = curve(&knots);
        let pieces = usize::from(PIECES);
        assert_eq!(points.len(), 1 + 3 * pieces);
        for (index, knot) in knots.iter().enumerate() {
            let point = points[index * pieces];
            assert!((point.x - knot.0).abs() < 1e-6 && (point.y - knot.1).abs() < 1e-6);
        }
        // Between two corners the line is straight.
        assert!(points[..=pieces].iter().all(|p| p.y.abs() < 1e-6));
    }

    #[test]
    fn the_pen_stays_on_the_canvas() {
        for index in 0..2000 {
            let mut stream = Stream::new(1, "test", index);
            let writing = write(index as usize % 10, &mut stream);
            assert!(!writing.strokes.is_empty() && !writing.strokes.iter().any(Vec::is_empty));
            for point in writing.strokes.iter().flatten() {
                let (x, y, r) = (point.x, point.y, point.radius);
                assert!(x - r > 0.0 && x + r < CANVAS, "{index}: {point:?}");
                assert!(y - r > 0.0 && y + r < CANVAS, "{index}: {point:?}");
            }
        }
    }
}
