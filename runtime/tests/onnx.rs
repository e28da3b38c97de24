//! ONNX generators through tract: loading, cards, batches, classes, golden images.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../onnx/tests/common/mod.rs"]
mod common;

use common::{A, Builder, conditional, dcgan, gemm, mlp, resize_net};
use dreamlet_onnx::ModelError;
use dreamlet_runtime::card::{Card, Golden, GoldenMatch, Latent};
use dreamlet_runtime::engine::tract::{Assumptions, OnnxError, OnnxGenerator};
use dreamlet_runtime::generator::{GenerateError, Generator};
use dreamlet_runtime::image::{PixelRange, Shape, to_hwc_u8};
use dreamlet_runtime::latent::{Distribution, fill_normal};
use dreamlet_runtime::onnx::{OnnxFile, OnnxFileError};

fn load(builder: &Builder) -> OnnxGenerator {
    with(builder, &Assumptions::default()).unwrap()
}

fn with(builder: &Builder, assumptions: &Assumptions) -> Result<OnnxGenerator, OnnxError> {
    OnnxGenerator::from_bytes(&builder.bytes(), assumptions)
}

fn generated(generator: &mut OnnxGenerator, seed: u64, class: Option<usize>) -> Vec<f32> {
    let mut latent = vec![0.0; generator.latent_len()];
    fill_normal(seed, None, &mut latent);
    let mut image = vec![0.0; generator.image_len()];
    generator.generate(&latent, class, &mut image).unwrap();
    image
}

#[test]
fn dense_transposed_and_resized_generators_make_images_in_their_range() {
    for (builder, range, side) in [
        (mlp(20, 64, 28), PixelRange::UNIT, 28),
        (dcgan(16, 8, 7), PixelRange::SIGNED, 28),
        (resize_net(16, 8, 5), PixelRange::SIGNED, 20),
    ] {
        let mut generator = load(&builder);
        assert_eq!(
            generator.shape(),
            Shape {
                channels: 1,
                height: side,
                width: side
            }
        );
        assert_eq!(generator.range(), range);
        let (one, other) = (
            generated(&mut generator, 1, None),
            generated(&mut generator, 2, None),
        );
        assert!(one.iter().all(|x| (range.low..=range.high).contains(x)));
        assert_ne!(one, other);
        assert_eq!(one, generated(&mut generator, 1, None));
    }
}

#[test]
fn the_dense_generator_computes_what_its_formula_says() {
    let builder = mlp(3, 4, 2);
    let mut copy = mlp(3, 4, 2);
    let tensors = copy.graph().initializer.clone();
    let weights = |name: &str| -> Vec<f32> {
        let tensor = tensors.iter().find(|t| t.name == name).unwrap();
        tensor
            .raw_data
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    let layer = |x: &[f32], name: &str| -> Vec<f32> {
        let (w, mut y) = (weights(&format!("{name}.w")), weights(&format!("{name}.b")));
        let columns = y.len();
        for (j, y) in y.iter_mut().enumerate() {
            *y += x
                .iter()
                .enumerate()
                .map(|(i, x)| x * w[i * columns + j])
                .sum::<f32>();
        }
        y
    };
    let mut latent = [0.0; 3];
    fill_normal(5, None, &mut latent);
    let hidden: Vec<f32> = layer(&latent, "h").iter().map(|x| x.max(0.0)).collect();
    let expected: Vec<f32> = layer(&hidden, "flat")
        .iter()
        .map(|x| 1.0 / (1.0 + (-x).exp()))
        .collect();
    let found = generated(&mut load(&builder), 5, None);
    assert!(
        found
            .iter()
            .zip(&expected)
            .all(|(a, b)| (a - b).abs() < 1e-5),
        "{found:?} {expected:?}"
    );
}

#[test]
fn a_batch_of_any_size_is_the_single_images() {
    for builder in [mlp(20, 64, 12), dcgan(16, 8, 3)] {
        let mut generator = load(&builder);
        for count in [0, 1, 3, 8, 32, 43] {
            let latents: Vec<f32> = (0..count)
                .flat_map(|seed| {
                    let mut latent = vec![0.0; generator.latent_len()];
                    fill_normal(seed, None, &mut latent);
                    latent
                })
                .collect();
            let mut images = vec![0.0; count as usize * generator.image_len()];
            generator
                .generate_batch(&latents, None, &mut images)
                .unwrap();
            for (seed, image) in images.chunks_exact(generator.image_len()).enumerate() {
                let single = generated(&mut generator, seed as u64, None);
                assert!(
                    image.iter().zip(&single).all(|(a, b)| (a - b).abs() < 1e-5),
                    "{count} {seed}"
                );
            }
        }
    }
}

#[test]
fn a_batch_whose_slices_do_not_go_together_is_refused() {
    let mut generator = load(&mlp(4, 4, 4));
    let mut images = [0.0; 32];
    let mut call = |latents: &[f32], classes: Option<&[usize]>, room: usize| {
        generator
            .generate_batch(latents, classes, &mut images[..room])
            .unwrap_err()
    };
    assert_eq!(
        call(&[0.0; 9], None, 32),
        OnnxError::Batch {
            what: "latent values",
            expected: 8,
            found: 9
        }
    );
    assert_eq!(
        call(&[0.0; 8], None, 31),
        OnnxError::Batch {
            what: "image values",
            expected: 32,
            found: 31
        }
    );
    assert_eq!(
        call(&[0.0; 8], Some(&[0]), 32),
        OnnxError::Batch {
            what: "classes",
            expected: 2,
            found: 1
        }
    );
    let missing = call(&[0.0; 8], Some(&[0, 0]), 32);
    assert_eq!(
        missing,
        OnnxError::Call(GenerateError::ClassOutOfRange {
            classes: 0,
            found: 0
        })
    );
    let infinite = call(&[0.0, 0.0, 0.0, f32::INFINITY], None, 16);
    assert_eq!(
        infinite,
        OnnxError::Call(GenerateError::NonFiniteLatent { index: 3 })
    );
}

#[test]
fn a_file_that_fixes_its_batch_inside_still_makes_many_images() {
    let mut builder = mlp(4, 4, 4);
    let shape = builder
        .graph()
        .initializer
        .iter_mut()
        .find(|t| t.name == "shape")
        .unwrap();
    shape.int64_data = vec![1, 1, 4, 4];
    let mut generator = load(&builder);
    let mut images = vec![0.0; 40 * 16];
    generator
        .generate_batch(&[0.5; 160], None, &mut images)
        .unwrap();
    assert_eq!(images[..16], images[39 * 16..]);
}

#[test]
fn a_conditional_generator_wants_a_class_and_heeds_it() {
    let mut generator = load(&conditional(6, 10));
    assert_eq!(generator.classes(), 10);
    let (three, four) = (
        generated(&mut generator, 1, Some(3)),
        generated(&mut generator, 1, Some(4)),
    );
    assert_ne!(three, four);
    let mut image = vec![0.0; 64];
    let mut call = |class| generator.generate(&[0.0; 6], class, &mut image);
    assert_eq!(call(None), Err(GenerateError::ClassMissing { classes: 10 }));
    assert_eq!(
        call(Some(10)),
        Err(GenerateError::ClassOutOfRange {
            classes: 10,
            found: 10
        })
    );
    let classes: Vec<usize> = (0..35).map(|i| i % 10).collect();
    let mut images = vec![0.0; 35 * 64];
    let mut latents = [0.0; 6];
    fill_normal(1, None, &mut latents);
    generator
        .generate_batch(&latents.repeat(35), Some(&classes), &mut images)
        .unwrap();
    for (index, expected) in [(3, &three), (33, &three), (34, &four)] {
        let found = &images[index * 64..][..64];
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-5)
        );
    }
}

#[test]
fn the_class_may_be_the_first_input() {
    let mut builder = conditional(6, 10);
    builder.graph().input.reverse();
    let straight = generated(&mut load(&conditional(6, 10)), 1, Some(7));
    assert_eq!(generated(&mut load(&builder), 1, Some(7)), straight);
}

#[test]
fn the_card_in_the_file_is_what_counts() {
    let image = Shape {
        channels: 1,
        height: 12,
        width: 12,
    };
    let latent = Latent {
        len: 16,
        distribution: Distribution::Uniform,
    };
    let mut card = Card::new(
        "test",
        latent,
        image,
        PixelRange {
            low: -2.0,
            high: 2.0,
        },
    );
    let mut generator = load(&dcgan(16, 8, 3).card(&card));
    assert_eq!(generator.range(), card.range);
    assert_eq!(generator.distribution(), Distribution::Uniform);
    assert_eq!(generator.check_golden(), Ok(vec![]));

    let mut values = [0.0; 16];
    Distribution::Uniform.fill(9, None, &mut values);
    let mut made = vec![0.0; 144];
    generator.generate(&values, None, &mut made).unwrap();
    let mut bytes = vec![0; 144];
    to_hwc_u8(&made, image, card.range, &mut bytes).unwrap();
    let mut wrong = bytes.clone();
    wrong[..72].fill(0);
    card.golden = vec![
        Golden::of(9, None, image, &bytes).unwrap(),
        Golden::of(9, None, image, &wrong).unwrap(),
    ];
    let results = load(&dcgan(16, 8, 3).card(&card)).check_golden().unwrap();
    assert_eq!(results[0], GoldenMatch::Exact);
    assert!(matches!(results[1], GoldenMatch::Different { .. }));
}

#[test]
fn a_card_that_contradicts_the_graph_is_refused() {
    let image = Shape {
        channels: 1,
        height: 12,
        width: 12,
    };
    let card = |latent: usize, image: Shape, classes: &[&str]| {
        let latent = Latent {
            len: latent,
            distribution: Distribution::Normal,
        };
        let mut card = Card::new("test", latent, image, PixelRange::SIGNED);
        card.classes = classes.iter().map(|name| (*name).into()).collect();
        with(&dcgan(16, 8, 3).card(&card), &Assumptions::default()).map(|_| ())
    };
    let field = |result| match result {
        Err(OnnxError::Model(OnnxFileError::CardMismatch { field, .. })) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(card(16, image, &[]), Ok(()));
    assert_eq!(field(card(17, image, &[])), "latent.len");
    assert_eq!(field(card(16, Shape { width: 13, ..image }, &[])), "image");
    assert_eq!(field(card(16, image, &["a"])), "classes");
}

#[test]
fn third_party_files_take_what_they_do_not_say_from_assumptions() {
    // No activation at the end, a flat output, a latent of one pixel.
    let builder = gemm(
        Builder::new(&[-1, 4, 1, 1], &[-1, 6]).node("Flatten", &["latent"], "z", vec![]),
        "z",
        "y",
        4,
        6,
    )
    .node("Identity", &["y"], "image", vec![]);
    let missing = |assumptions: &Assumptions| match with(&builder, assumptions) {
        Err(OnnxError::Model(OnnxFileError::Missing { assumption, .. })) => assumption,
        other => panic!("{other:?}"),
    };
    let mut assumptions = Assumptions::default();
    assert_eq!(missing(&assumptions), "shape");
    assumptions.shape = Some(Shape {
        channels: 1,
        height: 2,
        width: 3,
    });
    assert_eq!(missing(&assumptions), "range");
    assumptions.range = Some(PixelRange {
        low: -3.0,
        high: 3.0,
    });
    assumptions.distribution = Some(Distribution::Uniform);
    let mut generator = with(&builder, &assumptions).unwrap();
    assert_eq!(generator.distribution(), Distribution::Uniform);
    assert_eq!(generated(&mut generator, 0, None).len(), 6);
    assumptions.shape = Some(Shape {
        channels: 1,
        height: 2,
        width: 2,
    });
    assert!(matches!(
        with(&builder, &assumptions),
        Err(OnnxError::Model(OnnxFileError::Graph(
            ModelError::Signature { .. }
        )))
    ));
}

#[test]
fn shapes_computed_in_the_graph_as_pytorch_writes_them_are_followed() {
    let builder = Builder::new(&[-1, 4], &[-1, 1, 2, 2])
        .node("Shape", &["latent"], "dims", vec![])
        .ints("zero", &[0])
        .node(
            "Gather",
            &["dims", "zero"],
            "batch",
            vec![("axis", A::Int(0))],
        )
        .ints("rest", &[1, 2, 2])
        .node(
            "Concat",
            &["batch", "rest"],
            "target",
            vec![("axis", A::Int(0))],
        )
        .node("Tanh", &["latent"], "y", vec![])
        .node("Reshape", &["y", "target"], "image", vec![]);
    let mut generator = load(&builder);
    let mut images = vec![0.0; 36];
    generator
        .generate_batch(&[1.0; 36], None, &mut images)
        .unwrap();
    assert!(images.iter().all(|x| (x - 1f32.tanh()).abs() < 1e-6));
}

#[test]
fn stale_value_information_does_no_harm() {
    let mut builder = dcgan(16, 8, 3);
    let stale = common::info("x1", dreamlet_onnx::DType::F32, &[-1, 99, 3, 3]);
    builder.graph().value_info.push(stale);
    generated(&mut load(&builder), 0, None);
}

#[test]
fn a_missing_file_is_named() {
    let error = OnnxGenerator::open("no/such/file.onnx").unwrap_err();
    assert!(error.to_string().contains("no/such/file.onnx"), "{error}");
}

#[test]
fn a_broken_or_doubled_card_is_refused() {
    let check = |builder: Builder| OnnxFile::from_bytes(&builder.bytes(), &Assumptions::default());
    let small = || dcgan(4, 4, 2);
    let key = dreamlet_runtime::card::CARD_KEY;
    assert!(matches!(
        check(small().metadata(key, "{")),
        Err(OnnxFileError::Card(_))
    ));
    let twice = small().metadata(key, "{}").metadata(key, "{}");
    assert!(matches!(
        check(twice),
        Err(OnnxFileError::Graph(ModelError::Duplicate { .. }))
    ));
    assert!(
        check(small().metadata("other", "{"))
            .unwrap()
            .card
            .is_none()
    );
}
