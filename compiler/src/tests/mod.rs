//! Compiled models against tract: shipped files, small networks by hand, and random ones.

mod executor;
mod folder;
mod graphs;
mod half_floats;
mod onnx_builder;
mod onnxruntime;
mod quality;
mod quantize;

use std::path::{Path, PathBuf};

use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::generator::Generator as _;
use dreamlet_runtime::image::{PixelRange, to_hwc_u8};
use dreamlet_runtime::onnx::OnnxFile;

use crate::ir::Net;
use crate::{CompileError, Options, Precision, compile, import, interpreter, passes};
use onnx_builder::{Attr, OnnxBuilder};

pub(super) use folder::TestFolder;

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
pub(super) fn networks(file: &[u8]) -> (Net, Net) {
    let options = options();
    let file = OnnxFile::from_bytes(file, &options.assumptions).unwrap();
    let facts = options.assumptions.facts(&file).unwrap();
    let net = import::import(&file.graph, facts.classes, true).unwrap();
    let mut rewritten = net.clone();
    passes::run(&mut rewritten);
    (net, rewritten)
}

pub(super) fn largest(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - b).abs())
        // A comparison with NaN is no agreement.
        .fold(0.0, |most, x| {
            if x.is_nan() {
                f64::INFINITY
            } else {
                x.max(most)
            }
        })
}

/// Checks that tract, the reference before and after rewriting, and the compiled layers make the
/// same images; gives the rewritten network.
pub(super) fn agrees(file: &[u8], what: &str) -> Net {
    let engine = OnnxGenerator::from_bytes(file, &options().assumptions);
    compare(file, what, Some(engine.unwrap()))
}

/// As [`agrees`], without tract where that cannot run the file.
pub(super) fn compare(file: &[u8], what: &str, mut tract: Option<OnnxGenerator>) -> Net {
    let (net, rewritten) = networks(file);
    let model = compiled(file, &options(), what);
    let again = compiled(file, &options(), what);
    assert_eq!(model, again, "{what}: the same bytes");
    let mut latent = vec![0.0; net.shape(net.latent).channels as usize];
    for seed in 0..2 {
        dreamlet_runtime::latent::fill_normal(seed, None, &mut latent);
        let class = (seed as usize).min(net.classes.saturating_sub(1));
        let expected = &interpreter::run(&net, &latent, class)[net.image];
        let scale = expected.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        let check = |found: &[f32], who: &str| {
            let difference = largest(found, expected) / scale;
            assert!(difference < 2e-5, "{what}: {who} differs by {difference}");
        };
        if let Some(tract) = &mut tract {
            let mut image = vec![0.0; tract.image_len()];
            let class = (tract.classes() > 0).then_some(class);
            tract.generate(&latent, class, &mut image).unwrap();
            check(&image, "tract");
        }
        let after = &interpreter::run(&rewritten, &latent, class)[rewritten.image];
        let after: Vec<f32> = after.iter().map(|&x| x as f32).collect();
        check(&after, "rewritten");
        if !executor::has_strided(&model) {
            check(&executor::run(&model, &latent, class), "layer by layer");
        }
        check(
            &on_the_device(&model, &latent, class),
            "the device's engine",
        );
    }
    rewritten
}

/// The image that the device's engine makes.
fn on_the_device(file: &[u8], latent: &[f32], class: usize) -> Vec<f32> {
    let mut generator = CompiledGenerator::from_bytes(file).unwrap();
    let mut image = vec![0.0; generator.image_len()];
    let class = (generator.classes() > 0).then_some(class);
    generator.generate(latent, class, &mut image).unwrap();
    same_in_rows(&generator, latent, class, &image);
    image
}

/// Row by row an image has the same bytes.
pub(super) fn same_in_rows(
    generator: &CompiledGenerator,
    latent: &[f32],
    class: Option<usize>,
    image: &[f32],
) {
    let (model, engine) = (generator.model(), generator.engine());
    let mut scratch = vec![0xA5; engine.rows_scratch_len()];
    let mut rows = vec![0; image.len()];
    engine
        .generate_u8(latent, class, &mut scratch, &mut rows)
        .unwrap();
    let mut whole = vec![0; image.len()];
    to_hwc_u8(image, model.shape(), model.range(), &mut whole).unwrap();
    assert_eq!(rows, whole, "row by row");
}

pub(super) fn shipped() -> Vec<PathBuf> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    ["mnist-dcgan", "mnist-cgan", "mnist-vae-dense"]
        .map(|name| models.join(name).join(format!("{name}.onnx")))
        .to_vec()
}

#[test]
fn shipped_models_compile_and_make_the_same_images() {
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
        let expected = &interpreter::run(&net, &latent, 3)[net.image];
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

/// The files of other tools, by name.
fn zoo() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/zoo");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    assert!(files.len() > 10);
    files
        .iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

/// All files: shipped and of other tools.
pub(super) fn readable() -> Vec<(String, Vec<u8>)> {
    let own = shipped()
        .into_iter()
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()));
    own.chain(zoo()).collect()
}

#[test]
fn generators_of_other_tools_compile_and_make_the_same_images() {
    for (name, file) in zoo() {
        agrees(&file, &name);
    }
}

#[test]
fn an_operator_without_a_layer_is_named_with_its_node() {
    let mut onnx = OnnxBuilder::new(1, &[4]);
    let table = onnx.weights(&[9, 9], 1);
    let numbers = onnx.node("Cast", &["latent"], vec![("to", Attr::Int(7))]);
    let x = onnx.node("Gather", &[&table, &numbers], vec![("axis", Attr::Int(0))]);
    let x = onnx.reshape(&x, &[-1, 1, 6, 6]);
    let error = compile(&onnx.file(&x, &[1, 6, 6]), &options()).unwrap_err();
    let text = error.to_string();
    for part in [
        "make_gather",
        "(Gather)",
        "computed from the latent",
        "tract",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn weights_beyond_16_bits_name_their_layer() {
    let mut onnx = OnnxBuilder::new(1, &[4]);
    let weights = onnx.floats(&[4, 4], &[7e4; 16]);
    let x = onnx.node("MatMul", &["latent", &weights], vec![]);
    let x = onnx.node("Tanh", &[&x], vec![]);
    let x = onnx.reshape(&x, &[-1, 1, 2, 2]);
    let file = onnx.file(&x, &[1, 2, 2]);
    compile(&file, &options()).unwrap();
    let half = Options {
        precision: Precision::F16,
        ..options()
    };
    let error = compile(&file, &half).unwrap_err();
    assert!(
        matches!(&error, CompileError::Overflow { layer, .. } if layer.contains("MatMul")),
        "{error}"
    );
}

#[test]
fn the_report_counts_what_the_file_has() {
    let file = std::fs::read(&shipped()[0]).unwrap();
    let compiled = compile(&file, &options()).unwrap();
    let report = &compiled.report;
    assert_eq!(report.flash, compiled.file.len() as u64);
    // 32 to 7x7x128; 128 channels to 64 by 4x4 taps of which 2x2 meet, without those outside; 64
    // channels of 14x14 by 16 taps.
    let counts: Vec<u64> = report
        .lines
        .iter()
        .map(|line| line.multiplications)
        .collect();
    assert_eq!(counts, [32 * 6272, 26 * 26 * 128 * 64, 196 * 64 * 16]);
    let text = report.to_string();
    assert_eq!(
        text.lines().filter(|line| line.contains("node ")).count(),
        3
    );
    assert!(
        text.contains(&format!("flash {} bytes", compiled.file.len())),
        "{text}"
    );
    // No layer uses more than there is, and the second one needs its input and output at once.
    let most = report.lines.iter().map(|line| line.scratch).max().unwrap();
    assert!(
        most <= report.scratch && report.scratch < most + 200,
        "{text}"
    );
}
