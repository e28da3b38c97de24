//! Work that no layer of its own does: maps, reductions and products by strides.

use dreamlet_onnx::graph::Reduction as From;
use dreamlet_onnx::shape::broadcast;
use dreamlet_runtime::engine::compiled::format::{
    HwcShape, Instruction, MAX_RANK, MapOp, Reduction, Source, StridedWork,
};

use super::importer::{Importer, Operand};
use super::node::NodeReader;
use super::value::{Parts, PlacedTensor, View, common_parts, usual};
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
            let view = view.unwrap_or_else(|| View::row_major(&data.dims));
            (source(data.id, inputs), view)
        }
    }
}

/// A value as an input.
fn source(id: ValueId, inputs: &mut Vec<ValueId>) -> OperandSource {
    let at = inputs.iter().position(|known| *known == id);
    OperandSource::Input(at.unwrap_or_else(|| {
        inputs.push(id);
        inputs.len() - 1
    }))
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

/// Operands and the output over the same index space, where the output has the dimensions `dims`
/// or 1 in their place, and so has each operand; with how many dimensions of the space belong to
/// each of `dims`. Operands lie where they are if that takes few enough dimensions, else they are
/// moved.
fn space(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    dims: &[usize],
    (output, shape): (&PlacedTensor, HwcShape),
    operands: &[Operand],
) -> Result<(Space, Vec<usize>, Vec<ValueId>), CompileError> {
    let own = output
        .parts(shape)
        .ok_or_else(|| node.refuse("its result does not lie in memory by strides"))?;
    let widen = |parts: &Parts, own: &[usize]| {
        let missing = dims.len().saturating_sub(own.len());
        let given = own.iter().zip(&parts.dims);
        let given = given.zip(dims.iter().skip(missing));
        let given = given.map(|((own, parts), dim)| match own {
            1 => vec![(*dim, 0)],
            _ => parts.clone(),
        });
        let absent = dims.iter().take(missing).map(|dim| vec![(*dim, 0)]);
        Parts {
            first: parts.first,
            dims: absent.chain(given).collect(),
        }
    };
    for moves in [false, true] {
        let mut inputs = Vec::new();
        let mut sources = Vec::new();
        let mut all = vec![widen(&own, &output.dims)];
        for operand in operands {
            let parts = match operand {
                Operand::Tensor(data) if !moves => {
                    let parts = data.parts(importer.net.shape(data.id));
                    sources.push(source(data.id, &mut inputs));
                    parts
                }
                _ => {
                    let (source, view) = view(importer, node, operand, &mut inputs);
                    sources.push(source);
                    Some(Parts::of(&view, operand.dims()))
                }
            };
            all.extend(parts.map(|parts| widen(&parts, operand.dims())));
        }
        let common = match all.len() == operands.len() + 1 {
            true => common_parts(dims, &all),
            false => None,
        };
        let Some((sizes, counts, mut views)) = common else {
            continue;
        };
        if !moves && sizes.iter().filter(|size| **size > 1).count() > MAX_RANK {
            continue;
        }
        let output = views.remove(0);
        let space = Space {
            sizes,
            output,
            operands: sources.into_iter().zip(views).collect(),
        };
        return Ok((space, counts, inputs));
    }
    Err(node.refuse("its inputs do not lie in memory by strides"))
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
            let lies = data.is_whole(shape) && data.parts(shape).is_some();
            lies.then(|| (shape, data.order.clone()))
        }
        _ => None,
    });
    let (shape, order) = alike.unwrap_or_else(|| usual(&dims));
    let output = PlacedTensor {
        id: 0,
        dims: dims.clone(),
        order,
    };
    let (mut space, _, inputs) = space(importer, node, &dims, (&output, shape), operands)?;
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
    let output = PlacedTensor {
        id: 0,
        dims: dims.clone(),
        order,
    };
    let operand = [Operand::Tensor(data)];
    let (mut space, counts, inputs) = space(importer, node, &from, (&output, shape), &operand)?;
    let parts = counts.iter().enumerate();
    let reduced = parts.flat_map(|(axis, count)| std::iter::repeat_n(axes.contains(&axis), *count));
    let reduced: Vec<bool> = reduced.collect();
    // In the order in which the input lies.
    let mut by: Vec<usize> = (0..space.sizes.len()).collect();
    by.sort_by_key(|at| std::cmp::Reverse(space.operands[0].1.strides[*at].abs()));
    let turned = |all: &[i64]| by.iter().map(|at| all[*at]).collect::<Vec<i64>>();
    space.output.strides = turned(&space.output.strides);
    space.operands[0].1.strides = turned(&space.operands[0].1.strides);
    space.sizes = by.iter().map(|at| space.sizes[*at]).collect();
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
