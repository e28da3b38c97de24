//! `--check`: looks at model and display, one after the other, and draws a test pattern.

use std::error::Error;
use std::io::Write as _;

use crate::display::{Facts, Wish, open};
use crate::model::Source;
use crate::options::Choices;
use crate::picture::{Canvas, Inker, Rotation};
use crate::run::{Look, Studio};

/// Prints what was found; the test pattern stays on the display.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(choices: &Choices, wish: &Wish) -> Result<(), Box<dyn Error>> {
    let mut say = std::io::stderr();
    let model = Source::new(choices.model()?, choices.trust.as_deref())?.open()?;
    let (shape, classes) = (model.shape(), model.classes());
    writeln!(
        say,
        "model {}: {} x {}, {} channels, {classes} classes; {} golden images are right",
        model.name, shape.width, shape.height, shape.channels, model.compared
    )?;
    let mut display = open(wish)?;
    let facts = display.facts();
    let colors = facts.palette.map_or("all colours", |palette| palette.name);
    writeln!(
        say,
        "display {}: {} x {}, {colors}",
        wish.name, facts.width, facts.height
    )?;
    let look = Look::of(choices);
    Studio::new(model, &facts, &look)?;
    let mut canvas = test_pattern(&facts, look.rotation);
    if let Some(palette) = look.palette.on(facts.palette) {
        Inker::new(palette, look.dither, facts.width).ink(&mut canvas)?;
    }
    display.show(&canvas)?;
    writeln!(
        say,
        "the display shows a test pattern: a white edge on all four sides, red, green and blue from the left, a white square at \
         the upper left. An edge is missing: width, height or offset are wrong. Red is blue: color-order. All is inverted: invert. \
         The square is elsewhere: --rotate."
    )?;
    Ok(())
}

/// White edges, three colours, greys below, and a square where up and left is.
#[must_use]
pub fn test_pattern(facts: &Facts, rotation: Rotation) -> Canvas {
    let (width, height) = rotation.seen(facts.width, facts.height);
    let mut seen = vec![0; width * height * 3];
    let square = (width.min(height) / 6).max(3);
    for (i, pixel) in seen.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        let edge = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        let corner = (2..square).contains(&x) && (2..square).contains(&y);
        *pixel = match (edge || corner, y * 4 / height.max(1)) {
            (true, _) => [255; 3],
            (false, 0) => [0; 3],
            (false, 3) => [(x * 255 / width.max(1)) as u8; 3],
            (false, _) => match x * 3 / width.max(1) {
                0 => [255, 0, 0],
                1 => [0, 255, 0],
                _ => [0, 0, 255],
            },
        };
    }
    let mut canvas = Canvas::new(facts.width, facts.height);
    let shape = dreamlet_runtime::Shape {
        channels: 3,
        height,
        width,
    };
    let size = (facts.width, facts.height);
    let fit = crate::picture::Fit::Times(1);
    crate::picture::Fitter::new(shape, size, fit, rotation, [0; 3]).draw(&seen, &mut canvas);
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_test_pattern_has_an_edge_all_around_however_it_is_turned() {
        let facts = Facts {
            width: 40,
            height: 30,
            palette: None,
            border: [0; 3],
            least_period: Duration::ZERO,
        };
        for (rotation, corner) in [
            (Rotation::None, (4, 4)),
            (Rotation::Quarter, (4, 25)),
            (Rotation::Half, (35, 25)),
            (Rotation::ThreeQuarters, (35, 4)),
        ] {
            let canvas = test_pattern(&facts, rotation);
            let at = |x: usize, y: usize| canvas.rgb[(y * 40 + x) * 3..][..3].to_vec();
            for x in 0..40 {
                assert_eq!((at(x, 0), at(x, 29)), (vec![255; 3], vec![255; 3]));
            }
            assert_eq!(at(corner.0, corner.1), [255; 3], "{rotation:?}");
        }
    }
}
