//! Operations on each element: arithmetic, activations, limits, conversions.

use burn::backend::ir::{BinaryOpIr, CastOpIr, ScalarIr, ScalarOpIr, TensorIr, UnaryOpIr};
use burn::tensor::DType;

use super::lowering::{Lowering, is_int};
use crate::export::ExportError;
use crate::export::onnx::capture::Extent;
use dreamlet_onnx::DType as OnnxDType;
use dreamlet_onnx::graph::ValueId;
use dreamlet_onnx::graph_builder::{ABSENT, Attribute};
use dreamlet_onnx::{Constant, Data};

impl Lowering<'_> {
    pub(super) fn unary(&mut self, op: &'static str, ir: &UnaryOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.input)?;
        self.emit(op, &[input], vec![], &ir.out)
    }

    pub(super) fn binary(&mut self, op: &'static str, ir: &BinaryOpIr) -> Result<(), ExportError> {
        let inputs = self.read_all([&ir.lhs, &ir.rhs])?;
        self.emit(op, &inputs, vec![], &ir.out)
    }

    pub(super) fn scalar(&mut self, op: &'static str, ir: &ScalarOpIr) -> Result<(), ExportError> {
        let lhs = self.read(&ir.lhs)?;
        let rhs = self.scalar_constant(ir.rhs, &ir.lhs)?;
        self.emit(op, &[lhs, rhs], vec![], &ir.out)
    }

    /// log(1 + x); ONNX has no operator of its own for it.
    pub(super) fn log1p(&mut self, ir: &UnaryOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.input)?;
        let one = self.graph.constant(Constant::f32s(vec![], vec![1.0]));
        let sum = self.graph.node("Add", &[input, one], vec![])?;
        self.emit("Log", &[sum], vec![], &ir.out)
    }

    /// 1 / x, as a division: fewer engines know Reciprocal.
    pub(super) fn recip(&mut self, ir: &UnaryOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.input)?;
        let one = self.graph.constant(Constant::f32s(vec![], vec![1.0]));
        self.emit("Div", &[one, input], vec![], &ir.out)
    }

    pub(super) fn leaky_relu(&mut self, ir: &ScalarOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.lhs)?;
        let alpha = Attribute::Float(ir.rhs.elem::<f32>());
        self.emit("LeakyRelu", &[input], vec![("alpha", alpha)], &ir.out)
    }

    pub(super) fn clamp(
        &mut self,
        tensor: &TensorIr,
        min: Option<ScalarIr>,
        max: Option<ScalarIr>,
        out: &TensorIr,
    ) -> Result<(), ExportError> {
        let mut inputs = vec![self.read(tensor)?];
        inputs.push(match min {
            Some(min) => self.scalar_constant(min, tensor)?,
            None => ABSENT,
        });
        if let Some(max) = max {
            inputs.push(self.scalar_constant(max, tensor)?);
        }
        self.emit("Clip", &inputs, vec![], out)
    }

    pub(super) fn cast(&mut self, ir: &CastOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.input)?;
        if ir.input.dtype == ir.out.dtype {
            self.write(&ir.out, input);
            return Ok(());
        }
        let to = match ir.out.dtype {
            DType::F32 => OnnxDType::F32,
            DType::I64 | DType::I32 => OnnxDType::I64,
            other => {
                let found = format!("{other:?}");
                return Err(ExportError::ElementType { found });
            }
        };
        let to = Attribute::Int(to.code().into());
        self.emit("Cast", &[input], vec![("to", to)], &ir.out)
    }

    /// A tensor of one element, repeated; its shape must not depend on the batch.
    pub(super) fn full(&mut self, out: &TensorIr, value: f64) -> Result<(), ExportError> {
        let extents = self.extents(out).into_iter().map(|extent| match extent {
            Extent::Fixed(extent) => Ok(extent),
            Extent::Batch => Err(ExportError::BatchDependent {
                what: "a tensor filled with one value".into(),
            }),
        });
        let shape = extents.collect::<Result<Vec<_>, _>>()?;
        let len = shape.iter().product();
        let data = match is_int(out.dtype)? {
            true => Data::I64(vec![value as i64; len]),
            false => Data::F32(vec![value as f32; len]),
        };
        let value = self.graph.constant(Constant { shape, data });
        self.write(out, value);
        Ok(())
    }

    /// A scalar of the same type as the elements of `like`.
    fn scalar_constant(
        &mut self,
        scalar: ScalarIr,
        like: &TensorIr,
    ) -> Result<ValueId, ExportError> {
        let data = match is_int(like.dtype)? {
            true => Data::I64(vec![scalar.elem::<i64>()]),
            false => Data::F32(vec![scalar.elem::<f32>()]),
        };
        let shape = vec![];
        Ok(self.graph.constant(Constant { shape, data }))
    }
}
