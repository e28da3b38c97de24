//! What an image may cost, and sizes that 32 bits do not hold.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BufferRef, Convolution, DType, FormatError, HwcShape, Layer, Op, OperandRef,
    Reduction, StridedLayer, StridedOperand, StridedWork, Strides, Weights,
};
use dreamlet_runtime::engine::compiled::{CompiledGenerator, Model, ModelLimits};
use dreamlet_runtime::image::Shape;

use crate::builder::{AlignedFile, Builder};

/// `layers` sums of one element, repeated so often that each takes `work`: nothing of it needs
/// memory.
fn costly(layers: usize, work: u32) -> AlignedFile {
    let mut builder = Builder {
        latent: 1,
        ..Builder::default()
    };
    let strides = Strides {
        first: 0,
        strides: vec![0, 0],
    };
    for _ in 0..layers {
        let layer = StridedLayer {
            sizes: vec![1, work],
            output: strides.clone(),
            operands: vec![StridedOperand {
                buffer: OperandRef::Latent,
                strides: strides.clone(),
            }],
            work: StridedWork::Reduce(Reduction::Sum, vec![1]),
        };
        let words = layer.emit().unwrap();
        let count = words.len() as u32;
        let offset = builder.bytes(words.iter().flat_map(|word| word.to_le_bytes()));
        let output = builder.room(4);
        builder.layers.push(Layer {
            op: Op::Strided(layer.work.kind(), count),
            input: BufferRef::None,
            input_dtype: DType::F32,
            input_shape: HwcShape::vector(1),
            second: BufferRef::None,
            output,
            output_dtype: DType::F32,
            output_shape: HwcShape::vector(1),
            activation: Activation::None,
            weights: Some(Weights {
                dtype: DType::F32,
                offset,
                bias: None,
            }),
            requantization: None,
        });
    }
    AlignedFile::new(&builder.file(Shape {
        channels: 1,
        height: 1,
        width: 1,
    }))
}

#[test]
fn a_small_file_that_takes_long_is_refused_with_both_numbers() {
    // 2^35 in some 1,600 bytes.
    let file = costly(8, u32::MAX);
    let error = Model::new(file.get()).unwrap_err();
    let FormatError::Work { limit, found } = error else {
        panic!("{error:?}")
    };
    assert_eq!(limit, ModelLimits::DEFAULT.work);
    assert_eq!(found, 8 * (u64::from(u32::MAX) + 2));
    let text = error.to_string();
    for words in [&limit.to_string(), &found.to_string(), "ModelLimits::work"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn limits_are_what_the_caller_says() {
    let file = costly(3, 1000);
    let with = |work, layers| {
        let limits = ModelLimits { work, layers };
        let owned = CompiledGenerator::from_bytes_with_limits(file.get(), &limits);
        let model = Model::with_limits(file.get(), &limits).map(drop);
        assert_eq!(owned.is_ok(), model.is_ok());
        model
    };
    assert_eq!(with(3006, 3), Ok(()));
    assert_eq!(
        with(3005, 3),
        Err(FormatError::Work {
            limit: 3005,
            found: 3006
        })
    );
    assert_eq!(
        with(3006, 2),
        Err(FormatError::Layers { limit: 2, found: 3 })
    );
    assert!(Model::with_limits(costly(8, u32::MAX).get(), &ModelLimits::NONE).is_ok());
}

#[test]
fn every_model_of_the_repository_is_far_below_the_limits() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seen = 0;
    for folder in [
        "models/pico",
        "models/emoji",
        "tests/models",
        "tests/models/kept",
    ] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "dream") {
                let file = AlignedFile::new(&std::fs::read(&path).unwrap());
                let limits = ModelLimits {
                    work: ModelLimits::DEFAULT.work / 50,
                    layers: 200,
                };
                let opened = Model::with_limits(file.get(), &limits);
                assert!(opened.is_ok(), "{}: {opened:?}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "{seen}");
}

/// A convolution of one channel along the rows, from `from` of them to `to`.
fn tall(c: Convolution, from: u32, to: u32) -> Result<(), FormatError> {
    let mut builder = Builder {
        latent: from as usize,
        ..Builder::default()
    };
    let shape = |height| HwcShape {
        height,
        width: 1,
        channels: 1,
    };
    let weights = builder.weights(&[0.5; 64], DType::F32, None);
    builder.layer(
        Op::Conv(c),
        HwcShape::vector(from),
        shape(to),
        Activation::None,
        weights,
    );
    // One input of a vector is a column too.
    builder.layers[0].input = builder.room(u64::from(from) * 4);
    builder.layers[0].input_shape = shape(from);
    builder.layer(Op::Nearest, shape(to), shape(to), Activation::None, None);
    let file = builder.file(Shape {
        channels: 1,
        height: 1,
        width: 1,
    });
    Model::new(AlignedFile::new(&file).get()).map(drop)
}

#[test]
fn positions_beyond_32_bits_are_refused() {
    let c = |stride: u32, transposed| Convolution {
        kernel: [1, 1],
        stride: [stride, 1],
        pad: [0, 0],
        dilation: [1, 1],
        groups: 1,
        transposed,
        planar: false,
    };
    let refused = |made| {
        matches!(
            made,
            Err(FormatError::Layer {
                field: "position of a tap",
                ..
            })
        )
    };
    // 2^20 outputs, 2^12 apart: no 32 bits hold the last one's position. Half of them fit, and then
    // the image, which has another size, is what is wrong.
    assert!(refused(tall(c(1 << 12, false), 16, 1 << 20)));
    assert!(!refused(tall(c(1 << 12, false), 16, 1 << 18)));
    assert!(!refused(tall(c(1 << 12, true), 16, 1 << 20)));
}
