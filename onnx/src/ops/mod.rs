//! The operators that generators use: for each, what its inputs must be and what comes out.
//!
//! The rules are those of the ONNX operator specification, for shapes with one image in the batch.

mod arith;
mod conv;
mod layout;
mod linear;
mod outcome;
mod shape;

use super::error::{ModelError, shorten};
use super::node_check::{NodeCheck, name};

pub(super) use outcome::Outcome;

/// Checks a node and gives what it makes; what it depends on is the caller's business.
pub(super) fn infer(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    if !matches!(node.pb.domain.as_str(), "" | "ai.onnx") {
        let op = format!("{}.{}", shorten(&node.pb.domain), shorten(&node.pb.op_type));
        return Err(ModelError::Operator {
            node: name(node.pb),
            op,
        });
    }
    match node.pb.op_type.as_str() {
        "Gemm" => linear::gemm(node),
        "MatMul" => linear::matmul(node),
        "Conv" => conv::conv(node),
        "ConvTranspose" => conv::conv_transpose(node),
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "Max" | "Min" => arith::binary(node),
        "Relu" | "Tanh" | "Sigmoid" | "Softplus" | "Softsign" | "Exp" | "Sqrt" | "Neg" | "Abs"
        | "Erf" | "Floor" | "Log" | "HardSwish" | "Mish" => arith::unary(node, &[]),
        "LeakyRelu" => arith::unary(node, &[("alpha", 0.01)]),
        "Elu" | "Celu" => arith::unary(node, &[("alpha", 1.0)]),
        "Selu" => arith::unary(node, &[("alpha", 1.67326), ("gamma", 1.0507)]),
        "HardSigmoid" => arith::unary(node, &[("alpha", 0.2), ("beta", 0.5)]),
        "Gelu" => arith::gelu(node),
        "Clip" => arith::clip(node),
        "PRelu" => arith::prelu(node),
        "BatchNormalization" => arith::batch_normalization(node),
        "InstanceNormalization" => arith::instance_normalization(node),
        "Softmax" => arith::softmax(node),
        "ReduceMean" | "ReduceSum" => arith::reduce(node),
        "Dropout" => arith::dropout(node),
        "Identity" => layout::identity(node),
        "Cast" => layout::cast(node),
        "Transpose" => layout::transpose(node),
        "Concat" => layout::concat(node),
        "Gather" => layout::gather(node),
        "Slice" => layout::slice(node),
        "DepthToSpace" => layout::depth_to_space(node),
        "Pad" => layout::pad(node),
        "Resize" => layout::resize(node),
        "Tile" => layout::tile(node),
        "Reshape" => shape::reshape(node),
        "Flatten" => shape::flatten(node),
        "Squeeze" => shape::squeeze(node),
        "Unsqueeze" => shape::unsqueeze(node),
        "Expand" => shape::expand(node),
        "Shape" => shape::shape(node),
        "Constant" => shape::constant(node),
        "ConstantOfShape" => shape::constant_of_shape(node),
        op => Err(ModelError::Operator {
            node: name(node.pb),
            op: shorten(op),
        }),
    }
}
