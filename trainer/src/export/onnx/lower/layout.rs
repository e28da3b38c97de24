//! Operations that move elements: shapes, orders, parts and look-ups.

use burn::backend::ir::{
    CatOpIr, EmbeddingOpIr, PermuteOpIr, RepeatDimOpIr, SelectOpIr, ShapeOpIr, SliceOpIr,
    SwapDimsOpIr, TensorIr,
};

use super::lowering::{Lowering, int, ints};
use crate::export::ExportError;
use crate::export::onnx::capture::Extent;
use dreamlet_onnx::Constant;
use dreamlet_onnx::graph::ValueId;
use dreamlet_onnx::graph_builder::{Attribute, Attributes};

impl Lowering<'_> {
    /// Reshape; the axis that grows with the batch is written as -1.
    pub(super) fn reshape(&mut self, ir: &ShapeOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.input)?;
        let extents = self.extents(&ir.out);
        if extents == self.extents(&ir.input) {
            self.write(&ir.out, input);
            return Ok(());
        }
        let growing = extents.iter().filter(|extent| **extent == Extent::Batch);
        if growing.count() > 1 {
            let detail = format!("two axes of {:?} grow with the batch", ir.out.shape);
            return Err(ExportError::not_lowered("Reshape", detail));
        }
        let shape = self.shape(&extents, -1);
        self.emit("Reshape", &[input, shape], vec![], &ir.out)
    }

    /// Expand; an axis of length 1 in the target keeps the batch, which the input already has
    /// there.
    pub(super) fn expand(&mut self, ir: &ShapeOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.input)?;
        let (from, to) = (self.extents(&ir.input), self.extents(&ir.out));
        if from == to {
            self.write(&ir.out, input);
            return Ok(());
        }
        let missing = to.len().saturating_sub(from.len());
        let grows = |(axis, &extent): (usize, &Extent)| {
            let before = axis.checked_sub(missing).and_then(|at| from.get(at));
            extent == Extent::Batch && before != Some(&Extent::Batch)
        };
        if to.iter().enumerate().any(grows) {
            let detail = format!(
                "{:?} is repeated for each image of the batch; add or concatenate it with something made from the latent",
                ir.input.shape
            );
            return Err(ExportError::not_lowered("Expand", detail));
        }
        let shape = self.shape(&to, 1);
        self.emit("Expand", &[input, shape], vec![], &ir.out)
    }

    fn shape(&mut self, extents: &[Extent], batch: i64) -> ValueId {
        let shape = extents.iter().map(|extent| match extent {
            Extent::Fixed(extent) => int(*extent),
            Extent::Batch => batch,
        });
        let shape = Constant::i64s(shape.collect());
        self.graph.constant(shape)
    }

    pub(super) fn swap_dims(&mut self, ir: &SwapDimsOpIr) -> Result<(), ExportError> {
        let mut axes: Vec<_> = (0..ir.input.shape.iter().count()).collect();
        axes.swap(ir.dim1, ir.dim2);
        self.transpose(&ir.input, &axes, &ir.out)
    }

    pub(super) fn permute(&mut self, ir: &PermuteOpIr) -> Result<(), ExportError> {
        self.transpose(&ir.input, &ir.axes, &ir.out)
    }

    fn transpose(
        &mut self,
        input: &TensorIr,
        axes: &[usize],
        out: &TensorIr,
    ) -> Result<(), ExportError> {
        let input = self.read(input)?;
        let perm = Attribute::Ints(ints(axes.iter().copied()));
        self.emit("Transpose", &[input], vec![("perm", perm)], out)
    }

    pub(super) fn slice(&mut self, ir: &SliceOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.tensor)?;
        let (from, to) = (self.extents(&ir.tensor), self.extents(&ir.out));
        let mut bounds: [Vec<i64>; 4] = Default::default();
        for (axis, (range, &extent)) in ir.ranges.iter().zip(ir.tensor.shape.iter()).enumerate() {
            let end = range.end.unwrap_or(isize::MAX);
            let whole = range.start == 0
                && range.step == 1
                && usize::try_from(end).is_ok_and(|end| end >= extent);
            if whole {
                continue;
            }
            let refuse = |detail| Err(ExportError::not_lowered("Slice", detail));
            if range.step < 1 {
                return refuse(format!("the step {} is not positive", range.step));
            }
            if [from.get(axis), to.get(axis)].contains(&Some(&Extent::Batch)) {
                return refuse("it takes a part of the batch".to_owned());
            }
            let row = [range.start as i64, end as i64, int(axis), range.step as i64];
            for (bound, value) in bounds.iter_mut().zip(row) {
                bound.push(value);
            }
        }
        let [starts, ..] = &bounds;
        if starts.is_empty() {
            self.write(&ir.out, input);
            return Ok(());
        }
        let mut inputs = vec![input];
        inputs.extend(bounds.map(|bound| self.graph.constant(Constant::i64s(bound))));
        self.emit("Slice", &inputs, vec![], &ir.out)
    }

    /// Rows of a tensor by their indices.
    pub(super) fn select(&mut self, ir: &SelectOpIr) -> Result<(), ExportError> {
        let inputs = self.read_all([&ir.tensor, &ir.indices])?;
        self.emit("Gather", &inputs, axis(ir.dim), &ir.out)
    }

    pub(super) fn embedding(&mut self, ir: &EmbeddingOpIr) -> Result<(), ExportError> {
        let inputs = self.read_all([&ir.weights, &ir.indices])?;
        self.emit("Gather", &inputs, axis(0), &ir.out)
    }

    pub(super) fn cat(&mut self, ir: &CatOpIr) -> Result<(), ExportError> {
        let inputs = self.read_all(&ir.tensors)?;
        self.emit("Concat", &inputs, axis(ir.dim), &ir.out)
    }

    pub(super) fn repeat_dim(&mut self, ir: &RepeatDimOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.tensor)?;
        let times = (0..ir.tensor.shape.iter().count())
            .map(|axis| if axis == ir.dim { ir.times } else { 1 });
        let times = self.graph.constant(Constant::i64s(ints(times)));
        self.emit("Tile", &[input, times], vec![], &ir.out)
    }
}

fn axis(axis: usize) -> Attributes {
    vec![("axis", Attribute::Int(int(axis)))]
}
