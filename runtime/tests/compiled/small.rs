//! The small models that `tests/` and `tests/firmware` run on other processors, as files. With DREAMLET_WRITE_MODELS set, the test writes
//! them anew; their golden files are then written by the example `goldens` of `tests/`.

use std::path::Path;

use dreamlet_runtime::engine::compiled::format::{Activation, Convolution, MapShape, Number, Op};
use dreamlet_runtime::image::Shape;

use crate::builder::{Builder, Conv, numbers, packed_dense, padded_vector};
use crate::integer::dcgan;

/// 8 latent numbers to a grey picture of 16 x 16: a DCGAN in miniature with f32 and f16 weights.
fn floats() -> Vec<u8> {
    let mut builder = Builder {
        latent: 8,
        ..Builder::default()
    };
    let first = MapShape {
        height: 4,
        width: 4,
        channels: 12,
    };
    let (inputs, outputs) = (8, first.len() as usize);
    let dense = packed_dense(&numbers(1, inputs * outputs), inputs, outputs);
    let bias = padded_vector(&numbers(2, outputs));
    let weights = builder.weights(&dense, Number::F32, Some(&bias));
    let latent = MapShape::vector(8);
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
    let weights = builder.weights(&conv.packed(), Number::F16, Some(&bias));
    builder.layer(Op::Conv(up), first, conv.to, Activation::Relu, weights);
    let planar = Convolution { planar: true, ..up };
    let last = Conv::new(5, planar, conv.to, 1);
    // Wide enough for all greys.
    let packed: Vec<f32> = last.packed_few().iter().map(|x| 4.0 * x).collect();
    let bias = padded_vector(&last.bias);
    let weights = builder.weights(&packed, Number::F32, Some(&bias));
    let op = Op::FewConv(planar);
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

/// Else the files would show nothing of today's engine.
#[test]
fn the_small_models_are_what_their_source_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models");
    for (name, model) in [("small-floats", floats()), ("small-bytes", bytes())] {
        let path = folder.join(name).with_extension("dream");
        if std::env::var_os("DREAMLET_WRITE_MODELS").is_some() {
            std::fs::write(&path, &model).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == model, "{}", path.display());
    }
}
