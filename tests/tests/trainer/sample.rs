//! Both crates together, on the host only: what `dreamlet sample` makes of a file is what a device
//! makes.

use std::path::PathBuf;

use dreamlet_compiler::{Options, Precision, compile};
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::image::{PixelRange, to_hwc_u8};
use dreamlet_runtime::latent::{Distribution, fill_normal};
use dreamlet_tests::onnx::{dense, model, node, tensor, value};
use dreamlet_trainer::testing::{
    Class, FileSource, ImageSource as _, Latents, OpenError, Request, SamplingError, open, samples,
};

/// A file that is removed at the end.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path =
            std::env::temp_dir().join(format!("dreamlet-{}-{name}.onnx", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn of_seeds(seeds: &str) -> Request {
    Request::new(Latents::Seeds(seeds.parse().unwrap()))
}

/// Whether no byte differs by more than `levels`.
fn near(a: &[u8], b: &[u8], levels: u8) -> bool {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= levels)
}

fn dense_file() -> Vec<u8> {
    let mut weights = vec![0.0; 80];
    fill_normal(5, None, &mut weights);
    dense(20, &weights, [0.0; 4], &[])
}

#[test]
fn the_host_draws_what_a_device_draws() {
    let bytes = dense_file();
    let file = File::new("same", &bytes);
    let mut generator = open(&file.0, &Assumptions::default()).unwrap();
    let mut request = of_seeds("3,40-80");
    request.truncation = Some(0.8);
    let found = samples(&mut generator, &request).unwrap();
    assert_eq!(found.len(), 42);
    let mut device = OnnxGenerator::from_bytes(&bytes, &Assumptions::default()).unwrap();
    for sample in found {
        let (mut latent, mut image, mut pixels) = ([0.0; 20], [0.0; 4], [0; 4]);
        fill_normal(sample.number, Some(0.8), &mut latent);
        device.generate(&latent, None, &mut image).unwrap();
        to_hwc_u8(&image, device.shape(), device.range(), &mut pixels).unwrap();
        // Batches may add in another order: one level.
        assert!(near(&sample.bytes, &pixels, 1));
    }
}

#[test]
fn an_interpolation_begins_and_ends_at_its_seeds() {
    let file = File::new("between", &dense_file());
    let mut generator = open(&file.0, &Assumptions::default()).unwrap();
    let ends = samples(&mut generator, &of_seeds("7,9")).unwrap();
    let way = Latents::Between("7,9,50".parse().unwrap(), Default::default());
    let found = samples(&mut generator, &Request::new(way)).unwrap();
    assert_eq!(found.len(), 50);
    for (end, place) in ends.iter().zip([0, 49]) {
        assert!(near(&found[place].bytes, &end.bytes, 1));
    }
}

#[test]
fn compiled_models_are_sampled_and_measured_like_their_onnx_file() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/mnist-cgan/mnist-cgan.onnx");
    let onnx = std::fs::read(&path).unwrap();
    let assumptions = Assumptions::default();
    let mut request = of_seeds("0-9");
    request.class = Class::Named("7".into());
    let expected = samples(&mut open(&path, &assumptions).unwrap(), &request).unwrap();
    let mut original = FileSource::new(&onnx, &assumptions).unwrap();
    let classes = [7; 10];
    let measured = original.images(0, 10, &classes).unwrap();
    for (precision, levels) in [(Precision::F32, 1), (Precision::Int8, 60)] {
        let options = Options {
            precision,
            ..Options::default()
        };
        let made = compile(&onnx, &options).unwrap().file;
        let file = File::new(&format!("{precision:?}"), &made);
        let mut generator = open(&file.0, &assumptions).unwrap();
        assert!(generator.is_compiled());
        assert_eq!(generator.card().map(|card| card.classes.len()), Some(10));
        let found = samples(&mut generator, &request).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.number, expected.number);
            assert!(near(&found.bytes, &expected.bytes, levels), "{precision:?}");
        }
        let mut source = FileSource::new(&made, &assumptions).unwrap();
        assert_eq!((source.shape(), source.classes()), ([1, 28, 28], 10));
        assert_eq!(source.class_names(), original.class_names());
        let images = source.images(0, 10, &classes).unwrap();
        assert!(near(&images, &measured, levels));
        // A damaged one is refused by name.
        let cut = File::new("cut", &made[..3000]);
        let error = open(&cut.0, &assumptions).unwrap_err().to_string();
        assert!(error.contains("cut") && error.contains("3000"), "{error}");
    }
}

#[test]
fn a_strangers_generator_works_once_the_missing_facts_are_given() {
    // Neither sigmoid nor tanh at the end: the file does not say what black and white are.
    let gemm = node("Gemm", &["latent", "weights"], "flat");
    let nodes = [gemm, node("Relu", &["flat"], "image")];
    let weights = tensor("weights", &[3, 4], &[1.0; 12]);
    let (latent, image) = (value("latent", &[0, 3]), value("image", &[0, 4]));
    let bytes = model(&nodes, &[weights], &latent, &image, &[]);
    let file = File::new("stranger", &bytes);
    let missing = |assumptions: &Assumptions| match open(&file.0, assumptions) {
        Err(error @ OpenError::Model { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let mut assumptions = Assumptions::default();
    assert!(missing(&assumptions).contains("--shape"));
    assumptions.shape = dreamlet_compiler::cli::parse_shape("1,2,2").ok();
    assert!(missing(&assumptions).contains("--range"));
    let (low, high) = (0.0, 3.0);
    assumptions.range = Some(PixelRange { low, high });
    assumptions.distribution = Some(Distribution::Uniform);
    let mut generator = open(&file.0, &assumptions).unwrap();
    let mut request = of_seeds("0-9");
    assert_eq!(samples(&mut generator, &request).unwrap().len(), 10);
    request.class = Class::Named("1".into());
    let refused = samples(&mut generator, &request);
    assert!(matches!(refused, Err(SamplingError::Class(_))));
}
