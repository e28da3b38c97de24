//! The canonical graph: values by number, nodes in the order in which they run, few operators that
//! all have one meaning.
//!
//! Every ONNX operator of every operator set becomes some of these (`ops` says how), for one image:
//! shapes are known, constants computed, defaults filled in, axes counted from 0, pads explicit.
//! Both engines and the [reference](crate::reference) run only these.

use crate::constant::{Constant, DType};
pub use crate::shape::Part;
use crate::shape::{broadcast, elements};

/// Number of a value in its graph.
pub type ValueId = usize;

/// A graph of which every shape is known, for a batch of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// What nodes take and make.
    pub values: Vec<Value>,
    /// The nodes; each comes after those that make its inputs, and depends on an input.
    pub nodes: Vec<Node>,
    /// The latent input, float32 `[1, latent_len]`.
    pub latent: ValueId,
    /// The class input of a conditional generator, int64 `[1]`.
    pub class: Option<ValueId>,
    /// The output, float32.
    pub image: ValueId,
}

impl Graph {
    /// A value by its number.
    #[must_use]
    pub fn value(&self, id: ValueId) -> Option<&Value> {
        self.values.get(id)
    }
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Type of its elements: float32, int64 or bool. Other floating-point types are computed as
    /// float32, other integers as int64.
    pub dtype: DType,
    /// Its dimensions, for a batch of one.
    pub shape: Vec<usize>,
    /// Its elements, where they depend on no input.
    pub constant: Option<Constant>,
}

impl Value {
    /// Number of elements; small enough to count, for every value that is kept has been checked.
    pub(crate) fn len(&self) -> u64 {
        elements(&self.shape).unwrap_or(u64::MAX)
    }

    /// The elements, where they are known integers.
    pub(crate) fn ints(&self) -> Option<&[i64]> {
        self.constant.as_ref().and_then(Constant::as_i64s)
    }

    /// The elements, where they are known f32.
    pub(crate) fn floats(&self) -> Option<&[f32]> {
        self.constant.as_ref().and_then(Constant::as_f32s)
    }
}

/// One operator with one result.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name of the ONNX node that it comes from, or that of what that one makes.
    pub name: String,
    /// The operator of that node, as ONNX calls it.
    pub op_type: String,
    /// What it does.
    pub op: Op,
    /// What it takes.
    pub inputs: Vec<ValueId>,
    /// What it makes.
    pub output: ValueId,
}

/// An operator of the canonical graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Element by element.
    Unary(Unary),
    /// Element by element, broadcast.
    Binary(Binary),
    /// Input 1 where input 0 is true, else input 2; broadcast.
    Select,
    /// Elements of another type; floats to integers towards 0.
    Cast(DType),
    /// Product of matrices of at least two dimensions, the others broadcast.
    MatMul,
    /// Convolution of input 0 `[n, channels, ...]` with weights
    /// `[outputs, channels / groups, ...]` and, if there is an input 2, biases.
    Conv(Window),
    /// Transposed convolution; weights `[channels, outputs / groups, ...]`.
    ConvTranspose(Window),
    /// Greatest element of each window; groups and output padding do not count. What lies in the
    /// pads is not taken.
    MaxPool(Window),
    /// All elements along these axes to one; the axes stay, of size 1.
    Reduce(Reduction, Vec<usize>),
    /// The same elements in this shape.
    Reshape(Vec<usize>),
    /// Axes in this order.
    Transpose(Vec<usize>),
    /// Repeated to this shape.
    Expand(Vec<usize>),
    /// Joined along this axis.
    Concat(usize),
    /// Picked along this axis, by the integers of input 1, negative ones from the end.
    Gather(usize),
    /// A part of each axis.
    Slice(Vec<Part>),
    /// A border of this element.
    Pad {
        /// Elements before, by axis.
        begin: Vec<usize>,
        /// Elements after.
        end: Vec<usize>,
        /// What the border holds.
        fill: f32,
    },
    /// Another size along one axis: each element a sum of input elements with weights. Every
    /// resizing is one of these for each axis.
    Resample {
        /// The axis.
        axis: usize,
        /// For each output position its input positions and their weights.
        taps: Vec<Vec<(usize, f32)>>,
    },
}

/// The attributes of a convolution, one entry an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Size of the kernel.
    pub kernel: Vec<usize>,
    /// Strides.
    pub strides: Vec<usize>,
    /// Dilations.
    pub dilations: Vec<usize>,
    /// Pads at the beginning and at the end, those that `auto_pad` leads to among them. Of a
    /// transposed convolution: what is cut off.
    pub pads: Vec<(usize, usize)>,
    /// `output_padding` of a transposed convolution, else 0.
    pub output_padding: Vec<usize>,
    /// Groups of channels.
    pub groups: usize,
}

impl Window {
    /// Size that an axis becomes by a convolution or pooling.
    fn conv(&self, axis: usize, size: usize) -> Option<usize> {
        let pads = self.pads.get(axis)?;
        let padded = size.checked_add(pads.0)?.checked_add(pads.1)?;
        let rest = padded.checked_sub(self.extent(axis)?)?;
        Some(rest.checked_div(*self.strides.get(axis)?)? + 1)
    }

    /// Size that an axis becomes by a transposed convolution.
    fn conv_transpose(&self, axis: usize, size: usize) -> Option<usize> {
        let pads = self.pads.get(axis)?;
        size.checked_sub(1)?
            .checked_mul(*self.strides.get(axis)?)?
            .checked_add(self.extent(axis)?)?
            .checked_add(*self.output_padding.get(axis)?)?
            .checked_sub(pads.0.checked_add(pads.1)?)
    }

    /// From the first to the last tap of an axis.
    pub(crate) fn extent(&self, axis: usize) -> Option<usize> {
        let between = self.kernel.get(axis)?.checked_sub(1)?;
        between
            .checked_mul(*self.dilations.get(axis)?)?
            .checked_add(1)
    }

    fn sizes(
        &self,
        shape: &[usize],
        size: impl Fn(usize, usize) -> Option<usize>,
    ) -> Option<Vec<usize>> {
        let sides = shape.get(2..)?;
        let one_each = |len: usize| len == sides.len();
        let fit = one_each(self.kernel.len()) && one_each(self.pads.len());
        let sizes = sides
            .iter()
            .enumerate()
            .map(|(axis, side)| size(axis, *side));
        sizes.collect::<Option<Vec<_>>>().filter(|_| fit)
    }
}

/// Operators on one value.
#[allow(missing_docs, reason = "the names are the field's")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    Relu,
    /// `x` from 0 up, else `alpha * x`.
    LeakyRelu(f32),
    Tanh,
    Sigmoid,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x` from 0 up, else `alpha * (exp(x) - 1)`.
    Elu(f32),
    /// `min(max(x, low), high)`.
    Clip(f32, f32),
    Exp,
    Log,
    Sqrt,
    Reciprocal,
    Erf,
    Sin,
    Cos,
    Atan,
    Neg,
    Abs,
    Floor,
    Ceil,
    /// To the nearest integer, halves to the even one.
    Round,
    /// -1, 0 or 1.
    Sign,
    /// Of truth values.
    Not,
}

/// Operators on two values of one type.
#[allow(missing_docs, reason = "the names are the field's")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    /// Of integers, towards 0.
    Div,
    /// The remainder, with the sign of the divisor for integers and of the dividend for floats.
    Mod,
    Pow,
    Max,
    Min,
    /// The others make truth values.
    Equal,
    Less,
    And,
    Or,
    Xor,
}

impl Binary {
    /// Whether it makes truth values.
    #[must_use]
    pub const fn is_predicate(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::Less | Self::And | Self::Or | Self::Xor
        )
    }
}

/// What elements along an axis become.
#[allow(missing_docs, reason = "the names are the field's")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
}

impl Op {
    /// Type and shape of what it makes of such inputs; `None` for inputs that do not go together.
    #[must_use]
    pub fn result(&self, inputs: &[&Value]) -> Option<(DType, Vec<usize>)> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|value| value.shape.as_slice()).collect();
        let dtype = match (self, inputs) {
            (Self::Cast(dtype), _) => dtype.canonical(),
            (Self::Binary(op), [a, b]) if a.dtype == b.dtype => match op.is_predicate() {
                true => DType::Bool,
                false => a.dtype,
            },
            (Self::Select, [condition, a, b])
                if condition.dtype == DType::Bool && a.dtype == b.dtype =>
            {
                a.dtype
            }
            (Self::Binary(_) | Self::Select, _) => return None,
            (Self::Gather(_), [_, indices]) if indices.dtype != DType::I64 => return None,
            (_, [first, ..]) => first.dtype,
            _ => return None,
        };
        self.shape(&shapes).map(|shape| (dtype, shape))
    }

    /// The shape of what it makes of inputs of these shapes; `None` for such as do not go together.
    #[must_use]
    pub fn shape(&self, inputs: &[&[usize]]) -> Option<Vec<usize>> {
        match (self, inputs) {
            (Self::Unary(_) | Self::Cast(_), [a]) => Some(a.to_vec()),
            (Self::Binary(_), [a, b]) => broadcast(a, b),
            (Self::Select, [c, a, b]) => broadcast(c, &broadcast(a, b)?),
            (Self::MatMul, [a, b]) => matmul(a, b),
            (Self::Conv(window), [x, w, ..]) => {
                let (outputs, per_group) = (w.first()?, w.get(1)?);
                let fits = per_group.checked_mul(window.groups) == x.get(1).copied()
                    && outputs.checked_rem(window.groups) == Some(0)
                    && w.get(2..)? == window.kernel
                    && inputs.get(2).is_none_or(|bias| *bias == [*outputs]);
                let sizes = window.sizes(x, |axis, size| window.conv(axis, size))?;
                fits.then(|| Some([&[*x.first()?, *outputs], sizes.as_slice()].concat()))?
            }
            (Self::ConvTranspose(window), [x, w, ..]) => {
                let outputs = w.get(1)?.checked_mul(window.groups)?;
                let fits = w.first() == x.get(1)
                    && w.first()?.checked_rem(window.groups) == Some(0)
                    && w.get(2..)? == window.kernel
                    && inputs.get(2).is_none_or(|bias| *bias == [outputs]);
                let sizes = window.sizes(x, |axis, size| window.conv_transpose(axis, size))?;
                fits.then(|| Some([&[*x.first()?, outputs], sizes.as_slice()].concat()))?
            }
            (Self::MaxPool(window), [x]) => {
                let sizes = window.sizes(x, |axis, size| window.conv(axis, size))?;
                Some([x.get(..2)?, &sizes].concat())
            }
            (Self::Reduce(_, axes), [a]) => {
                let mut shape = a.to_vec();
                for axis in axes {
                    *shape.get_mut(*axis)? = 1;
                }
                Some(shape)
            }
            (Self::Reshape(shape), [a]) => (elements(shape) == elements(a)).then(|| shape.clone()),
            (Self::Expand(shape), [a]) => broadcast(a, shape).filter(|all| all == shape),
            (Self::Transpose(order), [a]) => {
                let mut seen = vec![false; a.len()];
                for axis in order {
                    *seen.get_mut(*axis)? = true;
                }
                let all = order.len() == a.len() && seen.iter().all(|seen| *seen);
                let sizes = order.iter().map(|axis| a.get(*axis).copied());
                sizes.collect::<Option<_>>().filter(|_| all)
            }
            (Self::Concat(axis), [first, ..]) => {
                let alike = |part: &&[usize]| {
                    let pairs = part.iter().zip(*first).enumerate();
                    part.len() == first.len()
                        && pairs.into_iter().all(|(i, (a, b))| i == *axis || a == b)
                };
                let mut shape = first.to_vec();
                *shape.get_mut(*axis)? = inputs
                    .iter()
                    .try_fold(0usize, |sum, part| sum.checked_add(*part.get(*axis)?))?;
                Some(shape).filter(|_| inputs.iter().all(alike))
            }
            (Self::Gather(axis), [a, indices]) => {
                Some([a.get(..*axis)?, indices, a.get(axis + 1..)?].concat())
            }
            (Self::Slice(parts), [a]) if parts.len() == a.len() => {
                Some(parts.iter().map(|part| part.count).collect())
            }
            (Self::Pad { begin, end, .. }, [a])
                if begin.len() == a.len() && end.len() == a.len() =>
            {
                let sizes = a.iter().zip(begin.iter().zip(end));
                sizes
                    .map(|(size, (begin, end))| size.checked_add(*begin)?.checked_add(*end))
                    .collect()
            }
            (Self::Resample { axis, taps }, [a]) => {
                let size = *a.get(*axis)?;
                let inside = |taps: &Vec<(usize, f32)>| taps.iter().all(|(at, _)| *at < size);
                let mut shape = a.to_vec();
                *shape.get_mut(*axis)? = taps.len();
                taps.iter().all(inside).then_some(shape)
            }
            _ => None,
        }
    }

    /// Multiplications and additions, and elements of scratch that a straightforward engine needs,
    /// for a result of `made` elements of such inputs.
    #[must_use]
    pub fn cost(&self, inputs: &[&[usize]], made: u64) -> (u64, u64) {
        let volume = |shape: Option<&&[usize]>| shape.and_then(|s| elements(s)).unwrap_or(0);
        let from = volume(inputs.first());
        let pixels = |shape: Option<&&[usize]>| {
            let sides = shape.and_then(|shape| shape.get(2..));
            sides.and_then(elements).unwrap_or(0)
        };
        match self {
            Self::Reshape(_) | Self::Cast(_) => (0, 0),
            Self::MatMul => {
                let inner = inputs.first().and_then(|shape| shape.last());
                (made.saturating_mul(inner.map_or(0, |n| *n as u64)), 0)
            }
            Self::Conv(window) => {
                let taps = elements(&window.kernel).unwrap_or(u64::MAX);
                let channels = inputs
                    .first()
                    .and_then(|x| x.get(1))
                    .map_or(0, |n| *n as u64);
                let outputs = inputs
                    .get(1)
                    .and_then(|w| w.first())
                    .map_or(1, |n| *n as u64);
                let per_group = channels / (window.groups as u64).max(1);
                let column = taps.saturating_mul(channels);
                (
                    made.saturating_mul(taps).saturating_mul(per_group),
                    (made / outputs.max(1)).saturating_mul(column),
                )
            }
            Self::ConvTranspose(window) => {
                let taps = elements(&window.kernel).unwrap_or(u64::MAX);
                let per_group = inputs
                    .get(1)
                    .and_then(|w| w.get(1))
                    .map_or(0, |n| *n as u64);
                let outputs = per_group.saturating_mul(window.groups as u64);
                let scratch = pixels(inputs.first()).saturating_mul(taps);
                (
                    from.saturating_mul(taps).saturating_mul(per_group),
                    scratch.saturating_mul(outputs),
                )
            }
            Self::MaxPool(window) => {
                let taps = elements(&window.kernel).unwrap_or(u64::MAX);
                (made.saturating_mul(taps), 0)
            }
            Self::Reduce(..) => (from, 0),
            Self::Binary(Binary::Pow) => (made.saturating_mul(POWER_WORK), 0),
            Self::Resample { taps, .. } => {
                let all: u64 = taps.iter().map(|taps| taps.len() as u64).sum();
                let rows = made / (taps.len() as u64).max(1);
                (rows.saturating_mul(all), 0)
            }
            _ => (made, 0),
        }
    }
}

/// What one general power costs in multiplications: 140 ns were measured.
const POWER_WORK: u64 = 4000;

fn matmul(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let ([batch_a @ .., rows, inner], [batch_b @ .., inner_b, columns]) = (a, b) else {
        return None;
    };
    let mut shape = broadcast(batch_a, batch_b).filter(|_| inner == inner_b)?;
    shape.extend([*rows, *columns]);
    Some(shape)
}
