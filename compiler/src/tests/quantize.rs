//! Quantized models against f32 models.

use dreamlet_runtime::card::{Card, GoldenMatch, Latent};
use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, Convolution, DType, HwcShape, Op as Layer,
};
use dreamlet_runtime::engine::compiled::{CompiledGenerator, SimdLevel};
use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::image::{PixelRange, Shape};
use dreamlet_runtime::latent::{Distribution, Stream};

use super::{compiled, options, same_in_rows, shipped};
use crate::card::with_own_golden;
use crate::emit::write;
use crate::ir::{Net, Op, ValueId, len};
use crate::quantize::quantize;
use crate::{Options, Precision, QuantizeOptions, Quantized, compile, lower};

const LATENT: u32 = 13;

/// A network under construction, weights from a seeded stream.
struct NetBuilder {
    net: Net,
    random: Stream,
}

impl NetBuilder {
    fn new(classes: usize) -> Self {
        Self {
            net: Net::new(LATENT, classes),
            random: Stream::new(1, "test.quantize", 0),
        }
    }

    fn random_values(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.random.normal() * scale).collect()
    }

    fn push(&mut self, op: Op, inputs: Vec<ValueId>, shape: HwcShape, f: Activation) -> ValueId {
        let value = self.net.push(op, inputs, shape, "test");
        if let Some(node) = self.net.nodes.last_mut() {
            node.activation = f;
        }
        value
    }

    fn dense(&mut self, x: ValueId, shape: HwcShape, f: Activation) -> ValueId {
        let inputs = len(self.net.shape(x));
        let op = Op::Dense {
            weights: self.random_values(len(shape) * inputs, 1.4 / (inputs as f32).sqrt()),
            bias: self.random_values(len(shape), 0.1),
        };
        self.push(op, vec![x], shape, f)
    }

    /// A transposed convolution 4 x 4 of stride 2, or a convolution 3 x 3.
    fn conv(&mut self, x: ValueId, channels: u32, transposed: bool, f: Activation) -> ValueId {
        let from = self.net.shape(x);
        let (kernel, stride) = if transposed { (4, 2) } else { (3, 1) };
        let geometry = Convolution {
            kernel: [kernel; 2],
            stride: [stride; 2],
            pad: [1; 2],
            dilation: [1; 2],
            groups: 1,
            transposed,
            planar: false,
        };
        let taps = kernel * kernel;
        let terms = from.channels * taps / (stride * stride);
        let count = (channels * from.channels * taps) as usize;
        let op = Op::Conv {
            geometry,
            weights: self.random_values(count, 1.4 / (terms as f32).sqrt()),
            bias: self.random_values(channels as usize, 0.1),
        };
        let shape = HwcShape {
            height: from.height * stride,
            width: from.width * stride,
            channels,
        };
        self.push(op, vec![x], shape, f)
    }

    /// Ends with an image in the order channel, row, column.
    fn image(mut self, x: ValueId) -> (Net, Card) {
        let from = self.net.shape(x);
        let order = crate::import::value::planar_position;
        let positions = (0..len(from)).map(|i| order(from, i) as u32).collect();
        let vector = HwcShape::vector(len(from) as u32);
        let op = Op::Reorder((from.channels > 1).then_some(positions));
        self.net.image = self.push(op, vec![x], vector, Activation::None);
        let latent = Latent {
            len: LATENT as usize,
            distribution: Distribution::Normal,
        };
        let shape = Shape {
            channels: from.channels as usize,
            height: from.height as usize,
            width: from.width as usize,
        };
        let mut card = Card::new("test", latent, shape, PixelRange::SIGNED);
        card.classes = (0..self.net.classes).map(|i| i.to_string()).collect();
        (self.net, card)
    }
}

const fn map(side: u32, channels: u32) -> HwcShape {
    HwcShape {
        height: side,
        width: side,
        channels,
    }
}

struct Both {
    f32: Vec<u8>,
    int8: Vec<u8>,
    quantized: Quantized,
}

fn both(net: &Net, card: &Card, options: QuantizeOptions) -> Both {
    let lowered = lower::lower(net, Precision::Int8).unwrap();
    let made = quantize(net, &lowered, card, options).unwrap();
    Both {
        f32: write(&lowered, card, DType::F32).unwrap(),
        int8: with_own_golden(&made.lowered, card.clone()).unwrap(),
        quantized: made.quantized,
    }
}

/// Few latents, and no layer back to f32.
const FEW: QuantizeOptions = QuantizeOptions {
    calibrate: 32,
    most_error: f64::INFINITY,
    f32_layers: 0,
};

fn ops(file: &[u8]) -> Vec<(Layer, DType, DType)> {
    let model = CompiledGenerator::from_bytes(file).unwrap();
    let layers = model.model().layers().map(Result::unwrap);
    layers
        .map(|layer| (layer.op, layer.input_dtype, layer.output_dtype))
        .collect()
}

fn images(file: &[u8], level: SimdLevel, latents: &[Vec<f32>]) -> Vec<Vec<u32>> {
    let mut model = CompiledGenerator::from_bytes(file)
        .unwrap()
        .with_simd_level(level);
    let classes = model.classes();
    let make = |(i, latent): (usize, &Vec<f32>)| {
        let mut image = vec![0.0; model.image_len()];
        let class = (classes > 0).then(|| i % classes);
        model.generate(latent, class, &mut image).unwrap();
        same_in_rows(&model, latent, class, &image);
        image.iter().map(|x| x.to_bits()).collect()
    };
    latents.iter().enumerate().map(make).collect()
}

/// Normal latents, and ones far beyond what was seen.
fn latents(size: usize) -> Vec<Vec<f32>> {
    let mut all: Vec<Vec<f32>> = (0..4)
        .map(|seed| {
            let mut latent = vec![0.0; size];
            Distribution::Normal.fill(seed, None, &mut latent);
            latent
        })
        .collect();
    for value in [1e30, -1e30, f32::MAX, 100.0, -0.0] {
        all.push(vec![value; size]);
    }
    all.push(
        (0..size)
            .map(|i| if i % 2 == 0 { 1e9 } else { -1e9 })
            .collect(),
    );
    all
}

/// Every level of instructions makes the same bits, and the card's golden images to the byte.
fn same_everywhere(file: &[u8]) {
    let mut model = CompiledGenerator::from_bytes(file).unwrap();
    let golden = model.check_golden().unwrap();
    assert_eq!(golden.len(), 8);
    assert!(golden.iter().all(|golden| *golden == GoldenMatch::Exact));
    let latents = latents(model.latent_len());
    let expected = images(file, SimdLevel::SCALAR, &latents);
    for level in SimdLevel::available() {
        assert_eq!(images(file, level, &latents), expected, "{level}");
    }
}

fn integer_layers(quantized: &Quantized) -> [usize; 2] {
    let integer = quantized.layers.iter().filter(|layer| layer.int8);
    [integer.count(), quantized.layers.len()]
}

#[test]
fn shipped_models_stay_within_half_a_level_in_the_mean() {
    for path in shipped() {
        let file = std::fs::read(&path).unwrap();
        let what = path.display().to_string();
        let int8 = Options {
            precision: Precision::Int8,
            ..options()
        };
        let made = compile(&file, &int8).unwrap();
        let quantized = made.quantized.clone().unwrap();
        let [integer, all] = integer_layers(&quantized);
        assert_eq!(integer, all, "{what}");
        // Measured: 0.33, 0.18 and 0.39 levels, 25, 14 and 16 at most.
        assert!(quantized.error.mean < 0.5, "{what}: {quantized}");
        assert!(quantized.error.most < 40, "{what}: {quantized}");
        assert!(quantized.error.mean > 0.0, "{what}: int8 is not f32");
        let whole = compiled(&file, &options(), &what);
        assert!(
            made.file.len() * 100 < whole.len() * 30,
            "{what}: {} {}",
            made.file.len(),
            whole.len()
        );
        same_everywhere(&made.file);
        let card = CompiledGenerator::from_bytes(&made.file).unwrap().card();
        assert_eq!(card.unwrap().unwrap().tolerance.levels, 0);
    }
}

#[test]
fn one_file_gives_the_same_bytes_on_any_number_of_threads() {
    let file = std::fs::read(shipped().remove(2)).unwrap();
    let int8 = Options {
        precision: Precision::Int8,
        ..options()
    };
    let made = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build()
            .unwrap()
            .install(|| compile(&file, &int8).unwrap())
    };
    assert_eq!(made(1), made(3));
}

#[test]
fn leaky_units_go_through_tables_and_colours_stay_int8() {
    let mut builder = NetBuilder::new(0);
    let leaky = Activation::LeakyRelu(0.2);
    let x = builder.dense(0, map(4, 10), leaky);
    let x = builder.conv(x, 7, true, leaky);
    let x = builder.conv(x, 6, false, Activation::Elu(1.0));
    let x = builder.conv(x, 3, true, Activation::Tanh);
    let (net, card) = builder.image(x);
    let both = both(&net, &card, FEW);
    assert_eq!(integer_layers(&both.quantized), [4, 4]);
    assert!(both.quantized.error.mean < 3.0, "{}", both.quantized);
    same_everywhere(&both.int8);
    // From the latent vector to the pixels nothing is f32.
    let ops = ops(&both.int8);
    assert!(matches!(
        ops[0],
        (Layer::Quantize(_), DType::F32, DType::I16)
    ));
    let integer = |dtype| matches!(dtype, DType::I8 | DType::U8 | DType::I16);
    assert!(
        ops[1..]
            .iter()
            .all(|(_, from, to)| integer(*from) && integer(*to))
    );
    assert_eq!(ops.last().unwrap().2, DType::U8);
    assert!(both.int8.len() < both.f32.len());
}

/// Two residual blocks with a bilinear doubling between them, as R3GAN has them.
fn residual(last: Activation) -> (Net, Card) {
    let mut builder = NetBuilder::new(0);
    let (leaky, none) = (Activation::LeakyRelu(0.2), Activation::None);
    let add = Op::Binary(BinaryKind::Add, Broadcast::Same);
    let mut x = builder.dense(0, map(4, 8), none);
    for side in [4, 8] {
        if side > 4 {
            x = builder.push(Op::Bilinear, vec![x], map(side, 8), none);
        }
        let y = builder.conv(x, 8, false, leaky);
        let y = builder.conv(y, 8, false, none);
        let f = if side > 4 { last } else { none };
        x = builder.push(add.clone(), vec![x, y], map(side, 8), f);
    }
    let x = builder.conv(x, 3, false, Activation::Tanh);
    builder.image(x)
}

#[test]
fn a_residual_stays_int8_from_the_first_layer_to_the_last() {
    for last in [
        Activation::None,
        Activation::Relu,
        Activation::LeakyRelu(0.2),
        Activation::Clip(-0.5, 0.75),
    ] {
        let (net, card) = residual(last);
        let both = both(&net, &card, FEW);
        assert_eq!(integer_layers(&both.quantized), [8, 8]);
        // Random weights make more of a rounding than trained ones do.
        assert!(both.quantized.error.mean < 4.0, "{}", both.quantized);
        same_everywhere(&both.int8);
        let ops = ops(&both.int8);
        let count = |f: fn(&Layer) -> bool| ops.iter().filter(|(op, _, _)| f(op)).count();
        assert_eq!(count(|op| matches!(op, Layer::Dequantize(_))), 0);
        assert_eq!(count(|op| matches!(op, Layer::Quantize(_))), 1);
        assert_eq!(count(|op| matches!(op, Layer::QuantizedAdd(_))), 2);
        assert_eq!(count(|op| matches!(op, Layer::Bilinear(_))), 1);
        assert_eq!(both.int8[8], 3, "the version that has sums of bytes");
        assert_ne!(both.f32[8], 3, "f32 files stay readable for older engines");
    }
}

#[test]
fn a_difference_is_made_in_int8() {
    let mut builder = NetBuilder::new(0);
    let x = builder.dense(0, map(4, 8), Activation::Relu);
    let y = builder.conv(x, 8, false, Activation::Tanh);
    let minus = Op::Binary(BinaryKind::ReverseSub, Broadcast::Same);
    let x = builder.push(minus, vec![x, y], map(4, 8), Activation::None);
    let x = builder.conv(x, 1, false, Activation::Tanh);
    let (net, card) = builder.image(x);
    let both = both(&net, &card, FEW);
    assert_eq!(integer_layers(&both.quantized), [4, 4]);
    assert!(both.quantized.error.mean < 3.0, "{}", both.quantized);
    same_everywhere(&both.int8);
}

#[test]
fn a_sum_goes_back_to_f32_with_what_it_adds() {
    let (net, card) = residual(Activation::None);
    let options = QuantizeOptions {
        f32_layers: 8,
        ..FEW
    };
    let none = both(&net, &card, options);
    assert_eq!(integer_layers(&none.quantized), [0, 8]);
    assert!(none.quantized.error.mean < 0.1, "{}", none.quantized);
    let ops = ops(&none.int8);
    assert!(
        ops.iter()
            .all(|op| op.1 == DType::F32 && op.2 == DType::F32)
    );
}

#[test]
fn a_class_joins_the_latent_vector_in_16_bits_wherever_it_begins() {
    for first in [true, false] {
        let mut builder = NetBuilder::new(3);
        let table = builder.random_values(3 * 5, 2.0);
        let row = HwcShape::vector(5);
        let class = builder.push(Op::Lookup { table }, vec![], row, Activation::None);
        let parts = if first {
            vec![class, 0]
        } else {
            vec![0, class]
        };
        let both_parts = HwcShape::vector(LATENT + 5);
        let x = builder.push(Op::Concat, parts, both_parts, Activation::None);
        let x = builder.dense(x, map(4, 6), Activation::Relu);
        let x = builder.conv(x, 1, true, Activation::Sigmoid);
        let (net, mut card) = builder.image(x);
        card.range = PixelRange::UNIT;
        let both = both(&net, &card, FEW);
        assert_eq!(integer_layers(&both.quantized), [2, 2]);
        assert!(both.quantized.error.mean < 2.0, "{}", both.quantized);
        same_everywhere(&both.int8);
        let ops = ops(&both.int8);
        let lookup = ops.iter().find(|(op, _, _)| *op == Layer::Lookup);
        assert_eq!(lookup.map(|op| op.2), Some(DType::I16));
    }
}

#[test]
fn int8_branches_are_joined_and_moved_as_int8() {
    let mut builder = NetBuilder::new(0);
    let x = builder.dense(0, map(4, 8), Activation::Relu);
    let a = builder.conv(x, 5, false, Activation::Relu);
    let b = builder.conv(x, 3, false, Activation::Tanh);
    let x = builder.push(Op::Concat, vec![a, b], map(4, 8), Activation::None);
    // Pixel shuffle: blocks of four channels to blocks of pixels.
    let shuffled = (0..8 * 8 * 2u32).map(|i| {
        let (row, column, channel) = (i / 16, i / 2 % 8, i % 2);
        let within = row % 2 * 2 + column % 2;
        (row / 2 * 4 + column / 2) * 8 + channel * 4 + within
    });
    let shuffle = Op::Reorder(Some(shuffled.collect()));
    let x = builder.push(shuffle, vec![x], map(8, 2), Activation::None);
    let x = builder.conv(x, 1, false, Activation::Clip(-1.0, 1.0));
    let (net, card) = builder.image(x);
    let both = both(&net, &card, FEW);
    assert_eq!(integer_layers(&both.quantized), [4, 4]);
    assert!(both.quantized.error.mean < 3.0, "{}", both.quantized);
    same_everywhere(&both.int8);
    let moved = ops(&both.int8);
    let shuffle = moved
        .iter()
        .find(|(op, _, _)| matches!(op, Layer::DepthToSpace(_)));
    assert_eq!(
        shuffle.map(|op| op.1),
        Some(DType::I8),
        "one branch is signed"
    );
}

#[test]
fn layers_go_back_to_f32_until_the_image_is_near_enough() {
    let mut builder = NetBuilder::new(0);
    let x = builder.dense(0, map(4, 8), Activation::Relu);
    let x = builder.conv(x, 8, true, Activation::Relu);
    let x = builder.conv(x, 1, false, Activation::Tanh);
    let (net, card) = builder.image(x);
    let all = both(&net, &card, FEW);
    let options = |f32_layers| QuantizeOptions { f32_layers, ..FEW };
    let one = both(&net, &card, options(1));
    assert_eq!(integer_layers(&one.quantized), [2, 3]);
    assert!(one.quantized.error.mean < all.quantized.error.mean);
    // More than there are is all; what is left is the rounding of 16-bit weights.
    let none = both(&net, &card, options(9));
    assert_eq!(integer_layers(&none.quantized), [0, 3]);
    assert!(none.quantized.error.mean < 0.1, "{}", none.quantized);
    let limit = one.quantized.error.mean;
    let found = both(
        &net,
        &card,
        QuantizeOptions {
            most_error: limit,
            ..FEW
        },
    );
    assert_eq!(found.int8, one.int8);
}

#[test]
fn weights_and_values_that_are_all_zeros_quantize() {
    let mut builder = NetBuilder::new(0);
    let x = builder.push(
        Op::Dense {
            weights: vec![0.0; 13 * 16],
            bias: vec![-1.0; 16],
        },
        vec![0],
        map(4, 1),
        Activation::Relu,
    );
    let x = builder.conv(x, 1, false, Activation::Tanh);
    let (net, card) = builder.image(x);
    let nothing = QuantizeOptions {
        calibrate: 0,
        ..FEW
    };
    let both = both(&net, &card, nothing);
    assert!(both.quantized.error.most <= 1, "{}", both.quantized);
    same_everywhere(&both.int8);
}

#[test]
fn a_weight_that_is_no_number_is_an_error() {
    for spoilt in [f32::NAN, f32::INFINITY] {
        let mut builder = NetBuilder::new(0);
        let x = builder.dense(0, map(4, 1), Activation::Tanh);
        let (mut net, card) = builder.image(x);
        if let Op::Dense { weights, .. } = &mut net.nodes[0].op {
            weights[3] = spoilt;
        }
        let lowered = lower::lower(&net, Precision::Int8).unwrap();
        let error = quantize(&net, &lowered, &card, FEW).map(|_| ());
        assert!(error.is_err(), "{spoilt}");
    }
}
