//! Int8 layers: written to models by hand, and computed with 64-bit integers from the
//! documentation.

use dreamlet_runtime::engine::compiled::col2im_scratch;
use dreamlet_runtime::engine::compiled::format::{
    Activation, BLOCK, BufferRef, Convolution, DType, HwcShape, Layer, Op, Requantization, Weights,
    padded,
};

use crate::builder::{Builder, Conv, meets, numbers, taps_in_order};

/// What an int8 layer holds beside its geometry; weights are
/// `[output][input][kernel row][kernel column]`.
#[derive(Clone)]
pub(crate) struct Int8Weights {
    pub(crate) input: DType,
    pub(crate) output: DType,
    pub(crate) weights: Vec<i8>,
    pub(crate) bias: Option<Vec<i32>>,
    pub(crate) multipliers: Vec<i32>,
    pub(crate) shift: u32,
    pub(crate) table: Option<Vec<u8>>,
}

/// Integers from `-limit` to `limit` that look random.
pub(crate) fn integers(seed: u64, len: usize, limit: f32) -> Vec<i64> {
    numbers(seed, len)
        .iter()
        .map(|x| (x * limit).round() as i64)
        .collect()
}

impl Int8Weights {
    /// Elements that bring sums of `terms` products to all values of the output, some of them
    /// clamped.
    pub(crate) fn new(
        seed: u64,
        terms: usize,
        outputs: usize,
        weights: usize,
        input: DType,
        output: DType,
    ) -> Self {
        let most = if input == DType::I16 { 3e4 } else { 150.0 };
        let spread = (terms as f64).sqrt() * 0.5 * most * 70.0;
        // Multipliers of 30 bits: `spread * 2^30 >> shift` is about 100.
        let shift = (30.0 + (spread / 100.0).log2()).round() as u32;
        let multipliers = numbers(seed + 2, outputs)
            .iter()
            .map(|x| ((1.5 + 0.4 * f64::from(*x)) * f64::from(1 << 30)) as i32)
            .collect();
        Self {
            input,
            output,
            weights: integers(seed, weights, 127.0)
                .iter()
                .map(|w| *w as i8)
                .collect(),
            bias: Some(
                integers(seed + 1, outputs, spread as f32)
                    .iter()
                    .map(|b| *b as i32)
                    .collect(),
            ),
            multipliers,
            shift,
            table: None,
        }
    }

    /// A table of `2^bits` bytes, with as many more bits in the elements before it.
    pub(crate) fn with_table(mut self, bits: u32) -> Self {
        self.shift = (self.shift + 8 - bits.min(16)).max(1);
        self.table = Some(
            integers(7, 1 << bits, 127.0)
                .iter()
                .map(|x| *x as u8)
                .collect(),
        );
        self
    }

    /// `q` of the documentation of [`Requantization`], then its clamp or table.
    fn requantized(&self, sum: i64, channel: usize) -> i64 {
        let bias = self
            .bias
            .as_ref()
            .map_or(0, |bias| i64::from(bias[channel]));
        let sum = (sum + bias) as i32;
        let product = i64::from(sum) * i64::from(self.multipliers[channel]);
        let q = (product + (1 << (self.shift - 1))) >> self.shift;
        let byte = match &self.table {
            Some(table) => {
                let last = table.len() as i64 - 1;
                table[(q + (last + 1) / 2).clamp(0, last) as usize]
            }
            None if self.output == DType::I8 => q.clamp(-127, 127) as u8,
            None => q.clamp(0, 255) as u8,
        };
        if self.output == DType::I8 {
            i64::from(byte as i8)
        } else {
            i64::from(byte)
        }
    }

    /// Weights and requantization in a file, `weights` packed.
    pub(crate) fn emit(&self, builder: &mut Builder, weights: &[i8]) -> (Weights, Requantization) {
        let words = |builder: &mut Builder, words: &[i32]| {
            let mut words = words.to_vec();
            words.resize(padded(words.len()), 0);
            builder.bytes(words.iter().flat_map(|word| word.to_le_bytes()))
        };
        let weights = Weights {
            dtype: DType::I8,
            offset: builder.bytes(weights.iter().map(|w| *w as u8)),
            bias: self.bias.as_ref().map(|bias| words(builder, bias)),
        };
        let requantization = Requantization {
            multipliers: words(builder, &self.multipliers),
            shift: self.shift,
            table: self.table.as_ref().map(|table| {
                let offset = builder.bytes(table.iter().copied());
                (offset, table.len().ilog2())
            }),
        };
        (weights, requantization)
    }
}

/// Appends a layer that reads what the last one wrote.
pub(crate) fn push(
    builder: &mut Builder,
    op: Op,
    shapes: [HwcShape; 2],
    numbers: [DType; 2],
    weights: Option<(Weights, Requantization)>,
) {
    let input = builder
        .layers
        .last()
        .map_or(BufferRef::Latent, |layer| layer.output);
    let second = match op {
        Op::Col2ImConv(c) => builder.room(col2im_scratch(&c, shapes[0], shapes[1]).unwrap()),
        _ => BufferRef::None,
    };
    let output = builder.room(shapes[1].len() * numbers[1].size() as u64);
    builder.layers.push(Layer {
        op,
        input,
        input_dtype: numbers[0],
        input_shape: shapes[0],
        second,
        output,
        output_dtype: numbers[1],
        output_shape: shapes[1],
        activation: Activation::None,
        weights: weights.map(|(weights, _)| weights),
        requantization: weights.map(|(_, requantization)| requantization),
    });
}

/// `[block][group of 4][16][4]` of one tap from `weight(output, input)`.
pub(crate) fn packed_tap(
    block: usize,
    inputs: usize,
    outputs: usize,
    weight: impl Fn(usize, usize) -> i8,
) -> Vec<i8> {
    let mut packed = Vec::new();
    for group in 0..inputs.div_ceil(4) {
        for o in block * BLOCK..(block + 1) * BLOCK {
            for i in 4 * group..4 * group + 4 {
                let inside = o < outputs && i < inputs;
                packed.push(if inside { weight(o, i) } else { 0 });
            }
        }
    }
    packed
}

/// An int8 convolution.
pub(crate) struct Int8Layer {
    pub(crate) c: Convolution,
    pub(crate) from: HwcShape,
    pub(crate) to: HwcShape,
    pub(crate) integers: Int8Weights,
}

impl Int8Layer {
    pub(crate) fn new(
        c: Convolution,
        from: HwcShape,
        outputs: u32,
        input: DType,
        output: DType,
    ) -> Self {
        let to = Conv::new(0, c, from, outputs).to;
        let taps = (c.kernel[0] * c.kernel[1]) as usize;
        let terms = taps * from.channels as usize;
        let outputs = outputs as usize;
        Self {
            c,
            from,
            to,
            integers: Int8Weights::new(21, terms, outputs, terms * outputs, input, output),
        }
    }

    fn weight(&self, output: usize, input: usize, row: usize, column: usize) -> i8 {
        let [kh, kw] = self.c.kernel.map(|k| k as usize);
        let inputs = self.from.channels as usize;
        self.integers.weights[((output * inputs + input) * kh + row) * kw + column]
    }

    /// By the definition, channels side by side.
    pub(crate) fn reference(&self, x: &[i64]) -> Vec<i64> {
        let (from, to, c) = (self.from, self.to, self.c);
        let (inputs, outputs) = (from.channels as usize, to.channels as usize);
        let reads = |o: u32, axis: usize, side: u32| -> Vec<(u32, u32)> {
            (0..c.kernel[axis])
                .flat_map(|k| (0..side).map(move |i| (k, i)))
                .filter(|&(k, i)| meets(&c, axis, i, k, o))
                .collect()
        };
        let mut out = Vec::new();
        for oy in 0..to.height {
            let rows = reads(oy, 0, from.height);
            for ox in 0..to.width {
                let columns = reads(ox, 1, from.width);
                for o in 0..outputs {
                    let mut sum = 0;
                    for &(ky, iy) in &rows {
                        for &(kx, ix) in &columns {
                            for i in 0..inputs {
                                let at = (iy * from.width + ix) as usize * inputs + i;
                                let weight = self.weight(o, i, ky as usize, kx as usize);
                                sum += x[at] * i64::from(weight);
                            }
                        }
                    }
                    out.push(self.integers.requantized(sum, o));
                }
            }
        }
        out
    }

    /// `[block][row phase][column phase][row tap][column tap][input / 4][16][4]`.
    pub(crate) fn packed(&self) -> Vec<i8> {
        let (inputs, outputs) = (self.from.channels as usize, self.to.channels as usize);
        let taps = taps_in_order(&self.c, self.from, self.to);
        let mut packed = Vec::new();
        for block in 0..padded(outputs) / BLOCK {
            for &(row, column) in &taps {
                packed.extend(packed_tap(block, inputs, outputs, |o, i| {
                    self.weight(o, i, row, column)
                }));
            }
        }
        packed
    }

    /// `[block][input / 4][16][4]` over `[output][kernel row][kernel column]`.
    fn packed_few(&self) -> Vec<i8> {
        let [kh, kw] = self.c.kernel.map(|k| k as usize);
        let (inputs, outputs) = (self.from.channels as usize, self.to.channels as usize);
        let sums = outputs * kh * kw;
        let blocks = 0..padded(sums) / BLOCK;
        blocks
            .flat_map(|block| {
                packed_tap(block, inputs, sums, |m, i| {
                    let (o, k) = (m / (kh * kw), m % (kh * kw));
                    self.weight(o, i, k / kw, k % kw)
                })
            })
            .collect()
    }

    /// Appends it, as [`Op::Col2ImConv`] where `few`.
    pub(crate) fn push(&self, builder: &mut Builder, few: bool) {
        let packed = if few {
            self.packed_few()
        } else {
            self.packed()
        };
        let weights = self.integers.emit(builder, &packed);
        let op = if few {
            Op::Col2ImConv(Convolution {
                planar: true,
                ..self.c
            })
        } else {
            Op::Conv(self.c)
        };
        let numbers = [self.integers.input, self.integers.output];
        push(builder, op, [self.from, self.to], numbers, Some(weights));
    }
}
