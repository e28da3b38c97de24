//! The checked graph: values by number, nodes in the order in which they run, each operator in one
//! form.

use crate::constant::{Constant, DType, Data};
pub use crate::shape::Part;
use crate::shape::{broadcast, elements};

/// Number of a value in its graph.
pub type ValueId = usize;

/// A graph of which every shape is known, for a batch of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// What nodes take and make.
    pub values: Vec<Value>,
    /// The nodes; each comes after those that make its inputs.
    pub nodes: Vec<Node>,
    /// The latent input.
    pub latent: ValueId,
    /// The class input of a conditional generator.
    pub class: Option<ValueId>,
    /// The output.
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
    /// Its name in the file.
    pub name: String,
    /// Type of its elements.
    pub dtype: DType,
    /// Its dimensions, for a batch of one.
    pub shape: Vec<usize>,
    /// Whether it depends on no input of the graph.
    pub fixed: bool,
    /// The elements of a fixed value, where they have been computed.
    pub constant: Option<Constant>,
}

impl Value {
    /// A value of which only type and shape are known.
    pub(crate) const fn computed(dtype: DType, shape: Vec<usize>) -> Self {
        Self {
            name: String::new(),
            dtype,
            shape,
            fixed: false,
            constant: None,
        }
    }

    /// A value with its elements.
    pub(crate) fn known(dtype: DType, constant: Constant) -> Self {
        Self {
            name: String::new(),
            dtype,
            shape: constant.shape.clone(),
            fixed: true,
            constant: Some(constant),
        }
    }

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
    /// Its name in the file, or that of what it makes.
    pub name: String,
    /// The operator as ONNX calls it.
    pub op_type: String,
    /// The operator in the form in which it is used.
    pub op: Op,
    /// What it takes; `None` for an optional input that is not given.
    pub inputs: Vec<Option<ValueId>>,
    /// What it makes.
    pub output: ValueId,
}

/// An operator with its attributes: defaults filled in, axes from 0, pads explicit, shapes
/// computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `alpha a b + beta c`.
    Gemm {
        /// Factor of the product.
        alpha: f32,
        /// Factor of the bias.
        beta: f32,
        /// Whether `a` is transposed.
        trans_a: bool,
        /// Whether `b` is transposed.
        trans_b: bool,
    },
    /// Product of matrices.
    MatMul,
    /// Convolution.
    Conv(Window),
    /// Transposed convolution.
    ConvTranspose(Window),
    /// Element by element, broadcast.
    Binary(Binary),
    /// Element by element.
    Unary(Unary),
    /// Bounds from attributes, before operator set 11; else from inputs 1 and 2.
    Clip {
        /// Lower bound.
        low: Option<f32>,
        /// Upper bound.
        high: Option<f32>,
    },
    /// LeakyRelu with slopes from input 1.
    PRelu,
    /// Batch normalization for inference.
    BatchNormalization {
        /// What is added to variances.
        epsilon: f32,
    },
    /// Input 0 as it is; Dropout too.
    Identity,
    /// Elements of another type.
    Cast(DType),
    /// The same elements in this shape: Reshape, Flatten, Squeeze, Unsqueeze.
    Reshape(Vec<usize>),
    /// Repeated to this shape.
    Expand(Vec<usize>),
    /// Axes in this order.
    Transpose(Vec<usize>),
    /// Joined along this axis.
    Concat(usize),
    /// Picked along this axis, by the integers of input 1.
    Gather(usize),
    /// A part of each axis.
    Slice(Vec<Part>),
    /// Channels to blocks of pixels.
    DepthToSpace {
        /// Side of a block.
        block: usize,
        /// Whether a block's pixels are neighbouring channels (CRD); else its channels are (DCR).
        crd: bool,
    },
    /// A border around input 0; a constant one is filled with input 2, or 0.
    Pad {
        /// Elements before, by axis.
        begin: Vec<usize>,
        /// Elements after.
        end: Vec<usize>,
        /// `constant`, `reflect` or `edge`.
        mode: &'static str,
    },
    /// Enlarging or shrinking, all by the words of ONNX.
    Resize {
        /// `nearest` or `linear`.
        mode: &'static str,
        /// `coordinate_transformation_mode`.
        coordinates: &'static str,
        /// `nearest_mode`.
        rounding: &'static str,
        /// Factor of each axis, where those are given; else the shape is.
        scales: Option<Vec<f32>>,
    },
    /// A constant in the file, or the shape of a value.
    Constant,
    /// One element, repeated.
    Fill {
        /// The element.
        element: Data,
        /// The shape.
        shape: Vec<usize>,
    },
    /// An operator that only engines with ONNX's whole list of operators run.
    Other,
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
    /// Pads at the beginning and at the end, those that `auto_pad` leads to among them.
    pub pads: Vec<(usize, usize)>,
    /// `output_padding` of a transposed convolution, else 0.
    pub output_padding: Vec<usize>,
    /// Groups of channels.
    pub groups: usize,
}

/// Operators on two values.
#[allow(missing_docs, reason = "the names are ONNX's")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Max,
    Min,
}

/// Operators on one value; parameters are `alpha`.
#[allow(missing_docs, reason = "the names are ONNX's")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    Relu,
    LeakyRelu(f32),
    Tanh,
    Sigmoid,
    Softplus,
    Elu(f32),
    Exp,
    Log,
    Sqrt,
    Neg,
    Abs,
}

impl Op {
    /// The operator that ONNX calls so, of those on two values.
    pub(crate) fn binary(op_type: &str) -> Option<Self> {
        Some(Self::Binary(match op_type {
            "Add" => Binary::Add,
            "Sub" => Binary::Sub,
            "Mul" => Binary::Mul,
            "Div" => Binary::Div,
            "Mod" => Binary::Mod,
            "Pow" => Binary::Pow,
            "Max" => Binary::Max,
            "Min" => Binary::Min,
            _ => return None,
        }))
    }

    /// The operator that ONNX calls so, of those on one value.
    pub(crate) fn unary(op_type: &str, alpha: f32) -> Option<Self> {
        Some(Self::Unary(match op_type {
            "Relu" => Unary::Relu,
            "LeakyRelu" => Unary::LeakyRelu(alpha),
            "Tanh" => Unary::Tanh,
            "Sigmoid" => Unary::Sigmoid,
            "Softplus" => Unary::Softplus,
            "Elu" => Unary::Elu(alpha),
            "Exp" => Unary::Exp,
            "Log" => Unary::Log,
            "Sqrt" => Unary::Sqrt,
            "Neg" => Unary::Neg,
            "Abs" => Unary::Abs,
            _ => return None,
        }))
    }

    /// The shape of what it makes of inputs of these shapes, for operators that compute element by
    /// element or move elements; `None` for others, and for shapes that do not go together.
    pub(crate) fn shape(&self, inputs: &[&[usize]]) -> Option<Vec<usize>> {
        match (self, inputs) {
            (Self::Binary(_), [a, b]) => broadcast(a, b),
            (Self::Unary(_) | Self::Identity | Self::Cast(_), [a, ..]) => Some(a.to_vec()),
            (Self::Reshape(shape), [a, ..]) => {
                (elements(shape) == elements(a)).then(|| shape.clone())
            }
            (Self::Expand(shape), [a, ..]) => broadcast(a, shape).filter(|all| all == shape),
            (Self::Fill { shape, .. }, _) => Some(shape.clone()),
            (Self::Transpose(order), [a]) => {
                order.iter().map(|axis| a.get(*axis).copied()).collect()
            }
            (Self::Concat(axis), [first, ..]) => {
                let mut shape = first.to_vec();
                *shape.get_mut(*axis)? = inputs
                    .iter()
                    .try_fold(0usize, |sum, part| sum.checked_add(*part.get(*axis)?))?;
                Some(shape)
            }
            (Self::Gather(axis), [a, indices]) => {
                Some([a.get(..*axis)?, indices, a.get(axis + 1..)?].concat())
            }
            (Self::Slice(parts), [a, ..]) if parts.len() == a.len() => {
                Some(parts.iter().map(|part| part.count).collect())
            }
            _ => None,
        }
    }
}
