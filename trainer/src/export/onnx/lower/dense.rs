//! Dense layers.

use burn::backend::ir::{LinearOpIr, MatmulOpIr, TensorIr};

use super::lowering::Lowering;
use crate::export::ExportError;

impl Lowering<'_> {
    /// x w + b, w being `[in, out]`: one Gemm for a batch of vectors, as ONNX has it.
    pub(super) fn linear(&mut self, ir: &LinearOpIr) -> Result<(), ExportError> {
        let layer = [&ir.x, &ir.weight].into_iter().chain(&ir.bias);
        let inputs = self.read_all(layer)?;
        if ir.x.shape.iter().count() == 2 {
            return self.emit("Gemm", &inputs, vec![], &ir.out);
        }
        let (product, bias) = inputs.split_at(2);
        let product = self.graph.node("MatMul", product, vec![])?;
        match bias {
            [bias] => self.emit("Add", &[product, *bias], vec![], &ir.out),
            _ => {
                self.write(&ir.out, product);
                Ok(())
            }
        }
    }

    /// A product with a known matrix is a dense layer without bias.
    pub(super) fn matmul(&mut self, ir: &MatmulOpIr) -> Result<(), ExportError> {
        let inputs = [self.read(&ir.lhs)?, self.read(&ir.rhs)?];
        let [lhs, rhs] = inputs;
        let flat = |tensor: &TensorIr| tensor.shape.iter().count() == 2;
        let known = |value| self.graph.constants.contains_key(&value);
        let layer = flat(&ir.lhs) && flat(&ir.rhs) && !known(lhs) && known(rhs);
        let op = if layer { "Gemm" } else { "MatMul" };
        self.emit(op, &inputs, vec![], &ir.out)
    }
}
