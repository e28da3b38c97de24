//! Files that are quantized already (QDQ and QOperator), for int8: their integers are numbers that
//! were rounded and kept within a range. The device rounds by itself; the ranges stay, as clipping,
//! from which the layers' own ranges come.

use dreamlet_onnx::graph::{Binary, Graph, Node, Op, Unary, ValueId};

use super::rewriter::{Rewriter, producer};

/// The graph without rounding to quantized values.
pub(super) fn unrounded(graph: &Graph) -> Graph {
    Rewriter::of(graph, |made, node| {
        made.clipped(node).or_else(|| made.scaled_back(node))
    })
}

impl Rewriter {
    fn number(&self, id: ValueId) -> Option<f32> {
        let constant = self.values.get(id)?.constant.as_ref()?;
        match constant.as_f32s()? {
            [number] => Some(*number),
            _ => None,
        }
    }

    /// What makes `id`, if that has one input and a number: the input and the number.
    fn with_number(&self, id: ValueId, op: Binary) -> Option<(ValueId, f32)> {
        let node = producer(&self.nodes, id)?;
        match (&node.op, node.inputs.as_slice()) {
            (Op::Binary(found), &[a, b]) if *found == op => Some((a, self.number(b)?)),
            _ => None,
        }
    }

    /// `clip(round(x) + zero_point)` without rounding, and clipped around 0.
    fn clipped(&mut self, node: &Node) -> Option<()> {
        let Op::Unary(Unary::Clip(low, high)) = node.op else {
            return None;
        };
        let input = *node.inputs.first()?;
        let (rounded, zero_point) = self.with_number(input, Binary::Add).unwrap_or((input, 0.0));
        let before = producer(&self.nodes, rounded)?;
        if before.op != Op::Unary(Unary::Round) {
            return None;
        }
        let x = *before.inputs.first()?;
        let clip = Op::Unary(Unary::Clip(low - zero_point, high - zero_point));
        let made = self.push(node, clip, &[x])?;
        if zero_point != 0.0 {
            let zero_point = self.constant(Vec::new(), vec![zero_point]);
            self.push(node, Op::Binary(Binary::Add), &[made, zero_point])?;
        }
        self.finish(node)
    }

    /// `(clip(x / scale) + zero_point - zero_point) * scale`: `x`, clipped to as many times as much.
    fn scaled_back(&mut self, node: &Node) -> Option<()> {
        let (Op::Binary(Binary::Mul), &[centred, scale]) = (&node.op, node.inputs.as_slice())
        else {
            return None;
        };
        let scale = self.number(scale)?;
        let clipped = match self.with_number(centred, Binary::Sub) {
            None => centred,
            Some((sum, less)) => {
                let (clipped, more) = self.with_number(sum, Binary::Add)?;
                (more.to_bits() == less.to_bits()).then_some(clipped)?
            }
        };
        let before = producer(&self.nodes, clipped)?;
        let Op::Unary(Unary::Clip(low, high)) = before.op else {
            return None;
        };
        let (x, by) = self.with_number(*before.inputs.first()?, Binary::Div)?;
        if by.to_bits() != scale.to_bits() || scale <= 0.0 {
            return None;
        }
        self.push(
            node,
            Op::Unary(Unary::Clip(low * scale, high * scale)),
            &[x],
        )?;
        self.finish(node)
    }
}
