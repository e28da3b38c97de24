//! The network between the ONNX file and the compiled layers: every pass works on it, and the
//! [interpreter](super::interpreter) runs it.
//!
//! It is for one image: the batch's axis is gone. Every value has rows, columns and channels, and
//! is in HWC order as on the device; a vector is `1 x 1 x n`. Elements only change places at
//! [`Op::Reorder`], which says how.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, Convolution, HwcShape, Instruction, StridedWork,
};

/// A value of the network.
pub(crate) type ValueId = usize;

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShapedValue {
    /// Rows, columns, channels.
    pub(crate) shape: HwcShape,
}

/// What a node does. Weights are in orders that are easy to compute with; `pack` makes the
/// device's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    /// Matrix times vector. Weights `[outputs][inputs]`, one bias for each output; both in the
    /// order of the values' memory.
    Dense { weights: Vec<f32>, bias: Vec<f32> },
    /// Convolution or transposed convolution. Weights `[output channel][input channel of the
    /// group][kernel row][kernel column]` for both.
    Conv {
        geometry: Convolution,
        weights: Vec<f32>,
        bias: Vec<f32>,
    },
    /// Nothing but the node's activation.
    Activate,
    /// `x * scale + shift`; one of each for each channel, or for each element.
    Affine { scale: Vec<f32>, shift: Vec<f32> },
    /// Two values, element by element.
    Binary(BinaryKind, Broadcast),
    /// Each pixel repeated by whole factors.
    Nearest,
    /// Each pixel becomes four, by bilinear interpolation with half pixels; the edge goes on outside.
    Bilinear,
    /// A border of this element; so many rows above and columns left.
    Pad([u32; 2], f32),
    /// The channels of all inputs one after the other.
    Concat,
    /// Output element `i` is input element `positions[i]`. Without positions only the shape
    /// changes. Not all elements need be taken.
    Reorder(Option<Vec<u32>>),
    /// The class's row of a table, `[classes][elements]`.
    Lookup { table: Vec<f32> },
    /// General work by strides, each part into the same value.
    Strided(Vec<StridedOp>),
}

/// Work over an index space, see
/// [`StridedLayer`](dreamlet_runtime::engine::compiled::format::StridedLayer).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StridedOp {
    pub(crate) sizes: Vec<usize>,
    pub(crate) output: Walk,
    pub(crate) operands: Vec<(OperandSource, Walk)>,
    pub(crate) work: StridedWork,
}

impl StridedOp {
    /// The program of a map.
    pub(crate) fn program(&self) -> Option<&[Instruction]> {
        match &self.work {
            StridedWork::Map(program) => Some(program),
            _ => None,
        }
    }

    /// Multiplications of one image, or instructions and sums that take as long.
    pub(crate) fn work(&self) -> u64 {
        let volume = self.sizes.iter().fold(1u64, |all, size| {
            all.saturating_mul(u64::try_from(*size).unwrap_or(u64::MAX))
        });
        match &self.work {
            StridedWork::Map(program) => volume.saturating_mul(program.len() as u64),
            StridedWork::Reduce(..) | StridedWork::MatMul => volume,
            StridedWork::Attention(_) => {
                let without = |behind: usize| {
                    let dim = self.sizes.len().checked_sub(behind);
                    let size = dim.and_then(|dim| self.sizes.get(dim)).copied();
                    volume / size.unwrap_or(1).max(1) as u64
                };
                without(3).saturating_add(without(1))
            }
            StridedWork::Move(_) => 0,
            StridedWork::Resample { taps, .. } => {
                let each = volume / taps.len().max(1) as u64;
                let all: usize = taps.iter().map(Vec::len).sum();
                each.saturating_mul(all as u64)
            }
        }
    }
}

/// What strided work reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OperandSource {
    /// Input number so and so of the node.
    Input(usize),
    Constant(Vec<f32>),
}

/// How a value is walked: its first element, and a distance for each dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) first: i64,
    pub(crate) strides: Vec<i64>,
}

impl Walk {
    /// Positions of all elements, the last dimension fastest.
    pub(crate) fn positions(&self, sizes: &[usize]) -> Vec<usize> {
        let mut all = vec![self.first];
        for (size, stride) in sizes.iter().zip(&self.strides) {
            let steps = |from: i64| (0..*size as i64).map(move |i| from + i * stride);
            all = all.into_iter().flat_map(steps).collect();
        }
        all.into_iter()
            .map(|at| usize::try_from(at).unwrap_or(usize::MAX))
            .collect()
    }
}

/// One operation with one result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NetNode {
    pub(crate) op: Op,
    /// What happens to the result at last.
    pub(crate) activation: Activation,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) output: ValueId,
    /// The ONNX node it comes from, for messages and reports.
    pub(crate) origin: String,
}

impl NetNode {
    /// The work by strides that it is, if it is one piece and nothing else.
    pub(crate) fn strided(&self) -> Option<&StridedOp> {
        match &self.op {
            Op::Strided(works) => match works.as_slice() {
                [work] => Some(work),
                _ => None,
            },
            _ => None,
        }
    }

    /// The program of the map that it is.
    pub(crate) fn program(&self) -> Option<&[Instruction]> {
        self.strided()?.program()
    }
}

/// A generator for one image. Nodes are in the order in which they run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Net {
    pub(crate) values: Vec<ShapedValue>,
    pub(crate) nodes: Vec<NetNode>,
    /// The latent vector.
    pub(crate) latent: ValueId,
    /// The image, at last a vector in the order channel, row, column.
    pub(crate) image: ValueId,
    /// Number of classes, 0 for an unconditional generator.
    pub(crate) classes: usize,
}

/// Elements of a shape, as an index.
pub(crate) fn len(shape: HwcShape) -> usize {
    usize::try_from(shape.len()).unwrap_or(usize::MAX)
}

impl Net {
    /// A network of a latent vector and nothing else.
    pub(crate) fn new(latent_len: u32, classes: usize) -> Self {
        let latent = ShapedValue {
            shape: HwcShape::vector(latent_len),
        };
        Self {
            values: vec![latent],
            nodes: Vec::new(),
            latent: 0,
            image: 0,
            classes,
        }
    }

    /// A value that nothing makes yet.
    pub(crate) fn value(&mut self, shape: HwcShape) -> ValueId {
        self.values.push(ShapedValue { shape });
        self.values.len() - 1
    }

    /// Adds a node at the end and gives what it makes.
    pub(crate) fn push(
        &mut self,
        op: Op,
        inputs: Vec<ValueId>,
        shape: HwcShape,
        origin: &str,
    ) -> ValueId {
        let output = self.value(shape);
        self.nodes.push(NetNode {
            op,
            activation: Activation::None,
            inputs,
            output,
            origin: origin.into(),
        });
        output
    }

    pub(crate) fn shape(&self, value: ValueId) -> HwcShape {
        self.values[value].shape
    }

    /// Position of the node that makes `value`.
    pub(crate) fn producer(&self, value: ValueId) -> Option<usize> {
        self.nodes.iter().position(|node| node.output == value)
    }

    /// How often `value` is used; being the image is a use.
    pub(crate) fn uses(&self, value: ValueId) -> usize {
        let inputs = self.nodes.iter().flat_map(|node| &node.inputs);
        inputs.filter(|&&input| input == value).count() + usize::from(self.image == value)
    }

    /// The node that makes input 0 of node `at`, if nothing else uses what it makes.
    pub(crate) fn only_producer(&self, at: usize) -> Option<usize> {
        let input = *self.nodes[at].inputs.first()?;
        self.producer(input).filter(|_| self.uses(input) == 1)
    }

    /// Makes everything that used `old` use `new`.
    pub(crate) fn replace(&mut self, old: ValueId, new: ValueId) {
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.inputs) {
            if *input == old {
                *input = new;
            }
        }
        if self.image == old {
            self.image = new;
        }
    }

    /// Drops nodes that the image does not depend on.
    pub(crate) fn prune(&mut self) {
        let mut needed = vec![false; self.values.len()];
        needed[self.image] = true;
        for node in self.nodes.iter().rev() {
            if needed[node.output] {
                for &input in &node.inputs {
                    needed[input] = true;
                }
            }
        }
        self.nodes.retain(|node| needed[node.output]);
    }
}

/// One constant for each channel becomes one for each element.
pub(crate) fn per_element(values: &[f32], shape: HwcShape) -> Vec<f32> {
    values.iter().copied().cycle().take(len(shape)).collect()
}

/// One constant for each element becomes one for each channel, where all pixels agree.
pub(crate) fn per_channel(values: Vec<f32>, shape: HwcShape) -> Vec<f32> {
    let channels = shape.channels as usize;
    let agree = values
        .chunks(channels)
        .all(|pixel| pixel == &values[..channels]);
    if agree {
        values[..channels].to_vec()
    } else {
        values
    }
}
