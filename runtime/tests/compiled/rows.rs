//! A convolution in rows is the convolution of the whole image, for every small geometry: rows that
//! lie wholly in zeros, rows that read no row of their own, kernels larger than what they read.

use dreamlet_runtime::engine::compiled::format::{Activation, Convolution, DType, HwcShape, Op};
use dreamlet_runtime::image::Shape;

use crate::builder::{Builder, Conv, numbers, packed_dense, padded_vector, whole_and_in_rows};

/// Rows and columns of what the convolution reads.
const SIDE: u32 = 4;

/// The geometries whose output has a size from 1 to 24.
fn geometries() -> Vec<Convolution> {
    let mut found = Vec::new();
    for transposed in [false, true] {
        for code in 0..4 * 3 * 4 * 2_u32 {
            let [kernel, stride] = [code % 4 + 1, code / 4 % 3 + 1];
            let [pad, dilation] = [code / 12 % 4, code / 48 + 1];
            let reach = (kernel - 1) * dilation + 1;
            let side = if transposed {
                ((SIDE - 1) * stride + reach).checked_sub(2 * pad)
            } else {
                let room = (SIDE + 2 * pad).checked_sub(reach);
                room.map(|room| room / stride + 1)
            };
            if side.is_some_and(|side| (1..=24).contains(&side)) {
                found.push(Convolution {
                    kernel: [kernel; 2],
                    stride: [stride; 2],
                    pad: [pad; 2],
                    dilation: [dilation; 2],
                    groups: 1,
                    transposed,
                    planar: false,
                });
            }
        }
    }
    found
}

/// A dense layer, then the convolution: with few output channels as layers that gather have them.
fn model(c: Convolution, few: bool) -> Vec<u8> {
    let mut builder = Builder {
        latent: 3,
        ..Builder::default()
    };
    let from = HwcShape {
        height: SIDE,
        width: SIDE,
        channels: 2,
    };
    let (inputs, outputs) = (3, from.len() as usize);
    let dense = packed_dense(&numbers(1, inputs * outputs), inputs, outputs);
    let bias = padded_vector(&numbers(2, outputs));
    let weights = builder.weights(&dense, DType::F32, Some(&bias));
    builder.layer(
        Op::Dense,
        HwcShape::vector(3),
        from,
        Activation::None,
        weights,
    );
    let planar = Convolution { planar: few, ..c };
    let conv = Conv::new(3, planar, from, 1);
    let (op, packed) = if few {
        (Op::Col2ImConv(planar), conv.packed_few())
    } else {
        (Op::Conv(planar), conv.packed())
    };
    let bias = padded_vector(&conv.bias);
    let weights = builder.weights(&packed, DType::F32, Some(&bias));
    builder.layer(op, from, conv.to, Activation::None, weights);
    builder.file(Shape {
        channels: 1,
        height: conv.to.height as usize,
        width: conv.to.width as usize,
    })
}

#[test]
fn convolutions_of_every_small_geometry_are_the_same_whole_and_in_rows() {
    let geometries = geometries();
    assert!(geometries.len() > 120, "{}", geometries.len());
    for (c, few) in geometries.iter().flat_map(|c| [(c, false), (c, true)]) {
        let what = format!("{c:?}, few output channels: {few}");
        let [whole, in_rows] = whole_and_in_rows(&model(*c, few), &what);
        assert_eq!(in_rows, whole, "{what}");
    }
}
