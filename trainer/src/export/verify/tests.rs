//! Whole checks of exported generators.

use super::*;
use crate::atomic_file::TestFolder;
use crate::config::{Overrides, Source, resolve};
use crate::export::generator;
use crate::export::onnx::{nets, to_bytes};
use crate::export::save;
use crate::generator_file::FileGenerator;
use crate::nets::Generator;
use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_onnx::proto::{Message as _, ModelProto};
use dreamlet_runtime::card::{Card, Latent};
use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::Distribution;
use dreamlet_runtime::latent::fill_normal;

type Made<'a> = dyn FnMut(&[f32], Option<&[i64]>, usize) -> Result<Vec<f32>, String> + 'a;

/// A generator's burn side.
fn in_burn(net: &nets::TestNet) -> Box<Made<'_>> {
    Box::new(move |latents, classes, batch| {
        let device = Device::flex();
        let latents = TensorData::new(latents.to_vec(), [batch, net.latent_len]);
        let latents = Tensor::from_data(latents, &device);
        let classes = classes
            .map(|classes| Tensor::from_data(TensorData::new(classes.to_vec(), [batch]), &device));
        let image = (net.forward)(&device, latents, classes);
        image
            .into_data()
            .try_to_vec()
            .map_err(|error| format!("{error:?}"))
    })
}

fn card(net: &nets::TestNet, model: &ModelProto) -> Card {
    let classes = net.classes;
    let (_, Facts { shape, range, .. }) = open(&to_bytes(model), &with_classes(classes)).unwrap();
    let unit = matches!(net.name, "dense" | "conditional");
    assert_eq!(
        range,
        if unit {
            PixelRange::UNIT
        } else {
            PixelRange::SIGNED
        }
    );
    let latent = Latent {
        len: net.latent_len,
        distribution: Distribution::Normal,
    };
    let mut card = Card::new(net.name, latent, shape, range);
    card.classes = (0..net.classes.unwrap_or(0))
        .map(|class| class.to_string())
        .collect();
    card
}

fn with_classes(classes: Option<usize>) -> VerifyOptions {
    VerifyOptions {
        assumptions: Assumptions {
            classes,
            ..Assumptions::default()
        },
        ..VerifyOptions::default()
    }
}

/// The file with a card and golden images.
fn whole(net: &nets::TestNet) -> Vec<u8> {
    let model = net.export();
    let card = card(net, &model);
    let name = format!("dreamlet-whole-{}-{:p}.onnx", std::process::id(), net);
    let path = std::env::temp_dir().join(name);
    let card = save(model, card, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let (written, _) = open(&bytes, &VerifyOptions::default()).unwrap();
    assert_eq!(written.card, Some(card));
    bytes
}

#[test]
fn every_engine_makes_the_same_images_of_every_kind() {
    for net in nets::all() {
        let mut burn = in_burn(&net);
        let report =
            verify_bytes(&whole(&net), Some(&mut *burn), &VerifyOptions::default()).unwrap();
        eprintln!("{}: {report}", net.name);
        assert_eq!(report.batches, [1, 3, 32, 28]);
        assert_eq!(report.golden, 8);
        let engines: Vec<_> = report.pairs.iter().map(|pair| pair.right).collect();
        let expected = [
            "burn",
            "tract",
            "compiled f32",
            "compiled f16",
            "onnxruntime",
        ];
        let left_out = report.notes.iter().any(|note| note.contains("onnxruntime"));
        assert_eq!(engines, expected[..expected.len() - usize::from(left_out)]);
        assert!(report.pairs.iter().all(|pair| pair.left == "reference"));
        assert!(
            report
                .notes
                .iter()
                .any(|note| note.contains("compiled int8"))
        );
    }
}

#[test]
fn a_wrong_image_is_named_by_pair_seed_and_position() {
    let net = nets::all().remove(0);
    let mut right = in_burn(&net);
    let mut seen = 0;
    let mut wrong = |latents: &[f32], classes: Option<&[i64]>, batch: usize| {
        let mut images = right(latents, classes, batch)?;
        seen += batch;
        if seen > 36 {
            images[2 * 784 + 5 * 28 + 7] += 0.01;
        }
        Ok(images)
    };
    let options = VerifyOptions {
        onnxruntime: OnnxRuntime::Skip,
        ..VerifyOptions::default()
    };
    let error = verify_bytes(&to_bytes(&net.export()), Some(&mut wrong), &options).unwrap_err();
    let VerifyError::Different { worst, report } = &error else {
        panic!("{error}")
    };
    let largest = worst.largest.unwrap();
    assert_eq!(
        (worst.left, worst.right, largest.seed, largest.batch),
        ("reference", "burn", 38, 28)
    );
    assert_eq!(largest.position, [0, 5, 7]);
    assert!((report.largest().unwrap().difference - 0.01).abs() < 1e-3);
    assert!(
        error
            .to_string()
            .contains("reference and burn differ by 1.00e-2"),
        "{error}"
    );
}

#[test]
fn a_changed_weight_spoils_the_golden_images() {
    let net = nets::all().remove(0);
    let mut model = ModelProto::decode(whole(&net).as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let bias = graph
        .initializer
        .iter_mut()
        .find(|tensor| tensor.name == "gemm_2_bias")
        .unwrap();
    bias.raw_data = 2.0f32.to_le_bytes().repeat(784);
    let error = verify_bytes(&to_bytes(&model), None, &VerifyOptions::default()).unwrap_err();
    assert!(
        matches!(error, VerifyError::Golden { seed: 0, .. }),
        "{error}"
    );
}

#[test]
fn files_that_are_no_generators_are_refused() {
    let options = VerifyOptions::default();
    assert!(matches!(
        verify(Path::new("nowhere.onnx"), None, &options),
        Err(VerifyError::Refused(_))
    ));
    for bytes in [b"".as_slice(), b"hello, this is no protobuf"] {
        assert!(matches!(
            verify_bytes(bytes, None, &options),
            Err(VerifyError::Refused(_))
        ));
    }
    // The table that the class looks up says how many there are.
    let conditional = to_bytes(&nets::all().pop().unwrap().export());
    assert!(verify_bytes(&conditional, None, &options).is_ok());
}

#[test]
fn seeds_go_in_batches_of_1_3_32_and_the_rest() {
    assert_eq!(batches(64), [1, 3, 32, 28]);
    assert_eq!(batches(36), [1, 3, 32]);
    assert_eq!(batches(2), [1, 1]);
    assert!(batches(0).is_empty());
}

#[test]
fn images_with_alpha_lie_over_the_background_in_every_engine() {
    let folder = TestFolder::new();
    // One ends with tanh, one with no activation.
    for preset in ["dcgan", "r3-32"] {
        let sets = [
            "data.channels=4",
            "data.size=16",
            "data.background=#204080",
            "model.width=8",
        ];
        let overrides = Overrides {
            sets: sets.map(str::to_owned).to_vec(),
            ..Overrides::default()
        };
        let config = resolve(&Source::Preset(preset.to_owned()), &overrides).unwrap();
        let net = Generator::new(&config, &Device::flex());
        let mut card = generator::card(&config, &[], "alpha").unwrap();
        card.author = "Ada".into();
        let path = folder.0.join("alpha.onnx");
        let card = save(generator::graph(&net, &config).unwrap(), card, &path).unwrap();
        let says = card.interface.as_ref().unwrap();
        assert_eq!(says.background, Some([0x20, 0x40, 0x80]));
        assert_eq!(card.image.channels, 3);
        let bytes = std::fs::read(&path).unwrap();
        let z = config.model.latent;
        let mut burn = |latents: &[f32], _: Option<&[i64]>, rows: usize| {
            let latents = TensorData::new(latents.to_vec(), [rows, z]);
            let latents = Tensor::from_data(latents, &Device::flex());
            let images = net.forward(latents, None).into_data();
            Ok(images.try_to_vec::<f32>().unwrap())
        };
        let options = VerifyOptions {
            seeds: 5,
            ..VerifyOptions::default()
        };
        verify_bytes(&bytes, Some(&mut burn), &options).unwrap();
        // Over black and over white: what is between them is hidden by alpha alone.
        let assumptions = Assumptions::default();
        let whole = FileGenerator::from_bytes(&bytes, &assumptions).unwrap();
        assert!(whole.has_alpha());
        let both = whole.over_black_and_white(&bytes, &assumptions);
        let [mut black, mut white] = both.unwrap();
        let mut latent = vec![0.0; z];
        fill_normal(7, None, &mut latent);
        let plane = 16 * 16;
        let four = burn(&latent, None, 1).unwrap();
        let mut images = [vec![0.0; 3 * plane], vec![0.0; 3 * plane]];
        for (generator, image) in [&mut black, &mut white].into_iter().zip(&mut images) {
            generator.generate_batch(&latent, None, image).unwrap();
        }
        for (at, (black, white)) in images[0].iter().zip(&images[1]).enumerate() {
            // From -1 to 1: twice what is not hidden.
            let alpha = (four[3 * plane + at % plane] + 1.0) / 2.0;
            assert!((white - black - 2.0 * (1.0 - alpha)).abs() < 1e-4);
        }
    }
}
