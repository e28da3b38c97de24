//! Compiled models whose layers follow one another as the input says. Most fields are such that
//! they pass the check; some are whatever the input holds.

use arbitrary::{Result, Unstructured};
use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, BufferRef, Convolution, Coordinates, DType, HEADER_LEN,
    Header, HwcShape, LAYER_LEN, Layer, MapOp, Op, OperandRef, PadKind, Requantization, VERSION,
    Weights,
};
use dreamlet_runtime::engine::compiled::format::{
    Instruction, Reduction, Source, StridedLayer, StridedOperand, StridedWork, Strides,
};
use dreamlet_runtime::engine::compiled::{col2im_scratch, upsample_scratch};
use dreamlet_runtime::image::{PixelRange, Shape};
use dreamlet_runtime::latent::Distribution;

/// Bytes of weights that all layers share. The first are zeros, so that multipliers and offsets are
/// small.
const WEIGHTS: usize = 1 << 14;
/// Where weights that are not zero begin.
const PATTERN: usize = 1 << 10;
/// Most layers.
const LAYERS: usize = 12;
/// Bytes that a buffer begins at a multiple of.
const STEP: u32 = 64;

struct Model<'u, 'd> {
    from: &'u mut Unstructured<'d>,
    layers: Vec<Layer>,
    weights: Vec<u8>,
    /// Bytes of scratch memory that are taken.
    taken: u32,
    /// What the next layer reads.
    buffer: BufferRef,
    dtype: DType,
    shape: HwcShape,
}

/// The bytes of a model.
pub(crate) fn model(from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let latent = from.int_in_range(1..=16)?;
    let mut model = Model {
        from,
        layers: Vec::new(),
        weights: (0..WEIGHTS)
            .map(|i| if i < PATTERN { 0 } else { i as u8 & 0x3f })
            .collect(),
        taken: 0,
        buffer: BufferRef::Latent,
        dtype: DType::F32,
        shape: HwcShape::vector(latent),
    };
    let count = model.from.int_in_range(1..=LAYERS)?;
    for _ in 0..count {
        model.layer()?;
    }
    model.file(latent)
}

impl Model<'_, '_> {
    /// A number that is usual, now and then any other.
    fn number(&mut self, usual: u32) -> Result<u32> {
        if self.from.ratio(1, 64)? {
            self.from.arbitrary()
        } else {
            Ok(usual)
        }
    }

    fn small(&mut self, most: u32) -> Result<u32> {
        let usual = self.from.int_in_range(0..=most)?;
        // Far below what would overflow here: whole words are changed at the end.
        Ok(self.number(usual)? % (1 << 20))
    }

    /// Room in scratch memory; now and then room that is taken.
    fn room(&mut self, bytes: u64) -> Result<BufferRef> {
        let at = if self.from.ratio(1, 8)? {
            self.from.int_in_range(0..=self.taken / STEP)? * STEP
        } else {
            self.taken
        };
        let end = u64::from(at)
            .saturating_add(bytes)
            .next_multiple_of(STEP.into());
        self.taken = self
            .taken
            .max(u32::try_from(end).unwrap_or(at).min(1 << 22));
        Ok(BufferRef::Scratch(at))
    }

    /// Where some earlier layer has written.
    fn earlier(&mut self) -> Result<BufferRef> {
        let outputs: Vec<_> = self.layers.iter().map(|layer| layer.output).collect();
        if outputs.is_empty() {
            return self.room(64);
        }
        Ok(*self.from.choose(&outputs)?)
    }

    fn weights(&mut self, dtype: DType) -> Result<Option<Weights>> {
        let at = self.small(8)? * STEP;
        let bias = self.from.arbitrary()?;
        Ok(Some(Weights {
            dtype,
            offset: PATTERN as u32 + at,
            bias: if bias { Some(at) } else { None },
        }))
    }

    fn convolution(&mut self) -> Result<Convolution> {
        let mut pair = |least: u32, most: u32| -> Result<[u32; 2]> {
            let first = least + self.small(most - least)?;
            let same: bool = self.from.arbitrary()?;
            let second = if same {
                first
            } else {
                least + self.small(most - least)?
            };
            Ok([first, second])
        };
        let (kernel, stride) = (pair(1, 5)?, pair(1, 3)?);
        let (pad, dilation) = (pair(0, 3)?, pair(1, 2)?);
        Ok(Convolution {
            kernel,
            stride,
            pad,
            dilation,
            groups: 1,
            transposed: self.from.arbitrary()?,
            planar: false,
        })
    }

    fn activation(&mut self) -> Result<Activation> {
        Ok(match self.from.int_in_range(0..=8)? {
            0 => Activation::Relu,
            1 => Activation::LeakyRelu(self.from.arbitrary()?),
            2 => Activation::Tanh,
            3 => Activation::Sigmoid,
            4 => Activation::Clip(self.from.arbitrary()?, self.from.arbitrary()?),
            5 => Activation::Softplus,
            6 => Activation::Elu(self.from.arbitrary()?),
            _ => Activation::None,
        })
    }

    /// What makes bytes of sums.
    fn requantization(&mut self) -> Result<Option<Requantization>> {
        let table = self.from.arbitrary::<bool>()?;
        Ok(Some(Requantization {
            multipliers: self.small(4)? * 4,
            shift: 1 + self.small(30)?,
            table: if table {
                Some((self.small(16)? * STEP, 1 + self.small(9)?))
            } else {
                None
            },
        }))
    }

    /// One more layer, from the last one's output.
    fn layer(&mut self) -> Result<()> {
        let from = self.shape;
        if !(1..=1 << 20).contains(&from.len()) {
            // No layer reads that.
            return Ok(());
        }
        let (h, w, c) = (from.height, from.width, from.channels);
        let shape = |height, width, channels| HwcShape {
            height,
            width,
            channels,
        };
        let mut layer = Layer {
            op: Op::Activate,
            input: self.buffer,
            input_dtype: self.dtype,
            input_shape: from,
            second: BufferRef::None,
            output: BufferRef::None,
            output_dtype: self.dtype,
            output_shape: from,
            activation: Activation::None,
            weights: None,
            requantization: None,
        };
        let float = self.dtype == DType::F32;
        let multiplies = |layer: &mut Layer, model: &mut Self| -> Result<()> {
            if float {
                let dtype = *model.from.choose(&[DType::F32, DType::F16])?;
                layer.weights = model.weights(dtype)?;
                layer.activation = model.activation()?;
            } else {
                layer.weights = model.weights(DType::I8)?;
                layer.requantization = model.requantization()?;
                layer.output_dtype = *model.from.choose(&[DType::I8, DType::U8])?;
            }
            Ok(())
        };
        match self.from.int_in_range(0..=23)? {
            0 | 1 => {
                layer.op = Op::Dense;
                layer.output_shape =
                    shape(1 + self.small(7)?, 1 + self.small(7)?, 1 + self.small(7)?);
                multiplies(&mut layer, self)?;
            }
            kind @ 2..=6 => {
                let mut conv = self.convolution()?;
                let channels = 1 + self.small(19)?;
                let side = |side: u32, i: usize| {
                    let reach = conv.kernel[i]
                        .saturating_sub(1)
                        .saturating_mul(conv.dilation[i]);
                    if conv.transposed {
                        (side - 1)
                            .saturating_mul(conv.stride[i])
                            .saturating_add(reach.saturating_add(1))
                            .saturating_sub(conv.pad[i].saturating_mul(2))
                    } else {
                        side.saturating_add(conv.pad[i].saturating_mul(2))
                            .saturating_sub(reach.saturating_add(1))
                            / conv.stride[i].max(1)
                            + 1
                    }
                };
                let (height, width) = (side(h, 0), side(w, 1));
                layer.output_shape = shape(self.number(height)?, self.number(width)?, channels);
                layer.op = match kind {
                    2 | 3 => Op::Conv(conv),
                    4 => {
                        conv.groups = 1 + self.small(3)?;
                        layer.output_shape.channels = c;
                        Op::GroupConv(conv)
                    }
                    _ => {
                        layer.output_shape.channels = 1 + self.small(2)?;
                        conv.planar = layer.output_shape.channels > 1;
                        let sums = col2im_scratch(&conv, from, layer.output_shape);
                        layer.second = self.room(sums.unwrap_or(0))?;
                        Op::Col2ImConv(conv)
                    }
                };
                multiplies(&mut layer, self)?;
            }
            7 => {
                layer.op = Op::UpsampleConv;
                layer.output_shape = shape(
                    h.saturating_mul(2),
                    w.saturating_mul(2),
                    1 + self.small(19)?,
                );
                let own = upsample_scratch(from, layer.output_shape).unwrap_or(0);
                layer.second = self.room(own)?;
                multiplies(&mut layer, self)?;
            }
            8 => layer.activation = self.activation()?,
            kind @ (9 | 10) => {
                layer.op = if kind == 9 { Op::Affine } else { Op::Prelu };
                layer.weights = self.weights(DType::F32)?;
            }
            11 => {
                let kinds = [
                    BinaryKind::Add,
                    BinaryKind::Sub,
                    BinaryKind::ReverseSub,
                    BinaryKind::Mul,
                ];
                let kind = *self.from.choose(&kinds)?;
                let how = *self.from.choose(&[Broadcast::Same, Broadcast::Channel])?;
                layer.op = Op::Binary(kind, how);
                layer.second = self.earlier()?;
                layer.activation = self.activation()?;
            }
            kind @ (12 | 13) => {
                let places = [
                    Coordinates::HalfPixel,
                    Coordinates::AlignCorners,
                    Coordinates::Asymmetric,
                ];
                layer.op = if kind == 12 {
                    Op::Nearest
                } else {
                    Op::Bilinear(*self.from.choose(&places)?)
                };
                let (rows, columns) = (1 + self.small(2)?, 1 + self.small(2)?);
                layer.output_shape = shape(h.saturating_mul(rows), w.saturating_mul(columns), c);
            }
            14 => {
                let block = 1 + self.small(2)?;
                layer.op = Op::DepthToSpace(self.from.arbitrary()?);
                layer.output_shape = shape(
                    h.saturating_mul(block),
                    w.saturating_mul(block),
                    c / block.saturating_mul(block).max(1),
                );
            }
            15 => {
                let [top, left] = [self.small(3)?, self.small(3)?];
                let kind = match self.from.int_in_range(0..=2)? {
                    0 => PadKind::Constant(self.from.arbitrary()?),
                    1 => PadKind::Reflect,
                    _ => PadKind::Edge,
                };
                layer.op = Op::Pad([top, left], kind);
                let (bottom, right) = (self.small(3)?, self.small(3)?);
                let grown = |side: u32, a: u32, b: u32| side.saturating_add(a).saturating_add(b);
                layer.output_shape = shape(grown(h, top, bottom), grown(w, left, right), c);
            }
            16 => {
                let at = self.small(4)?;
                layer.op = Op::ConcatChannels(at);
                let more = self.small(4)?;
                layer.output_shape.channels = c.saturating_add(at).saturating_add(more);
            }
            17 => {
                layer.op = Op::HwcToChw;
                layer.output_shape = HwcShape::vector(from.len() as u32);
            }
            18 => {
                layer.op = Op::ChwToHwc;
                let channels = 1 + self.small(3)?;
                let rows = 1 + self.small(3)?;
                let len = from.len() as u32;
                layer.output_shape =
                    shape(rows, len / channels.saturating_mul(rows).max(1), channels);
            }
            19 => {
                layer.op = Op::Lookup;
                layer.input = BufferRef::None;
                layer.output_shape = HwcShape::vector(1 + self.small(20)?);
                layer.output_dtype = *self.from.choose(&[DType::F32, DType::I16, DType::I8])?;
                layer.weights = self.weights(layer.output_dtype)?;
            }
            20 if float => {
                layer.op = Op::Quantize(self.from.arbitrary()?);
                layer.output_dtype = *self.from.choose(&[DType::I8, DType::U8, DType::I16])?;
            }
            20 => {
                layer.op = Op::Dequantize(self.from.arbitrary()?);
                layer.output_dtype = DType::F32;
            }
            21 => {
                let second = *self.from.choose(&[DType::I8, DType::U8])?;
                layer.op = Op::QuantizedAdd(second);
                layer.second = self.earlier()?;
                layer.requantization = self.requantization()?;
            }
            _ => self.strided(&mut layer)?,
        }
        layer.output = match (self.from.ratio(1, 8)?, layer.input) {
            // In place.
            (true, BufferRef::Scratch(at)) => BufferRef::Scratch(at),
            _ => self.room(layer.output_shape.bytes(layer.output_dtype))?,
        };
        (self.buffer, self.dtype, self.shape) =
            (layer.output, layer.output_dtype, layer.output_shape);
        self.layers.push(layer);
        Ok(())
    }

    /// A strided layer, which reads the last layer's output, weights or the latent vector.
    fn strided(&mut self, layer: &mut Layer) -> Result<()> {
        let rank = self.from.int_in_range(1..=5)?;
        let mut sizes = Vec::new();
        for _ in 0..rank {
            sizes.push(1 + self.small(5)?);
        }
        let (work, operands) = match self.from.int_in_range(0..=5)? {
            0 => {
                let mut program = Vec::new();
                for made in 0..self.from.int_in_range(1..=8)? {
                    let op = *self.from.choose(MapOp::ALL)?;
                    let mut sources = Vec::new();
                    for _ in 0..op.arity() {
                        sources.push(match self.from.int_in_range(0..=2)? {
                            0 if made > 0 => Source::Result(self.from.int_in_range(0..=made - 1)?),
                            1 => Source::Constant(self.from.arbitrary()?),
                            _ => Source::Operand(0),
                        });
                    }
                    program.push(Instruction::new(op, sources));
                }
                (StridedWork::Map(program), self.from.int_in_range(1..=3)?)
            }
            1 => {
                let along = self.from.int_in_range(0..=rank - 1)?;
                let how = *self.from.choose(Reduction::ALL)?;
                (StridedWork::Reduce(how, vec![along]), 1)
            }
            2 => (StridedWork::Move(self.from.arbitrary()?), 1),
            3 => (StridedWork::MatMul, 2),
            4 => (StridedWork::Attention(self.from.arbitrary()?), 3),
            _ => {
                let axis = self.from.int_in_range(0..=rank - 1)?;
                let positions = 1 + self.small(5)?;
                let mut taps = Vec::new();
                for _ in 0..sizes.get(axis).copied().unwrap_or(1).min(8) {
                    let position = self.small(positions.saturating_sub(1))?;
                    taps.push(vec![(position, 0.5); self.from.int_in_range(0..=3)?]);
                }
                let resample = StridedWork::Resample {
                    axis,
                    positions,
                    taps,
                };
                (resample, 1)
            }
        };
        // Dimensions, counted from behind, that output and operands do not have.
        let missing: &[&[usize]] = match &work {
            StridedWork::MatMul => &[&[1], &[2], &[3]],
            StridedWork::Attention(_) => &[&[1, 2], &[3, 2], &[4, 3], &[4, 1]],
            _ => &[],
        };
        let reduced = match &work {
            StridedWork::Reduce(_, along) => along.iter().map(|dim| rank - dim).collect(),
            _ => Vec::new(),
        };
        let mut walks = Vec::new();
        for which in 0..=operands {
            let mut without = missing.get(which).copied().unwrap_or_default().to_vec();
            if which == 0 {
                without.extend(&reduced);
            }
            walks.push(self.walk(&sizes, &without)?);
        }
        let made: u32 = sizes
            .iter()
            .enumerate()
            .filter(|(dim, _)| {
                let behind = rank - dim;
                !reduced.contains(&behind)
                    && !missing.first().is_some_and(|gone| gone.contains(&behind))
            })
            .fold(1, |all, (_, size)| all.saturating_mul(*size));
        let mut read = Vec::new();
        for strides in walks.drain(1..) {
            let buffer = match (self.from.int_in_range(0..=3)?, self.buffer) {
                (0 | 1, BufferRef::Scratch(at)) => OperandRef::Scratch(at),
                (2, _) => OperandRef::Latent,
                _ => OperandRef::Weights(PATTERN as u32),
            };
            read.push(StridedOperand { buffer, strides });
        }
        let layer_of = StridedLayer {
            sizes,
            output: walks.remove(0),
            operands: read,
            work,
        };
        let kind = layer_of.work.kind();
        let words = layer_of.emit().unwrap_or_default();
        layer.op = Op::Strided(kind, words.len() as u32);
        layer.input = BufferRef::None;
        layer.input_dtype = DType::F32;
        layer.output_dtype = DType::F32;
        layer.output_shape = HwcShape::vector(made);
        layer.input_shape = layer.output_shape;
        layer.weights = Some(Weights {
            dtype: DType::F32,
            offset: self.weights.len() as u32,
            bias: None,
        });
        for word in words {
            let word = self.number(word)?;
            self.weights.extend(word.to_le_bytes());
        }
        self.weights
            .resize(self.weights.len().next_multiple_of(64), 0);
        Ok(())
    }

    /// A tensor in order without some dimensions (counted from behind); now and then reversed,
    /// repeated or begun later.
    fn walk(&mut self, sizes: &[u32], without: &[usize]) -> Result<Strides> {
        let mut strides = vec![0; sizes.len()];
        let mut next = 1_i32;
        let mut first = 0_u32;
        for (dim, size) in sizes.iter().enumerate().rev() {
            if without.contains(&(sizes.len() - dim)) {
                continue;
            }
            let size = i32::try_from(*size).unwrap_or(i32::MAX);
            strides[dim] = match self.from.int_in_range(0..=15)? {
                0 => 0,
                1 => {
                    first = first
                        .saturating_add(next.saturating_mul(size.saturating_sub(1)).unsigned_abs());
                    -next
                }
                _ => next,
            };
            next = next.saturating_mul(size);
        }
        if self.from.ratio(1, 16)? {
            first = first.saturating_add(self.small(4)?);
        }
        Ok(Strides { first, strides })
    }

    /// The file; the last layer's output is the image.
    fn file(mut self, latent: u32) -> Result<Vec<u8>> {
        let shape = self.shape;
        let mut shape = Shape {
            channels: shape.channels as usize,
            height: shape.height as usize,
            width: shape.width as usize,
        };
        if shape.height == 1 && shape.width == 1 {
            // A vector, CHW.
            let rows = 1 + self.small(3)? as usize;
            shape = Shape {
                channels: 1,
                height: rows,
                width: shape.channels / rows,
            };
            if let Some(Layer {
                op: Op::HwcToChw,
                input_shape: from,
                ..
            }) = self.layers.last()
            {
                shape = Shape {
                    channels: from.channels as usize,
                    height: from.height as usize,
                    width: from.width as usize,
                };
            }
        }
        if let Some(last) = self.layers.last_mut() {
            last.output = BufferRef::Image;
        }
        let card: &[u8] = br#"{"classes":["a","b"]}"#;
        let begin = HEADER_LEN + self.layers.len() * LAYER_LEN;
        let mut file = vec![0; begin];
        for (i, layer) in self.layers.iter().enumerate() {
            let at = HEADER_LEN + i * LAYER_LEN;
            if let Some(Ok(record)) = file.get_mut(at..at + LAYER_LEN).map(TryInto::try_into) {
                layer.emit(record);
            }
        }
        file.extend(card);
        file.resize(file.len().next_multiple_of(64), 0);
        file.extend(&self.weights);
        // Some words are whatever the input holds.
        for _ in 0..self.from.int_in_range(0..=2)? {
            let word = self.from.int_in_range(HEADER_LEN / 4..=begin / 4 - 1)?;
            if self.from.ratio(1, 4)? {
                let value: u32 = self.from.arbitrary()?;
                file[4 * word..4 * word + 4].copy_from_slice(&value.to_le_bytes());
            }
        }
        let classes = self.small(2)?;
        let header = Header {
            version: VERSION,
            file_len: 0,
            checksum: 0,
            scratch_len: self.taken.next_multiple_of(64),
            latent_len: latent,
            classes,
            shape,
            range: PixelRange::SIGNED,
            distribution: Distribution::Normal,
            layers: self.layers.len() as u32,
            card_len: card.len() as u32,
        };
        if let Some(Ok(bytes)) = file.get_mut(..HEADER_LEN).map(TryInto::try_into) {
            header.emit(bytes);
        }
        Ok(file)
    }
}
