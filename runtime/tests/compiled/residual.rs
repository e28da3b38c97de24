//! What a residual generator needs: sums of bytes, and bilinear doubling.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, BufferRef, Convolution, Coordinates, DType, FormatError,
    HwcShape, Layer, Op, Requantization,
};
use dreamlet_runtime::engine::compiled::{Engine, Model, SimdLevel, rows_scratch_len};
use dreamlet_runtime::image::{Shape, to_hwc_u8};

use crate::builder::{AlignedFile, Builder, Conv, numbers, padded_vector};
use crate::cases;
use crate::int8_layer::{Int8Layer, integers, push};
use crate::layers::{grey, run};

const BYTES: [DType; 2] = [DType::I8, DType::U8];

pub(crate) fn map(height: u32, width: u32, channels: u32) -> HwcShape {
    HwcShape {
        height,
        width,
        channels,
    }
}

/// An image of all pairs.
const SQUARE: Shape = Shape {
    channels: 1,
    height: 256,
    width: 256,
};

const fn limits(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::I8 => (-127, 127),
        _ => (0, 255),
    }
}

/// The sum of two tensors that layers before have made.
pub(crate) struct Sum {
    pub(crate) first: (BufferRef, DType),
    pub(crate) second: (BufferRef, DType),
    pub(crate) output: DType,
    pub(crate) shape: HwcShape,
    pub(crate) multipliers: [i32; 2],
    pub(crate) shift: u32,
    pub(crate) table: Option<Vec<u8>>,
}

impl Sum {
    /// Appends it, with a place of its own for what it makes.
    pub(crate) fn push(&self, builder: &mut Builder) {
        let multipliers = builder.bytes(self.multipliers.iter().flat_map(|m| m.to_le_bytes()));
        let table = self.table.as_ref().map(|table| {
            let offset = builder.bytes(table.iter().copied());
            (offset, table.len().ilog2())
        });
        let output = builder.room(self.shape.len());
        builder.layers.push(Layer {
            op: Op::QuantizedAdd(self.second.1),
            input: self.first.0,
            input_dtype: self.first.1,
            input_shape: self.shape,
            second: self.second.0,
            output,
            output_dtype: self.output,
            output_shape: self.shape,
            activation: Activation::None,
            weights: None,
            requantization: Some(Requantization {
                multipliers,
                shift: self.shift,
                table,
            }),
        });
    }

    /// By the documentation, in 64 bits.
    fn reference(&self, a: i64, b: i64) -> i64 {
        let [m, n] = self.multipliers.map(i64::from);
        let q = (a * m + b * n + (1 << (self.shift - 1))) >> self.shift;
        match &self.table {
            Some(table) => {
                let last = table.len() as i64 - 1;
                let byte = table[(q + i64::midpoint(last, 1)).clamp(0, last) as usize];
                match self.output {
                    DType::I8 => i64::from(byte as i8),
                    _ => byte.into(),
                }
            }
            None => {
                let (low, high) = limits(self.output);
                q.clamp(low, high)
            }
        }
    }
}

/// Numbers of which all pairs are made. Together they have each pair of bytes of each two dtypes:
/// what a dtype does not have is clamped.
fn latents() -> [Vec<f32>; 3] {
    let floats = |numbers: &mut dyn Iterator<Item = i16>| numbers.map(f32::from).collect();
    [
        floats(&mut (-127..=128)),
        floats(&mut (0..=255)),
        floats(&mut (-128..0).chain(128..256)),
    ]
}

/// A model that makes all pairs of the elements of the latent.
fn pairs(dtypes: [DType; 3], multipliers: [i32; 2], shift: u32) -> (Builder, Sum) {
    const COUNT: u32 = 256;
    let mut builder = Builder {
        latent: COUNT as usize,
        ..Builder::default()
    };
    let vector = HwcShape::vector(COUNT);
    let square = map(COUNT, COUNT, 1);
    let mut places = Vec::new();
    for (dtype, side) in dtypes.into_iter().zip([map(COUNT, 1, 1), map(1, COUNT, 1)]) {
        push(
            &mut builder,
            Op::Quantize(1.0),
            [vector; 2],
            [DType::F32, dtype],
            None,
        );
        builder.layers.last_mut().unwrap().input = BufferRef::Latent;
        push(&mut builder, Op::Nearest, [side, square], [dtype; 2], None);
        places.push((builder.layers.last().unwrap().output, dtype));
    }
    let sum = Sum {
        first: places[0],
        second: places[1],
        output: dtypes[2],
        shape: square,
        multipliers,
        shift,
        table: None,
    };
    (builder, sum)
}

/// The sum of all pairs at every level against its definition; gives what it made.
fn all_pairs(mut builder: Builder, sum: &Sum) -> Vec<Vec<i64>> {
    sum.push(&mut builder);
    push(
        &mut builder,
        Op::Dequantize(1.0),
        [sum.shape; 2],
        [sum.output, DType::F32],
        None,
    );
    let file = builder.file(SQUARE);
    let mut all = Vec::new();
    for latent in latents() {
        let expected: Vec<i64> = latent
            .iter()
            .flat_map(|a| latent.iter().map(move |b| (*a as i64, *b as i64)))
            .map(|(a, b)| sum.reference(held(a, sum.first.1), held(b, sum.second.1)))
            .collect();
        for level in SimdLevel::available() {
            let found = run(&file, level, &latent);
            let same = found
                .iter()
                .zip(&expected)
                .position(|(a, b)| *a != *b as f32);
            assert_eq!(
                same, None,
                "{:?} >> {}, {level}",
                sum.multipliers, sum.shift
            );
        }
        all.push(expected);
    }
    all
}

/// What a dtype has of a number.
fn held(x: i64, dtype: DType) -> i64 {
    x.clamp(limits(dtype).0, limits(dtype).1)
}

#[test]
fn sums_of_bytes_are_exact_for_all_pairs() {
    for (case, first) in (0..).zip(
        BYTES
            .into_iter()
            .flat_map(|a| [[a, DType::I8], [a, DType::U8]]),
    ) {
        for output in BYTES {
            let shift = [1, 12, 20, 22][case];
            let most = (i64::from(i32::MAX) - (1 << (shift - 1))) / 255;
            // Around one for one, and as great as they may be.
            let scale = (1.5 * f64::from(1 << shift)).min(0.5 * most as f64);
            let random = integers(5 + case as u64, 2, scale as f32)
                .iter()
                .map(|m| *m as i32)
                .collect::<Vec<_>>();
            let greatest = (most / 2) as i32;
            let kinds = [
                [random[0], random[1]],
                [greatest, -greatest],
                [greatest, greatest],
            ];
            for multipliers in kinds.into_iter().take(cases(30).div_ceil(10) as usize) {
                let dtypes = [first[0], first[1], output];
                let (builder, sum) = pairs(dtypes, multipliers, shift);
                all_pairs(builder, &sum);
            }
        }
    }
}

#[test]
fn sums_of_bytes_are_the_nearest_to_the_sums_of_what_they_stand_for() {
    for (case, scales) in numbers(11, 18).chunks(3).enumerate() {
        let scales: Vec<f64> = scales.iter().map(|x| 0.02 + 0.01 * f64::from(*x)).collect();
        let shift = 20;
        let factor = |scale: f64| (scale / scales[2] * f64::from(1 << shift)).round() as i32;
        let multipliers = [factor(scales[0]), factor(scales[1])];
        let dtypes = [BYTES[case % 2], BYTES[case / 2 % 2], DType::I8];
        let (builder, sum) = pairs(dtypes, multipliers, shift);
        let made = all_pairs(builder, &sum);
        for (latent, made) in latents().iter().zip(made) {
            let pairs = latent
                .iter()
                .flat_map(|a| latent.iter().map(move |b| [*a, *b]));
            for (pair, made) in pairs.zip(made) {
                let part = |i: usize| held(pair[i] as i64, dtypes[i]) as f64 * scales[i];
                let exact = ((part(0) + part(1)) / scales[2]).clamp(-127.0, 127.0);
                assert!(
                    (made as f64 - exact).abs() < 0.501,
                    "{pair:?}: {made}, {exact}"
                );
            }
        }
    }
}

#[test]
fn sums_of_bytes_go_through_tables() {
    for (bits, output) in [(8, DType::I8), (11, DType::U8)] {
        let (builder, mut sum) = pairs(
            [DType::I8, DType::U8, output],
            [1 << 12, 3000],
            13 - bits / 3,
        );
        sum.table = Some(
            integers(7, 1 << bits, 127.0)
                .iter()
                .map(|x| *x as u8)
                .collect(),
        );
        all_pairs(builder, &sum);
    }
}

#[test]
fn sums_of_bytes_may_be_made_in_place() {
    let (mut builder, sum) = pairs([DType::I8, DType::U8, DType::U8], [1 << 20, 1 << 19], 20);
    sum.push(&mut builder);
    let apart = builder.layers.last().unwrap().output;
    let mut in_place = Builder {
        layers: builder.layers.clone(),
        weights: builder.weights.clone(),
        ..builder
    };
    in_place.layers.last_mut().unwrap().output = sum.first.0;
    let [latent, ..] = latents();
    let mut made = Vec::new();
    for (mut builder, place) in [(builder, apart), (in_place, sum.first.0)] {
        push(
            &mut builder,
            Op::Dequantize(1.0),
            [sum.shape; 2],
            [sum.output, DType::F32],
            None,
        );
        builder.layers.last_mut().unwrap().input = place;
        let file = builder.file(SQUARE);
        made.push(run(&file, SimdLevel::detect(), &latent));
    }
    assert_eq!(made[0], made[1]);
}

/// The positions and weights that half pixels give along one side.
fn taps(at: u32, side: u32) -> [(u32, f64); 2] {
    let position = ((f64::from(at) + 0.5) / 2.0 - 0.5).clamp(0.0, f64::from(side - 1));
    let low = position.floor();
    let high = (low as u32 + 1).min(side - 1);
    [(low as u32, 1.0 - (position - low)), (high, position - low)]
}

#[test]
fn bilinear_doubling_is_its_definition_at_every_level() {
    for (height, width) in [(1, 1), (1, 5), (5, 1), (2, 2), (3, 7), (8, 4)] {
        for channels in [1, 3, 16, 17, 33] {
            for dtype in [DType::F32, DType::I8, DType::U8] {
                let from = map(height, width, channels);
                let to = map(2 * height, 2 * width, channels);
                let len = from.len() as usize;
                let mut builder = Builder {
                    latent: len,
                    ..Builder::default()
                };
                let vector = HwcShape::vector(len as u32);
                let x: Vec<f64> = match dtype {
                    DType::F32 => numbers(3, len).iter().map(|x| f64::from(*x)).collect(),
                    _ => {
                        let (low, high) = limits(dtype);
                        let random = integers(4, len, 300.0);
                        random
                            .iter()
                            .map(|x| (*x).clamp(low, high) as f64)
                            .collect()
                    }
                };
                let first = if dtype == DType::F32 {
                    Op::Activate
                } else {
                    Op::Quantize(1.0)
                };
                push(&mut builder, first, [vector; 2], [DType::F32, dtype], None);
                let op = Op::Bilinear(Coordinates::HalfPixel);
                push(&mut builder, op, [from, to], [dtype; 2], None);
                let last = if dtype == DType::F32 {
                    Op::Activate
                } else {
                    Op::Dequantize(1.0)
                };
                push(&mut builder, last, [to; 2], [dtype, DType::F32], None);
                let latent: Vec<f32> = x.iter().map(|x| *x as f32).collect();
                let file = builder.file(grey(to.len() as usize));
                for level in SimdLevel::available() {
                    let found = run(&file, level, &latent);
                    for (i, found) in (0u32..).zip(found) {
                        let (pixel, channel) = (i / channels, i % channels);
                        let mut exact = 0.0;
                        for (row, down) in taps(pixel / to.width, height) {
                            for (column, along) in taps(pixel % to.width, width) {
                                let at = (row * width + column) * channels + channel;
                                exact += down * along * x[at as usize];
                            }
                        }
                        let what = format!("{from:?} {dtype:?} {level}: element {i}");
                        if dtype == DType::F32 {
                            assert!((f64::from(found) - exact).abs() < 1e-6, "{what}");
                        } else {
                            // Sixteenths are exact in f64; halves go up.
                            assert_eq!(f64::from(found), (exact + 0.5).floor(), "{what}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn sums_and_doublings_that_cannot_be_are_refused() {
    type Change = fn(&mut Layer, &mut Vec<u8>);
    let refused = |at: usize, change: Change, version: Option<u16>| {
        let (mut builder, sum) =
            pairs([DType::I8, DType::U8, DType::I8], [1 << 20, -(1 << 19)], 20);
        sum.push(&mut builder);
        let shapes = [map(64, 256, 4), map(128, 512, 4)];
        let op = Op::Bilinear(Coordinates::HalfPixel);
        push(&mut builder, op, shapes, [DType::I8; 2], None);
        let cut = [map(64, 256, 4); 2];
        push(
            &mut builder,
            Op::Dequantize(1.0),
            cut,
            [DType::I8, DType::F32],
            None,
        );
        change(&mut builder.layers[at], &mut builder.weights);
        let mut file = builder.file(SQUARE);
        if let Some(version) = version {
            use dreamlet_runtime::engine::compiled::format::{CHECKED_FROM, checksum};
            file[8..10].copy_from_slice(&version.to_le_bytes());
            let sum = checksum(&file[CHECKED_FROM..]);
            file[16..20].copy_from_slice(&sum.to_le_bytes());
        }
        Model::new(AlignedFile::new(&file).get()).err()
    };
    const ADD: usize = 4;
    const DOUBLE: usize = 5;
    assert_eq!(refused(ADD, |_, _| {}, None), None);
    let field = |error: Option<FormatError>| match error {
        Some(FormatError::Layer { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let older = field(refused(ADD, |_, _| {}, Some(2)));
    assert_eq!(older, "version of the format");
    let large: Change = |layer, weights| {
        let at = layer.requantization.unwrap().multipliers as usize;
        weights[at..at + 4].copy_from_slice(&(1_i32 << 23).to_le_bytes());
    };
    assert_eq!(
        field(refused(ADD, large, None)),
        "multipliers of a sum of 32 bits"
    );
    let least: Change = |layer, weights| {
        let at = layer.requantization.unwrap().multipliers as usize;
        weights[at..at + 4].copy_from_slice(&i32::MIN.to_le_bytes());
    };
    assert_eq!(
        field(refused(ADD, least, None)),
        "multipliers of a sum of 32 bits"
    );
    let shifted: Change = |layer, _| layer.requantization.as_mut().unwrap().shift = 32;
    assert_eq!(
        field(refused(ADD, shifted, None)),
        "multipliers of a sum of 32 bits"
    );
    let behind: Change = |layer, weights| {
        layer.requantization.as_mut().unwrap().multipliers = weights.len() as u32 - 4;
    };
    assert!(matches!(
        refused(ADD, behind, None),
        Some(FormatError::Range {
            what: "multipliers",
            ..
        })
    ));
    let table: Change = |layer, weights| {
        layer.requantization.as_mut().unwrap().table = Some((weights.len() as u32 - 4, 8));
    };
    assert!(matches!(
        refused(ADD, table, None),
        Some(FormatError::Range { what: "table", .. })
    ));
    let without: Change = |layer, _| layer.requantization = None;
    assert_eq!(
        field(refused(ADD, without, None)),
        "dtypes that do not go together"
    );
    let wide: Change = |layer, _| layer.input_dtype = DType::I16;
    assert_eq!(
        field(refused(ADD, wide, None)),
        "dtypes that do not go together"
    );
    let over: Change = |layer, _| layer.output = layer.second;
    assert_eq!(
        refused(ADD, over, None),
        Some(FormatError::Overlap { layer: ADD })
    );
    let alone: Change = |layer, _| layer.second = BufferRef::None;
    assert_eq!(field(refused(ADD, alone, None)), "second input");
    let same: Change = |layer, _| layer.activation = Activation::Relu;
    assert_eq!(field(refused(ADD, same, None)), "activation");
    let smaller: Change = |layer, _| layer.output_shape.width -= 1;
    assert_eq!(field(refused(ADD, smaller, None)), "output shape");
    assert_eq!(field(refused(DOUBLE, smaller, None)), "output shape");
    let corners: Change = |layer, _| layer.op = Op::Bilinear(Coordinates::AlignCorners);
    assert_eq!(
        field(refused(DOUBLE, corners, None)),
        "dtypes that do not go together"
    );
    let signs: Change = |layer, _| layer.output_dtype = DType::U8;
    assert_eq!(
        field(refused(DOUBLE, signs, None)),
        "dtypes that do not go together"
    );
    let on_itself: Change = |layer, _| layer.output = layer.input;
    assert_eq!(
        refused(DOUBLE, on_itself, None),
        Some(FormatError::Overlap { layer: DOUBLE })
    );
}

fn kernel(side: u32) -> Convolution {
    Convolution {
        kernel: [side; 2],
        stride: [1; 2],
        pad: [side / 2; 2],
        dilation: [1; 2],
        groups: 1,
        transposed: false,
        planar: false,
    }
}

/// Two residual blocks with a doubling between them, and a convolution to three colours: int8, or
/// f32.
pub(crate) fn residual(bytes: bool) -> (Builder, Shape) {
    let (small, large) = (map(6, 5, 10), map(12, 10, 10));
    let mut builder = Builder {
        latent: small.len() as usize,
        ..Builder::default()
    };
    let vector = HwcShape::vector(small.len() as u32);
    let dtype = if bytes { DType::I8 } else { DType::F32 };
    let first = if bytes {
        Op::Quantize(120.0)
    } else {
        Op::Activate
    };
    push(&mut builder, first, [vector; 2], [DType::F32, dtype], None);
    push(
        &mut builder,
        Op::ChwToHwc,
        [vector, small],
        [dtype; 2],
        None,
    );
    let conv = |builder: &mut Builder, side, from, outputs| {
        if bytes {
            let output = if outputs == 3 { DType::U8 } else { DType::I8 };
            Int8Layer::new(kernel(side), from, outputs, DType::I8, output).push(builder, false);
        } else {
            let conv = Conv::new(3, kernel(side), from, outputs);
            let bias = padded_vector(&conv.bias);
            let weights = builder.weights(&conv.packed(), DType::F32, Some(&bias));
            let leaky = Activation::LeakyRelu(0.2);
            builder.layer(Op::Conv(conv.c), from, conv.to, leaky, weights);
        }
    };
    for shape in [small, large] {
        if shape == large {
            let op = Op::Bilinear(Coordinates::HalfPixel);
            push(&mut builder, op, [small, large], [dtype; 2], None);
        }
        let before = builder.layers.last().unwrap().output;
        for side in [1, 3, 1] {
            conv(&mut builder, side, shape, 10);
        }
        let made = builder.layers.last().unwrap().output;
        if bytes {
            let sum = Sum {
                first: (before, DType::I8),
                second: (made, DType::I8),
                output: DType::I8,
                shape,
                multipliers: [3 << 18, 2 << 18],
                shift: 20,
                table: None,
            };
            sum.push(&mut builder);
        } else {
            let flat = HwcShape::vector(shape.len() as u32);
            let add = Op::Binary(BinaryKind::Add, Broadcast::Same);
            push(&mut builder, add, [flat; 2], [DType::F32; 2], None);
            // In place, as the compiler has it.
            let layer = builder.layers.last_mut().unwrap();
            (layer.input, layer.second, layer.output) = (made, before, made);
        }
    }
    conv(&mut builder, 1, large, 3);
    let colours = map(12, 10, 3);
    let plane = HwcShape::vector(360);
    let last = if bytes { DType::U8 } else { DType::F32 };
    push(
        &mut builder,
        Op::HwcToChw,
        [colours, plane],
        [last; 2],
        None,
    );
    let shape = Shape {
        channels: 3,
        height: 12,
        width: 10,
    };
    (builder, shape)
}

#[test]
fn residual_blocks_are_the_same_in_rows_with_less_memory() {
    for bytes in [false, true] {
        let (builder, shape) = residual(bytes);
        let file = AlignedFile::new(&builder.file(shape));
        let model = Model::new(file.get()).unwrap();
        let latent = numbers(9, model.latent_len());
        for level in SimdLevel::available() {
            let engine = Engine::with_simd_level(model, level);
            let mut scratch = vec![0x5A; model.scratch_len()];
            let mut image = vec![f32::NAN; model.image_len()];
            engine
                .generate(&latent, None, &mut scratch, &mut image)
                .unwrap();
            let mut expected = vec![0; model.image_len()];
            to_hwc_u8(&image, shape, model.range(), &mut expected).unwrap();
            assert!(expected.iter().any(|byte| *byte != expected[0]));
            let len = engine.rows_scratch_len();
            assert_eq!(len, rows_scratch_len(file.get()));
            assert!(
                len < model.scratch_len() / 2,
                "{len}, not {}",
                model.scratch_len()
            );
            let mut scratch = vec![0xA5; len];
            let mut found = Vec::new();
            engine
                .generate_rows(&latent, None, &mut scratch, |row, bytes| {
                    assert_eq!(row * bytes.len(), found.len());
                    found.extend_from_slice(bytes);
                })
                .unwrap();
            assert_eq!(found, expected, "{level}, bytes {bytes}");
            // By luck of alignment up to 63 bytes less would do.
            let short = &mut scratch[..len - 64];
            assert!(
                engine
                    .generate_rows(&latent, None, short, |_, _| {})
                    .is_err()
            );
        }
    }
}
