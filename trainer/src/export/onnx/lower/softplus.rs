//! burn's softplus, which it records in seven operations with masks; masks have no ONNX operator
//! that every engine here knows.

use burn::backend::ir::{
    BaseOperationIr as Base, FloatOperationIr as Float, NumericOperationIr as Numeric, OperationIr,
    ScalarIr, TensorIr,
};

use super::lowering::Lowering;
use crate::export::ExportError;
use dreamlet_onnx::Constant;

/// log(1 + exp(beta x)) / beta.
pub(super) struct Softplus<'a> {
    input: &'a TensorIr,
    beta: ScalarIr,
    out: &'a TensorIr,
}

/// A softplus at the start of `operations`, and what follows it.
pub(super) fn recognize(operations: &[OperationIr]) -> Option<(Softplus<'_>, &[OperationIr])> {
    let (first, rest) = operations.split_first_chunk::<7>()?;
    let [
        OperationIr::NumericFloat(_, Numeric::MulScalar(scale)),
        OperationIr::NumericFloat(_, Numeric::GreaterElem(mask)),
        OperationIr::BaseFloat(Base::MaskFill(cap)),
        OperationIr::Float(_, Float::Exp(exp)),
        OperationIr::Float(_, Float::Log1p(log)),
        OperationIr::NumericFloat(_, Numeric::DivScalar(unscale)),
        OperationIr::BaseFloat(Base::MaskWhere(choose)),
    ] = first
    else {
        return None;
    };
    let chained = [
        (&scale.out, &mask.lhs),
        (&scale.out, &cap.tensor),
        (&mask.out, &cap.mask),
        (&cap.out, &exp.input),
        (&exp.out, &log.input),
        (&log.out, &unscale.lhs),
        (&unscale.out, &choose.tensor),
        (&mask.out, &choose.mask),
        (&scale.lhs, &choose.value),
    ];
    // Where the linear branch begins does not matter once it is as exact as the other: exp(-15) <
    // 2^-21.
    let exact = mask.rhs == cap.value && mask.rhs.elem::<f64>() >= 15.0;
    let same = scale.rhs == unscale.rhs && chained.iter().all(|(a, b)| a.id == b.id);
    let softplus = Softplus {
        input: &scale.lhs,
        beta: scale.rhs,
        out: &choose.out,
    };
    (exact && same).then_some((softplus, rest))
}

impl Lowering<'_> {
    /// max(x, 0) + log(1 + exp(-|x|)), which no engine can overflow; tract's own Softplus becomes
    /// infinite at 89.
    pub(super) fn softplus(&mut self, softplus: &Softplus<'_>) -> Result<(), ExportError> {
        let input = self.read(softplus.input)?;
        let beta = softplus.beta.elem::<f32>();
        let [one, beta_id] =
            [1.0, beta].map(|x| self.graph.constant(Constant::f32s(vec![], vec![x])));
        let graph = &mut self.graph;
        let scaled = match beta == 1.0 {
            true => input,
            false => graph.node("Mul", &[input, beta_id], vec![])?,
        };
        let linear = graph.node("Relu", &[scaled], vec![])?;
        let size = graph.node("Abs", &[scaled], vec![])?;
        let negative = graph.node("Neg", &[size], vec![])?;
        let exp = graph.node("Exp", &[negative], vec![])?;
        let sum = graph.node("Add", &[exp, one], vec![])?;
        let log = graph.node("Log", &[sum], vec![])?;
        if beta == 1.0 {
            return self.emit("Add", &[linear, log], vec![], softplus.out);
        }
        let result = graph.node("Add", &[linear, log], vec![])?;
        self.emit("Div", &[result, beta_id], vec![], softplus.out)
    }
}
