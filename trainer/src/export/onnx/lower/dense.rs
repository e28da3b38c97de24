//! Dense layers.

use burn::backend::ir::{LinearOpIr, MatmulOpIr};

use super::lowering::Lowering;
use crate::export::ExportError;

impl Lowering<'_> {
    /// x w + b, w being `[in, out]`: one Gemm for a batch of vectors, as ONNX has it.
    pub(super) fn linear(&mut self, ir: &LinearOpIr) -> Result<(), ExportError> {
        let mut inputs = vec![self.read(&ir.x)?, self.read(&ir.weight)?];
        if ir.x.shape.iter().count() == 2 {
            if let Some(bias) = &ir.bias {
                inputs.push(self.read(bias)?);
            }
            return self.emit("Gemm", &inputs, vec![], &ir.out);
        }
        let product = self.graph.node("MatMul", &inputs, vec![])?;
        match &ir.bias {
            Some(bias) => {
                let bias = self.read(bias)?;
                self.emit("Add", &[product, bias], vec![], &ir.out)
            }
            None => {
                self.write(&ir.out, product);
                Ok(())
            }
        }
    }

    /// A product with a known matrix is a dense layer without bias.
    pub(super) fn matmul(&mut self, ir: &MatmulOpIr) -> Result<(), ExportError> {
        let inputs = [self.read(&ir.lhs)?, self.read(&ir.rhs)?];
        let [lhs, rhs] = inputs;
        let flat = [&ir.lhs, &ir.rhs]
            .iter()
            .all(|tensor| tensor.shape.iter().count() == 2);
        let layer = flat
            && !self.graph.constants.contains_key(&lhs)
            && self.graph.constants.contains_key(&rhs);
        self.emit(
            if layer { "Gemm" } else { "MatMul" },
            &inputs,
            vec![],
            &ir.out,
        )
    }
}
