//! From a [network](super::ir) to layers of the device: which kind of layer each node becomes, and which buffers they read and write.

use dreamlet_runtime::engine::compiled::format::{
    Activation, Broadcast, Convolution, DType, HwcShape, Op as Layer, padded,
};
use dreamlet_runtime::engine::compiled::{ConvAxis, col2im_scratch, upsample_scratch};

use super::import::value::planar_position;
use super::ir::{Net, Node, Op, ValueId, len};
use super::pack::Packed;
use super::passes::crop::cut;
use super::upsample::{self, kinds};
use super::{CompileError, Precision};

/// A tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    None,
    Latent,
    Image,
    /// In a buffer, from this byte on.
    Buffer {
        index: usize,
        offset: u32,
    },
}

/// Weights in an order that is easy to compute with, see [`super::ir::Op`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Option<Vec<f32>>,
}

/// A layer before it has addresses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) op: Layer,
    pub(crate) input: Operand,
    pub(crate) input_dtype: DType,
    pub(crate) input_shape: HwcShape,
    pub(crate) second: Operand,
    pub(crate) output: Operand,
    pub(crate) output_dtype: DType,
    pub(crate) output_shape: HwcShape,
    pub(crate) activation: Activation,
    pub(crate) weights: Option<Weights>,
    /// Tensors that are quantized and packed already, in the place of `weights`.
    pub(crate) packed: Option<Packed>,
    /// The value of the network that it makes.
    pub(crate) value: ValueId,
    /// The ONNX node it comes from.
    pub(crate) origin: String,
}

/// Layers in the order in which they run, and the sizes of their buffers in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lowered {
    pub(crate) steps: Vec<Step>,
    pub(crate) buffers: Vec<u64>,
}

/// Bytes of a value.
pub(crate) fn bytes(shape: HwcShape, number: DType) -> u64 {
    shape.len() * number.size() as u64
}

/// Makes the layers of a rewritten network; layers that have no integer form are made only where `precision` has floats.
///
/// # Errors
/// [`CompileError::Node`] for a change of order that no layer makes.
pub(crate) fn lower(net: &Net, precision: Precision) -> Result<Lowered, CompileError> {
    let mut lowering = Lowering {
        net,
        floats: precision != Precision::Int8,
        homes: vec![None; net.values.len()],
        done: vec![false; net.nodes.len()],
        out: Lowered::default(),
    };
    lowering.homes[net.latent] = Some(Operand::Latent);
    lowering.place_parts();
    for (at, node) in net.nodes.iter().enumerate() {
        if !lowering.done[at] {
            lowering.node(node)?;
        }
    }
    lowering.finish();
    Ok(lowering.out)
}

struct Lowering<'a> {
    net: &'a Net,
    /// Whether all layers compute with floats.
    floats: bool,
    /// Where each value is.
    homes: Vec<Option<Operand>>,
    /// Nodes that an earlier layer does along with its own work.
    done: Vec<bool>,
    out: Lowered,
}

impl Lowering<'_> {
    fn buffer(&mut self, bytes: u64) -> Operand {
        self.out.buffers.push(bytes);
        Operand::Buffer {
            index: self.out.buffers.len() - 1,
            offset: 0,
        }
    }

    fn home(&self, value: ValueId) -> Operand {
        self.homes[value].unwrap_or(Operand::None)
    }

    /// Vectors that are joined are written where the joined one is.
    fn place_parts(&mut self) {
        for node in &self.net.nodes {
            let to = self.net.shape(node.output);
            if node.op != Op::Concat {
                continue;
            }
            let Operand::Buffer { index, .. } = self.buffer(bytes(to, DType::F32)) else {
                continue;
            };
            self.homes[node.output] = Some(Operand::Buffer { index, offset: 0 });
            if (to.height, to.width) != (1, 1) {
                continue;
            }
            let mut offset = 0;
            for &part in &node.inputs {
                let makes = self.net.producer(part).map(|at| &self.net.nodes[at].op);
                let movable = makes.is_some_and(|op| !matches!(op, Op::Concat | Op::Reorder(_)));
                if movable && self.net.uses(part) == 1 {
                    self.homes[part] = Some(Operand::Buffer { index, offset });
                }
                offset += 4 * self.net.shape(part).channels;
            }
        }
    }

    /// A step of `node` that makes `value` of `shape`; its buffer is new if the value has no place yet.
    fn step(&mut self, node: &Node, op: Layer, value: ValueId, shape: HwcShape) -> Step {
        let output = match self.homes[value] {
            Some(home) => home,
            None => self.buffer(bytes(shape, DType::F32)),
        };
        self.homes[value] = Some(output);
        let input = node.inputs.first();
        Step {
            op,
            input: input.map_or(Operand::None, |&input| self.home(input)),
            input_dtype: DType::F32,
            input_shape: input.map_or(HwcShape::vector(1), |&input| self.net.shape(input)),
            second: Operand::None,
            output,
            output_dtype: DType::F32,
            output_shape: shape,
            activation: node.activation,
            weights: None,
            packed: None,
            value,
            origin: node.origin.clone(),
        }
    }

    /// Adds a step. Only a vector can be read from the latent vector, so an image made of it is copied first.
    fn push(&mut self, mut step: Step) {
        let whole = HwcShape::vector(step.input_shape.len() as u32);
        if step.input == Operand::Latent && step.input_shape != whole {
            let buffer = self.buffer(bytes(whole, DType::F32));
            let copy = Step {
                op: Layer::Activate,
                input_shape: whole,
                output: buffer,
                output_shape: whole,
                activation: Activation::None,
                second: Operand::None,
                weights: None,
                packed: None,
                value: self.net.latent,
                ..step.clone()
            };
            self.out.steps.push(copy);
            step.input = buffer;
        }
        self.out.steps.push(step);
    }

    fn node(&mut self, node: &Node) -> Result<(), CompileError> {
        let to = self.net.shape(node.output);
        let weights = |weights: &[f32], bias: Option<&[f32]>| {
            Some(Weights {
                weights: weights.to_vec(),
                bias: bias.map(<[f32]>::to_vec),
            })
        };
        let whole = |step: &mut Step| {
            step.input_shape = HwcShape::vector(step.input_shape.len() as u32);
        };
        // What is done to each number alone takes values with one constant for each number as vectors.
        let flat = |step: &mut Step, constants: usize| {
            if constants != to.channels as usize {
                whole(step);
                step.output_shape = step.input_shape;
            }
        };
        let step = match &node.op {
            Op::Dense { weights: w, bias } => {
                let mut step = self.step(node, Layer::Dense, node.output, to);
                whole(&mut step);
                step.weights = weights(w, Some(bias));
                step
            }
            Op::Conv {
                geometry,
                weights: w,
                bias,
            } => {
                let mut step = self.convolution(node, *geometry);
                step.weights = weights(w, Some(bias));
                self.upsample(&mut step);
                step
            }
            Op::Activate => {
                let mut step = self.step(node, Layer::Activate, node.output, to);
                whole(&mut step);
                step.output_shape = step.input_shape;
                step
            }
            Op::Affine { scale, shift } => {
                let mut step = self.step(node, Layer::Affine, node.output, to);
                flat(&mut step, scale.len());
                step.weights = weights(scale, Some(shift));
                step
            }
            Op::Prelu { slopes } => {
                let mut step = self.step(node, Layer::Prelu, node.output, to);
                flat(&mut step, slopes.len());
                step.weights = weights(slopes, None);
                step
            }
            Op::Binary(kind, broadcast) => {
                let mut step = self.step(node, Layer::Binary(*kind, *broadcast), node.output, to);
                if *broadcast == Broadcast::Same {
                    whole(&mut step);
                    step.output_shape = step.input_shape;
                }
                let second = node.inputs.get(1).copied().unwrap_or(self.net.latent);
                step.second = self.home(second);
                // The two may not lie in the same place, and the latent vector is no second.
                if step.second == Operand::Latent || step.second == step.input {
                    step.second = self.copied(node, second);
                }
                step
            }
            Op::Nearest => self.step(node, Layer::Nearest, node.output, to),
            Op::Bilinear(coordinates) => {
                self.step(node, Layer::Bilinear(*coordinates), node.output, to)
            }
            Op::DepthToSpace(crd) => self.step(node, Layer::DepthToSpace(*crd), node.output, to),
            Op::Pad(before, kind) => self.step(node, Layer::Pad(*before, *kind), node.output, to),
            Op::Lookup { table } => {
                let mut step = self.step(node, Layer::Lookup, node.output, to);
                step.weights = weights(table, None);
                step
            }
            Op::Concat => {
                self.concat(node, to);
                return Ok(());
            }
            Op::Reorder(None) => {
                self.homes[node.output] = Some(self.home(node.inputs[0]));
                return Ok(());
            }
            Op::Reorder(Some(positions)) => return self.reorder(node, positions),
        };
        self.push(step);
        Ok(())
    }

    /// A copy of a value where it cannot be read from its own place.
    fn copied(&mut self, node: &Node, value: ValueId) -> Operand {
        let shape = HwcShape::vector(self.net.shape(value).len() as u32);
        let buffer = self.buffer(bytes(shape, DType::F32));
        self.out.steps.push(Step {
            op: Layer::Activate,
            input: self.home(value),
            input_dtype: DType::F32,
            input_shape: shape,
            second: Operand::None,
            output: buffer,
            output_dtype: DType::F32,
            output_shape: shape,
            activation: Activation::None,
            weights: None,
            packed: None,
            value,
            origin: node.origin.clone(),
        });
        buffer
    }

    fn concat(&mut self, node: &Node, to: HwcShape) {
        let mut first = 0;
        for &part in &node.inputs {
            let own = self.net.shape(part);
            let inside = matches!((self.home(part), self.home(node.output)),
                (Operand::Buffer { index: a, .. }, Operand::Buffer { index: b, .. }) if a == b);
            if !inside {
                let mut step = self.step(node, Layer::ConcatChannels(first), node.output, to);
                step.input = self.home(part);
                step.input_shape = own;
                step.activation = Activation::None;
                self.push(step);
            }
            first += own.channels;
        }
    }

    /// The layer of a convolution that multiplies least. One that can write channels after one another does so where that is asked for.
    fn convolution(&mut self, node: &Node, geometry: Convolution) -> Step {
        let (from, to) = (self.net.shape(node.inputs[0]), self.net.shape(node.output));
        if geometry.groups != 1 {
            return self.step(node, Layer::GroupConv(geometry), node.output, to);
        }
        if !prefers_few(&geometry, from, to) {
            return self.step(node, Layer::Conv(geometry), node.output, to);
        }
        // The sums of one channel after the other: as the image has them, or where there is but one.
        let mut geometry = geometry;
        let mut value = node.output;
        let next = self.net.nodes.iter().position(|next| {
            next.inputs == [node.output]
                && matches!(&next.op, Op::Reorder(Some(positions)) if is_planar(positions, to))
        });
        match next.filter(|_| self.net.uses(node.output) == 1) {
            Some(next) => {
                geometry.planar = true;
                value = self.net.nodes[next].output;
                self.done[next] = true;
            }
            None if to.channels == 1 => {}
            None => return self.step(node, Layer::Conv(geometry), node.output, to),
        }
        let mut step = self.step(node, Layer::Col2ImConv(geometry), value, to);
        step.second = self.buffer(col2im_scratch(&geometry, from, to).unwrap_or(u64::MAX));
        step
    }

    /// A transposed convolution that is a doubling and a convolution becomes the layer that makes use of it, where that pays.
    fn upsample(&mut self, step: &mut Step) {
        let (Layer::Conv(geometry), Some(weights), true) = (step.op, &step.weights, self.floats)
        else {
            return;
        };
        let (from, to) = (step.input_shape, step.output_shape);
        if !upsample::pays(from, to, products(&geometry, from, to)) {
            return;
        }
        let Some(kinds) = kinds(&geometry, &weights.weights, from, to) else {
            return;
        };
        step.op = Layer::UpsampleConv;
        step.weights = Some(Weights {
            weights: kinds,
            bias: weights.bias.clone(),
        });
        step.second = self.buffer(upsample_scratch(from, to).unwrap_or(u64::MAX));
    }

    fn reorder(&mut self, node: &Node, positions: &[u32]) -> Result<(), CompileError> {
        let (from, to) = (self.net.shape(node.inputs[0]), self.net.shape(node.output));
        let vector = HwcShape::vector(to.len() as u32);
        let mut step = self.step(node, Layer::HwcToChw, node.output, to);
        if is_planar(positions, from) {
            step.output_shape = vector;
        } else if len(from) == len(to) && is_interleaved(positions, to) {
            step.op = Layer::ChwToHwc;
            step.input_shape = vector;
        } else if let Some(crd) = shuffles(positions, from, to) {
            step.op = Layer::DepthToSpace(crd);
        } else if let Some(cut) = cut(positions, from, to) {
            // A transposed convolution of one tap for each channel by itself, whose first outputs are cut off.
            step.op = Layer::GroupConv(Convolution {
                kernel: [1; 2],
                stride: [1; 2],
                pad: cut,
                dilation: [1; 2],
                groups: from.channels,
                transposed: true,
                planar: false,
            });
            step.weights = Some(Weights {
                weights: vec![1.0; from.channels as usize],
                bias: None,
            });
        } else if len(from) == len(to)
            && (0..positions.len())
                .all(|i| positions[planar_position(to, i)] as usize == planar_position(from, i))
        {
            let buffer = self.buffer(bytes(vector, DType::F32));
            let mut second = step.clone();
            step.output = buffer;
            step.output_shape = vector;
            second.op = Layer::ChwToHwc;
            second.input = buffer;
            second.input_shape = vector;
            self.push(step);
            step = second;
        } else {
            return Err(CompileError::Node {
                node: node.origin.clone(),
                reason: format!(
                    "transpositions and reshapes before it move numbers between {from:?} and {to:?} in an order that no layer makes"
                ),
            });
        }
        self.push(step);
        Ok(())
    }

    /// The last layer writes the image itself; where it cannot, a copy does.
    fn finish(&mut self) {
        let home = self.home(self.net.image);
        let last = self.out.steps.last_mut();
        match last {
            Some(step) if step.output == home && !matches!(step.op, Layer::ConcatChannels(_)) => {
                step.output = Operand::Image;
            }
            _ => {
                let shape = HwcShape::vector(len(self.net.shape(self.net.image)) as u32);
                self.out.steps.push(Step {
                    op: Layer::Activate,
                    input: home,
                    input_dtype: DType::F32,
                    input_shape: shape,
                    second: Operand::None,
                    output: Operand::Image,
                    output_dtype: DType::F32,
                    output_shape: shape,
                    activation: Activation::None,
                    weights: None,
                    packed: None,
                    value: self.net.image,
                    origin: "image".into(),
                });
            }
        }
    }
}

/// Whether number `i` comes from where channels after one another have it.
fn is_planar(positions: &[u32], from: HwcShape) -> bool {
    let pairs = positions.iter().enumerate();
    positions.len() == len(from)
        && pairs
            .into_iter()
            .all(|(i, &at)| at as usize == planar_position(from, i))
}

/// Whether the result is channels side by side of channels after one another.
fn is_interleaved(positions: &[u32], to: HwcShape) -> bool {
    (0..positions.len()).all(|i| positions[planar_position(to, i)] as usize == i)
}

/// Whether blocks of channels become blocks of pixels, and in which of the two orders.
fn shuffles(positions: &[u32], from: HwcShape, to: HwcShape) -> Option<bool> {
    let block = to.height.checked_div(from.height)?;
    let fits = block > 1
        && to.height == block * from.height
        && to.width == block * from.width
        && from.channels == block * block * to.channels;
    if !fits {
        return None;
    }
    [false, true].into_iter().find(|&crd| {
        positions.iter().enumerate().all(|(i, &at)| {
            let i = i as u32;
            let (pixel, channel) = (i / to.channels, i % to.channels);
            let (row, column) = (pixel / to.width, pixel % to.width);
            let within = row % block * block + column % block;
            let source = if crd {
                channel * block * block + within
            } else {
                within * to.channels + channel
            };
            at == (row / block * from.width + column / block) * from.channels + source
        })
    })
}

/// Pairs of an output and a tap along both axes, of which an input position exists.
pub(crate) fn products(geometry: &Convolution, from: HwcShape, to: HwcShape) -> u64 {
    let pairs = |axis: &ConvAxis| -> u64 {
        let phases = 0..axis.phases();
        phases
            .map(|phase| {
                let outputs = axis.outputs(phase);
                let taps = axis.taps(phase);
                let inside = taps.iter().map(|tap| {
                    let (begin, end) = axis.inside(tap.offset, 0, outputs);
                    (end - begin) as u64
                });
                inside.sum::<u64>()
            })
            .sum()
    };
    ConvAxis::pair(geometry, from, to)
        .iter()
        .map(pairs)
        .product()
}

/// Whether multiplying every input pixel with all taps at once is less work than gathering for each output, with both padded to blocks.
fn prefers_few(geometry: &Convolution, from: HwcShape, to: HwcShape) -> bool {
    let taps = geometry.kernel[0] as usize * geometry.kernel[1] as usize;
    let channels = u64::from(from.channels);
    let few = padded(to.channels as usize * taps) as u64
        * u64::from(from.height)
        * u64::from(from.width)
        * channels;
    let gather = products(geometry, from, to) * u64::from(to.channels);
    let direct = products(geometry, from, to) * padded(to.channels as usize) as u64 * channels;
    col2im_scratch(geometry, from, to).is_some() && few + gather < direct
}
