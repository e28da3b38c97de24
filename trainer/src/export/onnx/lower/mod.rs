//! Recorded operations to ONNX operators, a function for each.

mod conv;
mod dense;
mod elementwise;
mod layout;
mod lowering;
mod softplus;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::capture::{Trace, name};
use crate::export::ExportError;
use burn::backend::ir::{
    ActivationOperationIr as Activation, BaseOperationIr as Base, FloatOperationIr as Float,
    IntOperationIr as Int, ModuleOperationIr as Module, NumericOperationIr as Numeric, OperationIr,
};
use dreamlet_onnx::graph_builder::GraphBuilder;
use lowering::Lowering;

/// Lowers every operation of `trace`.
pub(super) fn lower(trace: &Trace) -> Result<GraphBuilder, ExportError> {
    let mut lowering = Lowering {
        trace,
        graph: GraphBuilder::default(),
        values: HashMap::new(),
    };
    let latent = lowering.graph.value();
    lowering.graph.latent = latent;
    lowering.values.insert(trace.latent, latent);
    if let Some(class) = trace.class {
        let value = lowering.graph.value();
        lowering.graph.class = Some(value);
        lowering.values.insert(class, value);
    }
    let mut rest = trace.operations.as_slice();
    while let Some((operation, after)) = rest.split_first() {
        rest = match softplus::recognize(rest) {
            Some((softplus, after)) => {
                lowering.softplus(&softplus)?;
                after
            }
            None => {
                lowering.operation(operation)?;
                after
            }
        };
    }
    let Some(&image) = lowering.values.get(&trace.image) else {
        let found = "a constant".into();
        return Err(ExportError::Image { found });
    };
    lowering.graph.image = image;
    Ok(lowering.graph)
}

impl Lowering<'_> {
    fn operation(&mut self, operation: &OperationIr) -> Result<(), ExportError> {
        match operation {
            OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) => self.base(op, operation),
            OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => {
                self.numeric(op, operation)
            }
            OperationIr::Float(_, op) => self.float(op, operation),
            OperationIr::Int(Int::IntoFloat(op)) => self.cast(op),
            OperationIr::Module(Module::Linear(op)) => self.linear(op),
            OperationIr::Module(Module::Embedding(op)) => self.embedding(op),
            OperationIr::Module(Module::Conv2d(op)) => self.conv2d(op),
            OperationIr::Module(Module::ConvTranspose2d(op)) => self.conv_transpose2d(op),
            OperationIr::Module(Module::BatchNorm(op)) => self.batch_norm(op),
            OperationIr::Module(Module::Interpolate(op)) => self.interpolate(op),
            OperationIr::Activation(Activation::Relu(op)) => self.unary("Relu", op),
            OperationIr::Activation(Activation::LeakyRelu(op)) => self.leaky_relu(op),
            OperationIr::Activation(Activation::Sigmoid(op)) => self.unary("Sigmoid", op),
            _ => Err(ExportError::not_lowered(name(operation), "")),
        }
    }

    fn base(&mut self, op: &Base, operation: &OperationIr) -> Result<(), ExportError> {
        match op {
            Base::Reshape(op) => self.reshape(op),
            Base::SwapDims(op) => self.swap_dims(op),
            Base::Permute(op) => self.permute(op),
            Base::Expand(op) => self.expand(op),
            Base::Slice(op) => self.slice(op),
            Base::Select(op) => self.select(op),
            Base::RepeatDim(op) => self.repeat_dim(op),
            Base::Cat(op) => self.cat(op),
            Base::Cast(op) => self.cast(op),
            Base::Ones(op) => self.full(&op.out, 1.0),
            Base::Zeros(op) => self.full(&op.out, 0.0),
            _ => Err(ExportError::not_lowered(name(operation), "")),
        }
    }

    fn numeric(&mut self, op: &Numeric, operation: &OperationIr) -> Result<(), ExportError> {
        match op {
            Numeric::Add(op) => self.binary("Add", op),
            Numeric::Sub(op) => self.binary("Sub", op),
            Numeric::Mul(op) => self.binary("Mul", op),
            Numeric::Div(op) => self.binary("Div", op),
            Numeric::AddScalar(op) => self.scalar("Add", op),
            Numeric::SubScalar(op) => self.scalar("Sub", op),
            Numeric::MulScalar(op) => self.scalar("Mul", op),
            Numeric::DivScalar(op) => self.scalar("Div", op),
            Numeric::PowiScalar(op) => self.scalar("Pow", op),
            Numeric::Neg(op) => self.unary("Neg", op),
            Numeric::Abs(op) => self.unary("Abs", op),
            Numeric::Clamp(op) => self.clamp(&op.tensor, Some(op.min), Some(op.max), &op.out),
            Numeric::ClampMin(op) => self.clamp(&op.lhs, Some(op.rhs), None, &op.out),
            Numeric::ClampMax(op) => self.clamp(&op.lhs, None, Some(op.rhs), &op.out),
            Numeric::Full(op) => self.full(&op.out, op.value.elem::<f64>()),
            _ => Err(ExportError::not_lowered(name(operation), "")),
        }
    }

    fn float(&mut self, op: &Float, operation: &OperationIr) -> Result<(), ExportError> {
        match op {
            Float::Exp(op) => self.unary("Exp", op),
            Float::Log(op) => self.unary("Log", op),
            Float::Log1p(op) => self.log1p(op),
            Float::Sqrt(op) => self.unary("Sqrt", op),
            Float::Recip(op) => self.recip(op),
            Float::Tanh(op) => self.unary("Tanh", op),
            Float::PowfScalar(op) => self.scalar("Pow", op),
            Float::IntoInt(op) => self.cast(op),
            Float::Matmul(op) => self.matmul(op),
            _ => Err(ExportError::not_lowered(name(operation), "")),
        }
    }
}
