//! How the ten digits are written: strokes through knots, in several styles each.

/// A point a stroke goes through, in hundredths of the digit's height; y points down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knot {
    pub(super) x: i8,
    pub(super) y: i8,
    /// Whether the stroke turns sharply here instead of running through smoothly.
    pub(super) corner: bool,
}

/// One movement of the pen.
pub(super) type Stroke = &'static [Knot];

/// One way to write a digit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// How often it is chosen, relative to the digit's other styles.
    pub(super) weight: u8,
    pub(super) strokes: &'static [Stroke],
}

/// A smooth knot.
const fn k(x: i8, y: i8) -> Knot {
    Knot {
        x,
        y,
        corner: false,
    }
}

const fn c(x: i8, y: i8) -> Knot {
    Knot { x, y, corner: true }
}

const fn style(weight: u8, strokes: &'static [Stroke]) -> Style {
    Style { weight, strokes }
}

/// The styles of each digit.
#[rustfmt::skip]
pub(super) static DIGITS: [&[Style]; 10] = [
    // 0
    &[
        // Closed oval.
        style(4, &[&[k(34, 1), k(14, 8), k(2, 34), k(4, 70), k(22, 98), k(44, 92), k(57, 62), k(52, 22), k(34, 1), k(20, 5)]]),
        // Begun at the upper right, with a lid.
        style(3, &[&[k(46, 10), k(26, 1), k(7, 22), k(1, 60), k(16, 95), k(38, 97), k(55, 70), k(55, 30), k(40, 5), k(22, 7)]]),
        // Round.
        style(2, &[&[k(38, 4), k(16, 8), k(0, 40), k(6, 80), k(32, 100), k(62, 84), k(70, 46), k(56, 10), k(32, 2)]]),
        // Slashed.
        style(1, &[&[k(34, 1), k(14, 8), k(2, 34), k(4, 70), k(22, 98), k(44, 92), k(57, 62), k(52, 22), k(34, 1), k(24, 3)],
                   &[c(54, 10), c(8, 90)]]),
    ],
    // 1
    &[
        style(4, &[&[c(30, 0), c(30, 100)]]),
        // With a flag.
        style(3, &[&[c(12, 22), c(32, 0), c(32, 100)]]),
        // With flag and foot.
        style(2, &[&[c(12, 20), c(32, 0), c(32, 100)], &[c(10, 100), c(56, 99)]]),
        // Bent.
        style(2, &[&[k(36, 0), k(33, 36), k(30, 68), k(22, 100)]]),
        // With a short serif and a foot.
        style(1, &[&[c(22, 8), c(32, 0), c(31, 100)], &[c(18, 100), c(46, 100)]]),
    ],
    // 2
    &[
        // Flat base.
        style(4, &[&[k(5, 24), k(14, 6), k(34, 0), k(52, 16), k(46, 44), k(24, 74), c(2, 98), c(60, 98)]]),
        // Looped at the lower left.
        style(3, &[&[k(6, 22), k(18, 4), k(38, 2), k(52, 20), k(44, 50), k(26, 82), k(8, 98), k(0, 90), k(10, 80), k(32, 91), k(64, 98)]]),
        // Wavy base.
        style(3, &[&[k(4, 16), k(24, 1), k(46, 6), k(50, 28), k(34, 60), c(4, 96), k(20, 90), k(40, 97), k(62, 92)]]),
        // Angular.
        style(1, &[&[c(6, 8), k(36, 2), c(52, 18), c(4, 96), c(60, 96)]]),
    ],
    // 3
    &[
        // Two bows.
        style(4, &[&[k(6, 14), k(20, 1), k(42, 4), k(48, 24), k(38, 42), c(20, 48), k(44, 54), k(56, 74), k(40, 97), k(18, 99), k(1, 86)]]),
        // Flat top.
        style(2, &[&[c(6, 3), c(52, 2), c(26, 40), k(48, 50), k(56, 72), k(42, 96), k(20, 100), k(2, 90)]]),
        // Small loop in the middle.
        style(2, &[&[k(6, 12), k(24, 0), k(46, 8), k(46, 30), k(28, 48), k(18, 48), k(22, 41), k(38, 48), k(56, 68), k(44, 94), k(20, 100), k(2, 90)]]),
        // Smooth middle.
        style(2, &[&[k(8, 8), k(28, 0), k(46, 12), k(40, 34), k(24, 47), k(46, 58), k(52, 80), k(34, 99), k(4, 94)]]),
    ],
    // 4
    &[
        // Open, angular.
        style(3, &[&[c(14, 2), c(4, 56), c(58, 52)], &[c(48, 8), c(43, 100)]]),
        // Open, round.
        style(3, &[&[k(10, 2), k(4, 34), k(10, 52), k(30, 54), k(54, 48)], &[c(52, 2), c(48, 100)]]),
        // Closed.
        style(3, &[&[c(44, 100), c(44, 0), c(0, 68), c(64, 68)]]),
        // Open, the stem short.
        style(2, &[&[c(26, 0), c(2, 62), c(62, 60)], &[c(44, 32), c(40, 100)]]),
        // Closed by two strokes that meet at the top.
        style(1, &[&[c(50, 1), c(2, 58), c(64, 55)], &[c(50, 0), c(44, 100)]]),
    ],
    // 5
    &[
        // Hat drawn last.
        style(4, &[&[c(14, 4), c(10, 44), k(30, 38), k(52, 52), k(52, 80), k(30, 99), k(2, 92)], &[c(14, 4), c(56, 0)]]),
        // In one line.
        style(3, &[&[c(54, 1), c(16, 3), c(10, 44), k(34, 40), k(54, 58), k(50, 84), k(28, 100), k(1, 90)]]),
        // Like an S.
        style(2, &[&[k(58, 3), k(34, 2), k(14, 12), k(14, 34), k(36, 48), k(52, 66), k(44, 92), k(22, 100), k(0, 90)]]),
        // Hat apart from the stem.
        style(1, &[&[c(16, 8), c(12, 46), k(36, 42), k(54, 62), k(44, 92), k(20, 100), k(2, 92)], &[c(20, 3), c(62, 2)]]),
    ],
    // 6
    &[
        // Bent stem.
        style(4, &[&[k(46, 2), k(26, 14), k(8, 44), k(4, 78), k(22, 99), k(46, 92), k(52, 70), k(36, 54), k(16, 62), k(5, 80)]]),
        // Straight stem.
        style(3, &[&[c(40, 0), k(20, 32), k(6, 64), k(8, 90), k(28, 100), k(50, 88), k(50, 66), k(32, 56), k(10, 70)]]),
        // Curled top, the bowl left open.
        style(2, &[&[k(54, 12), k(38, 0), k(16, 16), k(3, 50), k(6, 84), k(26, 100), k(48, 90), k(50, 66), k(32, 54), k(16, 66)]]),
        // Upright with a small bowl.
        style(2, &[&[k(20, 0), k(8, 30), k(4, 70), k(18, 98), k(38, 96), k(46, 78), k(34, 62), k(14, 70), k(6, 84)]]),
    ],
    // 7
    &[
        style(4, &[&[c(2, 4), c(54, 2), c(22, 100)]]),
        // With a crossbar.
        style(2, &[&[c(2, 4), c(56, 2), c(24, 100)], &[c(14, 52), c(54, 48)]]),
        // With a serif.
        style(2, &[&[c(4, 18), c(6, 3), c(56, 2), k(38, 44), k(28, 100)]]),
        // Bent.
        style(3, &[&[k(2, 10), k(20, 3), c(54, 4), k(42, 36), k(30, 66), k(26, 100)]]),
        // Bent, with serif and crossbar.
        style(1, &[&[c(4, 16), k(8, 3), k(30, 4), c(56, 0), k(38, 44), k(26, 100)], &[c(16, 52), c(52, 50)]]),
    ],
    // 8
    &[
        // In one line, begun at the upper right.
        style(4, &[&[k(50, 12), k(34, 0), k(12, 6), k(10, 28), k(30, 46), k(52, 66), k(48, 92), k(26, 100), k(6, 88), k(10, 66), k(34, 46), k(52, 24), k(48, 10)]]),
        // Two rings.
        style(2, &[&[k(34, 0), k(14, 6), k(8, 26), k(26, 46), k(46, 38), k(50, 14), k(34, 0), k(24, 2)],
                   &[k(28, 46), k(6, 60), k(6, 88), k(30, 100), k(54, 86), k(50, 58), k(28, 46), k(18, 50)]]),
        // Open at the top.
        style(2, &[&[k(46, 3), k(20, 2), k(8, 22), k(26, 44), k(50, 66), k(44, 94), k(20, 99), k(6, 78), k(24, 52), k(44, 32), k(56, 4)]]),
        // Begun in the middle, narrow.
        style(2, &[&[k(30, 46), k(12, 26), k(22, 2), k(42, 4), k(46, 24), k(30, 46), k(8, 72), k(18, 98), k(40, 98), k(50, 74), k(30, 46), k(22, 38)]]),
    ],
    // 9
    &[
        // Straight stem.
        style(4, &[&[c(50, 10), k(28, 0), k(7, 16), k(10, 42), k(30, 47), k(46, 32), c(51, 9), c(46, 100)]]),
        // Bent stem.
        style(3, &[&[k(50, 16), k(32, 0), k(10, 10), k(6, 36), k(24, 48), k(44, 34), k(52, 14), k(50, 50), k(40, 80), k(28, 100)]]),
        // Hooked stem.
        style(3, &[&[c(51, 12), k(30, 0), k(8, 14), k(8, 38), k(26, 47), k(46, 32), c(52, 8), k(54, 46), k(48, 84), k(28, 100), k(6, 90)]]),
        // A six upside down.
        style(2, &[&[k(48, 30), k(30, 46), k(8, 36), k(8, 10), k(30, 0), k(50, 14), k(52, 48), k(38, 84), k(12, 100)]]),
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_has_several_styles_that_fill_the_height() {
        for (digit, styles) in DIGITS.iter().enumerate() {
            assert!(styles.len() >= 4, "{digit}");
            for style in *styles {
                assert!(style.weight > 0);
                assert!(style.strokes.iter().all(|stroke| stroke.len() >= 2));
                let ys = || style.strokes.iter().flat_map(|s| s.iter()).map(|k| k.y);
                assert!(ys().min() <= Some(8) && ys().max() >= Some(92), "{digit}");
            }
        }
    }
}
