//! Images: the same bytes on every target, from the generator's numbers to the display's bits.

use dreamlet_runtime::card::{Golden, GoldenMatch, Tolerance, sha256};
use dreamlet_runtime::image::{
    Bayer, FloydSteinberg, Levels, PixelRange, Shape, grey_row, pack_bits, row_to_u8, to_hwc_u8,
    upscale,
};
use dreamlet_runtime::latent::fill_uniform;

const SHAPE: Shape = Shape {
    channels: 3,
    height: 21,
    width: 37,
};

/// An image of noise between -1 and 1, a little over the ends.
fn noise() -> Vec<f32> {
    let mut values = vec![0.0; 3 * 21 * 37];
    fill_uniform(7, None, &mut values);
    for x in &mut values {
        *x *= 1.1;
    }
    values
}

fn bytes() -> Vec<u8> {
    let mut bytes = vec![0; 3 * 21 * 37];
    to_hwc_u8(&noise(), SHAPE, PixelRange::SIGNED, &mut bytes).unwrap();
    bytes
}

fn grey() -> Vec<u8> {
    let mut grey = vec![0; 21 * 37];
    for (row, out) in bytes().chunks_exact(3 * 37).zip(grey.chunks_exact_mut(37)) {
        grey_row(row, 3, out).unwrap();
    }
    grey
}

#[test]
fn conversion_to_bytes_is_the_same_everywhere() {
    assert_eq!(
        sha256(&bytes()),
        "4e477bbd0ad055d2ab573f86ddcf31e825c3e08ab5cbbdbf1c6912cff5df5b64"
    );
}

#[test]
fn row_by_row_gives_the_same_bytes_as_all_at_once() {
    let (values, whole) = (noise(), bytes());
    for (y, expected) in whole.chunks_exact(3 * 37).enumerate() {
        let mut row = [0; 3 * 37];
        row_to_u8(&values, SHAPE, PixelRange::SIGNED, y, &mut row).unwrap();
        assert_eq!(row, expected);
    }
}

#[test]
fn brightness_and_enlarging_are_the_same_everywhere() {
    assert_eq!(
        sha256(&grey()),
        "a3ad85839b4c7a985bb9c91dea044bfe540637cbfaf7bdc8c10658ec34f3d1a4"
    );
    let mut large = vec![0; 9 * 3 * 21 * 37];
    upscale(&bytes(), SHAPE, 3, &mut large).unwrap();
    assert_eq!(
        sha256(&large),
        "06af7ddc04bc70dff0c235d19a9148636cdceb0a06298a44608caca8f24d4b63"
    );
}

#[test]
fn dithering_is_the_same_everywhere() {
    let mut scratch = vec![0; FloydSteinberg::scratch_len(37)];
    let four = Levels::new(4).unwrap();
    let mut diffusion = FloydSteinberg::new(37, four, &mut scratch).unwrap();
    let (mut ordered, mut diffused, mut packed) = (Vec::new(), Vec::new(), Vec::new());
    for (y, row) in grey().chunks_exact(37).enumerate() {
        let (mut levels, mut bits) = ([0; 37], [0; 5]);
        let dithered = Bayer::Eight.row(row, y, Levels::BINARY, &mut levels);
        dithered.unwrap();
        pack_bits(&levels, &mut bits).unwrap();
        ordered.extend(levels);
        packed.extend(bits);
        diffusion.row(row, &mut levels).unwrap();
        diffused.extend(levels);
    }
    assert_eq!(
        sha256(&ordered),
        "0e43fa557ed479efa81069f16db1c8891c4dd3e33703cfbee4fc8399e2e1a0f9"
    );
    assert_eq!(
        sha256(&packed),
        "d33615ad3e0f84e590126773d599837d3a305c1577ff3aad1d9de54bfe6921c8"
    );
    assert_eq!(
        sha256(&diffused),
        "f4d11ecf0ab8110d002c32080704a8fc86a238cc6316837c70306558f64535dc"
    );
}

#[test]
fn a_golden_image_forgives_two_levels_and_no_more() {
    let image = bytes();
    let golden = Golden::of(7, None, SHAPE, &image).unwrap();
    let check = |change: u8| {
        let moved = |b: &u8| if *b < 128 { b + change } else { b - change };
        let changed: Vec<u8> = image.iter().map(moved).collect();
        golden.check(Tolerance::default(), SHAPE, &changed).unwrap()
    };
    assert_eq!(check(0), GoldenMatch::Exact);
    assert!(matches!(check(2), GoldenMatch::Within { .. }));
    let darker: Vec<u8> = image.iter().map(|b| b.saturating_sub(9)).collect();
    let found = golden.check(Tolerance::default(), SHAPE, &darker).unwrap();
    assert!(matches!(found, GoldenMatch::Different { .. }), "{found:?}");
}
