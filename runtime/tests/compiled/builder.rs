//! Writes compiled models by hand, and computes what they should give from the definitions.

use dreamlet_runtime::engine::compiled::format::{
    ALIGNMENT, Activation, BLOCK, BufferRef, CHECKED_FROM, Convolution, DType, HEADER_LEN, Header,
    HwcShape, LAYER_LEN, Layer, Op, Weights, checksum, padded,
};
use dreamlet_runtime::engine::compiled::{
    ConvAxis, Engine, Model, col2im_scratch, upsample_scratch,
};
use dreamlet_runtime::image::{PixelRange, Shape, to_hwc_u8};
use dreamlet_runtime::latent::Distribution;

/// Elements that look random, from -1 to 1.
pub(crate) fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; len];
    Distribution::Uniform.fill(seed, None, &mut numbers);
    numbers
}

/// An f32 as f16, rounded toward zero: good enough for what is exact in both.
pub(crate) fn half(x: f32) -> u16 {
    let bits = x.to_bits();
    let exponent = ((bits >> 23) & 255) as i32 - 127 + 15;
    let sign = (bits >> 16 & 0x8000) as u16;
    if exponent <= 0 {
        sign
    } else {
        sign | (exponent as u16) << 10 | (bits >> 13 & 0x3FF) as u16
    }
}

/// An f32 that an f16 holds.
pub(crate) fn halved(x: f32) -> f32 {
    if x.abs() < 1e-4 {
        0.0
    } else {
        f32::from_bits(x.to_bits() & !0x1FFF)
    }
}

#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) layers: Vec<Layer>,
    pub(crate) weights: Vec<u8>,
    pub(crate) scratch: usize,
    pub(crate) latent: usize,
    pub(crate) classes: usize,
}

/// Whether input position `i`, tap `k` and output position `o` meet on an axis, by the definition.
pub(crate) fn meets(c: &Convolution, axis: usize, i: u32, k: u32, o: u32) -> bool {
    let (s, p, d) = (c.stride[axis], c.pad[axis], c.dilation[axis]);
    if c.transposed {
        i * s + k * d == o + p
    } else {
        o * s + k * d == i + p
    }
}

/// Kernel rows and columns in the order of packed weights:
/// `[row phase][column phase][row tap][column tap]`.
pub(crate) fn taps_in_order(c: &Convolution, from: HwcShape, to: HwcShape) -> Vec<(usize, usize)> {
    let [rows, columns] = ConvAxis::pair(c, from, to);
    let mut order = Vec::new();
    for row_phase in 0..rows.phases() {
        for column_phase in 0..columns.phases() {
            for row in rows.taps(row_phase).iter() {
                let columns = columns.taps(column_phase);
                order.extend(columns.iter().map(|column| (row.kernel, column.kernel)));
            }
        }
    }
    order
}

/// Weights `[output][input][row][column]` and the rest of a convolution.
pub(crate) struct Conv {
    pub(crate) c: Convolution,
    pub(crate) from: HwcShape,
    pub(crate) to: HwcShape,
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Conv {
    pub(crate) fn new(seed: u64, c: Convolution, from: HwcShape, outputs: u32) -> Self {
        let side = |input: u32, i: usize| {
            let reach = (c.kernel[i] - 1) * c.dilation[i] + 1;
            if c.transposed {
                (input - 1) * c.stride[i] + reach - 2 * c.pad[i]
            } else {
                (input + 2 * c.pad[i] - reach) / c.stride[i] + 1
            }
        };
        let to = HwcShape {
            height: side(from.height, 0),
            width: side(from.width, 1),
            channels: outputs,
        };
        let taps = (c.kernel[0] * c.kernel[1]) as usize;
        let inputs = (from.channels / c.groups) as usize;
        let scale = 1.0 / ((inputs * taps) as f32).sqrt();
        let weights = numbers(seed, outputs as usize * inputs * taps)
            .iter()
            .map(|x| x * scale)
            .collect();
        Self {
            c,
            from,
            to,
            weights,
            bias: numbers(seed + 1, outputs as usize),
        }
    }

    fn weight(&self, output: usize, input: usize, row: usize, column: usize) -> f32 {
        let inputs = (self.from.channels / self.c.groups) as usize;
        let [kh, kw] = self.c.kernel.map(|k| k as usize);
        self.weights[((output * inputs + input) * kh + row) * kw + column]
    }

    /// By the definition, channels side by side.
    pub(crate) fn reference(&self, x: &[f32]) -> Vec<f64> {
        let (from, to, c) = (self.from, self.to, self.c);
        let (inputs, outputs) = ((from.channels / c.groups) as usize, to.channels as usize);
        let per_group = outputs / c.groups as usize;
        let mut out: Vec<f64> = (0..to.len() as usize)
            .map(|i| self.bias[i % outputs].into())
            .collect();
        for oy in 0..to.height {
            for (ky, iy) in (0..c.kernel[0]).flat_map(|k| (0..from.height).map(move |i| (k, i))) {
                if !meets(&c, 0, iy, ky, oy) {
                    continue;
                }
                for ox in 0..to.width {
                    for (kx, ix) in
                        (0..c.kernel[1]).flat_map(|k| (0..from.width).map(move |i| (k, i)))
                    {
                        if !meets(&c, 1, ix, kx, ox) {
                            continue;
                        }
                        for o in 0..outputs {
                            for i in 0..inputs {
                                let channel = o / per_group * inputs + i;
                                let at = (iy * from.width + ix) as usize * from.channels as usize
                                    + channel;
                                let weight = self.weight(o, i, ky as usize, kx as usize);
                                out[(oy * to.width + ox) as usize * outputs + o] +=
                                    f64::from(x[at]) * f64::from(weight);
                            }
                        }
                    }
                }
            }
        }
        out
    }

    /// `[block][row phase][column phase][row tap][column tap][input][16]`.
    pub(crate) fn packed(&self) -> Vec<f32> {
        let (inputs, outputs) = (self.from.channels as usize, self.to.channels as usize);
        let taps = taps_in_order(&self.c, self.from, self.to);
        let mut packed = Vec::new();
        for block in 0..padded(outputs) / BLOCK {
            for &(row, column) in &taps {
                for i in 0..inputs {
                    for o in block * BLOCK..(block + 1) * BLOCK {
                        let inside = o < outputs;
                        packed.push(if inside {
                            self.weight(o, i, row, column)
                        } else {
                            0.0
                        });
                    }
                }
            }
        }
        packed
    }

    /// `[block][input][16]` over `[output][row][column]`.
    pub(crate) fn packed_few(&self) -> Vec<f32> {
        let [kh, kw] = self.c.kernel.map(|k| k as usize);
        let (inputs, outputs) = (self.from.channels as usize, self.to.channels as usize);
        let sums = outputs * kh * kw;
        let mut packed = Vec::new();
        for block in 0..padded(sums) / BLOCK {
            for i in 0..inputs {
                for m in block * BLOCK..(block + 1) * BLOCK {
                    let (o, k) = (m / (kh * kw), m % (kh * kw));
                    packed.push(if m < sums {
                        self.weight(o, i, k / kw, k % kw)
                    } else {
                        0.0
                    });
                }
            }
        }
        packed
    }

    /// The weights of a doubling before this 3x3 convolution,
    /// `[row kind][column kind][block][input][16]`.
    pub(crate) fn packed_upsample(&self) -> Vec<f32> {
        let (inputs, outputs) = (self.from.channels as usize, self.to.channels as usize);
        // Kinds of the taps along an axis: their sum, the first one negated, the last one.
        let kinds = [[1.0, 1.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
        let mut packed = Vec::new();
        for (rows, columns) in kinds.iter().flat_map(|a| kinds.iter().map(move |b| (a, b))) {
            let taps = |o: usize, i: usize| -> f32 {
                (0..9)
                    .map(|k| rows[k / 3] * columns[k % 3] * self.weight(o, i, k / 3, k % 3))
                    .sum()
            };
            let all: Vec<f32> = (0..outputs * inputs)
                .map(|at| taps(at / inputs, at % inputs))
                .collect();
            packed.extend(packed_dense(&all, inputs, outputs));
        }
        packed
    }

    /// `[row][column][input of the group][output]`.
    pub(crate) fn packed_groups(&self) -> Vec<f32> {
        let [kh, kw] = self.c.kernel.map(|k| k as usize);
        let inputs = (self.from.channels / self.c.groups) as usize;
        let mut packed = Vec::new();
        for (row, column) in (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))) {
            for i in 0..inputs {
                packed
                    .extend((0..self.to.channels as usize).map(|o| self.weight(o, i, row, column)));
            }
        }
        packed
    }
}

/// `[block][input][16]` from `[output][input]`.
pub(crate) fn packed_dense(weights: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let mut packed = Vec::new();
    for block in 0..padded(outputs) / BLOCK {
        for i in 0..inputs {
            for o in block * BLOCK..(block + 1) * BLOCK {
                packed.push(if o < outputs {
                    weights[o * inputs + i]
                } else {
                    0.0
                });
            }
        }
    }
    packed
}

/// A vector with zeros behind, to whole blocks.
pub(crate) fn padded_vector(x: &[f32]) -> Vec<f32> {
    let mut x = x.to_vec();
    x.resize(padded(x.len()), 0.0);
    x
}

impl Builder {
    pub(crate) fn bytes(&mut self, bytes: impl IntoIterator<Item = u8>) -> u32 {
        self.weights
            .resize(self.weights.len().next_multiple_of(ALIGNMENT), 0);
        let offset = self.weights.len() as u32;
        self.weights.extend(bytes);
        offset
    }

    pub(crate) fn f32s(&mut self, numbers: &[f32]) -> u32 {
        self.bytes(numbers.iter().flat_map(|x| x.to_le_bytes()))
    }

    pub(crate) fn weights(
        &mut self,
        numbers: &[f32],
        dtype: DType,
        bias: Option<&[f32]>,
    ) -> Option<Weights> {
        let offset = match dtype {
            DType::F16 => self.bytes(numbers.iter().flat_map(|x| half(*x).to_le_bytes())),
            _ => self.f32s(numbers),
        };
        Some(Weights {
            dtype,
            offset,
            bias: bias.map(|bias| self.f32s(bias)),
        })
    }

    /// Scratch memory for so many bytes.
    pub(crate) fn room(&mut self, bytes: u64) -> BufferRef {
        let offset = self.scratch;
        self.scratch = (offset + bytes as usize).next_multiple_of(ALIGNMENT);
        BufferRef::Scratch(offset as u32)
    }

    /// An f32 layer from the last layer's output (or the latent vector) to a place of its own.
    pub(crate) fn layer(
        &mut self,
        op: Op,
        from: HwcShape,
        to: HwcShape,
        activation: Activation,
        weights: Option<Weights>,
    ) {
        let input = self
            .layers
            .last()
            .map_or(BufferRef::Latent, |layer| layer.output);
        let second = match op {
            Op::Col2ImConv(c) => self.room(col2im_scratch(&c, from, to).unwrap()),
            Op::UpsampleConv => self.room(upsample_scratch(from, to).unwrap()),
            _ => BufferRef::None,
        };
        let output = self.room(to.len() * 4);
        self.layers.push(Layer {
            op,
            input,
            input_dtype: DType::F32,
            input_shape: from,
            second,
            output,
            output_dtype: DType::F32,
            output_shape: to,
            activation,
            weights,
            requantization: None,
        });
    }

    /// The file; the last layer's output is the image.
    pub(crate) fn file(&self, shape: Shape) -> Vec<u8> {
        let mut layers = self.layers.clone();
        layers.last_mut().unwrap().output = BufferRef::Image;
        let begin = (HEADER_LEN + layers.len() * LAYER_LEN).next_multiple_of(ALIGNMENT);
        let mut file = vec![0; begin];
        for (i, layer) in layers.iter().enumerate() {
            let at = HEADER_LEN + i * LAYER_LEN;
            layer.emit((&mut file[at..at + LAYER_LEN]).try_into().unwrap());
        }
        file.extend(&self.weights);
        let versions = layers.iter().map(Layer::version);
        let mut header = Header {
            version: versions.max().unwrap(),
            file_len: file.len() as u32,
            checksum: 0,
            scratch_len: self.scratch as u32,
            latent_len: self.latent as u32,
            classes: self.classes as u32,
            shape,
            range: PixelRange::SIGNED,
            distribution: Distribution::Normal,
            layers: layers.len() as u32,
            card_len: 0,
        };
        header.emit((&mut file[..HEADER_LEN]).try_into().unwrap());
        header.checksum = checksum(&file[CHECKED_FROM..]);
        header.emit((&mut file[..HEADER_LEN]).try_into().unwrap());
        file
    }
}

/// Bytes at a multiple of 64.
pub(crate) struct AlignedFile {
    bytes: Vec<u8>,
    begin: usize,
    len: usize,
}

impl AlignedFile {
    pub(crate) fn new(file: &[u8]) -> Self {
        let mut bytes = vec![0; file.len() + ALIGNMENT];
        let begin = bytes.as_ptr().align_offset(ALIGNMENT);
        bytes[begin..begin + file.len()].copy_from_slice(file);
        Self {
            bytes,
            begin,
            len: file.len(),
        }
    }

    pub(crate) fn get(&self) -> &[u8] {
        &self.bytes[self.begin..self.begin + self.len]
    }
}

/// The bytes of an unconditional model's image for one latent vector: of the whole image, and of its
/// rows.
pub(crate) fn whole_and_in_rows(file: &[u8], what: &str) -> [Vec<u8>; 2] {
    let file = AlignedFile::new(file);
    let model = Model::new(file.get()).unwrap();
    let engine = Engine::new(model);
    let latent = numbers(1, model.latent_len());
    let mut scratch = vec![0; model.scratch_len()];
    let mut image = vec![0.0; model.image_len()];
    engine
        .generate(&latent, None, &mut scratch, &mut image)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut whole = vec![0; image.len()];
    to_hwc_u8(&image, model.shape(), model.range(), &mut whole).unwrap();
    let mut in_rows = vec![0; image.len()];
    let mut scratch = vec![0; engine.rows_scratch_len()];
    engine
        .generate_u8(&latent, None, &mut scratch, &mut in_rows)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    [whole, in_rows]
}
