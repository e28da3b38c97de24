//! The nearest training image: does the generator repeat what it saw?

use rayon::prelude::*;

use crate::data::Split;

/// An image of a split and how far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Neighbour {
    pub(super) index: usize,
    /// Root of the mean squared difference, in levels of 0 to 255.
    pub(super) distance: f64,
}

/// The image of `split` nearest to `image` in pixels, the first of equals. `None` when the split is
/// empty or of another shape.
pub(super) fn nearest(image: &[u8], split: &Split) -> Option<Neighbour> {
    if image.is_empty() || split.image_len() != image.len() {
        return None;
    }
    let (sum, index) = split
        .pixels()
        .par_chunks_exact(image.len())
        .enumerate()
        .map(|(index, other)| (difference(image, other), index))
        .min()?;
    let distance = (sum as f64 / image.len() as f64).sqrt();
    Some(Neighbour { index, distance })
}

fn difference(a: &[u8], b: &[u8]) -> u64 {
    // Rows of 4096 squares of bytes stay below 2^28: the inner sum fits the lanes of a vector.
    a.chunks(4096)
        .zip(b.chunks(4096))
        .map(|(a, b)| {
            let squares = a.iter().zip(b).map(|(x, y)| {
                let d = i32::from(*x) - i32::from(*y);
                (d * d) as u32
            });
            u64::from(squares.sum::<u32>())
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_image_is_found_with_its_distance() {
        let split = Split::new(vec![0, 0, 10, 10, 255, 255, 10, 10], None, 2).unwrap();
        let found = nearest(&[13, 6], &split).unwrap();
        // √((3² + 4²) / 2), and the first of the two equals.
        assert_eq!((found.index, found.distance), (1, 12.5_f64.sqrt()));
        assert_eq!(nearest(&[255, 255], &split).unwrap().distance, 0.0);
        assert_eq!(nearest(&[1, 2, 3], &split), None);
        assert_eq!(
            nearest(&[1, 2], &Split::new(Vec::new(), None, 2).unwrap()),
            None
        );
    }

    #[test]
    fn the_largest_images_do_not_overflow() {
        let (black, white) = (vec![0; 3 * 128 * 128], vec![255; 3 * 128 * 128]);
        let split = Split::new(black, None, white.len()).unwrap();
        assert_eq!(nearest(&white, &split).unwrap().distance, 255.0);
    }
}
