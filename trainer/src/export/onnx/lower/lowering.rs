//! The graph so far, and which of its values holds which of burn's tensors.

use std::collections::HashMap;

use burn::backend::ir::{TensorId, TensorIr};
use burn::tensor::DType;
use dreamlet_onnx::graph::ValueId;
use dreamlet_onnx::graph_builder::{Attributes, GraphBuilder};
use dreamlet_onnx::{Constant, Data};

use crate::export::ExportError;
use crate::export::onnx::capture::{Extent, Trace};

pub(super) struct Lowering<'a> {
    pub(super) trace: &'a Trace,
    pub(super) graph: GraphBuilder,
    pub(super) values: HashMap<TensorId, ValueId>,
}

impl Lowering<'_> {
    /// The value of a tensor that is read: made before, or a constant.
    pub(super) fn read(&mut self, tensor: &TensorIr) -> Result<ValueId, ExportError> {
        if let Some(&value) = self.values.get(&tensor.id) {
            return Ok(value);
        }
        let data = self.trace.values.get(&tensor.id);
        let data = data.ok_or_else(|| ExportError::Capture {
            reason: format!("a tensor of shape {:?} has no source", tensor.shape),
        })?;
        let shape = data.shape().iter().copied().collect();
        let data = match is_int(data.dtype())? {
            true => Data::I64(data.iter::<i64>().collect()),
            false => Data::F32(data.iter::<f32>().collect()),
        };
        let value = self.graph.constant(Constant { shape, data });
        self.values.insert(tensor.id, value);
        Ok(value)
    }

    pub(super) fn read_all<'t>(
        &mut self,
        tensors: impl IntoIterator<Item = &'t TensorIr>,
    ) -> Result<Vec<ValueId>, ExportError> {
        tensors
            .into_iter()
            .map(|tensor| self.read(tensor))
            .collect()
    }

    pub(super) fn write(&mut self, tensor: &TensorIr, value: ValueId) {
        self.values.insert(tensor.id, value);
    }

    /// Adds an operator that makes `out`.
    pub(super) fn emit(
        &mut self,
        op: &'static str,
        inputs: &[ValueId],
        attributes: Attributes,
        out: &TensorIr,
    ) -> Result<(), ExportError> {
        let value = self.graph.node(op, inputs, attributes)?;
        self.write(out, value);
        Ok(())
    }

    pub(super) fn extents(&self, tensor: &TensorIr) -> Vec<Extent> {
        let known = self.trace.extents.get(&tensor.id).cloned();
        known.unwrap_or_else(|| tensor.shape.iter().copied().map(Extent::Fixed).collect())
    }
}

/// An ONNX integer from a size.
pub(super) fn int(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(super) fn ints(sizes: impl IntoIterator<Item = usize>) -> Vec<i64> {
    sizes.into_iter().map(int).collect()
}

/// Whether elements become `i64` in the file, and not `f32`.
pub(super) fn is_int(dtype: DType) -> Result<bool, ExportError> {
    match dtype {
        DType::F32 | DType::F64 => Ok(false),
        DType::I64 | DType::I32 => Ok(true),
        other => Err(ExportError::ElementType {
            found: format!("{other:?}"),
        }),
    }
}
