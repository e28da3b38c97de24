//! From a [network](super::ir) to layers of the device: which kind of layer each node becomes, and
//! which buffers it reads and writes.

mod orders;
mod work;

use dreamlet_runtime::engine::compiled::format::{
    Activation, Broadcast, Convolution, Coordinates, DType, HwcShape, MAX_RANK, Op as Layer,
    PadKind, StridedWork,
};
use dreamlet_runtime::engine::compiled::{col2im_scratch, upsample_scratch};

use crate::error::CompileError;
use crate::ir::{Net, NetNode, Op, OperandSource, StridedOp, ValueId, Walk, len};
use crate::options::Precision;
use crate::passes::crop::cut;
use crate::steps::{F32Weights, Lowered, Operand, Step, StridedStep, bytes};
use crate::upsample::{self, kinds};

use orders::{is_interleaved, is_planar, is_transposition, shuffles};
use work::prefers_col2im;

pub(crate) use work::products;

/// Makes the layers of a rewritten network. Layers that have no int8 form are made only for a
/// `precision` of floats.
///
/// # Errors
/// [`CompileError::Node`] for a change of order that no layer makes.
pub(crate) fn lower(net: &Net, precision: Precision) -> Result<Lowered, CompileError> {
    let mut lowering = Lowering {
        net,
        all_f32: precision != Precision::Int8,
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
    /// Whether no layer will be quantized.
    all_f32: bool,
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

    /// A step of `node` that makes `value` of `shape`; its buffer is new if the value has no place
    /// yet.
    fn step(&mut self, node: &NetNode, op: Layer, value: ValueId, shape: HwcShape) -> Step {
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
            strided: None,
            value,
            origin: node.origin.clone(),
        }
    }

    /// Adds a step. Only a vector can be read from the latent vector, so an image made of it is
    /// copied first.
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
                strided: None,
                value: self.net.latent,
                ..step.clone()
            };
            self.out.steps.push(copy);
            step.input = buffer;
        }
        self.out.steps.push(step);
    }

    fn node(&mut self, node: &NetNode) -> Result<(), CompileError> {
        let to = self.net.shape(node.output);
        let weights = |weights: &[f32], bias: Option<&[f32]>| {
            Some(F32Weights {
                weights: weights.to_vec(),
                bias: bias.map(<[f32]>::to_vec),
            })
        };
        let whole = |step: &mut Step| {
            step.input_shape = HwcShape::vector(step.input_shape.len() as u32);
        };
        // Element-wise layers take values with one constant for each element as vectors.
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
            Op::Bilinear => {
                let op = Layer::Bilinear(Coordinates::HalfPixel);
                self.step(node, op, node.output, to)
            }
            Op::Pad(before, fill) => {
                let kind = PadKind::Constant(*fill);
                self.step(node, Layer::Pad(*before, kind), node.output, to)
            }
            Op::Lookup { table } => {
                let mut step = self.step(node, Layer::Lookup, node.output, to);
                step.weights = weights(table, None);
                step
            }
            Op::Concat => {
                self.concat(node, to);
                return Ok(());
            }
            Op::Strided(works) => {
                for work in works {
                    self.strided(node, work.clone());
                }
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
    fn copied(&mut self, node: &NetNode, value: ValueId) -> Operand {
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
            strided: None,
            value,
            origin: node.origin.clone(),
        });
        buffer
    }

    fn concat(&mut self, node: &NetNode, to: HwcShape) {
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

    /// The layer of a convolution that multiplies least. One that can write channels after one
    /// another does so where a change of order follows.
    fn convolution(&mut self, node: &NetNode, geometry: Convolution) -> Step {
        let (from, to) = (self.net.shape(node.inputs[0]), self.net.shape(node.output));
        if geometry.groups != 1 {
            return self.step(node, Layer::GroupConv(geometry), node.output, to);
        }
        if !prefers_col2im(&geometry, from, to) {
            return self.step(node, Layer::Conv(geometry), node.output, to);
        }
        // The sums of one channel after the other: as the image has them, or where there is but
        // one.
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

    /// A transposed convolution that is a doubling and a convolution becomes the layer that makes
    /// use of it, where that pays.
    fn upsample(&mut self, step: &mut Step) {
        let (Layer::Conv(geometry), Some(weights), true) = (step.op, &step.weights, self.all_f32)
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
        step.weights = Some(F32Weights {
            weights: kinds,
            bias: weights.bias.clone(),
        });
        step.second = self.buffer(upsample_scratch(from, to).unwrap_or(u64::MAX));
    }

    fn reorder(&mut self, node: &NetNode, positions: &[u32]) -> Result<(), CompileError> {
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
            // A transposed convolution of one tap for each channel by itself, whose first outputs
            // are cut off.
            step.op = Layer::GroupConv(Convolution {
                kernel: [1; 2],
                stride: [1; 2],
                pad: cut,
                dilation: [1; 2],
                groups: from.channels,
                transposed: true,
                planar: false,
            });
            step.weights = Some(F32Weights {
                weights: vec![1.0; from.channels as usize],
                bias: None,
            });
        } else if len(from) == len(to) && is_transposition(positions, from, to) {
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
            self.strided(node, gathered(positions, len(from)));
            return Ok(());
        }
        self.push(step);
        Ok(())
    }

    /// A step of general work.
    fn strided(&mut self, node: &NetNode, op: StridedOp) {
        let to = self.net.shape(node.output);
        let kind = op.work.kind();
        let mut step = self.step(node, Layer::Strided(kind, 0), node.output, to);
        let operands = op.operands.iter().map(|(source, _)| match source {
            OperandSource::Input(at) => self.home(node.inputs[*at]),
            OperandSource::Constant(_) => Operand::None,
        });
        let operands = operands.collect();
        step.strided = Some(Box::new(StridedStep { op, operands }));
        step.input = Operand::None;
        step.input_shape = to;
        self.out.steps.push(step);
    }

    /// The last layer writes the image itself; where it cannot, a copy does.
    fn finish(&mut self) {
        let home = self.home(self.net.image);
        let last = self.out.steps.last_mut();
        match last {
            Some(step) if step.output == home && writes_all(step) => {
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
                    strided: None,
                    value: self.net.image,
                    origin: "image".into(),
                });
            }
        }
    }
}

/// Whether a step writes every element of its value.
fn writes_all(step: &Step) -> bool {
    let parts = step.strided.as_ref().is_some_and(|strided| {
        let made: usize = strided.op.output.positions(&strided.op.sizes).len();
        let reduced = matches!(
            strided.op.work,
            StridedWork::Reduce(..) | StridedWork::MatMul | StridedWork::Attention(_)
        );
        !reduced && made as u64 != step.output_shape.len()
    });
    !parts && !matches!(step.op, Layer::ConcatChannels(_))
}

/// A change of order as work by strides: a copy where the positions are such, else each element by
/// its position.
fn gathered(positions: &[u32], from: usize) -> StridedOp {
    let source = OperandSource::Input(0);
    if let Some((sizes, walk)) = strides_of(positions) {
        let output = contiguous(&sizes);
        return StridedOp {
            sizes,
            output,
            operands: vec![(source, walk)],
            work: StridedWork::Move(None),
        };
    }
    StridedOp {
        sizes: vec![positions.len()],
        output: contiguous(&[positions.len()]),
        operands: vec![(source, contiguous(&[from]))],
        work: StridedWork::Resample {
            axis: 0,
            positions: u32::try_from(from).unwrap_or(u32::MAX),
            taps: positions.iter().map(|&at| vec![(at, 1.0)]).collect(),
        },
    }
}

fn contiguous(sizes: &[usize]) -> Walk {
    let mut next = 1;
    let strides = sizes.iter().rev().map(|&size| {
        let stride = next;
        next *= size as i64;
        stride
    });
    let mut strides: Vec<i64> = strides.collect();
    strides.reverse();
    Walk { first: 0, strides }
}

/// The index space in which positions are a walk, if there is one of few dimensions.
fn strides_of(positions: &[u32]) -> Option<(Vec<usize>, Walk)> {
    let mut all: Vec<i64> = positions.iter().map(|&at| i64::from(at)).collect();
    let first = *all.first()?;
    let (mut sizes, mut strides) = (Vec::new(), Vec::new());
    while all.len() > 1 {
        let stride = all[1] - all[0];
        let steady = all
            .windows(2)
            .take_while(|pair| pair[1] - pair[0] == stride)
            .count()
            + 1;
        // The longest run that divides the whole and that every part keeps.
        let fits = |run: usize| {
            all.len().is_multiple_of(run)
                && all.chunks(run).all(|part| {
                    part.iter()
                        .enumerate()
                        .all(|(i, at)| *at == part[0] + i as i64 * stride)
                })
        };
        let run = (2..=steady).rev().find(|&run| fits(run))?;
        sizes.insert(0, run);
        strides.insert(0, stride);
        all = all.into_iter().step_by(run).collect();
        if sizes.len() > MAX_RANK {
            return None;
        }
    }
    if sizes.is_empty() {
        (sizes, strides) = (vec![1], vec![0]);
    }
    Some((sizes, Walk { first, strides }))
}
