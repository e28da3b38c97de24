//! The small models that `tests/` and `tests/firmware` run on other processors, as files. With
//! DREAMLET_WRITE_MODELS set, the test writes them anew; their golden files are then written by the
//! example `goldens` of `tests/`.

use std::path::{Path, PathBuf};

use dreamlet_runtime::engine::compiled::format::{Activation, Convolution, DType, HwcShape, Op};
use dreamlet_runtime::image::Shape;

use crate::builder::{Builder, Conv, numbers, packed_dense, padded_vector, whole_and_in_rows};
use crate::int8::dcgan;

/// 8 latent elements to a grey image of 16 x 16: a DCGAN in miniature with f32 and f16 weights.
fn f32s() -> Vec<u8> {
    let mut builder = Builder {
        latent: 8,
        ..Builder::default()
    };
    let first = HwcShape {
        height: 4,
        width: 4,
        channels: 12,
    };
    let (inputs, outputs) = (8, first.len() as usize);
    let dense = packed_dense(&numbers(1, inputs * outputs), inputs, outputs);
    let bias = padded_vector(&numbers(2, outputs));
    let weights = builder.weights(&dense, DType::F32, Some(&bias));
    let latent = HwcShape::vector(8);
    let leaky = Activation::LeakyRelu(0.2);
    builder.layer(Op::Dense, latent, first, leaky, weights);
    let up = Convolution {
        kernel: [4, 4],
        stride: [2, 2],
        pad: [1, 1],
        dilation: [1, 1],
        groups: 1,
        transposed: true,
        planar: false,
    };
    let conv = Conv::new(3, up, first, 8);
    let bias = padded_vector(&conv.bias);
    let weights = builder.weights(&conv.packed(), DType::F16, Some(&bias));
    builder.layer(Op::Conv(up), first, conv.to, Activation::Relu, weights);
    let planar = Convolution { planar: true, ..up };
    let last = Conv::new(5, planar, conv.to, 1);
    // Wide enough for all greys.
    let packed: Vec<f32> = last.packed_few().iter().map(|x| 4.0 * x).collect();
    let bias = padded_vector(&last.bias);
    let weights = builder.weights(&packed, DType::F32, Some(&bias));
    let op = Op::Col2ImConv(planar);
    builder.layer(op, conv.to, last.to, Activation::Tanh, weights);
    builder.file(Shape {
        channels: 1,
        height: 16,
        width: 16,
    })
}

/// The same in bytes, in colour.
fn bytes() -> Vec<u8> {
    let (builder, _, last) = dcgan();
    builder.file(Shape {
        channels: 3,
        height: last.to.height as usize,
        width: last.to.width as usize,
    })
}

fn path_of(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models");
    folder.join(name).with_extension("dream")
}

/// Else the files would show nothing of today's engine.
#[test]
fn the_small_models_are_what_their_source_says() {
    for (name, model) in [("small-floats", f32s()), ("small-bytes", bytes())] {
        let path = path_of(name);
        if std::env::var_os("DREAMLET_WRITE_MODELS").is_some() {
            std::fs::write(&path, &model).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == model, "{}", path.display());
    }
}

/// Little enough for Miri, see `scripts/test-memory.sh`.
#[test]
fn images_of_the_small_models_are_the_same_whole_and_in_rows() {
    for name in ["small-floats", "small-bytes"] {
        let file = std::fs::read(path_of(name)).unwrap();
        let [expected, found] = whole_and_in_rows(&file, name);
        assert_eq!(found, expected, "{name}");
        assert!(found.iter().any(|byte| *byte != found[0]), "{name}");
    }
}
