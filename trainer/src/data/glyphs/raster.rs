//! Drawing a line whose width varies: brightness by the distance of the pixel from the line.

use super::handwriting::{CANVAS, Point, Writing};

/// Draws `writing` in white on the black square `pixels` of `size` x `size`.
pub(super) fn draw(writing: &Writing, size: usize, pixels: &mut [u8]) {
    let scale = size as f32 / CANVAS;
    let mut light = vec![0.0; pixels.len()];
    let softness = (writing.softness * scale).max(1.0);
    for stroke in &writing.strokes {
        for pair in stroke.array_windows::<2>() {
            let [from, to] = pair.map(|p| Point {
                x: p.x * scale,
                y: p.y * scale,
                radius: p.radius * scale,
            });
            piece(from, to, softness, size, &mut light);
        }
    }
    for (pixel, light) in pixels.iter_mut().zip(light) {
        // Within 0..=255.5, so the conversion only drops the fraction.
        *pixel = (light * writing.ink * 255.0 + 0.5) as u8;
    }
}

/// Draws one straight piece: a capsule whose radius runs from one end's to the other's. Where
/// pieces overlap, the brighter one counts, so that joints and crossings do not show.
fn piece(from: Point, to: Point, softness: f32, size: usize, light: &mut [f32]) {
    let reach = from.radius.max(to.radius) + softness / 2.0;
    let edge = |value: f32| value.clamp(0.0, size as f32) as usize;
    let span = |a: f32, b: f32| (edge(a.min(b) - reach), edge(a.max(b) + reach + 1.0));
    let (left, right) = span(from.x, to.x);
    let (top, bottom) = span(from.y, to.y);
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length2 = (dx * dx + dy * dy).max(1e-6);
    let rows = light.chunks_exact_mut(size.max(1)).enumerate();
    for (row, line) in rows.take(bottom).skip(top) {
        let y = row as f32 + 0.5 - from.y;
        let columns = line.iter_mut().enumerate();
        for (column, pixel) in columns.take(right).skip(left) {
            let x = column as f32 + 0.5 - from.x;
            let t = ((x * dx + y * dy) / length2).clamp(0.0, 1.0);
            let (away_x, away_y) = (x - t * dx, y - t * dy);
            let distance = (away_x * away_x + away_y * away_y).sqrt();
            let radius = from.radius + t * (to.radius - from.radius);
            let ramp = ((radius - distance) / softness + 0.5).clamp(0.0, 1.0);
            // A smooth step instead of a straight one: what a blurred edge looks like.
            *pixel = pixel.max(ramp * ramp * (3.0 - 2.0 * ramp));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: (f32, f32), to: (f32, f32), radius: f32) -> Vec<u8> {
        let point = |(x, y)| Point { x, y, radius };
        let writing = Writing {
            strokes: vec![vec![point(from), point(to)]],
            softness: 1.0,
            ink: 1.0,
        };
        let mut pixels = vec![9; 28 * 28];
        draw(&writing, 28, &mut pixels);
        pixels
    }

    #[test]
    fn a_horizontal_line_covers_its_rows() {
        let pixels = line((4.0, 14.0), (24.0, 14.0), 2.0);
        let column: Vec<u8> = pixels.iter().skip(14).step_by(28).copied().collect();
        let mut expected = vec![0; 28];
        expected[12..16].fill(255);
        assert_eq!(column, expected);
        assert!(pixels.iter().step_by(28).all(|p| *p == 0));
    }

    #[test]
    fn points_outside_the_image_are_cut_off() {
        let pixels = line((-50.0, -50.0), (80.0, 90.0), 3.0);
        assert!(pixels.iter().any(|p| *p > 0));
        let pixels = line((-50.0, 0.0), (-50.0, 9.0), 3.0);
        assert!(pixels.iter().all(|p| *p == 0));
    }
}
