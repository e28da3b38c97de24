//! Compiled models against tract: shipped files, small networks by hand, and random ones.

use std::path::{Path, PathBuf};

use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::engine::validate::{Limits, inspect};
use dreamlet_runtime::generator::Generator as _;
use dreamlet_runtime::image::PixelRange;
use prost::Message as _;
use tract_onnx::pb::ModelProto;

use super::net::Net;
use super::{CompileError, Options, Precision, compile, executor, read, reference, rewrite};

/// Everything that is checked takes files without a card too.
pub(super) fn options() -> Options {
    Options {
        assumptions: Assumptions {
            range: Some(PixelRange::SIGNED),
            ..Assumptions::default()
        },
        name: "test".into(),
        ..Options::default()
    }
}

/// The model of a file.
pub(super) fn compiled(file: &[u8], options: &Options, what: &str) -> Vec<u8> {
    let compiled = compile(file, options).unwrap_or_else(|error| panic!("{what}: {error}"));
    compiled.file
}

/// The networks before and after rewriting.
fn networks(file: &[u8]) -> (Net, Net) {
    let options = options();
    let found = inspect(file, &options.limits).unwrap();
    let facts = options.assumptions.facts(&found).unwrap();
    let model = ModelProto::decode(file).unwrap();
    let net = read::read(&model, &found, facts.classes).unwrap();
    let mut rewritten = net.clone();
    rewrite::rewrite(&mut rewritten);
    (net, rewritten)
}

fn largest(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - b).abs())
        .fold(0.0, f64::max)
}

/// Checks that tract, the reference before and after rewriting, and the compiled layers make the same pictures; gives the rewritten network.
pub(super) fn agrees(file: &[u8], what: &str) -> Net {
    let mut engine =
        OnnxGenerator::from_bytes(file, &Limits::default(), &options().assumptions).unwrap();
    let (net, rewritten) = networks(file);
    let model = compiled(file, &options(), what);
    assert_eq!(
        model,
        compiled(file, &options(), what),
        "{what}: the same bytes"
    );
    let mut latent = vec![0.0; engine.latent_len()];
    let mut image = vec![0.0; engine.image_len()];
    for seed in 0..2 {
        engine.distribution().fill(seed, None, &mut latent);
        let class = (engine.classes() > 0).then(|| seed as usize % engine.classes());
        engine.generate(&latent, class, &mut image).unwrap();
        let class = class.unwrap_or(0);
        let before = &reference::run(&net, &latent, class)[net.image];
        let scale = before.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        let difference = largest(&image, before) / scale;
        assert!(
            difference < 2e-5,
            "{what}: reading differs from tract by {difference}"
        );
        let after = &reference::run(&rewritten, &latent, class)[rewritten.image];
        let difference = largest(&image, after) / scale;
        assert!(
            difference < 2e-5,
            "{what}: rewriting differs by {difference}"
        );
        let compiled = executor::run(&model, &latent, class);
        let difference = largest(&compiled, before) / scale;
        assert!(
            difference < 2e-5,
            "{what}: the compiled layers differ by {difference}"
        );
    }
    rewritten
}

pub(super) fn shipped() -> Vec<PathBuf> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    ["mnist-dcgan", "mnist-cgan", "mnist-vae-dense"]
        .map(|name| models.join(name).join(format!("{name}.onnx")))
        .to_vec()
}

#[test]
fn shipped_models_compile_and_make_the_same_pictures() {
    for path in shipped() {
        let file = std::fs::read(&path).unwrap();
        let net = agrees(&file, &path.display().to_string());
        // Nothing but layers that multiply, and the class's row.
        assert!(net.nodes.len() <= 6, "{:#?}", net.nodes);
    }
}

#[test]
fn half_precision_is_near_and_half_as_large() {
    for path in shipped() {
        let file = std::fs::read(&path).unwrap();
        let whole = compiled(&file, &options(), "whole");
        let half = Options {
            precision: Precision::F16,
            ..options()
        };
        let half = compiled(&file, &half, "half");
        assert!(
            half.len() < whole.len() * 52 / 100,
            "{} {}",
            half.len(),
            whole.len()
        );
        let (net, _) = networks(&file);
        let mut latent = vec![0.0; net.shape(net.latent).channels as usize];
        dreamlet_runtime::latent::fill_normal(5, None, &mut latent);
        let expected = &reference::run(&net, &latent, 3)[net.image];
        let difference = largest(&executor::run(&half, &latent, 3), expected);
        assert!(difference < 0.02, "{difference}");
        assert!(
            difference > 1e-6,
            "the weights are 16-bit floats: {difference}"
        );
    }
}

#[test]
fn a_damaged_file_is_the_checks_error() {
    let error = compile(b"no model", &options()).unwrap_err();
    assert!(matches!(error, CompileError::Model(_)), "{error}");
}
