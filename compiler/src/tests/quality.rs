//! Mixed precision and golden images of files without a card.

use std::cell::RefCell;

use dreamlet_runtime::card::GoldenMatch;
use dreamlet_runtime::engine::compiled::CompiledGenerator;

use super::onnx_builder::{OnnxBuilder, window};
use super::options;
use crate::{
    CompileError, Options, Precision, QuantizeOptions, Quantized, compile, compile_to_quality,
};

/// Three layers that multiply, 4 x 4 pixels.
fn three_layers() -> Vec<u8> {
    let mut onnx = OnnxBuilder::new(3, &[5]);
    let x = onnx.gemm("latent", 5, 12);
    let x = onnx.node("Relu", &[&x], vec![]);
    let x = onnx.gemm(&x, 12, 12);
    let x = onnx.node("Relu", &[&x], vec![]);
    let x = onnx.gemm(&x, 12, 16);
    let x = onnx.node("Tanh", &[&x], vec![]);
    let x = onnx.reshape(&x, &[-1, 1, 4, 4]);
    onnx.file(&x, &[1, 4, 4])
}

fn int8() -> Options {
    Options {
        precision: Precision::Int8,
        quantize: QuantizeOptions {
            calibrate: 8,
            most_error: f64::INFINITY,
            f32_layers: 0,
        },
        ..options()
    }
}

#[test]
fn layers_go_back_to_f32_one_by_one_until_the_quality_is_kept() {
    let (file, options) = (three_layers(), int8());
    // The distances that each further trial is said to have, and the f32 layers at the end.
    for (distances, kept) in [
        (vec![0.5], 0),
        (vec![2.0, 1.5, 1.0], 2),
        (vec![2.0, f64::NAN, 1.0], 2),
        // All layers are f32: there is nothing more to try.
        (vec![9.0; 4], 3),
    ] {
        let seen = RefCell::new(Vec::new());
        let first = compile(&file, &options).unwrap();
        let found = compile_to_quality(first, &file, &options, 1.0, |compiled| {
            let layers = compiled.quantized.as_ref().map(Quantized::f32_layers);
            seen.borrow_mut().push(layers.unwrap());
            Ok::<_, CompileError>(distances[seen.borrow().len() - 1])
        });
        let seen = seen.into_inner();
        assert_eq!(seen, (0..distances.len()).collect::<Vec<_>>());
        let mut expected = options.clone();
        expected.quantize.f32_layers = kept;
        assert_eq!(found.unwrap(), compile(&file, &expected).unwrap());
    }
}

#[test]
fn an_error_of_the_measure_ends_the_search() {
    let (file, options) = (three_layers(), int8());
    let first = compile(&file, &options).unwrap();
    let stop = || CompileError::NonFinite { layer: "x".into() };
    let found = compile_to_quality(first, &file, &options, 1.0, |_| Err::<f64, _>(stop()));
    assert_eq!(found, Err(stop()));
}

#[test]
fn a_model_that_only_floats_make_has_nothing_to_give_back() {
    let (file, options) = (three_layers(), options());
    let first = compile(&file, &options).unwrap();
    let found = compile_to_quality(first.clone(), &file, &options, 1.0, |_| {
        Ok::<_, CompileError>(9.0)
    });
    assert_eq!(found.unwrap(), first);
}

fn check_golden(file: &[u8], what: &str) -> Vec<GoldenMatch> {
    let mut model = CompiledGenerator::from_bytes(file).unwrap();
    let golden = model.check_golden().unwrap();
    assert_eq!(golden.len(), 8, "{what}");
    golden
}

#[test]
fn files_without_a_card_get_golden_images_that_their_model_makes() {
    // Above the work that the interpreter does: four convolutions of 64 channels, 64 x 64 pixels.
    let mut onnx = OnnxBuilder::new(4, &[4]);
    let x = onnx.gemm("latent", 4, 64 * 64);
    let mut x = onnx.reshape(&x, &[-1, 1, 64, 64]);
    for (inputs, outputs) in [(1, 64), (64, 64), (64, 64), (64, 64), (64, 64), (64, 1)] {
        let w = onnx.weights(&[outputs, inputs, 3, 3], inputs * 9);
        x = onnx.node("Conv", &[&x, &w], window(3, 1, [1; 4]));
        x = onnx.node("Tanh", &[&x], vec![]);
    }
    let large = onnx.file(&x, &[1, 64, 64]);
    let large = compile(&large, &options()).unwrap().file;
    let golden = check_golden(&large, "large");
    assert!(golden.iter().all(|golden| *golden == GoldenMatch::Exact));

    let small = three_layers();
    for options in [options(), int8()] {
        let file = compile(&small, &options).unwrap().file;
        let golden = check_golden(&file, "small");
        let differs = |golden: &GoldenMatch| matches!(golden, GoldenMatch::Different { .. });
        assert!(!golden.iter().any(differs), "{golden:?}");
    }
}
