use dreamlet_runtime::engine::compiled::format::{Activation, Convolution, DType, HwcShape, Op};
use dreamlet_runtime::engine::compiled::{Engine, Model, SimdLevel};
use dreamlet_runtime::image::Shape;

use crate::builder::{AlignedFile, Builder, Conv, halved, numbers, packed_dense, padded_vector};

/// The image of a one-layer model at a SIMD level.
pub(crate) fn run(file: &[u8], level: SimdLevel, latent: &[f32]) -> Vec<f32> {
    let file = AlignedFile::new(file);
    let model = Model::new(file.get()).unwrap();
    let mut scratch = vec![0xA5; model.scratch_len()];
    let mut image = vec![f32::NAN; model.image_len()];
    Engine::with_simd_level(model, level)
        .generate(latent, None, &mut scratch, &mut image)
        .unwrap();
    image
}

fn agree(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(found) - expected).abs() < 2e-5,
            "{what}: element {i} is {found}, expected {expected}"
        );
    }
}

fn levels() -> Vec<SimdLevel> {
    SimdLevel::available().collect()
}

/// The activations in double precision.
fn activated(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu(slope) => {
            if x > 0.0 {
                x
            } else {
                f64::from(slope) * x
            }
        }
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Clip(low, high) => x.max(low.into()).min(high.into()),
        Activation::Softplus => (1.0 + x.exp()).ln(),
        Activation::Elu(alpha) => {
            if x > 0.0 {
                x
            } else {
                f64::from(alpha) * (x.exp() - 1.0)
            }
        }
    }
}

/// The sides of a grey image with so many values.
pub(crate) fn grey(len: usize) -> Shape {
    Shape {
        channels: 1,
        height: 1,
        width: len,
    }
}

#[test]
fn dense_layers_of_every_width_are_matrix_products() {
    let activations = [
        Activation::None,
        Activation::Relu,
        Activation::LeakyRelu(0.2),
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Clip(-0.25, 0.5),
        Activation::Softplus,
        Activation::Elu(0.7),
    ];
    for (case, (inputs, outputs)) in [
        (1, 1),
        (3, 15),
        (7, 16),
        (8, 17),
        (9, 31),
        (20, 33),
        (64, 48),
        (5, 100),
        (100, 256),
    ]
    .into_iter()
    .enumerate()
    {
        for dtype in [DType::F32, DType::F16] {
            let activation = activations[case % activations.len()];
            let weights: Vec<f32> = numbers(1, inputs * outputs)
                .iter()
                .map(|x| halved(*x))
                .collect();
            let bias = numbers(2, outputs);
            let mut builder = Builder {
                latent: inputs,
                ..Builder::default()
            };
            let packed = packed_dense(&weights, inputs, outputs);
            let weights_at = builder.weights(&packed, dtype, Some(&padded_vector(&bias)));
            let [from, to] = [inputs, outputs].map(|n| HwcShape::vector(n as u32));
            builder.layer(Op::Dense, from, to, activation, weights_at);
            let latent = numbers(3, inputs);
            let expected: Vec<f64> = (0..outputs)
                .map(|o| {
                    let products = (0..inputs)
                        .map(|i| f64::from(latent[i]) * f64::from(weights[o * inputs + i]));
                    activated(f64::from(bias[o]) + products.sum::<f64>(), activation)
                })
                .collect();
            for level in levels() {
                let found = run(&builder.file(grey(outputs)), level, &latent);
                agree(
                    &found,
                    &expected,
                    &format!("{inputs} to {outputs}, {dtype:?}, {activation:?}, {level}"),
                );
            }
        }
    }
}

fn convolution(
    kernel: [u32; 2],
    stride: [u32; 2],
    pad: [u32; 2],
    dilation: [u32; 2],
    transposed: bool,
) -> Convolution {
    Convolution {
        kernel,
        stride,
        pad,
        dilation,
        groups: 1,
        transposed,
        planar: false,
    }
}

/// Geometries of all kinds.
pub(crate) fn geometries() -> Vec<(Convolution, [u32; 2])> {
    let square = |kernel, stride, pad, dilation, transposed| {
        convolution(
            [kernel; 2],
            [stride; 2],
            [pad; 2],
            [dilation; 2],
            transposed,
        )
    };
    vec![
        (square(4, 2, 1, 1, true), [7, 7]),
        (square(4, 2, 1, 1, true), [4, 4]),
        (square(4, 2, 1, 1, true), [5, 3]),
        (square(4, 2, 1, 1, true), [1, 1]),
        (square(3, 2, 1, 1, true), [6, 9]),
        (square(5, 2, 2, 1, true), [8, 5]),
        (square(2, 3, 0, 1, true), [4, 4]),
        (square(3, 1, 1, 1, true), [5, 17]),
        (square(3, 2, 1, 2, true), [5, 6]),
        (square(3, 1, 1, 1, false), [7, 14]),
        (square(3, 1, 2, 2, false), [8, 7]),
        (square(3, 2, 1, 1, false), [9, 12]),
        (square(1, 1, 0, 1, false), [3, 10]),
        (square(5, 1, 2, 1, false), [6, 21]),
        (convolution([1, 4], [1, 2], [0, 1], [1, 1], true), [3, 8]),
        (convolution([3, 2], [2, 1], [1, 0], [1, 2], false), [7, 9]),
    ]
}

/// One convolution behind nothing: the latent vector is its input image.
fn one_convolution(
    c: Convolution,
    sides: [u32; 2],
    inputs: u32,
    outputs: u32,
    dtype: DType,
    few: bool,
    level: SimdLevel,
) {
    let from = HwcShape {
        height: sides[0],
        width: sides[1],
        channels: inputs,
    };
    let mut conv = Conv::new(11, c, from, outputs);
    for weight in &mut conv.weights {
        *weight = halved(*weight);
    }
    let latent = numbers(13, from.len() as usize);
    let activation = Activation::LeakyRelu(0.2);
    let mut builder = Builder {
        latent: latent.len(),
        ..Builder::default()
    };
    let vector = HwcShape::vector(from.len() as u32);
    // The latent vector is a vector: a copy makes an image of it.
    builder.layer(Op::ChwToHwc, vector, from, Activation::None, None);
    let (op, packed) = match (c.groups, few) {
        (1, true) => (
            Op::Col2ImConv(Convolution { planar: true, ..c }),
            conv.packed_few(),
        ),
        (1, false) => (Op::Conv(c), conv.packed()),
        _ => (Op::GroupConv(c), conv.packed_groups()),
    };
    let bias = if c.groups == 1 {
        padded_vector(&conv.bias)
    } else {
        conv.bias.clone()
    };
    let weights = builder.weights(&packed, dtype, Some(&bias));
    builder.layer(op, from, conv.to, activation, weights);
    let mut x = vec![0.0; latent.len()];
    let pixels = (from.height * from.width) as usize;
    for (i, value) in latent.iter().enumerate() {
        x[i % pixels * inputs as usize + i / pixels] = *value;
    }
    let mut expected: Vec<f64> = conv
        .reference(&x)
        .iter()
        .map(|x| activated(*x, activation))
        .collect();
    if few {
        let interleaved = expected.clone();
        let pixels = (conv.to.height * conv.to.width) as usize;
        for (i, value) in interleaved.iter().enumerate() {
            expected[i % outputs as usize * pixels + i / outputs as usize] = *value;
        }
    }
    let found = run(&builder.file(grey(conv.to.len() as usize)), level, &latent);
    agree(
        &found,
        &expected,
        &format!("{c:?} on {from:?} to {outputs}, {dtype:?}, {level}"),
    );
}

#[test]
fn convolutions_of_every_geometry_follow_their_definition() {
    for (c, sides) in geometries() {
        for level in levels() {
            one_convolution(c, sides, 5, 20, DType::F32, false, level);
        }
    }
}

#[test]
fn convolutions_of_every_number_of_channels_follow_their_definition() {
    let c = geometries()[0].0;
    for (inputs, outputs) in [
        (1, 1),
        (2, 15),
        (3, 16),
        (4, 17),
        (1, 33),
        (2, 48),
        (3, 64),
        (2, 80),
        (1, 96),
        (1, 112),
        (1, 130),
    ] {
        for level in levels() {
            for dtype in [DType::F32, DType::F16] {
                one_convolution(c, [4, 7], inputs, outputs, dtype, false, level);
            }
        }
    }
}

#[test]
fn doubling_and_a_convolution_follow_their_definition() {
    let c = convolution([3, 3], [1, 1], [1, 1], [1, 1], false);
    for (sides, inputs, outputs) in [
        ([1, 1], 3, 5),
        ([1, 2], 16, 16),
        ([2, 1], 1, 17),
        ([3, 5], 7, 1),
        ([7, 7], 5, 64),
        ([5, 14], 9, 33),
        ([4, 9], 4, 80),
        ([2, 33], 2, 49),
    ] {
        let [from, big] = [1, 2].map(|factor| HwcShape {
            height: factor * sides[0],
            width: factor * sides[1],
            channels: inputs,
        });
        let mut conv = Conv::new(17, c, big, outputs);
        for weight in &mut conv.weights {
            // Sums of nine are f16, too.
            *weight = (*weight * 64.0).round() / 64.0;
        }
        let latent = numbers(19, from.len() as usize);
        let (pixels, width) = ((from.height * from.width) as usize, from.width as usize);
        let doubled: Vec<f32> = (0..big.len() as usize)
            .map(|i| {
                let (pixel, channel) = (i / inputs as usize, i % inputs as usize);
                let (row, column) = (pixel / (2 * width), pixel % (2 * width));
                latent[channel * pixels + row / 2 * width + column / 2]
            })
            .collect();
        let activation = Activation::LeakyRelu(0.2);
        let expected: Vec<f64> = conv
            .reference(&doubled)
            .iter()
            .map(|x| activated(*x, activation))
            .collect();
        for dtype in [DType::F32, DType::F16] {
            let mut builder = Builder {
                latent: latent.len(),
                ..Builder::default()
            };
            let vector = HwcShape::vector(from.len() as u32);
            builder.layer(Op::ChwToHwc, vector, from, Activation::None, None);
            let bias = padded_vector(&conv.bias);
            let weights = builder.weights(&conv.packed_upsample(), dtype, Some(&bias));
            builder.layer(Op::UpsampleConv, from, conv.to, activation, weights);
            for level in levels() {
                let found = run(&builder.file(grey(conv.to.len() as usize)), level, &latent);
                let what = format!("{from:?} to {outputs}, {dtype:?}, {level}");
                agree(&found, &expected, &what);
            }
        }
    }
}

#[test]
fn convolutions_with_few_outputs_follow_their_definition() {
    for (c, sides) in geometries() {
        for outputs in [1, 3] {
            for level in levels() {
                one_convolution(c, sides, 9, outputs, DType::F32, true, level);
            }
        }
    }
    for level in levels() {
        one_convolution(geometries()[0].0, [5, 9], 6, 3, DType::F16, true, level);
    }
}

#[test]
fn grouped_convolutions_follow_their_definition() {
    // Few channels in a group, vectors of one group, and each channel alone, with a rest.
    let channels = [
        (2, 6, 12),
        (6, 6, 12),
        (2, 10, 32),
        (35, 35, 35),
        (5, 5, 80),
    ];
    for (i, (c, sides)) in geometries().into_iter().enumerate() {
        for level in SimdLevel::available() {
            let (groups, inputs, outputs) = channels[i % channels.len()];
            one_convolution(
                Convolution { groups, ..c },
                sides,
                inputs,
                outputs,
                DType::F32,
                false,
                level,
            );
        }
    }
}
