//! Work that no layer of its own does: maps, reductions and products by strides.

use dreamlet_onnx::graph::Reduction as From;
use dreamlet_onnx::shape::broadcast;
use dreamlet_runtime::engine::compiled::format::{
    Instruction, MAX_RANK, MapOp, Reduction, Source, StridedWork,
};

use super::importer::{Importer, Operand};
use super::node::NodeReader;
use super::value::{Order, PlacedTensor, View, usual};
use crate::CompileError;
use crate::ir::{Op, OperandSource, StridedOp, ValueId, Walk};

/// An index space, and how operands and the output walk it; walks have one stride for each size.
#[derive(Clone, Debug)]
pub(super) struct Space {
    pub(super) sizes: Vec<usize>,
    pub(super) output: View,
    pub(super) operands: Vec<(OperandSource, View)>,
}

impl Space {
    /// Drops dimensions of one element and joins neighbours that every walk goes through as one;
    /// the last `apart` dimensions stay as they are, and so do those that `keep` says.
    pub(super) fn join(&mut self, apart: usize, keep: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut walks: Vec<&mut View> = self
            .operands
            .iter_mut()
            .map(|(_, view)| view)
            .chain([&mut self.output])
            .collect();
        // The number that each dimension had at first.
        let mut numbers: Vec<usize> = (0..self.sizes.len()).collect();
        let mut at = 0;
        while at < self.sizes.len() {
            if at + apart >= self.sizes.len() {
                break;
            }
            let drops = self.sizes[at] == 1;
            let joins = at + 1 + apart < self.sizes.len()
                && keep(numbers[at]) == keep(numbers[at + 1])
                && walks.iter().all(|view| {
                    view.strides[at] == view.strides[at + 1] * self.sizes[at + 1] as i64
                });
            if drops || joins {
                if joins && !drops {
                    self.sizes[at + 1] *= self.sizes[at];
                }
                self.sizes.remove(at);
                numbers.remove(at);
                for view in &mut walks {
                    view.strides.remove(at);
                }
                // What came before may now join.
                at = at.saturating_sub(1);
            } else {
                at += 1;
            }
        }
        if self.sizes.is_empty() {
            self.sizes.push(1);
            numbers.push(0);
            for view in &mut walks {
                view.strides.push(0);
            }
        }
        numbers
    }

    pub(super) fn op(
        self,
        node: &NodeReader<'_>,
        work: StridedWork,
    ) -> Result<StridedOp, CompileError> {
        if self.sizes.len() > MAX_RANK {
            return Err(node.refuse(format!(
                "it walks its inputs in {} dimensions, at most {MAX_RANK} are possible",
                self.sizes.len()
            )));
        }
        Ok(StridedOp {
            sizes: self.sizes,
            output: walk(&self.output),
            operands: self
                .operands
                .into_iter()
                .map(|(source, view)| (source, walk(&view)))
                .collect(),
            work,
        })
    }
}

fn walk(view: &View) -> Walk {
    Walk {
        first: view.first,
        strides: view.strides.clone(),
    }
}

/// An operand by strides along its own dimensions; moved to its usual place if it does not lie so.
pub(super) fn view(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    operand: &Operand,
    inputs: &mut Vec<ValueId>,
) -> (OperandSource, View) {
    match operand {
        Operand::Constant(dims, floats) => (
            OperandSource::Constant(floats.clone()),
            View::row_major(dims),
        ),
        Operand::Tensor(data) => {
            let mut data = data.clone();
            let mut view = data.view(importer.net.shape(data.id));
            if view.is_none() {
                let (shape, order) = usual(&data.dims);
                data = data.moved(&mut importer.net, shape, order, &node.label());
                view = data.view(importer.net.shape(data.id));
            }
            let at = inputs
                .iter()
                .position(|id| *id == data.id)
                .unwrap_or(inputs.len());
            if at == inputs.len() {
                inputs.push(data.id);
            }
            let view = view.unwrap_or_else(|| View::row_major(&data.dims));
            (OperandSource::Input(at), view)
        }
    }
}

/// A walk over `dims` of what has the dimensions `own`, repeated along those it does not have.
pub(super) fn repeated(view: View, own: &[usize], dims: &[usize]) -> View {
    let missing = dims.len().saturating_sub(own.len());
    let strides = own
        .iter()
        .zip(&view.strides)
        .map(|(d, s)| if *d == 1 { 0 } else { *s });
    View {
        first: view.first,
        strides: std::iter::repeat_n(0, missing).chain(strides).collect(),
    }
}

/// Puts the dimensions in the order in which the output lies in memory.
pub(super) fn by_memory(space: &mut Space) {
    let mut order: Vec<usize> = (0..space.sizes.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(space.output.strides[*at].abs()));
    let turned = |view: &mut View| {
        view.strides = order.iter().map(|at| view.strides[*at]).collect();
    };
    turned(&mut space.output);
    for (_, view) in &mut space.operands {
        turned(view);
    }
    space.sizes = order.iter().map(|at| space.sizes[*at]).collect();
}

/// A map of operands, broadcast against each other; `program` has one operand for each, by number.
pub(super) fn map(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    operands: &[Operand],
    program: Vec<Instruction>,
) -> Result<PlacedTensor, CompileError> {
    let dims = operands.iter().try_fold(Vec::new(), |dims, operand| {
        broadcast(&dims, operand.dims()).ok_or_else(|| node.refuse("its inputs do not go together"))
    })?;
    // Where an operand lies already, if it has all elements.
    let alike = operands.iter().find_map(|operand| match operand {
        Operand::Tensor(data) if data.dims == dims => {
            let shape = importer.net.shape(data.id);
            let strided = data.order == Order::Same || data.view(shape).is_some();
            (strided && data.is_whole(shape)).then(|| (shape, data.order.clone()))
        }
        _ => None,
    });
    let (shape, order) = alike.unwrap_or_else(|| usual(&dims));
    let mut inputs = Vec::new();
    let output = PlacedTensor {
        id: 0,
        dims: dims.clone(),
        order,
    };
    let Some(own) = output.view(shape) else {
        return Err(node.refuse("its result does not lie in memory by strides"));
    };
    let mut space = Space {
        sizes: dims.clone(),
        output: own,
        operands: Vec::new(),
    };
    for operand in operands {
        let (source, view) = view(importer, node, operand, &mut inputs);
        let view = repeated(view, operand.dims(), &dims);
        space.operands.push((source, view));
    }
    by_memory(&mut space);
    let sizes = space.sizes.clone();
    if sizes.iter().filter(|size| **size > 1).count() > MAX_RANK {
        space.join(0, |_| false);
    }
    let op = Op::Strided(vec![space.op(node, StridedWork::Map(program))?]);
    let id = importer.net.push(op, inputs, shape, &node.label());
    Ok(PlacedTensor { id, ..output })
}

/// A map with one instruction, of which numbers are constants.
pub(super) fn instruction(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    op: MapOp,
    operands: &[Operand],
) -> Result<PlacedTensor, CompileError> {
    let mut kept = Vec::new();
    let sources = operands.iter().map(|operand| match operand.number() {
        // A number with dimensions that the others lack stays an operand, for its dimensions.
        Some(number) if operand.dims().iter().all(|dim| *dim == 1) => Source::Constant(number),
        _ => {
            kept.push(operand.clone());
            Source::Operand(kept.len() - 1)
        }
    });
    let sources: Vec<Source> = sources.collect();
    let rank = node.shape().len();
    let made = map(importer, node, &kept, vec![Instruction::new(op, sources)])?;
    Ok(with_rank(made, rank))
}

/// Dimensions of 1 in front, which a number may have brought.
fn with_rank(mut data: PlacedTensor, rank: usize) -> PlacedTensor {
    while data.dims.len() < rank {
        data.dims.insert(0, 1);
    }
    data
}

pub(super) fn reduce(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    reduction: From,
    axes: &[usize],
) -> Result<PlacedTensor, CompileError> {
    let data = importer.data(node, 0)?;
    let from = data.dims.clone();
    let dims = node.shape();
    let (shape, order) = usual(&dims);
    let mut inputs = Vec::new();
    let operand = view(importer, node, &Operand::Tensor(data), &mut inputs);
    let output = PlacedTensor {
        id: 0,
        dims: dims.clone(),
        order,
    };
    let own = output.view(shape).unwrap_or_else(|| View::row_major(&dims));
    let mut space = Space {
        sizes: from.clone(),
        output: repeated(own, &dims, &dims),
        operands: vec![operand],
    };
    let reduced: Vec<bool> = (0..from.len()).map(|axis| axes.contains(&axis)).collect();
    // In the order in which the input lies.
    let mut by: Vec<usize> = (0..from.len()).collect();
    by.sort_by_key(|at| std::cmp::Reverse(space.operands[0].1.strides[*at].abs()));
    let turned = |all: &[i64]| by.iter().map(|at| all[*at]).collect::<Vec<i64>>();
    space.output.strides = turned(&space.output.strides);
    space.operands[0].1.strides = turned(&space.operands[0].1.strides);
    space.sizes = by.iter().map(|at| from[*at]).collect();
    let reduced: Vec<bool> = by.iter().map(|at| reduced[*at]).collect();
    let numbers = space.join(0, |number| reduced[number]);
    let along = numbers
        .iter()
        .enumerate()
        .filter(|(_, number)| reduced[**number]);
    let along: Vec<usize> = along.map(|(at, _)| at).collect();
    let kind = match reduction {
        From::Sum => Reduction::Sum,
        From::Mean => Reduction::Mean,
        From::Max => Reduction::Max,
        From::Min => Reduction::Min,
        From::Prod => Reduction::Prod,
    };
    let op = Op::Strided(vec![space.op(node, StridedWork::Reduce(kind, along))?]);
    let id = importer.net.push(op, inputs, shape, &node.label());
    Ok(PlacedTensor { id, ..output })
}
