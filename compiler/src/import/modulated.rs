//! Convolutions of modulated weights (StyleGAN 2, Karras et al. 2020): a constant, times numbers of
//! the style for each input channel, times others for each output channel.
//!
//! A convolution is linear in both, so the numbers scale its input and its output instead, and the
//! weights stay constant. The sum of the squares of such weights, which the numbers of the output
//! come from, is a product of the constant's own sums of squares.

use dreamlet_onnx::graph::{Binary, Graph, Node, Op, Reduction, ValueId};

use super::rewriter::{Rewriter, producer};
use super::value::View;
use crate::ir::Walk;

/// Longest way back to the constant.
const MAX_STEPS: usize = 16;

/// The graph with such convolutions and sums rewritten; without what is no longer needed.
pub(super) fn factored(graph: &Graph) -> Graph {
    Rewriter::of(graph, |made, node| {
        made.conv(graph, node)
            .or_else(|| made.sum_of_squares(graph, node))
    })
}

/// A constant in the order of its value, times factors.
struct Scaled {
    constant: Vec<f32>,
    factors: Vec<Factor>,
}

/// A value that something is multiplied with, or divided by; it varies along one axis at most.
#[derive(Clone, Copy)]
struct Factor {
    value: ValueId,
    op: Binary,
    /// The axis; nothing for one number.
    axis: Option<usize>,
}

/// What value `id` is, if it is a constant times factors.
fn scaled(graph: &Graph, id: ValueId, steps: usize) -> Option<Scaled> {
    let value = graph.value(id)?;
    if let Some(constant) = &value.constant {
        return Some(Scaled {
            constant: constant.as_f32s()?.to_vec(),
            factors: Vec::new(),
        });
    }
    let steps = steps.checked_sub(1)?;
    let node = producer(&graph.nodes, id)?;
    let first = *node.inputs.first()?;
    let from = &graph.value(first)?.shape;
    match &node.op {
        Op::Reshape(to) => {
            let axes = |dims: &[usize]| -> Vec<usize> {
                (0..dims.len()).filter(|&axis| dims[axis] > 1).collect()
            };
            let (old, new) = (axes(from), axes(to));
            let same = old.len() == new.len()
                && old
                    .iter()
                    .zip(&new)
                    .all(|(&old, &new)| from[old] == to[new]);
            if !same {
                return None;
            }
            let mut made = scaled(graph, first, steps)?;
            for axis in made.factors.iter_mut().filter_map(|f| f.axis.as_mut()) {
                *axis = new[old.iter().position(|old| old == axis)?];
            }
            Some(made)
        }
        Op::Transpose(order) => {
            let mut made = scaled(graph, first, steps)?;
            for axis in made.factors.iter_mut().filter_map(|f| f.axis.as_mut()) {
                *axis = order.iter().position(|from| from == axis)?;
            }
            let own = View::row_major(from).strides;
            let sizes: Vec<usize> = order.iter().map(|&axis| from[axis]).collect();
            let turned = Walk {
                first: 0,
                strides: order.iter().map(|&axis| own[axis]).collect(),
            };
            let places = turned.positions(&sizes);
            made.constant = places.iter().map(|&at| made.constant[at]).collect();
            Some(made)
        }
        Op::Binary(op @ (Binary::Mul | Binary::Div)) => {
            let &[a, b] = node.inputs.as_slice() else {
                return None;
            };
            let turned = (*op == Binary::Mul).then_some((b, a));
            [Some((a, b)), turned]
                .into_iter()
                .flatten()
                .find_map(|(whole, by)| {
                    if graph.value(whole)?.shape != value.shape {
                        return None;
                    }
                    let mut made = scaled(graph, whole, steps)?;
                    made.factors.push(Factor {
                        value: by,
                        op: *op,
                        axis: only_axis(&graph.value(by)?.shape, value.shape.len())?,
                    });
                    Some(made)
                })
        }
        _ => None,
    }
}

/// What is squared to make value `id`, if it is a constant times factors.
fn squared(graph: &Graph, id: ValueId) -> Option<(ValueId, Scaled)> {
    let node = producer(&graph.nodes, id)?;
    let &[a, b] = node.inputs.as_slice() else {
        return None;
    };
    let by_itself = match node.op {
        Op::Binary(Binary::Mul) => a == b,
        Op::Binary(Binary::Pow) => {
            let exponent = graph.value(b)?.constant.as_ref()?;
            exponent.as_f32s()?.iter().all(|x| *x == 2.0)
        }
        _ => false,
    };
    let made = by_itself.then(|| scaled(graph, a, MAX_STEPS))??;
    Some((a, made))
}

/// The axis, of a result with `rank` of them, that a value of such dimensions varies along: nothing
/// for one number, no answer for more than one axis.
#[allow(clippy::option_option, reason = "no axis and no answer are two things")]
fn only_axis(dims: &[usize], rank: usize) -> Option<Option<usize>> {
    let missing = rank.checked_sub(dims.len())?;
    let mut varies = (0..dims.len()).filter(|&axis| dims[axis] > 1);
    let axis = varies.next().map(|axis| axis + missing);
    varies.next().is_none().then_some(axis)
}

impl Rewriter {
    /// `value` times `factor`, or by it, along `axis` of `value`.
    fn apply(
        &mut self,
        origin: &Node,
        value: ValueId,
        factor: Factor,
        axis: usize,
    ) -> Option<ValueId> {
        let mut shape = vec![1; self.values[value].shape.len()];
        *shape.get_mut(axis)? = self.values[factor.value].shape.iter().product();
        let by = self.push(origin, Op::Reshape(shape), &[factor.value])?;
        self.push(origin, Op::Binary(factor.op), &[value, by])
    }

    /// A convolution by scaled weights as one by constant weights of a scaled input, and a scaled
    /// output.
    fn conv(&mut self, graph: &Graph, node: &Node) -> Option<()> {
        let (window, inputs_axis) = match &node.op {
            Op::Conv(window) => (window, 1),
            Op::ConvTranspose(window) => (window, 0),
            _ => return None,
        };
        let (&[mut data, weights], bias) = node.inputs.split_first_chunk::<2>()?;
        let made = scaled(graph, weights, MAX_STEPS)?;
        let channels = |factor: &Factor| factor.axis.is_none_or(|axis| axis < 2);
        if made.factors.is_empty() || window.groups > 1 || !made.factors.iter().all(channels) {
            return None;
        }
        let of_inputs = |factor: &&Factor| factor.axis == Some(inputs_axis);
        for factor in made.factors.iter().filter(of_inputs) {
            data = self.apply(node, data, *factor, 1)?;
        }
        let weights = self.constant(graph.value(weights)?.shape.clone(), made.constant);
        data = self.push(node, node.op.clone(), &[data, weights])?;
        for factor in made.factors.iter().filter(|factor| !of_inputs(factor)) {
            data = self.apply(node, data, *factor, 1)?;
        }
        if let [bias] = bias {
            let one = Factor {
                value: *bias,
                op: Binary::Add,
                axis: Some(1),
            };
            self.apply(node, data, one, 1)?;
        }
        self.finish(node)
    }

    /// The sum of the squares of scaled weights, along the axis of one of the factors and any others:
    /// the constant's sums of squares along those others, times the squares of the factors.
    fn sum_of_squares(&mut self, graph: &Graph, node: &Node) -> Option<()> {
        let Op::Reduce(Reduction::Sum, axes) = &node.op else {
            return None;
        };
        let (squared, made) = squared(graph, *node.inputs.first()?)?;
        let dims = graph.value(squared)?.shape.clone();
        let summed = |factor: &&Factor| factor.axis.is_some_and(|axis| axes.contains(&axis));
        let axis = made.factors.iter().find(summed)?.axis?;
        let inner = made.factors.iter().filter(summed);
        if inner.clone().any(|factor| factor.axis != Some(axis)) {
            return None;
        }
        // A matrix, its columns along the axis.
        let rows: Vec<usize> = (0..dims.len()).filter(|at| !axes.contains(at)).collect();
        let columns = dims[axis];
        let mut walk = Walk {
            first: 0,
            strides: vec![0; dims.len()],
        };
        walk.strides[axis] = 1;
        let mut count = 1;
        for &row in rows.iter().rev() {
            walk.strides[row] = (count * columns) as i64;
            count *= dims[row];
        }
        let mut sums = vec![0.0f64; count * columns];
        for (x, at) in made.constant.iter().zip(walk.positions(&dims)) {
            sums[at] += f64::from(*x) * f64::from(*x);
        }
        let sums = sums.into_iter().map(|sum| sum as f32).collect();
        let matrix = self.constant(vec![count, columns], sums);
        let mut column = self.constant(vec![columns, 1], vec![1.0; columns]);
        for factor in inner.flat_map(|factor| [*factor; 2]) {
            column = self.apply(node, column, factor, 0)?;
        }
        let product = self.push(node, Op::MatMul, &[matrix, column])?;
        let shape = graph.value(node.output)?.shape.clone();
        let mut sum = self.push(node, Op::Reshape(shape), &[product])?;
        let outer = made.factors.iter().filter(|factor| !summed(factor));
        for factor in outer.flat_map(|factor| [*factor; 2]) {
            sum = self.apply(node, sum, factor, factor.axis.unwrap_or(0))?;
        }
        self.finish(node)
    }
}
