//! Int8 layers against sums of 64-bit integers written from the documentation: every element must
//! be the same, at every SIMD level.

use dreamlet_runtime::engine::compiled::format::{
    Activation, Convolution, DType, HwcShape, Op, Requantization, Weights, padded,
};
use dreamlet_runtime::engine::compiled::{Engine, Model, SimdLevel};

use crate::builder::{AlignedFile, Builder, numbers};
use crate::int8_layer::{Int8Layer, Int8Weights, integers, packed_tap, push};
use crate::layers::{geometries, grey, run};

/// A model whose latent vector, an image with channels after one another, comes as integers to what
/// is pushed next.
fn model_of(from: HwcShape, input: DType) -> Builder {
    let mut builder = Builder {
        latent: from.len() as usize,
        ..Builder::default()
    };
    let vector = HwcShape::vector(from.len() as u32);
    let bytes = [DType::F32, input];
    push(&mut builder, Op::Quantize(1.0), [vector; 2], bytes, None);
    let shapes = [vector, from];
    push(&mut builder, Op::ChwToHwc, shapes, [input; 2], None);
    builder
}

/// Integers that a dtype can hold, the extremes among them.
fn inputs(dtype: DType, len: usize) -> Vec<i64> {
    let (limit, shift) = match dtype {
        DType::I8 => (140.0, 0),
        DType::U8 => (140.0, 127),
        _ => (33000.0, 0),
    };
    let (low, high) = match dtype {
        DType::I8 => (-127, 127),
        DType::U8 => (0, 255),
        _ => (-32767, 32767),
    };
    integers(31, len, limit)
        .iter()
        .map(|x| (x + shift).clamp(low, high))
        .collect()
}

fn f32s(x: &[i64]) -> Vec<f32> {
    x.iter().map(|x| *x as f32).collect()
}

/// Side by side to after one another.
fn planar(x: &[i64], channels: usize) -> Vec<i64> {
    (0..channels)
        .flat_map(|c| x.iter().skip(c).step_by(channels).copied())
        .collect()
}

fn agree(found: &[f32], expected: &[i64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            found == expected as f32,
            "{what}: element {i} is {found}, expected {expected}"
        );
    }
}

/// A convolution at every SIMD level against its definition. The result comes as f32.
fn one_convolution(conv: &Int8Layer, few: bool) {
    let (from, to) = (conv.from, conv.to);
    let (input, output) = (conv.integers.input, conv.integers.output);
    let mut builder = model_of(from, input);
    conv.push(&mut builder, few);
    push(
        &mut builder,
        Op::Dequantize(1.0),
        [to; 2],
        [output, DType::F32],
        None,
    );
    let x = inputs(input, from.len() as usize);
    let latent = f32s(&planar(&x, from.channels as usize));
    let mut expected = conv.reference(&x);
    if few {
        expected = planar(&expected, to.channels as usize);
    }
    let file = builder.file(grey(to.len() as usize));
    for level in SimdLevel::available() {
        agree(
            &run(&file, level, &latent),
            &expected,
            &format!(
                "{:?} on {from:?} to {to:?}, {input:?} to {output:?}, few {few}, {level}",
                conv.c
            ),
        );
    }
}

fn map(height: u32, width: u32, channels: u32) -> HwcShape {
    HwcShape {
        height,
        width,
        channels,
    }
}

#[test]
fn convolutions_of_bytes_of_every_geometry_are_exact() {
    for (c, [height, width]) in geometries() {
        for input in [DType::I8, DType::U8] {
            let conv = Int8Layer::new(c, map(height, width, 5), 20, input, DType::I8);
            one_convolution(&conv, false);
        }
    }
}

#[test]
fn convolutions_of_bytes_of_every_number_of_channels_are_exact() {
    let c = geometries()[0].0;
    for (inputs, outputs) in [
        (1, 1),
        (2, 15),
        (3, 16),
        (4, 17),
        (5, 33),
        (6, 48),
        (7, 64),
        (8, 80),
        (9, 96),
        (13, 112),
        (16, 130),
    ] {
        for input in [DType::I8, DType::U8] {
            for output in [DType::I8, DType::U8] {
                let conv = Int8Layer::new(c, map(4, 7, inputs), outputs, input, output);
                one_convolution(&conv, false);
            }
        }
    }
}

#[test]
fn convolutions_of_bytes_with_few_outputs_are_exact() {
    for (c, [height, width]) in geometries() {
        for outputs in [1, 3] {
            for input in [DType::I8, DType::U8] {
                let conv = Int8Layer::new(c, map(height, width, 9), outputs, input, DType::U8);
                one_convolution(&conv, true);
            }
        }
    }
}

#[test]
fn wide_images_are_gathered_whole() {
    let c = geometries()[0].0;
    let conv = Int8Layer::new(c, map(2, 150, 4), 2, DType::U8, DType::I8);
    one_convolution(&conv, true);
}

#[test]
fn tables_are_indexed_as_documented() {
    for bits in [1, 8, 11, 16] {
        for few in [false, true] {
            let mut conv = Int8Layer::new(
                geometries()[0].0,
                map(5, 9, 6),
                3,
                DType::U8,
                if bits == 8 { DType::I8 } else { DType::U8 },
            );
            conv.integers = conv.integers.with_table(bits);
            one_convolution(&conv, few);
        }
    }
}

#[test]
fn layers_without_biases_begin_at_zero() {
    for few in [false, true] {
        let c = geometries()[1].0;
        let mut conv = Int8Layer::new(c, map(4, 4, 8), 3, DType::I8, DType::I8);
        conv.integers.bias = None;
        one_convolution(&conv, few);
    }
}

#[test]
fn dense_layers_of_integers_are_exact() {
    for (k, n) in [
        (1, 1),
        (3, 15),
        (4, 16),
        (7, 17),
        (8, 31),
        (9, 33),
        (20, 48),
        (64, 65),
        (5, 100),
        (103, 256),
        (510, 37),
    ] {
        for input in [DType::I8, DType::U8, DType::I16] {
            for output in [DType::I8, DType::U8] {
                let point = one_pixel();
                let conv = Int8Layer::new(point, map(1, 1, k), n, input, output);
                let mut builder = model_of(conv.from, input);
                let weights = conv.integers.emit(&mut builder, &conv.packed());
                let (from, to) = (conv.from, conv.to);
                push(
                    &mut builder,
                    Op::Dense,
                    [from, to],
                    [input, output],
                    Some(weights),
                );
                let floats_out = [output, DType::F32];
                push(&mut builder, Op::Dequantize(1.0), [to; 2], floats_out, None);
                let x = inputs(input, k as usize);
                let expected = conv.reference(&x);
                let file = builder.file(grey(n as usize));
                for level in SimdLevel::available() {
                    let what = format!("{k} to {n}, {input:?} to {output:?}, {level}");
                    agree(&run(&file, level, &f32s(&x)), &expected, &what);
                }
            }
        }
    }
}

/// A dense layer as a convolution.
pub(crate) fn one_pixel() -> Convolution {
    Convolution {
        kernel: [1; 2],
        stride: [1; 2],
        pad: [0; 2],
        dilation: [1; 2],
        groups: 1,
        transposed: false,
        planar: false,
    }
}

#[test]
fn extreme_sums_do_not_go_around() {
    // Nearly as many terms as are allowed.
    for (input, value, side, channels) in [
        (DType::U8, 255, 32, 64),
        (DType::I8, -127, 32, 130),
        (DType::I16, 32767, 1, 516),
    ] {
        for weight in [127, -127] {
            let c = Convolution {
                kernel: [side; 2],
                ..one_pixel()
            };
            let from = map(side, side, channels);
            let mut conv = Int8Layer::new(c, from, 2, input, DType::I8);
            conv.integers.weights.fill(weight);
            conv.integers.bias = None;
            conv.integers.multipliers = vec![1 << 20; 2];
            conv.integers.shift = 46;
            let x = vec![value; from.len() as usize];
            let expected = conv.reference(&x);
            let sum = value * i64::from(weight) * from.len() as i64;
            assert_eq!(
                expected[0],
                (sum as f64 / f64::from(1 << 26)).round() as i64
            );
            let op = if input == DType::I16 {
                Op::Dense
            } else {
                Op::Conv(c)
            };
            // One pixel, repeated: a latent vector has at most 65536 elements.
            let mut builder = Builder {
                latent: channels as usize,
                ..Builder::default()
            };
            let pixel = map(1, 1, channels);
            let bytes = [DType::F32, input];
            push(&mut builder, Op::Quantize(1.0), [pixel; 2], bytes, None);
            if input != DType::I16 {
                push(&mut builder, Op::Nearest, [pixel, from], [input; 2], None);
            }
            let weights = conv.integers.emit(&mut builder, &conv.packed());
            let numbers = [input, DType::I8];
            push(&mut builder, op, [from, conv.to], numbers, Some(weights));
            let floats_out = [DType::I8, DType::F32];
            push(
                &mut builder,
                Op::Dequantize(1.0),
                [conv.to; 2],
                floats_out,
                None,
            );
            let file = builder.file(grey(2));
            let latent = vec![value as f32; channels as usize];
            for level in SimdLevel::available() {
                let what = format!("{input:?} times {weight}, {level}");
                agree(&run(&file, level, &latent), &expected, &what);
            }
        }
    }
}

#[test]
fn the_least_byte_is_multiplied_as_any_other() {
    // -128 comes from a table only, and as a weight only from a file that the compiler has not
    // written: products of pairs of it need 17 bits.
    for (input, extremes) in [(DType::I8, [0x80, 0x7F]), (DType::U8, [0, 255])] {
        for channels in [3, 4, 8, 20, 1040] {
            for weights in [[-128, -128, -128], [-128, 127, -128], [127, -128, 3]] {
                let from = map(2, 3, 2);
                let mut first = Int8Layer::new(one_pixel(), from, channels, DType::I8, input);
                first.integers.table = Some(extremes.to_vec());
                let mut second = Int8Layer::new(one_pixel(), first.to, 18, input, DType::I8);
                let all = &mut second.integers.weights;
                for (weight, from) in all.iter_mut().zip(weights.iter().cycle()) {
                    *weight = *from;
                }
                second.integers.shift += channels.ilog2() / 2;
                let mut builder = model_of(from, DType::I8);
                first.push(&mut builder, false);
                second.push(&mut builder, false);
                let numbers = [DType::I8, DType::F32];
                let floats_out = Op::Dequantize(1.0);
                push(&mut builder, floats_out, [second.to; 2], numbers, None);
                let x = inputs(DType::I8, from.len() as usize);
                let expected = second.reference(&first.reference(&x));
                let latent = f32s(&planar(&x, 2));
                let file = builder.file(grey(second.to.len() as usize));
                for level in SimdLevel::available() {
                    let what = format!("{input:?}, {channels} channels, {weights:?}, {level}");
                    agree(&run(&file, level, &latent), &expected, &what);
                }
            }
        }
    }
}

/// Whether the loader takes a dense layer of so many inputs.
fn dense_is_accepted(input: DType, k: u32) -> bool {
    let mut builder = Builder {
        latent: 1,
        ..Builder::default()
    };
    let (from, to) = (HwcShape::vector(k), HwcShape::vector(1));
    let one = HwcShape::vector(1);
    push(
        &mut builder,
        Op::Quantize(1.0),
        [one; 2],
        [DType::F32, input],
        None,
    );
    // Nothing is run: the dense layer may read what no layer wrote.
    builder.room(u64::from(k) * 2);
    let weights = Weights {
        dtype: DType::I8,
        offset: builder.bytes(vec![1; padded(1) * (k as usize).next_multiple_of(4)]),
        bias: None,
    };
    let requantization = Requantization {
        multipliers: builder.bytes([0; 64]),
        shift: 31,
        table: None,
    };
    let weights = Some((weights, requantization));
    push(
        &mut builder,
        Op::Dense,
        [from, to],
        [input, DType::U8],
        weights,
    );
    let file = AlignedFile::new(&builder.file(grey(1)));
    Model::new(file.get()).is_ok()
}

#[test]
fn sums_that_could_go_around_are_refused() {
    for (input, most) in [(DType::U8, 66_311), (DType::I8, 133_144), (DType::I16, 516)] {
        assert!(dense_is_accepted(input, most), "{input:?}");
        assert!(!dense_is_accepted(input, most + 1), "{input:?}");
    }
}

#[test]
fn hostile_requantizations_give_the_same_bytes_at_every_level() {
    for (shift, multipliers) in [
        (1, [i32::MIN, i32::MAX, -1]),
        (2, [i32::MAX, i32::MIN, 1]),
        (31, [i32::MIN, 1 << 30, 3]),
        (32, [i32::MAX, -(1 << 30), 0]),
        (33, [i32::MAX, i32::MIN, -7]),
        (62, [i32::MIN, i32::MAX, 12345]),
    ] {
        for (case, bias) in [[i32::MIN; 3], [i32::MAX; 3], [0, 1, -1], [1 << 30, -5, 77]]
            .into_iter()
            .enumerate()
        {
            for few in [false, true] {
                let c = geometries()[0].0;
                let mut conv = Int8Layer::new(c, map(3, 5, 6), 3, DType::I8, DType::I8);
                conv.integers
                    .weights
                    .iter_mut()
                    .step_by(3)
                    .for_each(|w| *w = -128);
                conv.integers.multipliers = multipliers.to_vec();
                conv.integers.bias = Some(bias.to_vec());
                if case == 1 {
                    conv.integers = conv.integers.with_table(9);
                }
                conv.integers.shift = shift;
                one_convolution(&conv, few);
            }
        }
    }
}

#[test]
fn quantize_and_dequantize_as_documented() {
    let scale = 3.0_f32;
    let mut values = vec![
        0.0,
        -0.0,
        f32::NAN,
        -f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-45,
        0.499_999_97 / 3.0,
        -0.499_999_97 / 3.0,
        0.5 / 3.0,
        -0.5 / 3.0,
        42.5,
        84.833_336,
        -84.833_336,
        10_922.333,
        -10_922.5,
        1e10,
        -1e10,
    ];
    values.extend((-600..600).map(|i| i as f32 / 6.0));
    values.extend(numbers(3, 1000).iter().map(|x| x * 100.0));
    let n = values.len();
    let shape = HwcShape::vector(n as u32);
    for (dtype, low, high) in [
        (DType::I8, -127.0, 127.0),
        (DType::U8, 0.0, 255.0),
        (DType::I16, -32767.0, 32767.0),
    ] {
        let mut builder = Builder {
            latent: n,
            ..Builder::default()
        };
        // No latent vector is infinite: the values come as what a latent vector of ones is
        // multiplied with.
        let scales = builder.f32s(&values);
        let weights = Weights {
            dtype: DType::F32,
            offset: scales,
            bias: None,
        };
        builder.layer(Op::Affine, shape, shape, Activation::None, Some(weights));
        let [there, back] = [[DType::F32, dtype], [dtype, DType::F32]];
        push(&mut builder, Op::Quantize(scale), [shape; 2], there, None);
        push(&mut builder, Op::Dequantize(0.1), [shape; 2], back, None);
        let found = run(&builder.file(grey(n)), SimdLevel::detect(), &vec![1.0; n]);
        for (found, value) in found.iter().zip(&values) {
            // `f64::round` rounds halves away from 0.
            let exact = f64::from(value * scale);
            let integer = if exact.is_nan() {
                0.0
            } else {
                exact.round().clamp(low, high)
            };
            let expected = integer as f32 * 0.1;
            assert!(
                *found == expected,
                "{dtype:?}: {value} is {found}, not {expected}"
            );
        }
    }
}

/// A small int8 DCGAN: a dense layer of i16 elements, a transposed convolution, and one with
/// three channels and a table.
pub(crate) fn dcgan() -> (Builder, Int8Layer, Int8Layer) {
    let transposed = geometries()[0].0;
    let mut builder = Builder {
        latent: 10,
        ..Builder::default()
    };
    let latent = HwcShape::vector(10);
    let numbers = [DType::F32, DType::I16];
    push(
        &mut builder,
        Op::Quantize(8000.0),
        [latent; 2],
        numbers,
        None,
    );
    let from = map(3, 4, 12);
    let dense = Int8Weights::new(51, 10, 144, 1440, DType::I16, DType::U8);
    let packed: Vec<i8> = (0..9)
        .flat_map(|block| packed_tap(block, 10, 144, |o, i| dense.weights[o * 10 + i]))
        .collect();
    let weights = dense.emit(&mut builder, &packed);
    let numbers = [DType::I16, DType::U8];
    push(
        &mut builder,
        Op::Dense,
        [latent, from],
        numbers,
        Some(weights),
    );
    let middle = Int8Layer::new(transposed, from, 20, DType::U8, DType::I8);
    middle.push(&mut builder, false);
    let mut last = Int8Layer::new(transposed, middle.to, 3, DType::I8, DType::U8);
    last.integers = last.integers.with_table(10);
    last.push(&mut builder, true);
    (builder, middle, last)
}

#[test]
fn images_of_bytes_are_the_same_whole_in_rows_and_in_batches() {
    let (builder, _, last) = dcgan();
    let shape = dreamlet_runtime::image::Shape {
        channels: 3,
        height: last.to.height as usize,
        width: last.to.width as usize,
    };
    let file = AlignedFile::new(&builder.file(shape));
    let model = Model::new(file.get()).unwrap();
    let latents = numbers(61, 5 * 10);
    let mut first: Option<Vec<f32>> = None;
    for level in SimdLevel::available() {
        let engine = Engine::with_simd_level(model, level);
        let mut scratch = vec![0x5A; engine.batch_scratch_len(5).max(engine.rows_scratch_len())];
        let mut images = vec![f32::NAN; 5 * model.image_len()];
        engine
            .generate_batch(&latents, None, &mut scratch, &mut images)
            .unwrap();
        for (latent, image) in latents.chunks(10).zip(images.chunks(model.image_len())) {
            let mut single = vec![f32::NAN; model.image_len()];
            engine
                .generate(latent, None, &mut scratch, &mut single)
                .unwrap();
            assert_eq!(single, image, "{level}");
            let mut bytes = vec![0; model.image_len()];
            engine
                .generate_u8(latent, None, &mut scratch, &mut bytes)
                .unwrap();
            let pixels = shape.height * shape.width;
            for (i, byte) in bytes.iter().enumerate() {
                let value = single[i % 3 * pixels + i / 3];
                assert_eq!(model.range().to_u8(value), *byte, "{level}");
            }
        }
        let images = first.get_or_insert(images.clone()) == &images;
        assert!(images, "{level} gives other bytes");
    }
    let varied = first.unwrap();
    assert!(varied.iter().any(|x| *x != varied[0]));
}

#[test]
fn rows_of_bytes_need_no_frame() {
    let (builder, _, last) = dcgan();
    let shape = dreamlet_runtime::image::Shape {
        channels: 3,
        height: last.to.height as usize,
        width: last.to.width as usize,
    };
    let file = AlignedFile::new(&builder.file(shape));
    let model = Model::new(file.get()).unwrap();
    let row = 3 * shape.width;
    let needed = Engine::new(model).rows_scratch_len();
    let most = model.scratch_len() + row.next_multiple_of(64) + row;
    assert!(needed <= most, "{needed} bytes");
}
