//! Layers of the device before they have addresses: what lowering makes, quantizing changes and
//! emitting writes.

use dreamlet_runtime::engine::compiled::format::{Activation, DType, HwcShape, Op as Layer};

use super::ir::{StridedOp, ValueId};

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
pub(crate) struct F32Weights {
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
    pub(crate) weights: Option<F32Weights>,
    /// Tensors that are quantized and packed already, in the place of `weights`.
    pub(crate) packed: Option<Packed>,
    /// What strided work does, in the place of inputs and weights.
    pub(crate) strided: Option<Box<StridedStep>>,
    /// The value of the network that it makes.
    pub(crate) value: ValueId,
    /// The ONNX node it comes from.
    pub(crate) origin: String,
}

/// Strided work before its operands have addresses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StridedStep {
    pub(crate) op: StridedOp,
    /// Where each operand is; nowhere for a constant.
    pub(crate) operands: Vec<Operand>,
}

impl Step {
    /// All tensors that it reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = Operand> {
        let strided = self
            .strided
            .iter()
            .flat_map(|strided| &strided.operands)
            .copied();
        [self.input, self.second].into_iter().chain(strided)
    }
}

/// Layers in the order in which they run, and the sizes of their buffers in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lowered {
    pub(crate) steps: Vec<Step>,
    pub(crate) buffers: Vec<u64>,
}

/// Bytes of a value.
pub(crate) fn bytes(shape: HwcShape, dtype: DType) -> u64 {
    shape.len() * dtype.size() as u64
}

/// The bytes of a layer's weights and biases; of a sum of bytes, which has none, its multipliers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packed {
    pub(crate) dtype: DType,
    pub(crate) weights: Vec<u8>,
    pub(crate) bias: Option<Vec<u8>>,
    pub(crate) requantization: Option<PackedRequantization>,
}

/// How a layer's sums become int8, see
/// [`Requantization`](dreamlet_runtime::engine::compiled::format::Requantization).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PackedRequantization {
    pub(crate) multipliers: Vec<u8>,
    pub(crate) shift: u32,
    /// The table and its bits.
    pub(crate) table: Option<(Vec<u8>, u32)>,
}
