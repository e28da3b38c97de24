//! The ONNX engine makes the images that the formula says, one by one and in batches, with a card
//! and without.

use dreamlet_runtime::card::{CARD_KEY, Card, Golden, GoldenMatch, Latent};
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::generator::{GenerateError, Generator};
use dreamlet_runtime::image::{PixelRange, Shape, to_hwc_u8};
use dreamlet_runtime::latent::{Distribution, fill_normal};
use dreamlet_tests::onnx::dense;

const LATENT: usize = 20;
const BIAS: [f32; 4] = [0.1, -0.2, 0.3, 0.0];
const SHAPE: Shape = Shape {
    channels: 1,
    height: 2,
    width: 2,
};

fn weights() -> Vec<f32> {
    let mut weights = vec![0.0; LATENT * 4];
    fill_normal(99, None, &mut weights);
    weights
}

fn load(weights: &[f32], metadata: &[(&str, &str)]) -> OnnxGenerator {
    let file = dense(LATENT as i64, weights, BIAS, metadata);
    OnnxGenerator::from_bytes(&file, &Assumptions::default()).unwrap()
}

/// sigmoid(z · W + b), in f64.
fn by_hand(latent: &[f32]) -> Vec<f32> {
    let weights = weights();
    let pixel = |j: usize| {
        let products = latent.iter().zip(weights.iter().skip(j).step_by(4));
        let products = products.map(|(z, w)| f64::from(*z) * f64::from(*w));
        let sum = f64::from(BIAS[j]) + products.sum::<f64>();
        (1.0 / (1.0 + (-sum).exp())) as f32
    };
    (0..4).map(pixel).collect()
}

fn latent(seed: u64) -> Vec<f32> {
    let mut latent = vec![0.0; LATENT];
    fill_normal(seed, None, &mut latent);
    latent
}

fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-5, "{a} instead of {b}");
    }
}

#[test]
fn a_image_is_what_the_formula_says() {
    let mut generator = load(&weights(), &[]);
    assert_eq!(generator.shape(), SHAPE);
    assert_eq!(generator.range(), PixelRange::UNIT, "after a sigmoid");
    for seed in 0..20 {
        let mut image = [0.0; 4];
        generator.generate(&latent(seed), None, &mut image).unwrap();
        assert_near(&image, &by_hand(&latent(seed)));
    }
}

#[test]
fn batches_of_every_size_give_the_same_images() {
    let mut generator = load(&weights(), &[]);
    for count in [1, 3, 8, 32, 45] {
        let latents: Vec<f32> = (0..count).flat_map(latent).collect();
        let expected: Vec<f32> = (0..count).flat_map(|seed| by_hand(&latent(seed))).collect();
        let mut images = vec![0.0; expected.len()];
        let made = generator.generate_batch(&latents, None, &mut images);
        made.unwrap();
        assert_near(&images, &expected);
    }
}

#[test]
fn a_card_in_the_file_is_read_and_its_golden_images_are_made_again() {
    let input = Latent {
        len: LATENT,
        distribution: Distribution::Normal,
    };
    let mut card = Card::new("dense", input, SHAPE, PixelRange::UNIT);
    for seed in 0..5 {
        let mut image = [0; 4];
        to_hwc_u8(&by_hand(&latent(seed)), SHAPE, card.range, &mut image).unwrap();
        let golden = Golden::of(seed, None, SHAPE, &image).unwrap();
        card.golden.push(golden);
    }
    let json = card.to_json().unwrap();
    let mut generator = load(&weights(), &[(CARD_KEY, &json)]);
    assert_eq!(generator.card(), Some(&card));
    let differs = |found: &GoldenMatch| matches!(found, GoldenMatch::Different { .. });
    let found = generator.check_golden().unwrap();
    assert_eq!(found.len(), 5);
    assert!(!found.iter().any(differs), "{found:?}");
    // The same card on other weights: the check can fail.
    let mut other = weights();
    other[0] += 3.0;
    let mut generator = load(&other, &[(CARD_KEY, &json)]);
    assert!(generator.check_golden().unwrap().iter().any(differs));
}

#[test]
fn wrong_calls_are_named_and_do_no_harm() {
    let mut generator = load(&weights(), &[]);
    let mut image = [0.0; 4];
    let mut call = |latent: &[f32], class, image: &mut [f32]| {
        generator.generate(latent, class, image).unwrap_err()
    };
    let good = latent(1);
    let (expected, found) = (20, 19);
    let short = GenerateError::LatentLength { expected, found };
    assert_eq!(call(&good[1..], None, &mut image), short);
    let (expected, found) = (4, 3);
    let short = GenerateError::ImageLength { expected, found };
    assert_eq!(call(&good, None, &mut image[..3]), short);
    let (classes, found) = (0, 0);
    let class = GenerateError::ClassOutOfRange { classes, found };
    assert_eq!(call(&good, Some(0), &mut image), class);
    let mut broken = good.clone();
    broken[7] = f32::NAN;
    let nan = GenerateError::NonFiniteLatent { index: 7 };
    assert_eq!(call(&broken, None, &mut image), nan);
    generator.generate(&good, None, &mut image).unwrap();
    assert_near(&image, &by_hand(&good));
}
