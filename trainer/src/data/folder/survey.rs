//! What a folder's images are like, from some hundreds of them.

use std::io::Cursor;
use std::path::Path;

use image::ImageReader;

use super::super::convert::luma;
use super::super::error::DataError;
use super::super::progress::Silent;
use super::decode::{MAX_BYTES, decode};
use super::scan::{ImageFile, scan};
use crate::colour::Colour;
use crate::linalg::{add_scaled, dot};

/// Images that are looked at.
const LOOKED_AT: usize = 1024;

/// Images from which on it is known whether they have a left and a right.
const FEWEST: usize = 128;

/// From this alpha on a pixel is not transparent.
const SOLID: u8 = 250;

/// Height and width at which colour, and left and right, are looked for.
const SIDE: usize = 16;

/// What a folder's images are like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Survey {
    /// Images, broken ones that were not looked at among them.
    pub(crate) images: usize,
    /// The middle one of all smaller sides, in pixels.
    pub(crate) side: usize,
    /// Whether none has a colour.
    pub(crate) grey: bool,
    /// Whether most have transparent pixels.
    pub(crate) transparent: bool,
    /// Names of the classes.
    pub(crate) classes: usize,
    /// Images of the class with the fewest.
    pub(crate) fewest_of_a_class: usize,
    /// Share of images that a linear classifier tells from their mirror images, of those it was not
    /// trained on: a half where left and right are alike. `None` of few images.
    pub(crate) told_from_mirrored: Option<f64>,
}

/// Looks at a folder.
///
/// # Errors
/// [`DataError`], as loading it would.
pub(crate) fn survey(folder: &Path) -> Result<Survey, DataError> {
    let listing = scan(folder)?;
    let every = listing.files.len().div_ceil(LOOKED_AT).max(1);
    let files: Vec<ImageFile> = listing.files.iter().step_by(every).cloned().collect();
    let mut sides: Vec<usize> = files
        .iter()
        .filter_map(|file| {
            let bytes = listing.source.read(&file.entry, MAX_BYTES).ok()?;
            let reader = ImageReader::new(Cursor::new(bytes));
            reader.with_guessed_format().ok()?.into_dimensions().ok()
        })
        .map(|(width, height)| width.min(height) as usize)
        .collect();
    sides.sort_unstable();
    let shape = [4, SIDE, SIDE];
    let found = decode(&listing.source, &files, shape, Colour::default(), &Silent)?;
    let plane = SIDE * SIDE;
    let images = found.pixels.chunks_exact(4 * plane);
    let see_through = |image: &&[u8]| {
        let alpha = image.iter().skip(3 * plane);
        alpha.filter(|alpha| **alpha < SOLID).count() > plane / 50
    };
    let transparent = 2 * images.clone().filter(see_through).count() > images.len();
    let solid: Vec<Vec<u8>> = images
        .map(|image| Colour::default().under(image, 4))
        .collect();
    let images = solid.iter().map(Vec::as_slice);
    // JPEG's colours are rounded.
    let coloured = |image: &[u8]| {
        let [red, green, blue] = [0, 1, 2].map(|c| image.get(c * plane..(c + 1) * plane));
        let [red, green, blue] = [red, green, blue].map(Option::unwrap_or_default);
        let pixels = red.iter().zip(green).zip(blue);
        pixels
            .filter(|((r, g), b)| r.abs_diff(**g).max(g.abs_diff(**b)) > 8)
            .count()
            > plane / 50
    };
    let grey = !images.clone().any(coloured);
    let lumas = images.map(|image| {
        let at = |i: usize| image.get(i).copied().unwrap_or(0);
        let of = |i: usize| f64::from(luma(at(i), at(i + plane), at(i + 2 * plane)));
        (0..plane).map(of).collect()
    });
    let lumas: Vec<Vec<f64>> = lumas.collect();
    let mut each = vec![0; listing.classes.len()];
    for class in listing.files.iter().filter_map(|file| file.class) {
        if let Some(count) = each.get_mut(usize::from(class)) {
            *count += 1;
        }
    }
    Ok(Survey {
        images: listing.files.len(),
        side: sides.get(sides.len() / 2).copied().unwrap_or(0),
        grey,
        transparent,
        classes: listing.classes.len(),
        fewest_of_a_class: each.into_iter().min().unwrap_or(0),
        told_from_mirrored: told_from_mirrored(&lumas),
    })
}

/// Trains a linear classifier on every second image and its mirror image (ridge regression), and
/// counts how many of the others it tells from theirs. Images are rows of [`SIDE`] elements.
fn told_from_mirrored(images: &[Vec<f64>]) -> Option<f64> {
    if images.len() < FEWEST {
        return None;
    }
    // The mirror image's are the same, negated: a classifier through 0 is wrong about the one where
    // it is right about the other.
    let features = |image: &Vec<f64>| -> Vec<f64> {
        let rows = image.chunks_exact(SIDE);
        let differences = rows.flat_map(|row| {
            let mirrored = row.iter().rev();
            row.iter().zip(mirrored).take(SIDE / 2).map(|(a, b)| a - b)
        });
        differences.collect()
    };
    let features: Vec<Vec<f64>> = images.iter().map(features).collect();
    let training: Vec<&Vec<f64>> = features.iter().step_by(2).collect();
    let squares: f64 = training.iter().map(|row| dot(row, row)).sum();
    let width = SIDE * SIDE / 2;
    let ridge = 0.1 * squares / width as f64;
    let times = |w: &[f64]| {
        let mut out: Vec<f64> = w.iter().map(|w| ridge * w).collect();
        training
            .iter()
            .for_each(|row| add_scaled(&mut out, row, dot(row, w)));
        out
    };
    // Conjugate gradients (Hestenes and Stiefel 1952) on the normal equations.
    let mut weights = vec![0.0; width];
    let mut rest = vec![0.0; width];
    training
        .iter()
        .for_each(|row| add_scaled(&mut rest, row, 1.0));
    let mut direction = rest.clone();
    for _ in 0..width {
        let (before, along) = (dot(&rest, &rest), times(&direction));
        let curvature = dot(&direction, &along);
        if before <= 0.0 || curvature <= 0.0 {
            break;
        }
        let step = before / curvature;
        add_scaled(&mut weights, &direction, step);
        add_scaled(&mut rest, &along, -step);
        let keep = dot(&rest, &rest) / before;
        for (direction, rest) in direction.iter_mut().zip(&rest) {
            *direction = rest + keep * *direction;
        }
    }
    let others = features.iter().skip(1).step_by(2);
    let right = others.clone().filter(|row| dot(row, &weights) > 0.0);
    Some(right.count() as f64 / others.count().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;
    use crate::atomic_file::TestFolder;
    use crate::data::glyphs;

    #[test]
    fn a_folder_is_described() {
        let folder = TestFolder::new();
        for i in 0..30_u8 {
            let image = RgbImage::from_pixel(40, 50 + u32::from(i), Rgb([i, i, i + i / 20]));
            let class = if i < 20 { "a" } else { "b" };
            let path = folder.write(&format!("{class}/{i}.png"), b"");
            image.save(path).unwrap();
        }
        let found = survey(&folder.0).unwrap();
        let expected = Survey {
            images: 30,
            side: 40,
            grey: true,
            transparent: false,
            classes: 2,
            fewest_of_a_class: 10,
            told_from_mirrored: None,
        };
        assert_eq!(found, expected);
        let red = RgbImage::from_pixel(40, 40, Rgb([200, 0, 0]));
        red.save(folder.write("a/red.png", b"")).unwrap();
        assert!(!survey(&folder.0).unwrap().grey);
        // A third of each image is transparent.
        let glass = TestFolder::new();
        let image =
            RgbaImage::from_fn(30, 30, |x, _| Rgba([9, 9, 9, if x < 10 { 0 } else { 255 }]));
        image.save(glass.write("a.png", b"")).unwrap();
        assert!(survey(&glass.0).unwrap().transparent);
        // A file's kind is in its content.
        let other = TestFolder::new();
        let content = std::fs::read(folder.0.join("a/red.png")).unwrap();
        other.write("red", &content);
        other.write("again", &content);
        assert_eq!(survey(&other.0).unwrap().side, 40);
    }

    #[test]
    fn digits_have_a_left_and_a_right_and_noise_has_none() {
        let digits = glyphs::draw(600, SIDE, &Silent).unwrap();
        let images = digits.train.pixels().chunks_exact(SIDE * SIDE);
        let images = images.map(|image| image.iter().map(|p| f64::from(*p)).collect());
        let images: Vec<Vec<f64>> = images.collect();
        let told = told_from_mirrored(&images).unwrap();
        assert!(told > 0.7, "{told}");
        let mut stream = dreamlet_runtime::latent::Stream::new(1, "survey", 0);
        let mut noise = vec![0.0; 600 * SIDE * SIDE];
        stream.fill_normal(&mut noise);
        let noise = noise.chunks(SIDE * SIDE);
        let noise = noise.map(|image| image.iter().map(|x| f64::from(*x)).collect());
        let noise: Vec<Vec<f64>> = noise.collect();
        let told = told_from_mirrored(&noise).unwrap();
        assert!((0.4..0.6).contains(&told), "{told}");
        assert_eq!(told_from_mirrored(&noise[..100]), None);
    }
}
